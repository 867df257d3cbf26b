"""Who spoke when: judged by pyannote.metrics and spyder on random calls, and by hand."""

from __future__ import annotations

import time
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

from speechkit.analysis.diarization import DiarizationErrors, score_diarization
from speechkit.analysis.reference import read_reference
from speechkit.analysis.spans import speech
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.conftest import ROOT

LONG_S = 40.0
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # with these judges it takes minutes
COLUMNS = "call speaker start end"

# Halves of a second, so that boundaries coincide now and then and sums are exact.
turns = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.integers(1, 16)), min_size=1, max_size=9
).map(lambda rows: [(who, start / 2, start / 2 + long / 2) for who, start, long in rows])

Turns = list[tuple[str, float, float]]


def call(said: Turns) -> Transcript:
    return transcript([("c1", *turn) for turn in said], COLUMNS, duration_s=LONG_S)


def annotation(said: Turns) -> Annotation:
    """As pyannote wants it: what a speaker says twice at a time counts once."""
    answer = Annotation(uri="c1")
    for who in {turn[0] for turn in said}:
        for segment in Timeline([Segment(a, b) for w, a, b in said if w == who]).support():
            answer[segment, who] = who
    return answer


@given(turns, turns, st.sampled_from([0.0, 0.25]), st.booleans())
@settings(max_examples=25, deadline=None, phases=NO_SHRINKING)
def test_the_parts_are_those_of_pyannote(said: Turns, heard: Turns, collar_s: float, overlap: bool) -> None:
    # the collar of pyannote is the whole width around a boundary, here (as NIST has it) one side
    judge = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=not overlap)
    uem = Timeline([Segment(0, LONG_S)])
    parts = judge.compute_components(annotation(said), annotation(heard), uem=uem)
    ours = score_diarization(call(said), call(heard), collar_s=collar_s, overlap=overlap).calls["c1"]
    assert ours.speech_s == pytest.approx(parts["total"], abs=1e-6)
    assert ours.missed_s == pytest.approx(parts["missed detection"], abs=1e-6)
    assert ours.invented_s == pytest.approx(parts["false alarm"], abs=1e-6)
    assert ours.confused_s == pytest.approx(parts["confusion"], abs=1e-6)


@given(turns, turns)
@settings(max_examples=20, deadline=None, phases=NO_SHRINKING)
def test_the_jaccard_error_rate_is_that_of_pyannote(said: Turns, heard: Turns) -> None:
    """Only where the mapping is not a matter of taste: where no two assignments agree for equally long."""
    ours = score_diarization(call(said), call(heard))
    if _is_tied(said, heard):
        return
    judge = JaccardErrorRate()(annotation(said), annotation(heard), uem=Timeline([Segment(0, LONG_S)]))
    assert ours.total.jaccard_rate == pytest.approx(judge, abs=1e-6)


def _is_tied(said: Turns, heard: Turns) -> bool:
    one, two = annotation(said), annotation(heard)
    names, found = one.labels(), [*two.labels(), *("-" * 3)]
    together = (one * two) if names else np.zeros((0, 0))
    table = np.hstack([together, np.zeros((len(names), 3))])
    sums: dict[frozenset[Any], float] = {}
    for order in permutations(range(len(found)), len(names)):
        pairs = frozenset((i, j) for i, j in enumerate(order) if table[i, j] > 0)
        sums[pairs] = sum(table[i, j] for i, j in pairs)
    best = sorted(sums.values())[-2:]
    return len(best) > 1 and best[0] == best[1]


@pytest.mark.slow
@given(turns, turns)
@settings(max_examples=80, deadline=None, phases=NO_SHRINKING)
def test_the_rate_is_that_of_spyder(said: Turns, heard: Turns) -> None:
    """Over all time: spyder maps the speakers before it leaves collars and overlaps out, pyannote after."""
    spyder = pytest.importorskip(
        "spyder", reason="spyder is not installed: uv pip install -e '.[oracles]' (it needs a C++ compiler)"
    )
    spans = [
        [(who, s.start, s.end) for s, _, who in annotation(t).itertracks(yield_label=True)]
        for t in (said, heard)
    ]
    judge = spyder.DER(*spans, uem=[(0.0, LONG_S)])
    ours = score_diarization(call(said), call(heard)).calls["c1"]
    if ours.speech_s:
        assert ours.rate == pytest.approx(judge.der, abs=1e-5)
        assert ours.confused_s / ours.speech_s == pytest.approx(judge.conf, abs=1e-5)


def test_by_hand_with_every_kind_of_error_on_the_timeline() -> None:
    said = call([("anna", 0, 10), ("ben", 8, 20), ("anna", 30, 34)])
    heard = call([("1", 0, 9), ("2", 9, 15), ("1", 15, 20), ("2", 25, 26)])
    result = score_diarization(said, heard)
    table = result.errors[["start_s", "end_s", "kind", "reference", "transcript"]]
    assert table.fillna("-").values.tolist() == [
        [8.0, 9.0, "missed", "anna and ben", "1"],
        [9.0, 10.0, "missed", "anna and ben", "2"],
        [15.0, 20.0, "confused", "ben", "1"],
        [25.0, 26.0, "invented", "-", "2"],
        [30.0, 34.0, "missed", "anna", "-"],
    ]
    assert result.assignment == {"c1": {"1": "anna", "2": "ben"}}
    one = result.total
    assert (one.speech_s, one.missed_s, one.invented_s, one.confused_s) == (26, 6, 1, 5)
    assert one.rate == pytest.approx(12 / 26)
    # anna: 9 s together of 14 + 14 - 9; ben: 6 together of 12 + 7 - 6
    assert one.jaccard_rate == pytest.approx((2 - 9 / 19 - 6 / 13) / 2)
    without = score_diarization(said, heard, overlap=False).total
    assert (without.speech_s, without.missed_s) == (22, 4)


def test_boundaries_that_differ_by_a_rounding_are_one() -> None:
    result = score_diarization(
        call([("a", 0.1, 0.1 + 0.2), ("b", 0.3, 9.0)]), call([("1", 0.1, 0.3), ("2", 0.3, 9.0)])
    )
    assert result.errors.empty
    assert result.total.rate == 0.0


def test_collar_region_and_the_sentence_that_states_them() -> None:
    said, heard = call([("a", 10, 20)]), call([("1", 9.8, 20.2), ("1", 30, 31)])
    assert score_diarization(said, heard).total.invented_s == pytest.approx(1.4)
    lax = score_diarization(said, heard, collar_s=0.25)
    assert lax.total.invented_s == pytest.approx(1.0)
    assert lax.total.scored_s == pytest.approx(39.0)
    assert "a collar of 0.25 s on each side" in lax.region
    part = score_diarization(said, heard, region={"c1": (0.0, 25.0)}, overlap=False)
    assert part.total.invented_s == pytest.approx(0.4)
    assert part.region == "Scored: the given regions, overlapping speech left out, no collar."


def test_calls_add_up_and_speakers_are_counted() -> None:
    rows = [("c1", "a", 0, 10), ("c2", "a", 0, 5), ("c2", "b", 5, 6)]
    heard = [("c1", "1", 0, 10), ("c2", "1", 0, 6)]
    result = score_diarization(*(transcript(r, COLUMNS, duration_s=20.0) for r in (rows, heard)))
    assert result.table[["call_id", "der", "speakers", "found_speakers"]].values.tolist() == [
        ["c1", 0.0, 1, 1],
        ["c2", pytest.approx(1 / 6), 2, 1],
    ]
    assert result.total == sum(result.calls.values(), DiarizationErrors())
    assert result.total.rate == pytest.approx(1 / 16)
    assert (result.total.miscounted, result.total.calls) == (1, 2)
    assert result.total.jaccard_rate == pytest.approx((0 + 1 / 6 + 1) / 3)
    assert "DER 6.2% of 16 s" in repr(result)
    assert "speakers miscounted in 1 of 2 calls" in repr(result)
    with pytest.raises(TypeError, match="a mean of rates"):
        result.total / 2


def test_speech_is_what_words_cover_joined_over_short_pauses() -> None:
    phrases = pd.DataFrame(
        [("c1", "c1:0001", "a", 0.0, 9.0), ("c1", "c1:0002", "b", 20.0, 21.0)],
        columns=["call_id", "phrase_id", "speaker", "start_s", "end_s"],
    )
    words = pd.DataFrame(
        [("a", 0.0, 0.5), ("a", 0.8, 1.0), ("a", 5.0, 6.0)], columns=["speaker", "start_s", "end_s"]
    ).assign(call_id="c1", phrase_id="c1:0001", word="so")
    one = Transcript(pd.DataFrame({"call_id": ["c1"]}), phrases, words)
    assert speech(one).table[["party", "start_s", "end_s"]].values.tolist() == [
        ["a", 0.0, 1.0],
        ["a", 5.0, 6.0],
        ["b", 20.0, 21.0],
    ]
    assert len(speech(one, max_gap_s=0.2).start_s) == 4
    assert len(speech(one, max_gap_s=10.0).start_s) == 2
    timeless = transcript([("c1", None, None)], "call start end")
    assert speech(timeless).table.empty


def test_what_cannot_be_scored_is_named() -> None:
    with pytest.raises(TranscriptError, match="does not say who speaks"):
        score_diarization(transcript([("c1", "so")], "call text"), call([("1", 0, 1)]))
    timeless = transcript([("c1", "a", None, None)], COLUMNS)
    with pytest.raises(TranscriptError, match="has no times for c1"):
        score_diarization(timeless, call([("1", 0, 1)]))
    with pytest.raises(TranscriptError, match="the reference is of other calls"):
        score_diarization(transcript([("c9", "a", 0, 1)], COLUMNS), call([("1", 0, 1)]))
    with pytest.raises(TranscriptError, match="c1: 36 speakers in the transcript"):
        score_diarization(call([("a", 0, 1)]), call([(f"s{i}", i, i + 1) for i in range(36)]))
    quiet = score_diarization(
        call([("a", 0, 1)]), transcript([("c1", "1", None, None)], COLUMNS, duration_s=9.0)
    )
    assert quiet.total.missed_s == 1.0


def test_an_hour_is_scored_at_once() -> None:
    draw = np.random.default_rng(2)
    ends = np.cumsum(draw.uniform(1, 6, 1000))
    said = [("ab"[i % 2], float(a), float(b)) for i, (a, b) in enumerate(pairwise(ends))]
    heard = [(w if draw.random() > 0.05 else "c", a + 0.1, b + 0.1) for w, a, b in said]
    one, two = (transcript([("c1", *t) for t in turns], COLUMNS) for turns in (said, heard))
    score_diarization(one, two)
    best = min(_seconds(lambda: score_diarization(one, two)) for _ in range(3))
    assert best < 0.25, "an hour of talk takes some 20 ms"


def _seconds(work: Any) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_the_truth_of_a_demo_call_agrees_with_itself() -> None:
    truth = ROOT / "data" / "truth"
    turns = read_reference(truth / "calls.rttm").filter(call_id=["c01"])
    words = read_reference(truth / "calls.stm", truth / "calls.ctm").filter(call_id=["c01"])
    result = score_diarization(turns, words)
    assert result.total.rate < 0.02, "the RTTM and the words of the CTM tell the same times"
    assert result.assignment["c01"] == {"agent": "agent", "customer": "customer"}
