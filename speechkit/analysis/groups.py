"""Groups of calls compared: agents, queues or days, with intervals and a test, so that chance is not taken for
a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.analysis.significance import LEVEL, RESAMPLES, SEED, interval
from speechkit.analysis.trends import NOT_KNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEW_CALLS: Final = 5
"""With fewer calls the bootstrap hardly knows what calls look like, and its interval is too narrow."""


@dataclass(frozen=True)
class Comparison:
    """A measure by group: `table` has `by`, `calls`, `value`, `low` and `high`, the largest value first.

    `overall` is the value of all calls together. `p_value` is how often groups made by chance differ at least
    as much as these; NaN where there is nothing to compare. `calls` holds the value of each call.
    """

    table: pd.DataFrame
    calls: pd.DataFrame
    by: str
    overall: float
    p_value: float
    level: float = LEVEL


def compare(
    table: pd.DataFrame, by: str, part: str, whole: str | None = None, *, resamples: int = RESAMPLES
) -> Comparison:
    """Compare a measure of calls between the groups that the column `by` names.

    The value of a group is the sum of `part` over the sum of `whole` (minutes of silence over minutes of
    calls: long calls count for more), or the mean of `part` where there is no `whole`. Its interval is the
    percentile bootstrap over calls of `significance`; it is missing for a single call, and too narrow for
    fewer than FEW_CALLS. The test shuffles the calls between the groups and looks how far their values lie
    apart (Good, Permutation, parametric and bootstrap tests of hypotheses, 2005). Rows without a measure are
    left out; a group that is not known counts as `not known` and is not tested.

    >>> calls = pd.DataFrame({"agent": ["Ann"] * 4 + ["Ben"] * 4,
    ...                       "silence_s": [1, 2, 1, 2, 9, 8, 9, 8], "duration_s": [10.0] * 8})
    >>> found = compare(calls, "agent", "silence_s", "duration_s")
    >>> found.table.round(2)
      agent  calls  value  low  high
    0   Ben      4   0.85  0.8   0.9
    1   Ann      4   0.15  0.1   0.2
    >>> found.p_value < 0.05
    True
    """
    group = table[by].astype("str").fillna(NOT_KNOWN) if by in table else pd.Series(NOT_KNOWN, table.index)
    top = table[part].to_numpy(np.float64, na_value=np.nan)
    bottom = np.ones(len(table)) if whole is None else table[whole].to_numpy(np.float64, na_value=np.nan)
    kept = ~np.isnan(top) & (bottom > 0)
    top, bottom, names = top[kept], bottom[kept], group.to_numpy(object)[kept]
    rows = []
    for name in dict.fromkeys(sorted(names)):
        own = names == name
        span = interval(top[own], bottom[own], resamples=resamples)
        rows.append((name, int(own.sum()), top[own].sum() / bottom[own].sum(), span.low, span.high))
    found = pd.DataFrame(rows, columns=[by, "calls", "value", "low", "high"])
    known = names != NOT_KNOWN
    return Comparison(
        table=found.sort_values(["value", by], ascending=[False, True], ignore_index=True),
        calls=pd.DataFrame({by: pd.Series(names, dtype="str"), "value": top / bottom}),
        by=by,
        overall=float(top.sum() / bottom.sum()) if len(top) else math.nan,
        p_value=_p_value(top[known], bottom[known], names[known], resamples),
    )


def _p_value(top: Floats, bottom: Floats, names: NDArray[np.object_], resamples: int) -> float:
    """How often shuffled groups lie at least as far apart, each weighted with what it has measured."""
    code, groups = pd.factorize(names)
    if len(groups) < 2 or len(code) == len(groups):
        return math.nan
    overall = top.sum() / bottom.sum()
    draw = np.random.default_rng(SEED)

    def apart(codes: NDArray[np.int64]) -> float:
        below = np.bincount(codes, bottom)
        return float((below * (np.bincount(codes, top) / below - overall) ** 2).sum())

    observed = apart(code) - 1e-12
    as_far = sum(apart(draw.permutation(code)) >= observed for _ in range(resamples))
    return (as_far + 1) / (resamples + 1)
