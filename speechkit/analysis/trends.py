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


def per_group(
    table: pd.DataFrame, by: str | Sequence[str], measures: Sequence[str], weight: str | None = None
) -> pd.DataFrame:
    """Average measures over groups of calls, each call with its weight.

    `weight` names a column, such as `duration_s`, by which longer calls count more; without it every call
    counts the same. The answer has the columns of `by`, `calls`, and each measure; a missing measure is left
    out of its average.

    >>> table = pd.DataFrame({"agent": ["Ann", "Ann"], "silence_share": [0.1, 0.4],
    ...                       "duration_s": [200.0, 100.0]})
    >>> per_group(table, "agent", ["silence_share"], weight="duration_s")
      agent  calls  silence_share
    0   Ann      2            0.2
    """
    keys = [by] if isinstance(by, str) else list(by)
    filled = table.assign(**{key: table[key].fillna(NOT_KNOWN) for key in keys})
    groups = filled.groupby(keys)
    answer = groups.size().rename("calls").to_frame()
    heavy = table[weight] if weight else pd.Series(1.0, index=table.index)
    for measure in measures:
        known = heavy.where(table[measure].notna(), 0.0)
        parts = filled.assign(_top=(table[measure] * heavy).fillna(0.0), _weight=known).groupby(keys)
        answer[measure] = parts["_top"].sum() / parts["_weight"].sum().replace(0.0, float("nan"))
    return answer.reset_index()


def _day(value: str | date | None) -> pd.Timestamp | None:
    if value is None or value == "":
        return None
    try:
        return pd.Timestamp(value).normalize()
    except ValueError:
        raise ValueError(f"{value!r} is not a day; write it as 2026-09-30.") from None
