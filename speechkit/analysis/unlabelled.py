"""Phrases without a speaker, and when their neighbours tell who it was.

That a phrase stands between two of one speaker does not make it that speaker's: people take turns, and in the
demo calls such a phrase is the other one's in 98 of 100 cases, while a service that cuts at every pause writes
many phrases of one speaker in a row. So the rule is not fixed but read from the transcript: how its labelled
phrases follow each other decides, and where they do not agree nothing is filled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.transcripts.parties import UNKNOWN
from speechkit.transcripts.schema import Transcript

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

MIN_EXAMPLES: Final = 20
"""Of fewer places like it, nobody can tell what is usual."""

MIN_SHARE: Final = 0.9
"""What is usual in at least this part of them is taken for a rule."""


def unlabelled(phrases: pd.DataFrame) -> pd.Series[bool]:
    """Which phrases have no speaker: `Unknown`, as the service says it, or neither speaker nor channel."""
    return (phrases["speaker"].str.lower() == UNKNOWN).fillna(False) | (
        phrases["speaker"].isna() & (phrases["channel"].isna() | _diarized(phrases))
    )


def fill_unknown(
    transcript: Transcript, *, min_share: float = MIN_SHARE, min_examples: int = MIN_EXAMPLES
) -> Transcript:
    """Give runs of phrases without a speaker the one that their neighbours settle.

    A run is looked at when the labelled phrases on both sides, on its channel, have one speaker. All labelled
    runs of its length between two phrases of one speaker, in all calls of the transcript, say what it is: that
    speaker's too, or, in a call of two, the other one's. With `min_examples` of them or more, and `min_share`
    of them agreeing, the run is filled. The phrases of the answer have a column `filled`, True where that
    happened; their words follow. The original is not touched.

    >>> said = pd.DataFrame({"call_id": "a", "phrase_id": [f"a:{i}" for i in range(50)], "channel": 0,
    ...                      "speaker": ["1", "2"] * 25, "start_s": range(50), "end_s": range(1, 51)})
    >>> said.loc[7, "speaker"] = "Unknown"
    >>> filled = fill_unknown(Transcript(pd.DataFrame({"call_id": ["a"]}), said)).phrases
    >>> filled.loc[filled["filled"], "speaker"].tolist()
    ['2']
    """
    phrases = transcript.phrases
    gone = unlabelled(phrases).to_numpy(bool)
    group = phrases.groupby(["call_id", "channel"], dropna=False).ngroup().to_numpy(np.int64)
    order = np.argsort(group, kind="stable")  # within a group the table stands in time order
    speaker, names = pd.factorize(phrases["speaker"].mask(gone))
    line, place = speaker[order].astype(np.int64), group[order]
    answer, usual = line.copy(), dict[int, tuple[int, int, int]]()
    for first, last in _runs(line < 0):
        before, after = first - 1, last + 1
        if before < 0 or after >= len(line) or place[before] != place[after] or line[before] != line[after]:
            continue
        length = last - first + 1
        if length not in usual:
            usual[length] = _usual(line, place, length)
        same, other, total = usual[length]
        if total < min_examples:
            continue
        others = np.setdiff1d(line[(place == place[before]) & (line >= 0)], line[before])
        if same >= min_share * total:
            answer[first : last + 1] = line[before]
        elif other >= min_share * total and len(others) == 1:
            answer[first : last + 1] = others[0]
    codes = np.empty_like(answer)
    codes[order] = answer
    filled = gone & (codes >= 0)
    found = pd.Series(np.array([*names, None], dtype=object)[codes], phrases.index, dtype="str")
    now = phrases["speaker"].mask(pd.Series(filled, phrases.index), found)
    return Transcript(
        transcript.calls,
        phrases.assign(speaker=now, filled=filled),
        _follow(transcript.words, phrases, now, filled),
    )


def _follow(
    words: pd.DataFrame, phrases: pd.DataFrame, speaker: pd.Series[str], filled: Bools
) -> pd.DataFrame:
    """The words with the speakers of the phrases that were filled."""
    if words.empty:
        return words
    given = pd.Series(speaker.to_numpy(object)[filled], phrases["phrase_id"].to_numpy(object)[filled])
    own = words["phrase_id"].map(given.to_dict())
    return words.assign(speaker=own.astype("str").fillna(words["speaker"]))


def _runs(lost: Bools) -> list[tuple[int, int]]:
    """The first and the last place of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _usual(line: Ints, place: NDArray[Any], length: int) -> tuple[int, int, int]:
    """Of the labelled runs of this length between two phrases of one speaker: that one's, another's, all."""
    count = len(line) - length - 1
    if count <= 0:
        return 0, 0, 0
    window = np.lib.stride_tricks.sliding_window_view(line, length + 2)
    inside = place[:count] == place[length + 1 :]
    inside &= (window >= 0).all(axis=1) & (window[:, 0] == window[:, -1])
    middle = window[inside, 1:-1]
    same = (middle == window[inside, :1]).all(axis=1)
    one = (middle == middle[:, :1]).all(axis=1)
    return int(same.sum()), int((one & ~same).sum()), len(middle)


def _diarized(phrases: pd.DataFrame) -> pd.Series[bool]:
    """Which phrases are of a call and channel in which others have a speaker."""
    named = phrases["speaker"].notna()
    return named.groupby([phrases["call_id"], phrases["channel"].fillna(-1)]).transform("any")
