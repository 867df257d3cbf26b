"""Who has to call again: contacts of the same customer within a few days."""

from __future__ import annotations

from typing import Final

import pandas as pd

WITHIN_DAYS: Final = 7
"""A usual window of first contact resolution; contact centres take 3 to 30 days."""


def repeat_contacts(
    calls: pd.DataFrame, key: str = "caller_number", within_days: float = WITHIN_DAYS
) -> pd.DataFrame:
    """Tell for each call whether the same customer came back within `within_days`, and whether it is a return.

    The columns are call_id, again (boolean; missing where the customer or the time is not known, and where the
    table ends before the window does and nobody came back yet), next_call_id, again_after_days, is_return
    (boolean: a contact like this went before). Rows in the order of `calls`. ValueError where the calls have no
    column `key`.

    >>> calls = pd.DataFrame({"call_id": ["a", "b", "c"], "caller_number": ["1", "2", "1"],
    ...                       "recorded_at": pd.to_datetime(["2026-09-01", "2026-09-02", "2026-09-12"])})
    >>> repeat_contacts(calls, within_days=14)["again"].tolist()  # nobody knows yet of the last two
    [True, <NA>, <NA>]
    >>> repeat_contacts(calls, within_days=7)["again"].tolist()
    [False, False, <NA>]
    """
    if key not in calls:
        raise ValueError(
            f"the calls have no column {key!r} that names the customer. Join one with --metadata, or name another."
        )
    known = calls.loc[calls[key].notna() & calls["recorded_at"].notna(), ["call_id", key, "recorded_at"]]
    known = known.sort_values([key, "recorded_at"], kind="stable")
    window = pd.Timedelta(days=within_days)
    by = known.groupby(key, sort=False)
    gap = by["recorded_at"].shift(-1) - known["recorded_at"]
    before = known["recorded_at"] - by["recorded_at"].shift(1)
    again = (gap <= window).astype("boolean")
    censored = ~(gap <= window) & (known["recorded_at"] + window > known["recorded_at"].max())
    found = pd.DataFrame(
        {
            "call_id": known["call_id"],
            "again": again.mask(censored),
            "next_call_id": by["call_id"].shift(-1).where(gap <= window),
            "again_after_days": (gap.dt.total_seconds() / 86_400).where(gap <= window),
            "is_return": (before <= window).astype("boolean"),
        }
    )
    return calls[["call_id"]].merge(found, on="call_id", how="left")
