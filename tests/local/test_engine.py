"""The recognizer as a whole, against what the voices of the demo calls really said."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest

from speechkit import audio
from speechkit.local.engine import Engine
from speechkit.numerals import to_words
from tests.conftest import MODELS_HOME, ROOT

RATE = 16000
END_S = 40.0  # of each call: enough for a hundred words

STM = [line.split(maxsplit=5) for line in (ROOT / "data/truth/calls.stm").read_text().splitlines()]
CTM = [line.split() for line in (ROOT / "data/truth/calls.ctm").read_text().splitlines()]
FILES = {path.stem: path for path in (ROOT / "data/calls").iterdir()}
PLAIN = jiwer.Compose(
    [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
)


@pytest.fixture(scope="module")
def engine(models: None) -> Engine:
    return Engine.load(MODELS_HOME / "models")


def said(call: str, channel: int) -> list[tuple[str, float]]:
    """The words of a channel up to END_S, each with its start: CTM is call, channel, start, length, word."""
    rows = [
        (r[4], float(r[2]))
        for r in CTM
        if r[:2] == [call, str(channel)] and float(r[2]) + float(r[3]) < END_S
    ]
    return sorted(rows, key=lambda row: row[1])


def normal(words: list[str]) -> str:
    return str(PLAIN(to_words(" ".join(words)).lower()))


@pytest.fixture(scope="module", params=[("c03", 0), ("c02", 1), ("c01", 0)], ids=lambda p: f"{p[0]}-{p[1]}")
def heard(request: pytest.FixtureRequest, engine: Engine) -> tuple[str, int, list[tuple[str, float]]]:
    call, channel = request.param
    samples = audio.decode(FILES[call])[channel]
    phrases = engine.recognize(samples[: int(END_S * RATE)])
    words = [(word.lexical, word.start_s) for phrase in phrases for word in phrase.words]
    return call, channel, words


def test_most_words_are_right(heard: tuple[str, int, list[tuple[str, float]]]) -> None:
    call, channel, words = heard
    reference = normal([word for word, _ in said(call, channel)])
    hypothesis = normal([word for word, start_s in words if start_s < END_S - 1])
    assert len(reference.split()) > 40
    assert jiwer.wer(reference, hypothesis) < 0.15


def test_words_start_where_they_are_said(heard: tuple[str, int, list[tuple[str, float]]]) -> None:
    call, channel, words = heard
    truth = said(call, channel)
    near = [min((abs(start_s - at), at) for w, at in truth if w == word)[0] for word, start_s in words
            if any(w == word for w, _ in truth)]  # fmt: skip
    assert len(near) > 40
    assert np.mean(np.array(near) < 0.1) > 0.9


def test_words_are_in_order_and_inside(heard: tuple[str, int, list[tuple[str, float]]]) -> None:
    starts = [start_s for _, start_s in heard[2]]
    assert starts == sorted(starts)
    assert starts[0] >= 0
    assert starts[-1] < END_S


@pytest.mark.parametrize(
    ("call", "most", "expected"),
    [
        pytest.param("c03", 2, 2, id="two-parties-in-one-channel?"),
        pytest.param("c01", 4, 1, id="one-speaker-is-one?"),
    ],
)
def test_speakers(call: str, most: int, expected: int, engine: Engine) -> None:
    samples = audio.decode(FILES[call])[0, : int(60 * RATE)]
    phrases = engine.recognize(samples, diarize=most)
    speakers = [phrase.speaker for phrase in phrases]
    assert len(set(speakers)) == expected
    assert speakers[0] == 1
    if expected == 2:
        turns = [(float(r[3]), float(r[4]), r[2]) for r in STM if r[0] == call and not r[0].startswith(";")]
        names = [max(turns, key=lambda t: min(t[1], p.end_s) - max(t[0], p.start_s))[2] for p in phrases]
        pairs = list(zip(speakers, names, strict=True))
        right = max(sum((s == 1) == (n == name) for s, n in pairs) for name in set(names))
        assert right / len(pairs) > 0.9


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(20 * RATE, np.float32), id="silence?"),
        pytest.param(
            0.3 * np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE).astype(np.float32), id="a-tone?"
        ),
        pytest.param(
            np.random.default_rng(1).normal(0, 0.02, 20 * RATE).astype(np.float32), id="line-noise?"
        ),
        pytest.param(np.zeros(0, np.float32), id="nothing?"),
    ],
)
def test_no_words_are_invented(samples: np.ndarray, engine: Engine) -> None:
    assert sum(len(phrase.words) for phrase in engine.recognize(samples)) <= 1


def test_blocks_are_heard_as_one_recording(engine: Engine) -> None:
    samples = audio.decode(FILES["c03"])[0, : 20 * RATE]
    whole = engine.recognize(samples)
    blocks = engine.recognize(iter(np.array_split(samples, 7)))
    assert [p.text for p in blocks] == [p.text for p in whole]


def test_alternatives_differ(engine: Engine) -> None:
    samples = audio.decode(FILES["c03"])[0, : 20 * RATE]
    phrases = engine.recognize(samples, nbest=3)
    assert any(phrase.alternatives for phrase in phrases)
    for phrase in phrases:
        texts = [phrase.text, *(a.text for a in phrase.alternatives)]
        assert len(texts) == len(set(texts))


def test_a_listed_name_is_heard(engine: Engine) -> None:
    start_s, end_s = next(
        (float(r[3]), float(r[4])) for r in STM if r[0] == "c05" and "lumadora" in r[5].lower()
    )
    samples = audio.decode(FILES["c05"])[0, int((start_s - 0.5) * RATE) : int((end_s + 0.5) * RATE)]
    plain, listed = (
        " ".join(p.text for p in engine.recognize(samples, phrases=phrases)) for phrases in ((), ["Lumadora"])
    )
    assert "Lumadora" not in plain
    assert "Lumadora" in listed
    assert len(listed.split()) - len(plain.split()) in (-1, 0, 1)


def test_a_listed_name_is_not_invented(engine: Engine) -> None:
    samples = audio.decode(FILES["c03"])[0, : 30 * RATE]
    names = ["Zephyrix", "Quovira", "Lumadora", "Torvanta"]
    assert engine.recognize(samples, phrases=names) == engine.recognize(samples)
