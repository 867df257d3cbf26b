"""The stretches of time in which each party speaks, as columns of numbers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.analysis.timed import times, who

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAX_GAP_S: Final = 0.3
"""Words of one speaker closer together than this are one stretch of speech (NIST RT-09 evaluation plan)."""


@dataclass(frozen=True)
class Spans:
    """Stretches of speech, ordered by call, party and start; those of one party do not overlap."""

    calls: list[str]
    parties: list[str]
    call: Ints  # places in calls and parties
    party: Ints
    start_s: Floats
    end_s: Floats

    def of(self, call_id: str) -> slice:
        """The rows of a call."""
        place = bisect_left(self.calls, call_id)
        if self.calls[place : place + 1] != [call_id]:
            return slice(0, 0)
        first, last = np.searchsorted(self.call, (place, place + 1))
        return slice(int(first), int(last))

    @property
    def table(self) -> pd.DataFrame:
        """The same with the columns `call_id`, `party`, `start_s` and `end_s`."""
        names = pd.Index(self.calls, dtype="str")[self.call], pd.Index(self.parties, dtype="str")[self.party]
        return pd.DataFrame(
            {"call_id": names[0], "party": names[1], "start_s": self.start_s, "end_s": self.end_s}
        )


def speech(tables: Tables, max_gap_s: float = MAX_GAP_S) -> Spans:
    """Find the stretches in which each party speaks.

    From the times of the words, joined over pauses of at most `max_gap_s`; phrases without word times count
    from their start to their end. A party is the `speaker` of a phrase, else its channel.

    >>> from speechkit.transcripts.schema import Transcript
    >>> phrases = pd.DataFrame({"call_id": "c1", "phrase_id": ["c1:1", "c1:2"], "speaker": ["a", "b"],
    ...                         "start_s": [0.0, 7.0], "end_s": [6.0, 8.0]})
    >>> words = pd.DataFrame({"call_id": "c1", "phrase_id": "c1:1", "word": list("xyz"),
    ...                       "start_s": [0.0, 0.7, 5.0], "end_s": [0.5, 1.0, 6.0]})
    >>> speech(Transcript(pd.DataFrame({"call_id": ["c1"]}), phrases, words)).table
      call_id party  start_s  end_s
    0      c1     a      0.0    1.0
    1      c1     a      5.0    6.0
    2      c1     b      7.0    8.0
    """
    phrases, words = tables.phrases, tables.words
    call, calls = pd.factorize(phrases["call_id"], sort=True)
    party, parties = pd.factorize(who(phrases), sort=True)
    row = np.arange(len(phrases))
    start, end = times(phrases)
    if len(words):
        owner = pd.Index(phrases["phrase_id"]).get_indexer(words["phrase_id"])
        said = times(words)
        timed = ~np.isnan(said[0]) & ~np.isnan(said[1]) & (owner >= 0)
        whole = ~np.isin(row, owner[timed])
        row = np.concatenate([owner[timed], row[whole]])
        start, end = (np.concatenate([t[timed], p[whole]]) for t, p in zip(said, (start, end), strict=True))
    with np.errstate(invalid="ignore"):
        kept = end > start  # not where a time is missing
    row, start, end = row[kept], start[kept], end[kept]
    group = call[row] * (len(parties) + 1) + party[row]
    order = np.lexsort((start, group))
    group, start, end, row = group[order], start[order], end[order], row[order]
    first = _opens(group, start, end, max_gap_s)
    ends = np.maximum.reduceat(end, first) if len(first) else end
    at = row[first]
    return Spans([*map(str, calls)], [*map(str, parties)], call[at], party[at], start[first], ends)


def _opens(group: Ints, start: Floats, end: Floats, max_gap_s: float) -> Ints:
    """The rows at which a stretch begins; rows stand by group and start."""
    if not len(group):
        return np.zeros(0, np.int64)
    # shifting each group beyond the one before lets a single running maximum serve them all
    shift = np.cumsum(np.append(0, np.diff(group) > 0)) * (float(end.max()) + max_gap_s + 1.0)
    reach = np.maximum.accumulate(end + shift)
    opens = np.append(True, (start + shift)[1:] - reach[:-1] > max_gap_s + 1e-9)
    return np.flatnonzero(opens)
