"""Two ways to transcribe the same calls: how much they differ in accuracy, and whether that is chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from speechkit.analysis.guards import some
from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.significance import (
    Interval,
    MatchedPairs,
    difference,
    exchange_test,
    matched_pairs,
)
from speechkit.errors import TranscriptError

if TYPE_CHECKING:
    from speechkit.analysis.accuracy import Accuracy

SIGNIFICANT: Final = 0.05
"""A p-value under it is called significant."""


@dataclass(frozen=True)
class Comparison:
    """The second way against the first: `difference` is its rate minus that of the first.

    `interval` is that of the difference (paired bootstrap over calls), `p_value` of the randomization test
    over calls, `segments` the matched pairs test over segments of calls (see `analysis.significance`).
    """

    first: ErrorRate
    second: ErrorRate
    interval: Interval
    p_value: float
    segments: MatchedPairs

    @property
    def difference(self) -> float:
        """The rate of the second minus that of the first: positive where the second errs more."""
        return self.second.rate - self.first.rate

    @property
    def significant(self) -> bool:
        """Whether the calls tell the two apart: the randomization test says so."""
        return self.p_value < SIGNIFICANT

    def __str__(self) -> str:
        points = 100 * self.difference
        more = f"{abs(points):.1f} points {'more' if points > 0 else 'fewer'} errors"
        verdict = "significant" if self.significant else "not significant"
        return (
            f"{more} ({100 * self.first.rate:.1f}% and {100 * self.second.rate:.1f}%); "
            f"difference {self.interval}; p = {self.p_value:.3f}: {verdict}"
        )


def compare(first: Accuracy, second: Accuracy) -> Comparison:
    """Compare two transcripts of the same calls, scored against the same reference by the same rules.

    Raises TranscriptError where calls, rules or the words of the reference differ.
    """
    ours, theirs = (set(a.calls["call_id"]) for a in (first, second))
    if ours != theirs:
        raise TranscriptError(
            f"only one of the two was scored for {some(ours ^ theirs)}. Filter both to the same calls first."
        )
    if first.rules != second.rules or first.channels != second.channels:
        raise TranscriptError("the two were scored by different rules. Score both with the same.")
    tables = [a.by("call_id").table for a in (first, second)]
    errors = [table["errors"].tolist() for table in tables]
    words = [table["words"].tolist() for table in tables]
    if words[0] != words[1]:
        call_id = next(str(name) for name, a, b in zip(tables[0]["call_id"], *words, strict=True) if a != b)
        raise TranscriptError(
            f"{call_id}: the two were scored against different references. Take the same one."
        )
    by_word = [a.rows.errors_by_word() for a in (first, second)]
    return Comparison(
        first.total,
        second.total,
        difference(errors[0], errors[1], words[0]),
        exchange_test(errors[0], errors[1]),
        matched_pairs(np.asarray(by_word[0][0]).tolist(), by_word[1][0].tolist(), by_word[0][1].tolist()),
    )
