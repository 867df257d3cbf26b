"""Which words of a transcript are right: each word of the table against what was said.

A word is right where the alignment of accuracy (`analysis.accuracy`) has it as said, wrong where it is
substituted or was not said. What was said and not written has no word here, and no confidence can point at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from speechkit.analysis.alignment import HIT, JOINED
from speechkit.analysis.guards import check_channels, shared_calls
from speechkit.analysis.normalize import ENGLISH, Rules, normalize_words
from speechkit.analysis.rows import Texts, lay_out
from speechkit.analysis.streams import Key, Stream, read_streams
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables


def reference_for(calls: pd.DataFrame, reference: Tables, by: str) -> Transcript:
    """Make the reference of calls in which the same was said: `calls[by]` names the call of `reference`.

    A dialogue that was recognized under several conditions has one reference and a call for each condition.
    Calls without a reference are left out; times are those of the reference.
    """
    same = calls[["call_id", by]].rename(columns={"call_id": "new", by: "call_id"})
    held = [table.merge(same, on="call_id") for table in (reference.calls, reference.phrases)]
    made, phrases = (table.assign(call_id=table["new"]).drop(columns="new") for table in held)
    number = phrases.groupby("call_id").cumcount() + 1
    phrases["phrase_id"] = [f"{call}:{n:04d}" for call, n in zip(phrases["call_id"], number, strict=True)]
    return Transcript(made, phrases)


def judge(
    transcript: Tables, reference: Tables, *, rules: Rules = ENGLISH, by: str = "call_id"
) -> pd.DataFrame:
    """Say of each word of the calls that have a reference whether it is right.

    The answer are the words with the columns of their call that the words lack, and `right` (1.0, 0.0;
    missing for what does not count, such as a hesitation) and `said_by`: the speaker of the reference at that
    place. Channels are judged apart. `by` is as in `reference_for`. Raises TranscriptError where no word can be
    judged.

    >>> calls = pd.DataFrame({"call_id": ["c1"]})
    >>> said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "lexical": ["you owe ten dollars"]})
    >>> words = pd.DataFrame({"call_id": "c1", "phrase_id": "c1:0001", "word": ["you", "oh", "um", "$10"]})
    >>> judge(Transcript(calls, said, words), Transcript(calls, said))["right"].tolist()
    [1.0, 0.0, nan, 1.0]
    """
    if by != "call_id":
        reference = reference_for(transcript.calls, reference, by)
    both, _ = shared_calls(reference, transcript)
    merged = check_channels(both, reference, transcript)
    words = transcript.words[transcript.words["call_id"].isin(both)].reset_index(drop=True)
    if words["word"].isna().all():
        raise TranscriptError(
            "the transcript has no words with times of their own. Transcribe again with wordLevelTimestamps, "
            "which the batch mode has."
        )
    said = read_streams(reference, _keys(reference.phrases, merged), rules)
    heard = _heard(words, transcript.phrases, merged, rules)
    nothing = Stream([], np.zeros(0, np.int64))
    texts: Texts = {key: (said.get(key, nothing), stream) for key, stream in heard.items()}
    rows = lay_out(texts, compounds=rules.compounds)
    at = rows.heard
    here = at >= 0
    wrong = ~np.isin(rows.kind, (HIT, JOINED))
    parts = np.bincount(at[here], minlength=len(words))
    errors = np.bincount(at[here], wrong[here], minlength=len(words))
    speaker = pd.Series(pd.NA, index=words.index, dtype="str")
    known = here & (rows.owner >= 0)
    speaker.iloc[at[known]] = reference.phrases["speaker"].iloc[rows.owner[known]].to_numpy()
    about = transcript.calls[["call_id", *(c for c in transcript.calls if c not in words)]]
    answer: pd.DataFrame = words.merge(about, on="call_id", how="left", validate="many_to_one")
    return answer.assign(right=np.where(parts > 0, errors == 0, np.nan), said_by=speaker)


def _keys(phrases: pd.DataFrame, merged: set[str]) -> list[int]:
    """The channel of each phrase, -1 in the calls that are one row of words and where it is not known."""
    channels = phrases["channel"].to_numpy(np.int64, na_value=-1)
    keys: list[int] = np.where(phrases["call_id"].isin(merged), -1, channels).tolist()
    return keys


def _heard(words: pd.DataFrame, phrases: pd.DataFrame, merged: set[str], rules: Rules) -> dict[Key, Stream]:
    """The words of each call and channel in the order of their phrases; each knows its row among `words`."""
    place: NDArray[np.int64] = pd.Index(phrases["phrase_id"]).get_indexer(pd.Index(words["phrase_id"]))
    order = np.lexsort((words["position"], place))
    spoken = words["word"].fillna("").to_numpy()
    keys = list(zip(words["call_id"], _keys(words, merged), strict=True))
    places: dict[Key, list[int]] = {}
    for row in order.tolist():
        places.setdefault(keys[row], []).append(row)
    answer = {}
    for key, rows in places.items():
        pieces = [(row, piece) for row in rows for piece in spoken[row].split()]
        normal = normalize_words([piece for _, piece in pieces], rules)
        origin = np.array([row for row, _ in pieces], np.int64)
        answer[key] = Stream(normal.words, origin[np.array(normal.origins, np.int64)])
    return answer
