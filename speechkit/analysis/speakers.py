"""Who speaks when, how long, how fast, and where nobody speaks.

Every function takes a transcript (anything with the `calls` and `phrases` tables of `transcripts.schema`) and
answers a table. Times are seconds from the start of the recording; the work is done on whole columns, so that
thousands of calls cost a fraction of a second.

Who spoke: the `speaker` of a phrase where there is one (diarization), else `channel N` (each party on a
channel of its own), else `unknown`. A role, such as agent, is a guess that nothing here makes on its own: see
`roles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from speechkit.transcripts.parties import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAX_GAP_S = 2.0
"""A pause longer than this ends a turn: within it, a speaker is taken to think or to breathe, not to have
finished."""

MIN_SILENCE_S = 3.0
"""A silence shorter than this is the rhythm of talk; longer ones are what callers notice."""


class Tables(Protocol):
    """What an analysis reads of a transcript."""

    @property
    def calls(self) -> pd.DataFrame: ...
    @property
    def phrases(self) -> pd.DataFrame: ...
    @property
    def words(self) -> pd.DataFrame: ...


def who(table: pd.DataFrame) -> pd.Series[str]:
    """Name the party of each row: its speaker, else its channel, else `unknown`.

    This is `transcripts.parties.parties` for whole columns.

    >>> rows = pd.DataFrame({"speaker": ["1", None, None], "channel": pd.array([0, 1, None], "Int64")})
    >>> who(rows).tolist()
    ['1', 'channel 1', 'unknown']
    """
    channel = "channel " + table["channel"].astype("str")
    return table["speaker"].fillna(channel.where(table["channel"].notna(), UNKNOWN)).astype("str")


def roles(transcript: Tables, agent_channel: int | None = 0) -> pd.DataFrame:
    """Tell agent from customer where the telephone system put them on channels of their own.

    The answer has `call_id`, `party` (as `who` names it) and `role` (`agent`, `customer`, or missing). A call
    with two channels or more has its agent on `agent_channel`; where all the parties share one channel, or
    `agent_channel` is None, no role can be known from it and it stays missing.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({"call_id": ["a", "a", "b"], "speaker": [None, None, "1"],
    ...                         "channel": [0, 1, 0]})
    >>> roles(T(phrases=phrases, calls=pd.DataFrame({"call_id": ["a", "b"], "channels": [2, 1]})))
      call_id      party      role
    0       a  channel 0     agent
    1       a  channel 1  customer
    2       b          1       NaN
    """
    phrases = transcript.phrases
    found = phrases[["call_id", "channel"]].assign(party=who(phrases))
    found = found.drop_duplicates(["call_id", "party"])
    channels = found["call_id"].map(transcript.calls.set_index("call_id")["channels"])
    apart = (
        (channels >= 2).fillna(False).astype(bool) & found["channel"].notna() & (agent_channel is not None)
    )
    is_agent = (found["channel"] == agent_channel).fillna(False).astype(bool)
    role = pd.Series("customer", index=found.index, dtype="str").mask(is_agent, "agent")
    role = role.where(apart & (agent_channel is not None))
    answer = found[["call_id", "party"]].assign(role=role)
    return answer.sort_values(["call_id", "party"], ignore_index=True)


def turns(transcript: Tables, max_gap_s: float = MAX_GAP_S) -> pd.DataFrame:
    """Join the phrases of each call into turns.

    A turn is a run of phrases of one party, in order of their start, that no phrase of another party
    interrupts and in which no pause is longer than `max_gap_s` seconds. A short "yes" of the listener
    therefore ends a turn: to join across it would be to decide that it was not a claim to the floor.

    The answer is in time order, with `call_id`, `turn` (1, 2, ... in its call), `party`, `channel`,
    `start_s`, `end_s`, `duration_s`, `phrases`, `words` and `phrase_id` (of the first phrase).

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002", "a:0003"], "speaker": ["1", "1", "2"],
    ...     "channel": 0, "start_s": [0.0, 2.5, 5.0], "end_s": [2.0, 4.0, 6.0],
    ...     "lexical": ["good morning", "how are you", "fine"]})
    >>> turns(T(phrases=phrases))[["turn", "party", "start_s", "end_s", "words"]]
       turn party  start_s  end_s  words
    0     1     1      0.0    4.0      5
    1     2     2      5.0    6.0      1
    """
    return _turns(_spans(transcript.phrases), max_gap_s)


def _turns(spans: _Spans, max_gap_s: float) -> pd.DataFrame:
    table, count = spans.table, len(spans.table)
    opens, words = np.ones(count, dtype=bool), _word_count(table)
    if count:
        reach = _reach(spans.call, spans.end)  # a long phrase may outlast the shorter ones that follow it
        opens[1:] = (spans.party[1:] != spans.party[:-1]) | (spans.start[1:] - reach[:-1] > max_gap_s)
    first = np.flatnonzero(opens)
    last = np.append(first[1:], count) if count else first
    call = spans.call[first]
    number = np.arange(len(first)) - np.searchsorted(call, call) + 1
    end = np.maximum.reduceat(spans.end, first) if count else spans.end
    head = table.iloc[first]
    return pd.DataFrame(
        {
            "call_id": head["call_id"].to_numpy(),
            "turn": number,
            "party": spans.names[spans.party[first]] if count else np.array([], dtype=str),
            "channel": head["channel"].to_numpy(),
            "start_s": spans.start[first],
            "end_s": end,
            "duration_s": end - spans.start[first],
            "phrases": last - first,
            "words": np.add.reduceat(words, first) if count else words,
            "phrase_id": head["phrase_id"].to_numpy(),
        }
    ).astype({"call_id": "str", "party": "str", "phrase_id": "str", "channel": "Int64"})


def talk(transcript: Tables, max_gap_s: float = MAX_GAP_S) -> pd.DataFrame:
    """Measure each party of each call: how much it speaks, how fast, and its longest monologue.

    The answer has one row a call and party: `call_id`, `party`, `channel`, `turns`, `words`, `talk_s`
    (seconds in which it speaks; its own overlapping phrases count once), `talk_share` (of the speech of all
    parties, 0 to 1), `listen_ratio` (seconds in which the others speak for each second it speaks),
    `words_per_minute` (of its own speaking time), `longest_turn_s` and `longest_turn_start_s`. What cannot be
    divided is missing.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"], "channel": 0,
    ...     "start_s": [0.0, 3.5], "end_s": [3.0, 4.5],
    ...     "lexical": ["good morning how are you today", "fine"]})
    >>> columns = ["party", "talk_s", "talk_share", "listen_ratio", "words_per_minute"]
    >>> talk(T(phrases=phrases))[columns].round(2)
      party  talk_s  talk_share  listen_ratio  words_per_minute
    0     1     3.0        0.75          0.33             120.0
    1     2     1.0        0.25          3.00              60.0
    """
    return _talk(_spans(transcript.phrases), max_gap_s)


def _talk(spans: _Spans, max_gap_s: float) -> pd.DataFrame:
    turn = _turns(spans, max_gap_s)
    size = len(spans.names)
    first = spans.first
    head = spans.table.iloc[first]
    talk_s = _talk_s(spans)
    words = np.bincount(spans.party, _word_count(spans.table), size)
    call = spans.call[first]
    in_call = np.bincount(call, talk_s)[call] if size else talk_s
    keys = ["call_id", "party"]
    longest = turn.sort_values("duration_s", ascending=False, kind="stable").drop_duplicates(keys)
    longest = longest[[*keys, "duration_s", "start_s"]]
    longest.columns = pd.Index([*keys, "longest_turn_s", "longest_turn_start_s"])
    answer = pd.DataFrame(
        {
            "call_id": head["call_id"].to_numpy(),
            "party": spans.names,
            "channel": head["channel"].to_numpy(),
            "turns": 0,
            "words": words.astype(np.int64),
            "talk_s": talk_s,
            "talk_share": _ratio(talk_s, in_call),
            "listen_ratio": _ratio(in_call - talk_s, talk_s),
            "words_per_minute": _ratio(60.0 * words, talk_s),
        }
    ).astype({"call_id": "str", "party": "str", "channel": "Int64"})
    answer["turns"] = answer[keys].merge(turn.groupby(keys).size().rename("n").reset_index(), how="left")["n"]
    answer = answer.merge(longest, on=keys, how="left")
    return answer.sort_values(keys, ignore_index=True)


def silences(transcript: Tables, min_s: float = MIN_SILENCE_S) -> pd.DataFrame:
    """Find the places where nobody speaks for `min_s` seconds or longer.

    The answer has `call_id`, `start_s`, `end_s`, `duration_s`, `place` (`start`: before the first word,
    `middle`, `end`: after the last one, `all`: the recording has no speech), `before` and `after` (the party
    that spoke last and next) and `phrase_id` (of the phrase that breaks the silence). A silence is what the
    recognizer heard no words in: hold music and tones count as silence.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"], "channel": 0,
    ...     "start_s": [0.5, 20.0], "end_s": [3.0, 22.0], "lexical": ["please hold", "thank you"]})
    >>> calls = pd.DataFrame({"call_id": ["a"], "duration_s": [23.0]})
    >>> silences(T(phrases=phrases, calls=calls))[["start_s", "end_s", "place", "before", "after"]]
       start_s  end_s   place before after
    0      3.0   20.0  middle      1     2
    """
    spans = _spans(transcript.phrases)
    calls = transcript.calls
    heard, number = spans.table, len(spans.table)
    ids = heard["call_id"].to_numpy()
    names = spans.names[spans.party] if number else np.array([], dtype=object)
    phrase_ids = heard["phrase_id"].to_numpy()
    opens = np.ones(number, dtype=bool)
    opens[1:] = spans.call[1:] != spans.call[:-1]
    reach = _reach(spans.call, spans.end)
    # before each phrase: from the furthest end so far of its call (or from 0) to its start
    begin = np.where(opens, 0.0, np.append(0.0, reach[:-1])[:number])
    inner = pd.DataFrame(
        {
            "call_id": ids,
            "start_s": begin,
            "end_s": spans.start,
            "place": np.where(opens, "start", "middle"),
            "before": _last_party(spans, names, opens),
            "after": names,
            "phrase_id": phrase_ids,
        }
    )
    closes = np.flatnonzero(np.append(opens[1:], True)[:number])
    tail = pd.DataFrame({"call_id": ids[closes], "start_s": reach[closes], "before": names[closes]})
    tail["end_s"] = tail["call_id"].map(calls.set_index("call_id")["duration_s"])
    dumb = calls.loc[~calls["call_id"].isin(heard["call_id"].unique()), ["call_id", "duration_s"]]
    whole = pd.DataFrame({"call_id": dumb["call_id"], "start_s": 0.0, "end_s": dumb["duration_s"]})
    rows = pd.concat([inner, tail.assign(place="end"), whole.assign(place="all")], ignore_index=True)
    rows["duration_s"] = rows["end_s"] - rows["start_s"]
    rows = rows[rows["duration_s"] >= min_s].sort_values(["call_id", "start_s"], ignore_index=True)
    text = dict.fromkeys(("call_id", "place", "before", "after", "phrase_id"), "str")
    columns = ["call_id", "start_s", "end_s", "duration_s", "place", "before", "after", "phrase_id"]
    return rows[columns].astype(text)


def overview(transcript: Tables) -> pd.DataFrame:
    """Measure each call as a whole, also the ones in which nobody speaks.

    The answer has one row a call: `call_id`, `duration_s`, `parties`, `phrases`, `words`, `speech_s` (seconds
    in which at least one party speaks), `overlap_s` (seconds that two parties share, counted once for each
    party beyond the first), `silence_s` and `silence_share` (of the duration, 0 to 1), and `words_per_minute`
    of speaking time.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"], "channel": 0,
    ...     "start_s": [0.0, 2.0], "end_s": [3.0, 5.0], "lexical": ["how are you", "i am fine"]})
    >>> calls = pd.DataFrame({"call_id": ["a", "b"], "duration_s": [10.0, 4.0]})
    >>> overview(T(phrases=phrases, calls=calls))[["call_id", "speech_s", "overlap_s", "silence_share"]]
      call_id  speech_s  overlap_s  silence_share
    0       a       5.0        1.0            0.5
    1       b       0.0        0.0            1.0
    """
    spans = _spans(transcript.phrases)
    size, call = len(spans.calls), spans.call
    last_s = np.zeros(size)
    np.maximum.at(last_s, call, spans.end)
    heard = pd.DataFrame(
        {
            "call_id": spans.calls,
            "parties": np.bincount(call[spans.first], minlength=size),
            "talk_s": np.bincount(call[spans.first], _talk_s(spans), size),
            "phrases": np.bincount(call, minlength=size),
            "words": np.bincount(call, _word_count(spans.table), size),
            "speech_s": np.bincount(call, _fresh_s(call, spans.start, spans.end), size),
            "last_s": last_s,
        }
    ).astype({"call_id": "str"})
    answer = transcript.calls[["call_id", "duration_s"]].merge(heard, on="call_id", how="left")
    answer = answer.sort_values("call_id", ignore_index=True)
    # a result without a duration lasts, as far as can be known, until its last word
    answer["duration_s"] = answer["duration_s"].fillna(answer["last_s"])
    counted = ["parties", "phrases", "words", "talk_s", "speech_s"]
    answer[counted] = answer[counted].fillna(0)
    answer["overlap_s"] = (answer["talk_s"] - answer["speech_s"]).clip(lower=0.0)
    answer["silence_s"] = (answer["duration_s"] - answer["speech_s"]).clip(lower=0.0)
    answer["silence_share"] = _ratio(answer["silence_s"].to_numpy(), answer["duration_s"].to_numpy())
    answer["words_per_minute"] = _ratio(60.0 * answer["words"].to_numpy(), answer["talk_s"].to_numpy())
    columns = ["call_id", "duration_s", "parties", "phrases", "words", "speech_s", "overlap_s", "silence_s"]
    whole = dict.fromkeys(("parties", "phrases", "words"), "int64")
    return answer[[*columns, "silence_share", "words_per_minute"]].astype(whole)


@dataclass(frozen=True)
class _Spans:
    """The timed phrases of a transcript as columns of numbers, ordered by call and start."""

    table: pd.DataFrame
    calls: Any  # the ids of the calls that have phrases, ascending
    call: Ints  # ascending code of the call
    party: Ints  # code of (call, party), in order of first appearance
    names: Any  # party name of each such code
    first: Ints  # place of the first phrase of each such code
    start: Floats
    end: Floats


def _spans(phrases: pd.DataFrame) -> _Spans:
    table = phrases[phrases["start_s"].notna() & phrases["end_s"].notna()]
    call, calls = pd.factorize(table["call_id"], sort=True)
    start = table["start_s"].to_numpy(dtype=np.float64)
    order = np.lexsort((start, call))
    if not np.array_equal(order, np.arange(len(order))):
        table, call, start = table.iloc[order], call[order], start[order]
    named, names = pd.factorize(who(table))
    # both codes in one number, so that one pass numbers the pairs in the order in which they appear
    pair = call.astype(np.int64) * (len(names) + 1) + named
    party, pairs = pd.factorize(pair)
    end = np.maximum(table["end_s"].to_numpy(dtype=np.float64), start)
    return _Spans(
        table=table,
        calls=calls,
        call=call.astype(np.int64),
        party=party.astype(np.int64),
        names=np.asarray(names, dtype=object)[pairs % (len(names) + 1)],
        first=np.flatnonzero(~pd.Series(pair).duplicated()),
        start=start,
        end=end,
    )


def _word_count(phrases: pd.DataFrame) -> Ints:
    """Spoken words of each phrase: of its lexical form, else of the display form."""
    text = phrases["lexical"]
    if "display" in phrases.columns:
        text = text.fillna(phrases["display"])
    # pyarrow splits ten times as fast as str.split, which makes a Python list for each row
    trimmed = compute.utf8_trim_whitespace(pa.array(text.fillna("")))
    pieces = compute.list_value_length(compute.utf8_split_whitespace(trimmed))
    return np.where(np.asarray(compute.utf8_length(trimmed)) > 0, np.asarray(pieces), 0).astype(np.int64)


def _reach(group: Ints, end: Floats) -> Floats:
    """The furthest end so far within each group; rows stand in order of group, and groups ascend."""
    if not len(end):
        return end
    # shifting each group beyond the one before lets a single running maximum serve them all
    shift = group * (float(end.max()) + 1.0)
    reach: Floats = np.maximum.accumulate(end + shift) - shift
    return reach


def _fresh_s(group: Ints, start: Floats, end: Floats) -> Floats:
    """Seconds of each span that no earlier span of its group has covered."""
    if not len(end):
        return end
    before = np.append(-np.inf, _reach(group, end)[:-1])
    before[np.append(True, group[1:] != group[:-1])] = -np.inf
    fresh: Floats = np.clip(end - np.maximum(start, before), 0.0, None)
    return fresh


def _talk_s(spans: _Spans) -> Floats:
    """Seconds in which each party speaks; its own overlapping phrases count once."""
    order = np.lexsort((spans.start, spans.party))
    own = _fresh_s(spans.party[order], spans.start[order], spans.end[order])
    talk_s: Floats = np.bincount(spans.party[order], own, len(spans.names)).astype(np.float64)
    return talk_s


def _last_party(spans: _Spans, names: Any, opens: NDArray[np.bool_]) -> pd.Series[str]:
    """The party whose phrase reaches furthest before each phrase; missing before the first of a call."""
    reach = _reach(spans.call, spans.end)
    holds = pd.Series(names, dtype="str").where(np.isclose(spans.end, reach)).ffill()
    return holds.shift(1).mask(opens)


def _ratio(part: Any, whole: Any) -> Floats:
    """Divide two columns, and answer NaN where there is nothing to divide by."""
    answer = np.full(len(part), np.nan)
    np.divide(part, whole, out=answer, where=np.asarray(whole) > 0)
    return answer
