"""How the parties of a call take turns: turns, answers, interruptions and back-channels.

What counts as what is a matter of rules, so the rules are stated and can be changed (`Rules`). The kinds of
speech at the same time follow Schegloff (Overlapping talk and the organization of turn-taking for
conversation, Language in Society 29, 2000) as far as times and words can tell them apart: who listens and
says so (back-channel), who takes the floor from somebody who is speaking (interruption), and who tries and
gives up (attempt). An overlap as short as `min_overlap_s` is none of these: people start early because they
hear the end coming (Heldner and Edlund, Pauses, gaps and overlaps in conversations, Journal of Phonetics 38,
2010: nine of ten changes of speaker lie within -0.5 to 1 s).

In a recording of one channel a recognizer hears one voice at a time: overlaps are lost there, and counts of
them say little. `diagnostics.diagnose` says which calls that concerns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.timed import timed_of

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables
    from speechkit.analysis.timed import Bools, Floats, Ints, Timed

INTERRUPTION, BACK_CHANNEL, ATTEMPT = "interruption", "back-channel", "attempt"

_LISTENING: Final = re.compile(
    r"(?:(?:m+[- ]?h*m+|mhm|hm+|uh[- ]?huh|a+h|o+h|okay|ok|right|alright|all|sure|yes|yeah|yep|i|see|got|it|"
    r"great|good|fine|exactly|of|course)(?:[ ,.!-]+|$))+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rules:
    """What is a turn and what is a back-channel; seconds and words.

    - `max_gap_s`: a longer pause ends a turn; within it a speaker is taken to think or to breathe.
    - `through_back_channels`: whether a turn goes on over the "mm-hm" of a listener.
    - `back_channel_words`, `back_channel_s`: at most so many words and seconds make a back-channel.
    - `min_overlap_s`: who begins no more than this before the other ends, has not interrupted.
    - `max_answer_s`: who begins later than this after the other ended, has been waited for.

    >>> Rules(through_back_channels=True).max_gap_s
    2.0
    """

    max_gap_s: float = 2.0
    through_back_channels: bool = False
    back_channel_words: int = 3
    back_channel_s: float = 1.5
    min_overlap_s: float = 0.5
    max_answer_s: float = 5.0

    def __post_init__(self) -> None:
        times = (self.max_gap_s, self.back_channel_s, self.min_overlap_s, self.max_answer_s)
        if min(times) < 0 or self.back_channel_words < 0:
            raise ValueError(f"{self}: a length of time or a number of words cannot be negative.")


RULES: Final = Rules()


def turns(transcript: Tables, rules: Rules = RULES) -> pd.DataFrame:
    """Join the phrases of each call into turns.

    A turn is a run of phrases of one party, in order of their start, that no phrase of another party
    interrupts and in which no pause is longer than `rules.max_gap_s`. A short "yes" of the listener ends a
    turn, unless `rules.through_back_channels`: then back-channels belong to no turn.

    The answer is in time order, with `call_id`, `turn` (1, 2, ... in its call), `party`, `channel`,
    `start_s`, `end_s`, `duration_s`, `phrases`, `words`, `response_s` (from the end of the other party's
    speech; negative where they overlap, missing after a longer silence than `rules.max_answer_s` and where
    nobody else spoke before) and `phrase_id` (of the first phrase).

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002", "a:0003"], "speaker": ["1", "1", "2"],
    ...     "channel": 0, "start_s": [0.0, 2.5, 4.5], "end_s": [2.0, 4.0, 6.0],
    ...     "lexical": ["good morning", "how are you", "fine"]})
    >>> turns(T(phrases=phrases))[["turn", "party", "start_s", "end_s", "words", "response_s"]]
       turn party  start_s  end_s  words  response_s
    0     1     1      0.0    4.0      5         NaN
    1     2     2      4.5    6.0      1         0.5
    """
    timed = timed_of(transcript)
    runs = read_runs(timed, rules)
    head, call = timed.table.iloc[runs.first], timed.call[runs.first]
    start = timed.start[runs.first]
    return pd.DataFrame(
        {
            "call_id": head["call_id"].array,
            "turn": np.arange(len(call)) - np.searchsorted(call, call) + 1,
            "party": pd.array(timed.names[timed.party[runs.first]], dtype="str"),
            "channel": head["channel"].array,
            "start_s": start,
            "end_s": runs.end,
            "duration_s": runs.end - start,
            "phrases": runs.phrases,
            "words": runs.words,
            "response_s": runs.response,
            "phrase_id": head["phrase_id"].array,
        }
    ).astype({"channel": "Int64"})


def overlaps(transcript: Tables, rules: Rules = RULES) -> pd.DataFrame:
    """Find where a party comes in while another one speaks or has the floor, and tell what it was.

    The answer is in time order: `call_id`, `start_s`, `end_s` (of the phrase that comes in), `overlap_s`,
    `kind`, `party` (who comes in), `other`, `words`, `phrase_id` and `other_phrase_id`. The kinds:

    - `back-channel`: short, and the other goes on: within the other's phrase, or between two of them in words
      that only listeners say (English; "yes" after a question is an answer);
    - `interruption`: begins more than `rules.min_overlap_s` before the other ends, and outlasts it;
    - `attempt`: begins like that, and ends while the other still speaks.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002", "a:0003"], "speaker": ["1", "2", "2"],
    ...     "channel": 0, "start_s": [0.0, 2.5, 8.0], "end_s": [9.0, 3.0, 12.0],
    ...     "lexical": ["so what i did was", "mm-hm", "but that is not what i asked"]})
    >>> overlaps(T(phrases=phrases))[["start_s", "overlap_s", "kind", "party", "other"]]
       start_s  overlap_s          kind party other
    0      2.5        0.5  back-channel     2     1
    1      8.0        1.0  interruption     2     1
    """
    timed = timed_of(transcript)
    rows, kind = read_overlaps(timed, rules)
    ends, places = timed.others
    ids = timed.table["phrase_id"]
    shared = np.minimum(timed.end[rows], ends[rows]) - timed.start[rows]
    names = pd.array(timed.names, dtype="str")
    return pd.DataFrame(
        {
            "call_id": timed.table["call_id"].array[rows],
            "start_s": timed.start[rows],
            "end_s": timed.end[rows],
            "overlap_s": np.maximum(0.0, shared),
            "kind": pd.array(kind, dtype="str"),
            "party": names[timed.party[rows]],
            "other": names[timed.party[places[rows]]],
            "words": timed.words[rows],
            "phrase_id": ids.array[rows],
            "other_phrase_id": ids.array[places[rows]],
        }
    )


@dataclass(frozen=True)
class Runs:
    """Turns as columns of numbers, see `turns`; `first` are the places of their first phrases."""

    first: Ints
    end: Floats
    phrases: Ints
    words: Ints
    response: Floats


def read_runs(timed: Timed, rules: Rules = RULES) -> Runs:
    """Join phrases into turns."""
    rows = np.arange(len(timed.start))
    if rules.through_back_channels and len(rows):
        found, kind = read_overlaps(timed, rules)
        rows = np.delete(rows, found[np.asarray(kind) == BACK_CHANNEL])
    count, party = len(rows), timed.party[rows]
    opens = np.ones(count, dtype=bool)
    furthest = timed.reach[rows]  # a long phrase may outlast the shorter ones that follow it
    opens[1:] = (party[1:] != party[:-1]) | (timed.start[rows][1:] - furthest[:-1] > rules.max_gap_s)
    begin = np.flatnonzero(opens)
    if not count:
        nothing = np.zeros(0)
        return Runs(begin, nothing, begin, begin, nothing)
    first = rows[begin]
    ends, _ = timed.others
    with np.errstate(invalid="ignore"):
        response = timed.start[first] - ends[first]
        # who takes up the own thread again after a pause has answered nobody
        again = np.append(False, party[begin[1:]] == party[begin[1:] - 1])
        response = np.where(again | ~(response <= rules.max_answer_s), np.nan, response)
    return Runs(
        first=first,
        end=np.maximum.reduceat(timed.end[rows], begin),
        phrases=np.diff(np.append(begin, count)),
        words=np.add.reduceat(timed.words[rows], begin),
        response=response,
    )


def read_overlaps(timed: Timed, rules: Rules = RULES) -> tuple[Ints, Any]:
    """Return the places of the phrases that come in while another party has the floor, and of what kind."""
    found: tuple[Ints, Any] | None = timed.overlaps.get(rules)
    if found is None:
        found = timed.overlaps[rules] = _overlaps(timed, rules)
    return found


def _overlaps(timed: Timed, rules: Rules) -> tuple[Ints, Any]:
    if not len(timed.start):
        return np.zeros(0, np.int64), np.zeros(0, object)
    start, end, ends = timed.start, timed.end, timed.others[0]
    short = (timed.words <= rules.back_channel_words) & (end - start <= rules.back_channel_s)
    inside = ends >= end
    behind = short & ~inside & (start - ends <= rules.max_gap_s)
    behind[behind] = _listens(timed, np.flatnonzero(behind), rules)
    early = ends - start > rules.min_overlap_s
    heard = (short & inside) | behind
    rows = np.flatnonzero(heard | early)
    kinds = np.select([heard, early & ~inside], [0, 1], 2)[rows]
    return rows, np.array([BACK_CHANNEL, INTERRUPTION, ATTEMPT], dtype=object)[kinds]


def _listens(timed: Timed, rows: Ints, rules: Rules) -> Bools:
    """Which of these short phrases only show that their speaker listens, and the one before goes on."""
    _, places = timed.others
    after = rows + 1
    goes_on = after < len(timed.start)
    after = np.where(goes_on, after, rows)
    goes_on &= timed.party[after] == timed.party[places[rows]]
    goes_on &= timed.start[after] - timed.end[rows] <= rules.max_gap_s
    text = timed.table["lexical"]
    shown = timed.table["display"].fillna(text) if "display" in timed.table.columns else text
    answer = np.zeros(len(rows), dtype=bool)
    chosen = np.flatnonzero(goes_on)
    said = text.iloc[rows[chosen]].fillna(shown.iloc[rows[chosen]]).fillna("")
    before = shown.iloc[places[rows[chosen]]].fillna("")
    answer[chosen] = [
        bool(_LISTENING.fullmatch(words.strip())) and not asked.rstrip().endswith("?")
        for words, asked in zip(said, before, strict=True)
    ]
    return answer
