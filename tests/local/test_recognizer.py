"""Decoding, with networks in place of Moonshine's that know a few sentences by heart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from speechkit.local.phrase_list import PhraseList
from speechkit.local.recognizer import END, HOP, LEVEL, START, Recognizer
from speechkit.local.vocabulary import Vocabulary

PIECES = ["<unk>", "<s>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyzA.,", *(f"▁{c}" for c in "mysove"), "▁my"]
VOCABULARY = Vocabulary([piece.encode() for piece in PIECES])
WIDTH = 288


class Encoder:
    """Each frame of 384 samples becomes a state that tells the loudness, so that segments can be told apart."""

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        samples = feed["input_values"][0]
        frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
        self.level = float(np.sqrt(np.mean(np.square(samples))))
        peaks = np.abs(frames).max(axis=1, keepdims=True)
        return [np.repeat(peaks, WIDTH, axis=1)[None].astype(np.float32)]


class Decoder:
    """A tree of sentences with their probabilities for each sound; its past is the tokens themselves."""

    def __init__(self, *sounds: dict[str, float]) -> None:
        self._sounds = [{(*VOCABULARY.encode(text), END): p for text, p in known.items()} for known in sounds]
        self.rows: list[int] = []

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        ids, hidden = feed["input_ids"], feed["encoder_hidden_states"]
        self.rows.append(len(ids))
        key = "past_key_values.0.decoder.key"
        past = (
            feed[key][:, 0, :, 0].astype(int) if feed["use_cache_branch"][0] else np.zeros((len(ids), 0), int)
        )
        told = np.concatenate([past, ids], axis=1)
        logits = np.full((*ids.shape, len(PIECES)), -30.0, np.float32)
        for row in range(len(ids)):
            known = self._sounds[min(int(hidden[row, 0, 0] * 10), len(self._sounds) - 1)]
            for column in range(ids.shape[1]):
                prefix = tuple(told[row, 1 : past.shape[1] + column + 1])
                going = {
                    t: p for t, p in known.items() if t[: len(prefix)] == prefix and len(t) > len(prefix)
                }
                for text, p in going.items():
                    at = logits[row, column]
                    following = text[len(prefix)]
                    at[following] = np.logaddexp(at[following], math.log(p / sum(going.values())))
                if not going:
                    logits[row, column, END] = 0.0
        state = np.zeros((len(ids), 8, told.shape[1], 36), np.float32)
        state[:, 0, :, 0] = told
        return [logits, *(state for _ in names[1:])]


class English:
    """In place of the trigram model: no text is more English than another, but for what is told."""

    def __init__(self, **told: float) -> None:
        self._told = told

    def log_probability(self, words: Any) -> float:
        return sum(self._told.get(word, 0.0) for word in words)


def recognizer(*sounds: dict[str, float], **english: float) -> Recognizer:
    return Recognizer(Encoder(), Decoder(*sounds), VOCABULARY, English(**english))  # type: ignore[arg-type]


def sound(seconds: float = 2.0) -> np.ndarray:
    return np.full(round(seconds * 16000), 0.1, np.float32)


def text_of(made: Recognizer, seconds: float = 2.0, **options: Any) -> list[str]:
    (found,) = made.transcribe([sound(seconds)], **options)
    return [hypothesis.text for hypothesis in found]


@pytest.mark.parametrize(
    ("known", "english", "expected"),
    [
        pytest.param({"my sea.": 1.0}, {}, "my sea.", id="what-is-sure?"),
        pytest.param({"my sea": 0.55, "my see": 0.45}, {}, "my sea", id="the-likelier?"),
        pytest.param({"my sea": 0.52, "my see": 0.48}, {"sea": -3.0}, "my see", id="english-decides?"),
        pytest.param({"my sea": 0.98, "my see": 0.02}, {"sea": -30.0}, "my sea", id="not-where-it-is-sure?"),
        pytest.param({"ab": 0.4, "d": 0.2, "de": 0.2, "df": 0.2}, {}, "ab", id="a-beam-looks-ahead?"),
        pytest.param({"": 1.0}, {}, "", id="nothing?"),
    ],
)
def test_the_best_hypothesis(known: dict[str, float], english: dict[str, float], expected: str) -> None:
    (best,) = text_of(recognizer(known, **english))
    assert best == expected


def test_several_hypotheses_are_different_and_ranked() -> None:
    (found,) = recognizer({"my sea": 0.5, "my see": 0.3, "my so": 0.2}).transcribe([sound()], nbest=3)
    assert [h.text for h in found] == ["my sea", "my see", "my so"]
    assert [round(math.exp(h.log_probability), 2) for h in found] == [0.5, 0.3, 0.2]
    assert found[1].words[1].confidence < found[0].words[1].confidence


def test_a_loop_ends() -> None:
    assert len(text_of(recognizer({"ha" * 200: 1.0}), seconds=2.0)[0]) <= 2.0 * 6.5 + 1


def test_segments_of_different_length_come_back_in_order() -> None:
    made = recognizer({"my sea": 1.0})
    lengths = [3.0, 0.5, 2.0, 0.05, 1.0] * 3
    found = made.transcribe([sound(s) for s in lengths])
    assert len(found) == len(lengths)
    assert all(several[0].text.startswith("my") for several in found)
    assert made.transcribe([]) == []


def test_the_sound_is_brought_to_one_level() -> None:
    made = recognizer({"my": 1.0})
    for gain in (0.02, 1.0):
        made.transcribe([np.random.default_rng(1).normal(0, gain, 16000).astype(np.float32)])
        assert made._encoder.level == pytest.approx(LEVEL, rel=1e-3)


PHONES = {"my": "M AY", "sore": "S AO R", "vein": "V EY N", "zorvane": "Z AO R V EY N", "so": "S OW"}


def listed(weight: float = 1.0) -> PhraseList:
    return PhraseList(["zorvane"], lambda word: PHONES.get(word, "HH").split(), weight)


@pytest.mark.parametrize(
    ("likely", "weight", "expected"),
    [
        pytest.param(1e-3, 1.0, "my zorvane.", id="likely-enough?"),
        pytest.param(1e-8, 1.0, "my sore vein.", id="too-unlikely?"),
        pytest.param(1e-6, 2.0, "my zorvane.", id="of-more-weight?"),
        pytest.param(1e-3, 0.1, "my sore vein.", id="of-little-weight?"),
    ],
)
def test_an_expected_phrase(likely: float, weight: float, expected: str) -> None:
    made = recognizer({"my sore vein.": 1 - likely, "my zorvane.": likely})
    (several,) = made.transcribe([sound()], expected=listed(weight))
    assert several[0].text == expected
    if "zorvane" in expected:
        assert 0.5 < several[0].words[1].confidence < 1
    assert made.transcribe([sound()])[0][0].text == "my sore vein."


def test_the_first_token_is_the_start() -> None:
    assert PIECES[START] == "<s>"
    assert PIECES[END] == "</s>"
