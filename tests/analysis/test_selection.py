"""Which calls an analysis is about."""

from __future__ import annotations

import pandas as pd
import pytest

from speechkit.analysis import selection
from speechkit.transcripts.schema import Transcript

CALLS = pd.DataFrame(
    {
        "call_id": ["a", "b", "c"],
        "recorded_at": pd.to_datetime(["2026-09-07", "2026-09-08", None]),
        "queue": ["billing", "sales", "billing"],
        "channels": [2, 1, 1],
        "duration_s": [10.0, 20.0, 30.0],
    }
)
PHRASES = pd.DataFrame(
    {
        "call_id": ["a", "a", "b"],
        "phrase_id": ["a:0001", "a:0002", "b:0001"],
        "channel": [0, 1, 0],
        "speaker": [None, None, "1"],
        "start_s": [0.0, 2.0, 0.0],
        "end_s": [2.0, 3.0, 4.0],
        "lexical": ["how can i help", "my bill", "hello"],
    }
)
ALL = Transcript(CALLS, PHRASES)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        pytest.param({}, "abc", id="what-when-nothing-is-asked?"),
        pytest.param({"queue": "billing"}, "ac", id="what-of-one-queue?"),
        pytest.param({"queue": "billing", "start": "2026-09-01"}, "a", id="what-of-calls-without-a-date?"),
        pytest.param({"end": "2026-09-07"}, "a", id="what-until-a-day?"),
        pytest.param({"queue": "nowhere"}, "", id="what-when-no-call-matches?"),
        pytest.param({"agent": ""}, "abc", id="what-of-a-column-that-nobody-asked-for?"),
    ],
)
def test_select(wanted: dict[str, str], kept: str) -> None:
    assert "".join(selection.select(ALL, **wanted).call_ids) == kept


def test_a_column_that_the_calls_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no column 'agent'. Add it with: speechkit transcribe"):
        selection.select(ALL, agent="Megan")


def test_parties_carry_role_queue_and_agent() -> None:
    table = selection.parties(ALL)
    assert {"queue", "agent", "day", "role_confidence", "interruptions"} <= set(table)
    assert "day" in selection.whole_calls(ALL)
    assert table["role"].fillna("").tolist() == ["agent", "customer", ""]
    assert table["queue"].tolist() == ["billing", "billing", "sales"]
    assert table["agent"].isna().all()
    assert selection.parties(ALL, agent_channel=1)["role"].tolist()[:2] == ["customer", "agent"]


def test_whole_calls_keep_the_calls_without_speech() -> None:
    table = selection.whole_calls(ALL)
    assert table["call_id"].tolist() == ["a", "b", "c"]
    assert table["words"].tolist() == [6, 1, 0]
    assert table["queue"].tolist() == CALLS["queue"].tolist()


class Shelf:
    """A corpus with one side table, or with none."""

    def __init__(self, frame: pd.DataFrame | None) -> None:
        self.frame = frame

    @property
    def tables(self) -> list[str]:
        return ["calls", "phrases", "words"] + (["summaries"] if self.frame is not None else [])

    def table(self, name: str) -> pd.DataFrame:
        assert self.frame is not None
        return self.frame


SUMMARIES = pd.DataFrame(
    {"call_id": ["c", "a", "b"], "status": ["ok", "ok", "failed"], "reason": ["billing", "delivery", None]}
)


def test_summaries_of_leaves_out_what_failed_and_what_was_not_asked_for() -> None:
    table = selection.summaries_of(Shelf(SUMMARIES), ["a", "b"])
    assert table["call_id"].tolist() == ["a"]
    assert tuple(table) == selection.SUMMARY_COLUMNS
    assert table["outcome"].isna().all()


def test_a_corpus_without_summaries_has_none() -> None:
    table = selection.summaries_of(Shelf(None), ["a"])
    assert table.empty
    assert tuple(table) == selection.SUMMARY_COLUMNS
