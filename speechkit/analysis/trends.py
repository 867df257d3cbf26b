"""How many calls, when, whose, and what they were about: counts over days, queues, agents, reasons and
outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import pandas as pd

NOT_KNOWN = "not known"
"""Stands for a missing queue, agent, reason or outcome, so that no call is lost from a count."""

Step = Literal["day", "week", "month"]
_PERIODS: dict[str, str] = {"day": "D", "week": "W-SUN", "month": "M"}  # a W-SUN week is Monday to Sunday


def in_period(
    calls: pd.DataFrame, start: str | date | None = None, end: str | date | None = None
) -> pd.DataFrame:
    """Keep the calls that were recorded from the day `start` to the day `end`, both days included.

    A call without `recorded_at` is kept only when neither day is given. ValueError when a day cannot be read.

    >>> calls = pd.DataFrame({"call_id": ["a", "b"],
    ...                       "recorded_at": pd.to_datetime(["2026-09-07 09:00", "2026-09-09 23:59"])})
    >>> in_period(calls, "2026-09-08", "2026-09-09")["call_id"].tolist()
    ['b']
    """
    first, last = _day(start), _day(end)
    keep = pd.Series(True, index=calls.index)
    if first is not None:
        keep &= calls["recorded_at"] >= first
    if last is not None:
        keep &= calls["recorded_at"] < last + pd.Timedelta(days=1)
    return calls[keep]


def volume(calls: pd.DataFrame, by: str | None = None, step: Step = "day") -> pd.DataFrame:
    """Count calls per day, week (Monday to Sunday) or month, also the ones in which none came.

    `by` splits the count by one column, such as `queue` or `agent`. The answer has `start` (first day of the
    period), `by` where given, `calls` and `minutes` (of recording). Calls without `recorded_at` are left out:
    their number is `calls["recorded_at"].isna().sum()`.

    >>> calls = pd.DataFrame({"recorded_at": pd.to_datetime(["2026-09-07 09:00", "2026-09-09 10:00"]),
    ...                       "duration_s": [60.0, 90.0]})
    >>> volume(calls)
           start  calls  minutes
    0 2026-09-07      1      1.0
    1 2026-09-08      0      0.0
    2 2026-09-09      1      1.5
    """
    dated = calls[calls["recorded_at"].notna()]
    columns = ["start", *([by] if by else []), "calls", "minutes"]
    if dated.empty:
        return pd.DataFrame(columns=columns)
    period = dated["recorded_at"].dt.to_period(_PERIODS[step])
    rows = pd.DataFrame({"period": period, "minutes": dated["duration_s"] / 60.0})
    keys = ["period"]
    if by:
        rows[by] = dated[by].fillna(NOT_KNOWN)
        keys.append(by)
    table = rows.groupby(keys).agg(calls=("minutes", "size"), minutes=("minutes", "sum"))
    every = pd.period_range(period.min(), period.max(), freq=_PERIODS[step], name="period")
    index = pd.MultiIndex.from_product([every, sorted(rows[by].unique())], names=keys) if by else every
    table = table.reindex(index, fill_value=0).reset_index()
    return table.assign(start=table["period"].dt.start_time, minutes=table["minutes"].astype(float))[columns]


def counts(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Count the calls of each value of a column, the most frequent first, with the calls behind each count.

    The answer has the column, `calls`, `share` (of all rows, 0 to 1) and `call_ids` (a list). A missing value
    counts as `not known`.

    >>> counts(pd.DataFrame({"call_id": ["a", "b", "c"], "reason": ["billing", "delivery", "billing"]}),
    ...        "reason")
         reason  calls     share call_ids
    0   billing      2  0.666667   [a, c]
    1  delivery      1  0.333333      [b]
    """
    named = table.assign(**{column: table[column].fillna(NOT_KNOWN)}).sort_values("call_id")
    answer = named.groupby(column)["call_id"].agg(calls="size", call_ids=list).reset_index()
    answer.insert(2, "share", answer["calls"] / max(len(table), 1))
    return answer.sort_values(["calls", column], ascending=[False, True], ignore_index=True)


def crossed(table: pd.DataFrame, rows: str = "reason", columns: str = "outcome") -> pd.DataFrame:
    """Count calls by two columns at once: a table with a row for each value of `rows` and a column for each
    of `columns`.

    Both are in order of their totals, the largest first. A missing value counts as `not known`.

    >>> table = pd.DataFrame({"call_id": ["a", "b", "c"], "reason": ["billing", "delivery", "billing"],
    ...                       "outcome": ["refund", "none", "none"]})
    >>> crossed(table).loc["billing"].to_dict()
    {'none': 1, 'refund': 1}
    """
    names = [counts(table, column)[column].tolist() for column in (rows, columns)]
    filled = table[[rows, columns]].fillna(NOT_KNOWN)
    return pd.crosstab(filled[rows], filled[columns]).reindex(index=names[0], columns=names[1], fill_value=0)


def groups(table: pd.DataFrame, by: str, measures: Sequence[str]) -> pd.DataFrame:
    """Average measures of calls over the calls of each group, the largest group first.

    The answer has the column `by`, `calls`, and each measure; a missing measure is left out of its average. A
    group that is not known, or a table without that column, counts as `not known`.

    >>> table = pd.DataFrame({"queue": ["billing", "sales", "billing"], "silence_share": [0.1, 0.5, 0.3]})
    >>> groups(table, "queue", ["silence_share"])
         queue  calls  silence_share
    0  billing      2            0.2
    1    sales      1            0.5
    """
    group = table[by].fillna(NOT_KNOWN) if by in table else pd.Series(NOT_KNOWN, index=table.index)
    found = table[list(measures)].groupby(group.rename(by))
    answer = found.mean()
    answer.insert(0, "calls", found.size())
    return answer.reset_index().sort_values(["calls", by], ascending=[False, True], ignore_index=True)


def _day(value: str | date | None) -> pd.Timestamp | None:
    if value is None or value == "":
        return None
    try:
        return pd.Timestamp(value).normalize()
    except ValueError:
        raise ValueError(f"{value!r} is not a day; write it as 2026-09-30.") from None
