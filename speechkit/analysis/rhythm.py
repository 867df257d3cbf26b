"""When calls come: the days of the week, and whether they differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEAST_WEEKS: Final = 4
SHUFFLES: Final = 4999
_SEED: Final = 20_261_121


@dataclass(frozen=True)
class Weekdays:
    """Calls by weekday: `table` and the `p_value` that all days of the week have the same number of calls.

    `table`: weekday (Monday first), days, calls, mean (calls a day), low, high (95 % interval of the mean,
    bootstrap over weeks). `p_value` is NaN for fewer than LEAST_WEEKS whole weeks.
    """

    table: pd.DataFrame
    p_value: float


def weekdays(recorded_at: pd.Series[pd.Timestamp]) -> Weekdays:
    """Count calls by weekday over the whole weeks, Monday to Sunday, that the times span.

    The test exchanges the days of each week (they could be any, if weekdays did not matter) and compares the
    variance of the seven sums.

    >>> times = pd.Series(pd.date_range("2026-08-03", periods=42)).repeat(2)
    >>> times = pd.concat([times, pd.Series(pd.date_range("2026-08-03", periods=6, freq="7D")).repeat(9)])
    >>> found = weekdays(times)
    >>> found.table["mean"].tolist(), found.p_value < 0.001
    ([11.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], True)
    """
    day = recorded_at.dropna().dt.normalize()
    empty = pd.DataFrame(columns=["weekday", "days", "calls", "mean", "low", "high"])
    if day.empty:
        return Weekdays(empty, float("nan"))
    first = day.min() + pd.Timedelta(days=(7 - day.min().day_of_week) % 7)
    last = day.max() - pd.Timedelta(days=(day.max().day_of_week + 1) % 7)
    weeks = ((last - first).days + 1) // 7
    if weeks < 1:
        return Weekdays(empty, float("nan"))
    inside = day[(day >= first) & (day <= last)]
    place = (inside - first).dt.days.to_numpy()
    grid = np.bincount(place, minlength=weeks * 7)[: weeks * 7].reshape(weeks, 7).astype(float)
    rng = np.random.default_rng(_SEED)
    means = grid[rng.integers(0, weeks, (2000, weeks))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "weekday": list(WEEKDAYS),
            "days": weeks,
            "calls": grid.sum(axis=0).astype("int64"),
            "mean": grid.mean(axis=0),
            "low": low,
            "high": high,
        }
    )
    if weeks < LEAST_WEEKS:
        return Weekdays(table, float("nan"))
    observed = grid.sum(axis=0).var()
    drawn = rng.permuted(np.broadcast_to(grid, (SHUFFLES, weeks, 7)).copy(), axis=2).sum(axis=1).var(axis=1)
    return Weekdays(table, float(((drawn >= observed - 1e-9).sum() + 1) / (SHUFFLES + 1)))
