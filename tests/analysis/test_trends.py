"""Counts over time, groups, reasons and outcomes."""

from __future__ import annotations

import pandas as pd
import pytest

from speechkit.analysis import trends

CALLS = pd.DataFrame(
    {
        "call_id": ["a", "b", "c", "d"],
        "recorded_at": pd.to_datetime(["2026-09-07 23:59", "2026-09-10 00:00", "2026-09-10 12:00", None]),
        "queue": ["billing", "delivery", None, "billing"],
        "duration_s": [60.0, 120.0, None, 30.0],
    }
)


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        pytest.param(None, None, "abcd", id="what-without-a-range?"),
        pytest.param("", "", "abcd", id="what-with-an-empty-range?"),
        pytest.param("2026-09-07", "2026-09-07", "a", id="is-the-last-minute-of-the-last-day-in?"),
        pytest.param("2026-09-10", None, "bc", id="is-the-first-midnight-in?"),
        pytest.param("2026-10-01", None, "", id="what-when-no-call-is-in-it?"),
    ],
)
def test_in_period(start: str | None, end: str | None, kept: str) -> None:
    assert "".join(trends.in_period(CALLS, start, end)["call_id"]) == kept


def test_a_day_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'tomorow' is not a day; write it as"):
        trends.in_period(CALLS, "tomorow")


def test_volume_shows_the_days_without_calls() -> None:
    table = trends.volume(CALLS)
    assert table["calls"].tolist() == [1, 0, 0, 2]
    assert table["minutes"].tolist() == [1.0, 0.0, 0.0, 2.0]


def test_volume_by_queue_loses_no_call() -> None:
    table = trends.volume(CALLS, by="queue")
    assert table["calls"].sum() == CALLS["recorded_at"].notna().sum()
    assert set(table["queue"]) == {"billing", "delivery", trends.NOT_KNOWN}
    assert len(table) == 4 * 3


@pytest.mark.parametrize(("step", "starts"), [("week", ["2026-09-07"]), ("month", ["2026-09-01"])])
def test_volume_of_longer_steps(step: trends.Step, starts: list[str]) -> None:
    assert trends.volume(CALLS, step=step)["start"].dt.strftime("%Y-%m-%d").tolist() == starts


def test_volume_of_nothing_is_empty() -> None:
    assert list(trends.volume(CALLS.iloc[:0], by="queue")) == ["start", "queue", "calls", "minutes"]


SUMMARIES = pd.DataFrame(
    {
        "call_id": ["b", "a", "c", "d"],
        "reason": ["billing", "billing", "delivery", None],
        "outcome": ["refund", "none", "none", "none"],
    }
)


def test_counts_keep_the_calls_behind_them() -> None:
    table = trends.counts(SUMMARIES, "reason")
    assert table["reason"].tolist() == ["billing", "delivery", trends.NOT_KNOWN]
    assert table["call_ids"].tolist() == [["a", "b"], ["c"], ["d"]]
    assert table["share"].sum() == pytest.approx(1.0)


def test_crossed_counts_every_call_once() -> None:
    table = trends.crossed(SUMMARIES)
    assert table.to_numpy().sum() == len(SUMMARIES)
    assert list(table.columns) == ["none", "refund"]
    assert table.loc["billing", "refund"] == 1


def test_counts_of_nothing_are_empty() -> None:
    assert trends.counts(SUMMARIES.iloc[:0], "reason").empty
    assert trends.crossed(SUMMARIES.iloc[:0]).empty


def test_groups_leave_a_missing_measure_out_of_its_average() -> None:
    table = CALLS.assign(pace=[100.0, None, 160.0, 140.0])
    answer = trends.groups(table, "queue", ["pace"]).set_index("queue")
    assert answer.loc["billing"].tolist() == [2, 120.0]
    assert pd.isna(answer.loc["delivery", "pace"])
    assert answer.index[0] == "billing"


def test_groups_without_the_column_are_not_known() -> None:
    answer = trends.groups(CALLS.drop(columns="queue"), "queue", ["duration_s"])
    assert answer[["queue", "calls"]].values.tolist() == [[trends.NOT_KNOWN, 4]]
    assert trends.groups(CALLS.iloc[:0], "queue", ["duration_s"]).empty
