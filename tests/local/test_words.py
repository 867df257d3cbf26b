"""How words are spoken and when they were."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechkit import audio
from speechkit.local.words import RATE, Aligner, Span, after_pauses, lexical, spread
from tests.conftest import ROOT

CTM = [line.split() for line in (ROOT / "data/truth/calls.ctm").read_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        pytest.param("Hello,", "hello", id="marks-and-capitals?"),
        pytest.param("real-time", "real time", id="a-hyphen-is-two-words?"),
        pytest.param("To-day", "today", id="old-spelling-is-one?"),
        pytest.param("'tis", "tis", id="an-apostrophe-at-the-edge?"),
        pytest.param("don’t", "don't", id="a-curly-apostrophe?"),
        pytest.param("$25", "twenty five dollars", id="money?"),
        pytest.param("ann@example.com", "ann at example dot com", id="an-address?"),
        pytest.param("R&D", "r and d", id="a-sign?"),
        pytest.param("742-901-3.", "seven four two nine zero one three", id="groups-of-digits?"),
        pytest.param("742,901,3", "seven four two nine zero one three", id="groups-that-are-no-number?"),
        pytest.param("24/7", "twenty four seven", id="what-is-no-date?"),
        pytest.param("B2B", "b two b", id="digits-within-a-word?"),
        pytest.param("ann12@example.com", "ann twelve at example dot com", id="digits-in-an-address?"),
        pytest.param("R&D-2", "r and d two", id="a-sign-and-a-digit?"),
        pytest.param("—", "", id="nothing-to-say?"),
    ],
)
def test_lexical(text: str, spoken: str) -> None:
    assert lexical(text) == spoken


@given(st.text(max_size=30))
def test_lexical_is_words_of_letters(text: str) -> None:
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz'") for word in lexical(text).split(" ") if word)


@given(st.from_regex(r"[0-9][0-9A-Z,.:/%-]{0,12}", fullmatch=True))
def test_lexical_loses_no_number(text: str) -> None:
    assert lexical(text)
    assert not set(lexical(text)) & set("0123456789")


@given(
    st.lists(st.text("abc", max_size=8), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0.05, 3), st.floats(0.05, 3)), min_size=1, max_size=4),
)
def test_spread_words_follow_each_other_within_the_speech(
    words: list[str], gaps: list[tuple[float, float]]
) -> None:
    speech, at = [], 0.0
    for pause, length in gaps:
        speech.append((at + pause, at + pause + length))
        at += pause + length
    spans = spread(words, speech)
    edges = [edge for span in spans for edge in (span.start_s, span.end_s)]
    assert len(spans) == len(words)
    assert all(b - a > -1e-6 for a, b in pairwise(edges))
    assert speech[0][0] - 1e-6 <= edges[0]
    assert edges[-1] <= speech[-1][1] + 1e-6
    assert not any(span.aligned for span in spans)


@pytest.mark.parametrize(
    ("begins_s", "expected_s"),
    [
        pytest.param(0.2, 0.47, id="in-a-pause?"),
        pytest.param(0.52, 0.52, id="in-the-sound?"),
        pytest.param(0.46, 0.46, id="just-before-it?"),
    ],
)
def test_a_start_in_a_pause_moves_to_the_sound(begins_s: float, expected_s: float) -> None:
    draw = np.random.default_rng(1)
    samples = draw.normal(0, 1e-4, RATE).astype(np.float32)
    samples[RATE // 2 :] += draw.normal(0, 0.1, RATE - RATE // 2).astype(np.float32)
    ((start_s, end_s),) = after_pauses(samples, [(begins_s, 0.95)])
    assert start_s == pytest.approx(expected_s, abs=0.011)
    assert end_s == 0.95


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner()


@pytest.fixture(scope="module")
def said() -> tuple[np.ndarray, list[str], list[float]]:
    rows = [(float(r[2]), r[4]) for r in CTM if r[:2] == ["c03", "0"] and float(r[2]) < 5.9]
    starts_s, words = zip(*sorted(rows), strict=True)
    return audio.decode(ROOT / "data/calls/c03.mp3")[0, : 6 * RATE], [*words], [*starts_s]


def test_words_are_found_in_the_sound(
    aligner: Aligner, said: tuple[np.ndarray, list[str], list[float]]
) -> None:
    samples, words, starts_s = said
    spans = aligner.align(samples, words)
    late = np.abs(np.array([span.start_s for span in spans]) - starts_s)
    assert np.mean(late <= 0.05) > 0.9
    assert all(span.aligned for span in spans)


def test_the_same_sound_gives_the_same_times(
    aligner: Aligner, said: tuple[np.ndarray, list[str], list[float]]
) -> None:
    samples, words, _ = said
    first = aligner.align(samples, words)
    aligner.align(np.random.default_rng(2).normal(0, 0.1, 2 * RATE).astype(np.float32), ["noise", "yes"])
    assert aligner.align(samples, words) == first


def test_words_of_several_spoken_ones_have_one_span(
    aligner: Aligner, said: tuple[np.ndarray, list[str], list[float]]
) -> None:
    samples, words, _ = said
    apart = aligner.align(samples, words)
    joined = aligner.align(samples, [f"{words[0]} {words[1]}", *words[2:]])
    assert joined == [Span(apart[0].start_s, apart[1].end_s), *apart[2:]]


@pytest.mark.parametrize(
    ("seconds", "words", "aligned"),
    [
        pytest.param(1.0, [], None, id="no-words?"),
        pytest.param(0.1, ["extraordinary", "circumstances"], False, id="too-short-for-the-text?"),
        pytest.param(0.0, ["word"], False, id="no-sound?"),
    ],
)
def test_what_cannot_be_aligned_is_spread(
    seconds: float, words: list[str], aligned: bool | None, aligner: Aligner
) -> None:
    spans = aligner.align(np.zeros(round(seconds * RATE), np.float32), words)
    assert [span.aligned for span in spans] == [aligned] * len(words)


def test_phones_come_from_the_dictionary_or_the_letters(aligner: Aligner) -> None:
    assert aligner.phones("hello")[0] == "HH"
    assert aligner.phones("zorvane")[0] == "Z"
