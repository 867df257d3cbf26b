"""What goes with an outcome: which agents, queues, reasons or weekdays have more of it than chance explains.

Each value of each factor is compared with all other calls, within strata where they are given (the reason of the
call, say, so that an agent is not blamed for the cases she gets): the difference of Mantel and Haenszel (Journal of
the National Cancer Institute 22, 1959), by a permutation test within the strata. All comparisons are judged at
once: a p-value is adjusted by the largest of all statistics in each permutation (Westfall and Young,
Resampling-based multiple testing, 1993, single step max T), so that the chance to find anything in calls without
any effect is at most the level, however many agents there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL: Final = 0.05
FEW_CALLS: Final = 20
"""A group of fewer calls is shown with a warning, whatever the test says."""
PERMUTATIONS: Final = 1999
_MOST_WORK: Final = 20_000_000  # calls times permutations: tables beyond get fewer permutations, at least 499
_SEED: Final = 20_261_121
_Z: Final = 1.959964  # of a 95 % interval
COLUMNS: Final = (
    *("outcome", "factor", "value", "calls", "mean", "others", "difference", "low", "high"),
    *("p_value", "found", "few", "call_ids"),
)


def drivers(
    table: pd.DataFrame,
    outcomes: Sequence[str],
    factors: Sequence[str],
    within: str | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Compare each value of each factor with the other calls, in each outcome.

    `table` has one row a call: call_id, the outcomes (boolean or a number; a missing one leaves the call out),
    and the factors (a missing one is no group). `within` names a factor whose mix is allowed for: compared are
    calls of the same value of it only; for that factor itself there are no strata.

    The answer has COLUMNS, the surest first: `mean` of the group (the share, where the outcome is a boolean) and
    of the `others`, their `difference` with a 95 % interval for it alone (`low`, `high`), the `p_value` adjusted
    for all rows, whether that is `found` at `level`, `few` for groups under FEW_CALLS calls, and the ids of the
    calls behind it: of a boolean outcome those where it holds, of a number all of the group.

    ValueError for a column that is not there.

    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"call_id": [f"c{n}" for n in range(400)], "agent": list("ABCD") * 100})
    >>> table["unresolved"] = rng.random(400) < np.where(table["agent"] == "B", 0.6, 0.2)
    >>> found = drivers(table, ["unresolved"], ["agent"])
    >>> found.loc[found["found"], "value"].tolist()[0]
    'B'
    """
    absent = [name for name in [*outcomes, *factors, *([within] if within else [])] if name not in table]
    if absent:
        raise ValueError(f"the table has no column {absent[0]!r}. It has {', '.join(map(str, table))}.")
    rows: list[dict[str, Any]] = []
    statistics: list[Floats] = []
    rng = np.random.default_rng(_SEED)
    draws = int(np.clip(_MOST_WORK // max(len(table), 1), 499, PERMUTATIONS))
    for outcome in outcomes:
        known = table[table[outcome].notna()]
        y = np.asarray(known[outcome], np.float64)
        for factor in factors:
            strata = (
                np.zeros(len(known), np.int64)
                if within is None or within == factor
                else pd.factorize(known[within], use_na_sentinel=False)[0]
            )
            made, drawn = _compared(known, y, outcome, factor, strata, rng, draws)
            rows += made
            statistics += drawn
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    observed = np.array([row.pop("statistic") for row in rows])
    largest = np.max(np.abs(np.vstack(statistics)), axis=0)
    p_values = ((largest[:, None] >= np.abs(observed) - 1e-12).sum(axis=0) + 1) / (draws + 1)
    answer = pd.DataFrame(rows).assign(p_value=p_values, found=p_values <= level)
    answer["few"] = answer["calls"] < FEW_CALLS
    order = np.lexsort((-np.abs(observed), p_values))
    return answer.iloc[order].reset_index(drop=True)[list(COLUMNS)]


def _compared(
    known: pd.DataFrame,
    y: Floats,
    outcome: str,
    factor: str,
    strata: NDArray[np.int64],
    rng: np.random.Generator,
    draws: int,
) -> tuple[list[dict[str, Any]], list[Floats]]:
    """Compare each value of a factor: its row, and its statistic in each permutation."""
    codes, values = pd.factorize(known[factor], sort=True)
    if len(values) < 2:
        return [], []
    member = np.eye(len(values))[:, codes] * (codes >= 0)  # values x calls
    size = np.bincount(strata).astype(float)
    in_stratum = np.eye(len(size))[strata]  # calls x strata
    of = member @ in_stratum  # values x strata: calls of the group
    weight = of * (size - of) / size
    total = weight.sum(axis=1)
    mean = (y @ in_stratum) / size
    centred = y - mean[strata]
    spread = (centred**2 @ in_stratum) / np.maximum(size - 1, 1)
    error = np.sqrt(weight @ spread)
    usable = (total > 0) & (error > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the sum of the group less what its strata let expect is the weighted difference to the others
        statistic = np.where(usable, member @ centred / error, 0.0)
        difference = np.where(usable, member @ centred / total, np.nan)
        half = np.where(usable, _Z * error / total, np.nan)
    truth = known[outcome].dtype.name in ("bool", "boolean")
    ids = known["call_id"].to_numpy()
    rows = []
    for number in np.flatnonzero(usable):
        inside = codes == number
        listed = inside & (y > 0) if truth else inside
        rows.append(
            {
                "outcome": outcome,
                "factor": factor,
                "value": str(values[int(number)]),
                "calls": int(inside.sum()),
                "mean": float(y[inside].mean()),
                "others": float(y[~inside].mean()),
                "difference": float(difference[number]),
                "low": float(difference[number] - half[number]),
                "high": float(difference[number] + half[number]),
                "statistic": float(statistic[number]),
                "call_ids": ids[listed].tolist(),
            }
        )
    drawn = np.empty((int(usable.sum()), draws))
    order = np.argsort(strata, kind="stable")
    for start in range(0, draws, 250):
        stop = min(start + 250, draws)
        keys = rng.random((stop - start, len(y)))[:, order] + strata[order]  # sorted, strata stay together
        shuffled = np.empty_like(keys)
        shuffled[:, order] = centred[order][np.argsort(keys, axis=1)]
        drawn[:, start:stop] = (member[usable] @ shuffled.T) / error[usable][:, None]
    return rows, list(drawn)
