"""When a caller was put on hold: long silences, and what was said around them.

A recognizer hears words, so a hold is a silence to it, with or without music. Evidence in words tells it from
a caller who looks for a pen: somebody asks to wait just before, or gives thanks for waiting just after. The
words are English. Without such words only a very long silence counts, since hardly anybody says nothing for
so long without having been asked to wait.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.analysis.speakers import silences

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

MIN_HOLD_S: Final = 5.0
"""Nobody is put on hold for less; a shorter wait is a silence."""

SURE_HOLD_S: Final = 15.0
"""A silence as long as this counts without words."""

_PHRASES: Final = 3  # on each side of a silence: "Fine." may stand between the request and the wait
_NEAR_S: Final = 20.0  # and no further away than this
_BEFORE: Final = re.compile(
    r"\bon hold\b|\bhold (?:on|the line|please)\b|\bplease hold\b"
    r"|\b(?:one|a|just a) (?:moment|minute|second)\b|\bhang on\b"
    r"|\bbear with me\b|\bplease wait\b|\b(?:put|connect|transfer) you (?:through|to|over)\b"
    r"|\b(?:let me|i will|i'll) (?:just )?(?:see|check|look|ask|find)\b|\bbring \w+ (?:\w+ )?into the call\b",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"\bfor (?:waiting|holding|your patience)\b|\bsorry (?:for|about) the (?:wait|delay|hold)\b|\bstill there\b"
    r"|\bback with you\b|\bthat took\b",
    re.IGNORECASE,
)


def holds(transcript: Tables, min_s: float = MIN_HOLD_S, sure_s: float = SURE_HOLD_S) -> pd.DataFrame:
    """Find the silences between phrases for which somebody was asked to wait: of `min_s` seconds or longer.

    The answer has the columns of `speakers.silences`, and `evidence_id` and `quote`: the phrase that says so,
    the last one before the silence, else the first one after it. Both are missing where only the length, of
    `sure_s` seconds or longer, speaks for a hold.

    >>> from types import SimpleNamespace as T
    >>> phrases = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"], "channel": 0,
    ...     "start_s": [0.5, 30.0], "end_s": [3.0, 32.0], "display": ["Please hold the line.", "Thank you."],
    ...     "lexical": ["please hold the line", "thank you"]})
    >>> calls = pd.DataFrame({"call_id": ["a"], "duration_s": [33.0]})
    >>> holds(T(phrases=phrases, calls=calls))[["start_s", "end_s", "quote"]]
       start_s  end_s                  quote
    0      3.0   30.0  Please hold the line.
    """
    found = silences(transcript, min_s)
    found = found[found["place"] == "middle"].reset_index(drop=True)
    if found.empty:
        return found.assign(**{name: pd.Series(dtype="str") for name in ("evidence_id", "quote")})
    phrases = transcript.phrases
    near = phrases[phrases["call_id"].isin(found["call_id"])].sort_values(["call_id", "start_s"])
    text = (near["display"] if "display" in near else near["lexical"]).fillna("")
    said = text.tolist()
    start, end, ids = near["start_s"].to_numpy(), near["end_s"].to_numpy(), near["phrase_id"].tolist()
    place = {phrase_id: i for i, phrase_id in enumerate(ids)}
    evidence = []
    for begin_s, end_s, phrase_id in zip(found["start_s"], found["end_s"], found["phrase_id"], strict=True):
        at = place[phrase_id]
        before = [
            i for i in range(at - 1, max(-1, at - 1 - _PHRASES), -1) if 0 <= begin_s - end[i] <= _NEAR_S
        ]
        after = [i for i in range(at, min(len(ids), at + _PHRASES)) if 0 <= start[i] - end_s <= _NEAR_S]
        hits = (
            i for side, asks in ((before, _BEFORE), (after, _AFTER)) for i in side if asks.search(said[i])
        )
        evidence.append(next(hits, -1))
    chosen = np.array(evidence, dtype=np.int64)
    kept = (chosen >= 0) | (found["duration_s"] >= sure_s).to_numpy()
    rows, said_so = chosen[kept], chosen[kept] >= 0
    answer = found[kept].reset_index(drop=True)
    for name, column in (("evidence_id", near["phrase_id"]), ("quote", text)):
        answer[name] = pd.Series(column.astype("str").array.take(rows, allow_fill=True)).where(said_so)
    return answer
