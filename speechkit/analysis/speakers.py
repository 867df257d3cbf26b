"""Who speaks how long, how fast, and where nobody speaks.

Every function takes a transcript (anything with the `calls` and `phrases` tables of `transcripts.schema`) and
answers a table. Times are seconds from the start of the recording; the work is done on whole columns, so that
thousands of calls cost a fraction of a second.

Who spoke: the `speaker` of a phrase where there is one (diarization), else `channel N` (each party on a
channel of its own), else `unknown`. Who of them is the agent is told in `roles`, how they take turns in
`exchange`, what cannot be trusted in `diagnostics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pandas as pd

from speechkit.analysis.exchange import (
    BACK_CHANNEL,
    INTERRUPTION,
    RULES,
    Rules,
    read_overlaps,
    read_runs,
)
from speechkit.analysis.timed import fresh_s, ratio, timed_of
from speechkit.analysis.timed import who as who

if TYPE_CHECKING:
    from speechkit.analysis.timed import Bools, Timed

MIN_SILENCE_S: Final = 3.0
"""A silence shorter than this is the rhythm of talk; longer ones are what callers notice."""


class Tables(Protocol):
    """What an analysis reads of a transcript."""

    @property
    def calls(self) -> pd.DataFrame: ...
    @property
    def phrases(self) -> pd.DataFrame: ...
    @property
    def words(self) -> pd.DataFrame: ...


def talk(transcript: Tables, rules: Rules = RULES) -> pd.DataFrame:
    """Measure each party of each call: how much it speaks, how fast, and how it takes turns.

    The answer has one row a call and party: `call_id`, `party`, `channel`, `turns`, `words`, `talk_s`
    (seconds in which it speaks; its own overlapping phrases count once), `talk_share` (of the speech of all
    parties, 0 to 1), `listen_ratio` (seconds in which the others speak for each second it speaks),
    `words_per_minute` (of its own speaking time), `response_s` (the median of its turns), `interruptions` and
    `back_channels` (that it makes), `longest_turn_s` and `longest_turn_start_s`. What cannot be divided is
    missing. `exchange.Rules` says what a turn, a response and an interruption are.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"], "channel": 0,
    ...     "start_s": [0.0, 3.5], "end_s": [3.0, 4.5],
    ...     "lexical": ["good morning how are you today", "fine"]})
    >>> columns = ["party", "talk_s", "talk_share", "listen_ratio", "words_per_minute", "response_s"]
    >>> talk(T(phrases=phrases))[columns].round(2)
      party  talk_s  talk_share  listen_ratio  words_per_minute  response_s
    0     1     3.0        0.75          0.33             120.0         NaN
    1     2     1.0        0.25          3.00              60.0         0.5
    """
    timed = timed_of(transcript)
    runs, size = read_runs(timed, rules), len(timed.names)
    talk_s, party = timed.talk_s, timed.party[runs.first]
    words = np.bincount(timed.party, timed.words, size)
    long_s = runs.end - timed.start[runs.first]
    # the last of a party in this order is its longest turn, the earliest of several
    order = np.lexsort((-timed.start[runs.first], long_s, party))
    last = np.flatnonzero(np.append(np.diff(party[order]) > 0, True)[: len(order)])
    longest = np.full((2, size), np.nan)
    longest[:, party[order][last]] = long_s[order][last], timed.start[runs.first][order][last]
    kinds = _kinds(timed, rules)
    rows = np.lexsort((timed.names.astype(str), timed.owner))
    first = timed.first[rows]
    measured = {
        "turns": np.bincount(party, minlength=size),
        "words": words.astype(np.int64),
        "talk_s": talk_s,
        "talk_share": ratio(talk_s, timed.in_call_s),
        "listen_ratio": ratio(timed.in_call_s - talk_s, talk_s),
        "words_per_minute": ratio(60.0 * words, talk_s),
        "response_s": _medians(runs.response, party, size),
        "interruptions": kinds[INTERRUPTION],
        "back_channels": kinds[BACK_CHANNEL],
        "longest_turn_s": longest[0],
        "longest_turn_start_s": longest[1],
    }
    return pd.DataFrame(
        {
            "call_id": timed.table["call_id"].array.take(first),
            "party": pd.array(timed.names[rows], dtype="str"),
            "channel": pd.array(timed.table["channel"].array.take(first), dtype="Int64"),
            **{name: values[rows] for name, values in measured.items()},
        }
    )


def _kinds(timed: Timed, rules: Rules) -> dict[str, Any]:
    """How many interruptions and back-channels each (call, party) makes."""
    rows, kind = read_overlaps(timed, rules)
    return {name: timed.per_party(rows[kind == name]) for name in (INTERRUPTION, BACK_CHANNEL)}


def _medians(values: Any, group: Any, size: int) -> Any:
    """The median of the values that each group has; missing where it has none."""
    known = ~np.isnan(values)
    values, group = values[known], group[known]
    order = np.lexsort((values, group))
    values, count = values[order], np.bincount(group, minlength=size)
    begin = np.cumsum(count) - count
    answer, some = np.full(size, np.nan), count > 0
    low, high = begin + (count - 1) // 2, begin + count // 2
    answer[some] = (values[low[some]] + values[high[some]]) / 2
    return answer


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
    timed, calls = timed_of(transcript), transcript.calls
    number = len(timed.start)
    opens = np.ones(number, dtype=bool)
    opens[1:] = timed.call[1:] != timed.call[:-1]
    # before each phrase: from the furthest end so far of its call (or from 0) to its start
    begin = np.where(opens, 0.0, np.append(0.0, timed.reach[:-1])[:number])
    long = np.flatnonzero(timed.start - begin >= min_s)
    closes = np.flatnonzero(np.append(opens[1:], True)[:number])
    last = timed.party[_holder(timed, opens)]
    ids = pd.Index(calls["call_id"])
    ids = ids.append(timed.calls[ids.get_indexer(timed.calls) < 0])  # of phrases whose call is not in calls
    lasts_s = np.full(len(ids), np.nan)
    lasts_s[: len(calls)] = calls["duration_s"].to_numpy(np.float64, na_value=np.nan)
    heard = ids.get_indexer(timed.calls)
    dumb = np.setdiff1d(np.arange(len(ids)), heard)
    # columns of places in other columns, -1 where there is nothing: inner silences, those at ends, silent calls
    nobody = np.full(len(dumb), -1)
    call = np.concatenate([heard[timed.call[long]], heard[timed.call[closes]], dumb])
    place = np.concatenate([np.where(opens[long], 0, 1), np.full(len(closes), 2), np.full(len(dumb), 3)])
    before = np.concatenate([np.where(opens[long], -1, last[long - 1]), last[closes], nobody])
    after = np.concatenate([timed.party[long], np.full(len(closes), -1), nobody])
    phrase = np.concatenate([long, np.full(len(closes), -1), nobody])
    start_s = np.concatenate([begin[long], timed.reach[closes], np.zeros(len(dumb))])
    end_s = np.concatenate([timed.start[long], lasts_s[call[len(long) :]]])
    rank = np.empty(len(ids), np.int64)
    rank[ids.argsort()] = np.arange(len(ids))
    rows = np.lexsort((start_s, rank[call]))
    rows = rows[(end_s - start_s)[rows] >= min_s]
    names = pd.array(timed.names, dtype="str")
    return pd.DataFrame(
        {
            "call_id": ids.array.take(call[rows]),
            "start_s": start_s[rows],
            "end_s": end_s[rows],
            "duration_s": (end_s - start_s)[rows],
            "place": pd.array(np.array(["start", "middle", "end", "all"])[place[rows]], dtype="str"),
            "before": names.take(before[rows], allow_fill=True),
            "after": names.take(after[rows], allow_fill=True),
            "phrase_id": timed.table["phrase_id"].array.take(phrase[rows], allow_fill=True),
        }
    )


def _holder(timed: Timed, opens: Bools) -> Any:
    """The place of the phrase that reaches furthest so far in its call."""
    furthest = opens | (timed.end >= timed.reach - 1e-6)
    return np.maximum.accumulate(np.where(furthest, np.arange(len(opens)), 0))


def overview(transcript: Tables, rules: Rules = RULES) -> pd.DataFrame:
    """Measure each call as a whole, also the ones in which nobody speaks.

    The answer has one row a call: `call_id`, `duration_s`, `parties`, `phrases`, `words`, `speech_s` (seconds
    in which at least one party speaks), `overlap_s` (seconds that two parties share, counted once for each
    party beyond the first), `silence_s` and `silence_share` (of the duration, 0 to 1), `words_per_minute` of
    speaking time, `interruptions` and `back_channels`.

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
    timed = timed_of(transcript)
    size, call = len(timed.calls), timed.call
    closes = np.flatnonzero(np.append(np.diff(call) > 0, True)[: len(call)])
    kinds = _kinds(timed, rules)
    heard = pd.DataFrame(
        {
            "call_id": timed.calls,
            "parties": np.bincount(timed.owner, minlength=size),
            "talk_s": np.bincount(timed.owner, timed.talk_s, size),
            "phrases": np.bincount(call, minlength=size),
            "words": np.bincount(call, timed.words, size),
            "speech_s": np.bincount(call, fresh_s(call, timed.start, timed.end), size),
            "last_s": timed.reach[closes],
            "interruptions": np.bincount(timed.owner, kinds[INTERRUPTION], size),
            "back_channels": np.bincount(timed.owner, kinds[BACK_CHANNEL], size),
        }
    ).astype({"call_id": "str"})
    answer = transcript.calls[["call_id", "duration_s"]].merge(heard, on="call_id", how="left")
    answer = answer.sort_values("call_id", ignore_index=True)
    # a result without a duration lasts, as far as can be known, until its last word
    answer["duration_s"] = answer["duration_s"].fillna(answer["last_s"])
    met = ["interruptions", "back_channels"]
    counted = ["parties", "phrases", "words", "talk_s", "speech_s", *met]
    answer[counted] = answer[counted].fillna(0)
    answer["overlap_s"] = (answer["talk_s"] - answer["speech_s"]).clip(lower=0.0).round(9)
    answer["silence_s"] = (answer["duration_s"] - answer["speech_s"]).clip(lower=0.0)
    answer["silence_share"] = ratio(answer["silence_s"].to_numpy(), answer["duration_s"].to_numpy())
    answer["words_per_minute"] = ratio(60.0 * answer["words"].to_numpy(), answer["talk_s"].to_numpy())
    columns = ["call_id", "duration_s", "parties", "phrases", "words", "speech_s", "overlap_s", "silence_s"]
    whole = dict.fromkeys(("parties", "phrases", "words", *met), "int64")
    return answer[[*columns, "silence_share", "words_per_minute", *met]].astype(whole)
