"""Error rates that keep their counts, so that they add up and cannot be averaged.

The mean of the rates of a long and a short call is the rate of neither: a rate of several calls is the sum of
their errors over the sum of their words. `ErrorRate` therefore carries counts, `+` and `sum()` add them, and
dividing one is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

if TYPE_CHECKING:
    import pandas as pd


class Summable:
    """What error rates have in common: they add up, and refuse what would be the mean of rates."""

    def __radd__(self, other: int) -> Self:
        """Let `sum()` begin at 0."""
        return self if other == 0 else NotImplemented

    def __truediv__(self, other: object) -> NoReturn:
        """Refuse a division, and with it the mean."""
        raise TypeError(
            f"{type(self).__name__} cannot be divided: a mean of rates is not the rate of the whole. "
            "Add them with sum(), then read .rate."
        )

    __rtruediv__ = __floordiv__ = __mul__ = __rmul__ = __truediv__


@dataclass(frozen=True, repr=False)
class ErrorRate(Summable):
    """What became of the words (or characters) of a reference.

    `total` counts those of the reference, `hits` the right ones; `total` is hits + substitutions + deletions.
    Rates add up by their counts:

    >>> calm, noisy = ErrorRate(90, 88, 1, 1, 1), ErrorRate(10, 2, 6, 2, 4)
    >>> round(calm.rate, 3), round(noisy.rate, 3), sum([calm, noisy]).rate
    (0.033, 1.2, 0.15)
    >>> sum([calm, noisy])
    ErrorRate(15.0% of 100 words: 7 substituted, 3 missing, 5 inserted)
    >>> (calm + noisy) / 2  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: ErrorRate cannot be divided: a mean of rates is not the rate of the whole...
    """

    total: int = 0
    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    unit: Literal["word", "character"] = "word"

    def __post_init__(self) -> None:
        counts = (self.hits, self.substitutions, self.deletions, self.insertions)
        if min(counts) < 0 or self.total != sum(counts[:3]):
            raise ValueError(
                f"{self.total} {self.unit}s cannot be {self.hits} right, {self.substitutions} substituted "
                f"and {self.deletions} missing."
            )

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over the words of the reference: NaN without words, above 1 where much was inserted."""
        return self.errors / self.total if self.total else math.nan

    def __add__(self, other: ErrorRate) -> ErrorRate:
        if not isinstance(other, ErrorRate):
            return NotImplemented
        if self.unit != other.unit:
            raise TypeError(f"{self.unit}s and {other.unit}s cannot be added. Add rates of one unit.")
        return ErrorRate(
            self.total + other.total,
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.unit,
        )

    def __str__(self) -> str:
        rate = f"{100 * self.rate:.1f}% of" if self.total else "no rate:"
        return (
            f"{rate} {self.total:,} {self.unit}s: {self.substitutions:,} substituted, "
            f"{self.deletions:,} missing, {self.insertions:,} inserted"
        )

    def __repr__(self) -> str:
        return f"ErrorRate({self})"


class Scores(Mapping[Any, ErrorRate]):
    """Error rates by call, channel, speaker or the like: a mapping, and a table as `.table`.

    The table has the column `by`, then `calls`, `words`, `hits`, `substitutions`, `deletions`, `insertions`,
    `errors`, `wer`, and `low` and `high`, the ends of the 95 % interval by bootstrap over calls (missing
    where a group has only one call).
    """

    def __init__(self, by: str, rates: Mapping[Any, ErrorRate], table: pd.DataFrame) -> None:
        self.by = by
        self.table = table
        self._rates: dict[Any, ErrorRate] = dict(rates)

    def __getitem__(self, key: Any) -> ErrorRate:
        return self._rates[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rates)

    def __len__(self) -> int:
        return len(self._rates)

    @property
    def total(self) -> ErrorRate:
        """The rate of all groups together."""
        whole = ErrorRate()
        for rate in self._rates.values():
            whole += rate
        return whole

    def __repr__(self) -> str:
        return "\n".join(f"{key}: {rate}" for key, rate in self._rates.items())

    def _repr_html_(self) -> str:
        shown = self.table.copy()
        for column in ("wer", "low", "high"):
            shown[column] = [f"{100 * v:.1f}%" if v == v else "" for v in shown[column]]
        return str(shown.to_html(index=False, border=0, escape=True))
