"""How far a rate may be off, and whether two systems differ: intervals and paired tests.

Calls are what is drawn: words of one call share a speaker, a line and a topic, so they are not independent.

- Intervals: percentile bootstrap over calls, and over the same calls for both systems where two are compared
  (Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP 2004).
- Randomization test over calls: the systems are exchanged in some calls; `p_value` is the share of exchanges
  that differ at least as much (Noreen, Computer-intensive methods for testing hypotheses, 1989).
- Matched pairs over segments, which tells more from few calls (Gillick and Cox, Some statistical issues in
  the comparison of speech recognition algorithms, ICASSP 1989; known as MAPSSWE in the NIST toolkit).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES: Final = 2000
LEVEL: Final = 0.95
SEED: Final = 20_261_121
MOST_EXACT_CALLS: Final = 14
"""Up to so many calls every exchange is tried: 16,384 of them; beyond, as many are drawn."""

_CHUNK: Final = 250

BUFFER: Final = 2
"""Words that both systems have right, one after another, before errors count as independent."""


@dataclass(frozen=True)
class Interval:
    """The interval of a rate at `level`, from `calls` calls; its ends are NaN for fewer than two."""

    low: float
    high: float
    calls: int
    level: float = LEVEL

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"no interval: that takes two calls or more, and {self.calls} can be scored"
        share = f"{100 * self.level:.0f}% interval, {self.calls} calls"
        return f"{100 * self.low:.1f}% to {100 * self.high:.1f}% ({share})"


def interval(
    errors: Sequence[float],
    totals: Sequence[float],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Return the bootstrap interval of the rate of calls with these errors and words.

    >>> print(interval([3, 9, 4, 12, 6], [100, 150, 90, 160, 120]))
    4.0% to 6.8% (95% interval, 5 calls)
    """
    return _interval(np.asarray(errors, np.float64), totals, level, resamples, seed)


def difference(
    first: Sequence[float],
    second: Sequence[float],
    totals: Sequence[float],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Return the paired bootstrap interval of the second rate minus the first, over the same calls."""
    change = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    return _interval(change, totals, level, resamples, seed)


def exchange_test(first: Sequence[float], second: Sequence[float], *, seed: int = SEED) -> float:
    """Return the p-value of the randomization test on the errors of two systems in the same calls.

    Exact up to `MOST_EXACT_CALLS` calls in which they differ. NaN without calls.

    >>> exchange_test([5, 4, 6, 3, 5, 4], [9, 7, 8, 6, 9, 8])  # 2 of the 64 exchanges
    0.03125
    """
    change = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    if not len(change):
        return math.nan
    change = change[change != 0]  # to exchange equal counts changes nothing
    size = len(change)
    observed = abs(change.sum()) - 1e-9
    if size <= MOST_EXACT_CALLS:
        signs = 1 - 2 * ((np.arange(2**size)[:, None] >> np.arange(size)) & 1)
        return float(np.mean(np.abs(signs @ change) >= observed))
    draws = 2**MOST_EXACT_CALLS
    signs = 1 - 2 * np.random.default_rng(seed).integers(0, 2, (draws, size), np.int8)
    as_far = int(np.sum(np.abs(signs @ change) >= observed))
    return (as_far + 1) / (draws + 1)  # the observed one is one of the exchanges


@dataclass(frozen=True)
class MatchedPairs:
    """The matched pairs test: segments, the mean difference of their errors, z, and its two-sided p-value."""

    segments: int
    mean: float
    z: float
    p_value: float


def matched_pairs(
    first: Sequence[float], second: Sequence[float], starts: Sequence[bool], *, buffer: int = BUFFER
) -> MatchedPairs:
    """Test whether two systems make as many errors a segment.

    `first` and `second` are the errors at each word of the reference, `starts` says where a text begins. A
    segment is what lies between two rows of at least `buffer` words that both have right. z is the mean
    difference over its standard error; by Gillick and Cox it is normal for many segments (50 or so).

    >>> matched_pairs([0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 2, 0], [True] + 7 * [False]).segments
    2
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    size = len(one)
    wrong = np.flatnonzero((one > 0) | (two > 0))
    if not len(wrong):
        return MatchedPairs(0, 0.0, math.nan, math.nan)
    text = np.cumsum(np.asarray(starts, bool)) if size else np.zeros(0)
    parted = (np.diff(wrong) > buffer) | (text[wrong[1:]] != text[wrong[:-1]])
    segment = np.append(0, np.cumsum(parted))
    change = np.bincount(segment, (two - one)[wrong])
    count = len(change)
    mean = float(change.mean())
    spread = float(change.std(ddof=1)) if count > 1 else math.nan
    if count < 2 or not spread:
        return MatchedPairs(count, mean, math.nan, math.nan)
    z = mean / (spread / math.sqrt(count))
    return MatchedPairs(count, mean, z, math.erfc(abs(z) / math.sqrt(2)))


def _interval(part: Floats, totals: Sequence[float], level: float, resamples: int, seed: int) -> Interval:
    """Resample calls and take the quantiles of sum(part) / sum(totals)."""
    whole = np.asarray(totals, np.float64)
    calls = len(whole)
    if calls < 2 or not whole.sum():
        return Interval(math.nan, math.nan, calls, level)
    both = np.stack([part, whole], axis=1)
    draw = np.random.default_rng(seed)
    rates = np.full(resamples, np.nan)
    for start in range(0, resamples, _CHUNK):  # the table of draws stays small
        size = min(_CHUNK, resamples - start)
        drawn = draw.multinomial(calls, np.full(calls, 1 / calls), size)  # how often each call is taken
        top, bottom = (drawn.astype(np.float64) @ both).T
        np.divide(top, bottom, out=rates[start : start + size], where=bottom > 0)
    low, high = np.nanquantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), calls, level)
