"""Who said what: cpWER judged by jiwer over all assignments, and by meeteval; WDER by hand."""

from __future__ import annotations

from itertools import permutations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis.attribution import SpeakerErrors, WordAttribution, score_speakers
from speechkit.analysis.normalize import PLAIN
from speechkit.analysis.rates import ErrorRate
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import said_by, transcript

COLUMNS = "call speaker text"


def call(said: list[tuple[str, list[str]]]) -> Transcript:
    return transcript([("c1", speaker, " ".join(words)) for speaker, words in said], COLUMNS)


def streams(said: list[tuple[str, list[str]]]) -> dict[str, list[str]]:
    answer: dict[str, list[str]] = {}
    for speaker, words in said:
        answer.setdefault(speaker, []).extend(words)
    return answer


def errors(said: list[str], heard: list[str]) -> int:
    if not said:
        return len(heard)
    found = jiwer.process_words(" ".join(said), " ".join(heard))
    return found.substitutions + found.deletions + found.insertions


@given(said_by, said_by)
@settings(max_examples=40, deadline=None)
def test_cpwer_is_the_least_over_all_assignments(
    said: list[tuple[str, list[str]]], heard: list[tuple[str, list[str]]]
) -> None:
    own, other = list(streams(said).values()), list(streams(heard).values())
    size = max(len(own), len(other))
    left, right = own + [[]] * (size - len(own)), other + [[]] * (size - len(other))
    least = min(
        sum(errors(a, right[j]) for a, j in zip(left, order, strict=True))
        for order in permutations(range(size))
    )
    result = score_speakers(call(said), call(heard), rules=PLAIN).calls["c1"]
    assert result.words.errors == least
    assert result.words.total == sum(map(len, own))
    assert (result.missed, result.extra) == (max(0, len(own) - len(other)), max(0, len(other) - len(own)))
    assert result.speakers == len(own)


@pytest.mark.slow
@given(st.lists(st.tuples(said_by, said_by), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_cpwer_is_that_of_meeteval(calls: list[tuple[list, list]]) -> None:  # type: ignore[type-arg]
    meeteval = pytest.importorskip(
        "meeteval",
        reason="meeteval is not installed: uv pip install -e '.[oracles]' (it needs a C++ compiler)",
    )
    rows = [
        [(f"c{i}", s, " ".join(w)) for i, pair in enumerate(calls) for s, w in pair[side]] for side in (0, 1)
    ]
    result = score_speakers(*(transcript(side, COLUMNS) for side in rows), rules=PLAIN)
    total = None
    for i, (said, heard) in enumerate(calls):
        own, other = ({k: " ".join(v) for k, v in streams(side).items()} for side in (said, heard))
        judge = meeteval.wer.cp_word_error_rate(own, other)
        total = judge if total is None else total + judge
        ours = result.calls[f"c{i}"]
        assert ours.words.errors == judge.errors
        assert ours.words.total == judge.length
        assert (ours.missed, ours.extra) == (judge.missed_speaker, judge.falarm_speaker)
    assert result.total.rate == pytest.approx(total.error_rate)  # type: ignore[union-attr]


def test_the_assignment_is_told_and_leftovers_have_nobody() -> None:
    said = call([("anna", ["alpha", "bravo"]), ("ben", ["delta", "echo"])])
    heard = call([("1", ["delta", "echo"]), ("2", ["alpha", "bravo"]), ("3", ["golf"])])
    result = score_speakers(said, heard)
    assert result.calls["c1"] == SpeakerErrors(
        ErrorRate(4, 4, 0, 0, 1), 2, 0, 1, (("anna", "2"), ("ben", "1"), ("nobody", "3"))
    )
    assert result.table.iloc[0].tolist() == ["c1", 4, 1, 0.25, 2, 0, 1, 0.0]


def test_words_with_the_wrong_speaker() -> None:
    """Of the words that were recognized, right or not; words missed or invented do not count."""
    said = call([("a", ["alpha", "bravo", "delta"]), ("b", ["echo", "golf"])])
    heard = call([("1", ["alpha", "bravo"]), ("2", ["hotel", "echo", "golf", "golf"])])
    result = score_speakers(said, heard, rules=PLAIN)
    assert result.total_words == WordAttribution(5, 1)
    assert result.total_words.rate == 0.2
    assert sum([WordAttribution(5, 1), WordAttribution(5, 3)], WordAttribution()).rate == 0.4
    with pytest.raises(TypeError, match="a mean of rates"):
        result.total_words / 2


def test_channels_stand_for_speakers_where_there_are_none() -> None:
    said = transcript([("c1", 0, "alpha"), ("c1", 1, "bravo")], "call channel text")
    result = score_speakers(said, transcript([("c1", "x", "bravo"), ("c1", "y", "alpha")], COLUMNS))
    assert result.calls["c1"].words.errors == 0
    assert dict(result.calls["c1"].assignment) == {"channel 0": "y", "channel 1": "x"}


def test_a_call_in_which_nothing_was_heard_and_calls_add_up() -> None:
    said = transcript([("c1", "a", "alpha bravo"), ("c2", "a", "echo")], COLUMNS)
    heard = transcript([("c1", "1", None), ("c2", "1", "echo")], COLUMNS)
    result = score_speakers(said, heard)
    assert result.calls["c1"] == SpeakerErrors(ErrorRate(2, 0, 0, 2, 0), 1, 1, 0, (("a", "nobody"),))
    assert result.total.words == ErrorRate(3, 1, 0, 2, 0)
    assert result.total.rate == pytest.approx(2 / 3)
    assert result.words["c1"] == WordAttribution()


def test_what_cannot_be_scored_is_named() -> None:
    with pytest.raises(TranscriptError, match="does not say who speaks"):
        score_speakers(transcript([("c1", "alpha")], "call text"), call([("1", ["alpha"])]))
    crowd = call([(f"s{i:02d}", ["alpha"]) for i in range(36)])
    with pytest.raises(
        TranscriptError, match=r"c1: 36 speakers in the transcript \(s00, s01, s02 and 33 more\)"
    ):
        score_speakers(call([("a", ["alpha"])]), crowd)
