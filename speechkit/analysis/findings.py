"""What several analyses of the same calls found together, so that many questions do not make one discovery by
chance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from speechkit.analysis.drivers import LEVEL


def judge(p_values: Mapping[str, float], level: float = LEVEL) -> pd.DataFrame:
    """Adjust the p-values of several questions for their number, by Holm's method.

    Each p-value must hold for its whole question already (the smallest of an adjusted table). The answer has
    question, p_value, adjusted, found, in the given order; a question whose p-value is missing was not asked
    and counts for nothing (Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6, 1979).

    >>> judge({"weekdays": 0.01, "agents": 0.04, "queues": 0.03})["adjusted"].round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    table = pd.DataFrame({"question": list(p_values), "p_value": [float(p) for p in p_values.values()]})
    asked = table["p_value"].dropna().sort_values()
    scaled = (asked * np.arange(len(asked), 0, -1)).cummax().clip(upper=1.0)
    table["adjusted"] = scaled.reindex(table.index)
    table["found"] = table["adjusted"] <= level
    return table


def smallest(table: pd.DataFrame) -> float:
    """Return the smallest `p_value` of a table; of an empty table that lists only what was found, 1; NaN for None.

    >>> smallest(pd.DataFrame({"p_value": [0.2, 0.01]})), smallest(pd.DataFrame({"p_value": []}))
    (0.01, 1.0)
    """
    return float(table["p_value"].min()) if len(table) else 1.0 if "p_value" in table else math.nan
