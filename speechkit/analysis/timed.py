"""The timed phrases of a transcript as columns of numbers, which is what makes thousands of calls cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


def who(table: pd.DataFrame) -> pd.Series[str]:
    """Name the party of each row: its speaker, else its channel, else `unknown`.

    This is `transcripts.parties.parties` for whole columns.

    >>> rows = pd.DataFrame({"speaker": ["1", None, None], "channel": pd.array([0, 1, None], "Int64")})
    >>> who(rows).tolist()
    ['1', 'channel 1', 'unknown']
    """
    codes, names = _labelled(table)
    return pd.Series(names, dtype="str").take(codes).set_axis(table.index)


@dataclass(frozen=True)
class Timed:
    """Phrases that have times, ordered by call and start; a phrase that ends before it starts has length 0."""

    table: pd.DataFrame
    calls: Any  # the ids of the calls that have phrases, ascending
    call: Ints  # ascending code of the call
    party: Ints  # code of (call, party), in order of first appearance
    names: Any  # party name of each such code
    first: Ints  # place of the first phrase of each such code
    start: Floats
    end: Floats
    overlaps: dict[Any, Any] = field(default_factory=dict)  # by rules, see exchange.read_overlaps

    @cached_property
    def words(self) -> Ints:
        """Spoken words of each phrase: of its lexical form, else of the display form."""
        text = self.table["lexical"]
        if "display" in self.table.columns and text.isna().any():
            text = text.fillna(self.table["display"])
        # pyarrow splits ten times as fast as str.split, which makes a Python list for each row
        trimmed = compute.utf8_trim_whitespace(compute.fill_null(pa.array(text, pa.large_string()), ""))
        pieces = np.asarray(compute.list_value_length(compute.utf8_split_whitespace(trimmed)))
        return np.where(np.asarray(compute.binary_length(trimmed)) > 0, pieces, 0).astype(np.int64)

    @cached_property
    def owner(self) -> Ints:
        """The call of each (call, party)."""
        return self.call[self.first]

    @cached_property
    def reach(self) -> Floats:
        """The furthest end so far in the call, each phrase included."""
        return reach(self.call, self.end)

    @cached_property
    def talk_s(self) -> Floats:
        """Seconds in which each (call, party) speaks; its own overlapping phrases count once."""
        order = np.argsort(self.party, kind="stable")
        own = fresh_s(self.party[order], self.start[order], self.end[order])
        talk: Floats = np.bincount(self.party[order], own, len(self.names)).astype(np.float64)
        return talk

    @cached_property
    def in_call_s(self) -> Floats:
        """Seconds in which the parties of its call speak, all together, for each (call, party)."""
        if not len(self.names):
            return self.talk_s
        together: Floats = np.bincount(self.owner, self.talk_s).astype(np.float64)
        return together[self.owner]

    @cached_property
    def others(self) -> tuple[Floats, Ints]:
        """How far speech of other parties that began earlier reaches, and the place of that phrase.

        -inf and -1 where nobody else has spoken in the call before.
        """
        size = len(self.start)
        ends, places = np.full(size, -np.inf), np.full(size, -1, np.int64)
        # the first, second, ... party of each call: one pass over the rows for each, seldom more than two
        rank = np.arange(len(self.names)) - np.searchsorted(self.owner, self.owner) if size else self.party
        crowd = np.bincount(self.owner, minlength=len(self.calls))[self.call] if size else self.call
        own = rank[self.party] if size else rank
        for k in range(int(crowd.max(initial=0))):
            rows = np.flatnonzero(crowd > k) if k > 1 else np.arange(size)
            call, mine = self.call[rows], own[rows] == k
            far = reach(call, np.where(mine, self.end[rows], -1.0))
            at = np.maximum.accumulate(np.where(mine & (self.end[rows] >= far - 1e-6), rows, -1))
            spoke = (call[1:] == call[:-1]) & ~mine[1:] & (far[:-1] >= 0)
            later = 1 + np.flatnonzero(spoke & (far[:-1] > ends[rows[1:]]))
            ends[rows[later]], places[rows[later]] = far[later - 1], at[later - 1]
        return ends, places

    def per_party(self, rows: Ints) -> Ints:
        """How many of these phrases each (call, party) has."""
        return np.bincount(self.party[rows], minlength=len(self.names))


@dataclass(frozen=True)
class Once:
    """The tables of a transcript for several analyses in a row, which read its phrases once for all of them."""

    calls: pd.DataFrame
    phrases: pd.DataFrame
    words: pd.DataFrame

    @cached_property
    def timed(self) -> Timed:
        """Its timed phrases."""
        return read_timed(self.phrases)


def once(transcript: Tables) -> Once:
    """Take the tables of a transcript."""
    return Once(transcript.calls, transcript.phrases, transcript.words)


def timed_of(transcript: Tables) -> Timed:
    """The timed phrases of a transcript, read now or, of `Once`, read before."""
    return transcript.timed if isinstance(transcript, Once) else read_timed(transcript.phrases)


def read_timed(phrases: pd.DataFrame) -> Timed:
    """Read the phrases that have a start and an end."""
    start, end = times(phrases)
    table, kept = phrases, ~(np.isnan(start) | np.isnan(end))
    if not kept.all():
        table, start, end = phrases[kept], start[kept], end[kept]
    call, calls = pd.factorize(table["call_id"])
    order = np.asarray(calls.argsort(kind="stable"))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    call, calls = rank[call], calls[order]
    ahead = (np.diff(call) > 0) | ((np.diff(call) == 0) & (np.diff(start) >= 0))
    if not ahead.all():
        order = np.lexsort((start, call))
        table, call, start, end = table.iloc[order], call[order], start[order], end[order]
    labelled, names = _labelled(table)
    # both codes in one number, so that one pass numbers the pairs in the order in which they appear
    party, pairs = pd.factorize(call * (len(names) + 1) + labelled)
    found = np.maximum.accumulate(np.append(-1, party))
    return Timed(
        table=table,
        calls=calls,
        call=call,
        party=party.astype(np.int64),
        names=np.asarray(names, dtype=object)[np.asarray(pairs) % (len(names) + 1)],
        first=np.flatnonzero(found[1:] > found[:-1]),
        start=start,
        end=np.maximum(end, start),
    )


def times(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """The starts and the ends of phrases or words, NaN where one is missing."""
    start, end = (table[name].to_numpy(np.float64, na_value=np.nan) for name in ("start_s", "end_s"))
    return start, end


def reach(group: Ints, end: Floats) -> Floats:
    """The furthest end so far within each group; rows stand in order of group, and groups ascend."""
    if not len(end):
        return end
    # shifting each group beyond the one before lets a single running maximum serve them all
    shift = group * (float(end.max()) + 2.0)
    furthest: Floats = np.maximum.accumulate(end + shift) - shift
    return np.round(furthest, 9)  # adding and taking off the shift costs the last digits


def fresh_s(group: Ints, start: Floats, end: Floats) -> Floats:
    """Seconds of each span that no earlier span of its group has covered."""
    if not len(end):
        return end
    before = np.append(-np.inf, reach(group, end)[:-1])
    before[np.append(True, group[1:] != group[:-1])] = -np.inf
    fresh: Floats = np.clip(end - np.maximum(start, before), 0.0, None)
    return fresh


def ratio(part: Any, whole: Any) -> Floats:
    """Divide two columns, and answer NaN where there is nothing to divide by."""
    answer = np.full(len(part), np.nan)
    np.divide(part, whole, out=answer, where=np.asarray(whole) > 0)
    return answer


def _labelled(table: pd.DataFrame) -> tuple[Ints, list[str]]:
    """The party of each row as a number, and what the numbers mean; strings are touched once each."""
    spoken, names = pd.factorize(table["speaker"])
    channel, channels = pd.factorize(table["channel"])
    codes = np.where(spoken >= 0, spoken, len(names) + np.where(channel >= 0, channel, len(channels)))
    labels = [*map(str, names), *(f"channel {number}" for number in channels), UNKNOWN]
    same, unique = pd.factorize(np.array(labels, dtype=object))  # a speaker may be called `channel 0`
    return same[codes].astype(np.int64), list(unique)
