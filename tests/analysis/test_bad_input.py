"""Transcripts that lack something: every analysis of speakers gets through, and what is missing is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from speechkit import demo_data
from speechkit.analysis import (
    diagnostics,
    exchange,
    groups,
    holds,
    loudness,
    moments,
    roles,
    selection,
    speakers,
)
from speechkit.analysis.diarization import score_diarization
from speechkit.analysis.reference import read_reference
from speechkit.analysis.unlabelled import fill_unknown
from speechkit.display.comparison import compared
from speechkit.display.picture import Note
from speechkit.display.timeline import call_timeline
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.sample_call import sample_call

COLUMNS = "call speaker start end text"
EVERY: dict[str, Callable[[Transcript], Any]] = {
    "talk": speakers.talk,
    "overview": speakers.overview,
    "silences": speakers.silences,
    "turns": exchange.turns,
    "turns through back-channels": lambda t: exchange.turns(t, exchange.Rules(through_back_channels=True)),
    "overlaps": exchange.overlaps,
    "holds": holds.holds,
    "roles": roles.roles,
    "evidence": roles.evidence,
    "loudness": lambda t: loudness.loudness(t, {}),
    "fill_unknown": lambda t: fill_unknown(t).phrases,
    "parties": selection.parties,
    "moments": lambda t: moments.moments(t, "c01"),
}


@pytest.mark.parametrize(
    ("made", "missing"),
    [
        pytest.param(Transcript(pd.DataFrame({"call_id": ["c01"]})), "no words", id="no-phrases?"),
        pytest.param(sample_call(words=False), "no word times", id="no-words?"),
        pytest.param(sample_call(said=[(None, 1.0, "So it is."), (None, 5.0, "Yes.")]), "no speakers",
                     id="no-speakers?"),
        pytest.param(sample_call(confidence=None), "no confidence", id="no-confidence?"),
        pytest.param(sample_call(said=[("1", 1.0, "Hello.")]), "one phrase", id="one-phrase?"),
        pytest.param(transcript([("c01", "1", 0.0, 5.0, "a b"), ("c01", "1", 2.0, 7.0, "c")], COLUMNS),
                     "times run backwards", id="overlapping-phrases-of-one-speaker?"),
        pytest.param(transcript([("c01", f"s{i}", i, i + 0.9, "so") for i in range(40)], COLUMNS),
                     "many speakers", id="more-than-35-speakers?"),
        pytest.param(transcript([("c01", "1", 8.0, 5.0, "a"), ("c01", "2", 2.0, 7.0, "b"),
                                 ("c01", "1", 1.0, 1.5, "c")], COLUMNS, duration_s=3.0), "past the end",
                     id="out-of-order-and-past-the-end?"),
        pytest.param(transcript([("c01", "1", None, None, "a"), ("c01", "2", None, None, "b")], COLUMNS),
                     "no times", id="no-times?"),
    ],
)  # fmt: skip
def test_every_analysis_gets_through_and_what_is_missing_is_named(made: Transcript, missing: str) -> None:
    for name, analysis in EVERY.items():
        assert isinstance(analysis(made), pd.DataFrame), name
    found = diagnostics.diagnose(made)
    assert missing in found["finding"].tolist()
    assert found["finding"].is_unique
    shown = call_timeline(made, "c01")
    assert isinstance(shown, Note) == (missing in ("no words", "no times"))
    assert isinstance(
        compared(groups.compare(selection.parties(made), "agent", "talk_share"), "the share"), Note
    )


def test_a_reference_for_another_call_is_asked_about() -> None:
    truth = read_reference(demo_data("truth") / "calls.rttm")
    own, other = truth.filter(call_id=["c01"]), truth.filter(call_id=["c02"])
    renamed = Transcript(other.calls.assign(call_id="c01"), other.phrases.assign(call_id="c01"))
    doubt = score_diarization(own, renamed).notes
    assert len(doubt) == 1
    assert doubt[0].endswith("Is it the reference of this call?")
    assert score_diarization(own, own).notes == ()
