"""The places of a call that are worth a listen, on calls with and without them."""

from __future__ import annotations

import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.moments import moments
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.sample_call import sample_call


def test_a_demo_call_with_a_hold_and_an_interruption() -> None:
    found = moments(open_corpus(demo_data("corpus")), "c01")
    assert found["start_s"].is_monotonic_increasing
    assert set(found["kind"]) == {"hold", "interruption", "monologue", "doubt"}
    hold = found.set_index("kind").loc["hold"]
    assert "put you on hold" in hold["quote"]
    assert hold["end_s"] - hold["start_s"] == pytest.approx(25, abs=1)
    assert (found["kind"] == "doubt").sum() == 3


def test_the_most_doubtful_phrases_are_taken() -> None:
    found = moments(sample_call(), "c01", most=1)
    doubt = found[found["kind"] == "doubt"]
    assert doubt["phrase_id"].tolist() == ["c01:0001"]
    assert found[found["kind"] == "monologue"]["party"].tolist() == ["1"]


def test_a_call_without_phrases_or_times_has_none() -> None:
    empty = Transcript(pd.DataFrame({"call_id": ["c01"], "duration_s": [30.0]}))
    assert moments(empty, "c01").empty
    one = sample_call(words=False, confidence=None)
    timeless = Transcript(one.calls, one.phrases.assign(start_s=None, end_s=None))
    assert moments(timeless, "c01").empty
    with pytest.raises(TranscriptError):
        moments(empty, "c02")
