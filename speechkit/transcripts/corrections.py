"""What a person heard: answers about doubtful words, kept beside a corpus, and the transcript that follows.

Each answer is a row of the corpus's side table `corrections`, written before the next question is asked; rows
are added, never changed. The transcript itself stays as the service wrote it: `corrected` makes another one.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from speechkit.errors import TranscriptError
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.schema import Transcript
from speechkit.transcripts.tokens import written

Verdict = Literal["accepted", "corrected", "skipped"]
VERDICTS: Final[tuple[Verdict, ...]] = ("accepted", "corrected", "skipped")
COLUMNS: Final[Mapping[str, str]] = {
    "answer_id": "str",
    "call_id": "str",
    "phrase_id": "str",
    "position": "int64",  # of the first word in its phrase
    "words": "int64",  # how many were asked about
    "old": "str",  # their text, as people read it
    "new": "str",  # what was said instead; missing where nothing was corrected, "" where nothing was said
    "verdict": "str",
    "answered_at": "datetime64[ns]",  # UTC
}
"""The columns of the table `corrections`."""


def keep_answer(corpus: Corpus, item: Mapping[str, Any], verdict: Verdict, new: str | None = None) -> None:
    """Add an answer to the corpus, on the disk when this returns.

    `item` is a row of `analysis.review.queue`. Raises ValueError for another verdict and for a correction
    without a text ("" means that nothing was said), CorpusError where nothing can be written.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"verdict={verdict!r}: take one of {', '.join(VERDICTS)}.")
    if (verdict == "corrected") != (new is not None):
        raise ValueError("a correction has a text, and only a correction has one.")
    row = {name: item[name] for name in ("call_id", "phrase_id", "position", "words")}
    row |= {"answer_id": secrets.token_hex(8), "old": item["text"], "new": new, "verdict": verdict}
    row["answered_at"] = pd.Timestamp.now("UTC").tz_localize(None)
    corpus.write_table("corrections", _table([row]), key="answer_id")


def answers(corpus: Corpus) -> pd.DataFrame:
    """Return the answers that a corpus holds, in the order in which they were given; see COLUMNS."""
    if "corrections" not in corpus.tables:
        return _table([])
    return corpus.table("corrections").sort_values("answered_at", kind="stable", ignore_index=True)


def corrected(transcript: Transcript, given: pd.DataFrame) -> Transcript:
    """Make the transcript in which the corrections among some answers are carried out.

    The new words share the time of the old ones by their letters; their confidence is missing, and so are the
    forms `itn` and `masked` of their phrase. Words and phrases have the column `corrected`. Of answers about
    the same words the last holds, and one whose old text no longer stands there is left out (`stale`).

    >>> calls, key = pd.DataFrame({"call_id": ["c1"]}), {"call_id": "c1", "phrase_id": "c1:0001"}
    >>> said = pd.DataFrame([{**key, "display": "The boy a flex plan."}])
    >>> words = pd.DataFrame([{**key, "word": w.lower().strip("."), "display": w, "start_s": i, "end_s": i + 1}
    ...                       for i, w in enumerate("The boy a flex plan.".split())])
    >>> heard = {**key, "position": 1, "words": 3, "old": "boy a flex", "new": "Brioflex", "verdict": "corrected"}
    >>> better = corrected(Transcript(calls, said, words), pd.DataFrame([heard]))
    >>> better.phrases["display"][0], better.words["word"].tolist()
    ('The Brioflex plan.', ['the', 'brioflex', 'plan'])
    """
    words, phrases = transcript.words, transcript.phrases
    if words.empty and len(phrases):
        raise TranscriptError("the transcript has no words to correct. Transcribe with word level times.")
    carried = [
        (answer, rows) for answer, rows in _fitting(transcript, given) if answer["verdict"] == "corrected"
    ]
    gone = [row for _, rows in carried for row in rows]
    new = [_spoken(words.loc[rows], str(answer["new"])) for answer, rows in carried]
    made = pd.concat([words.drop(index=gone).assign(corrected=False), *new], ignore_index=True)
    made = made.sort_values(["phrase_id", "position"], kind="stable", ignore_index=True)
    made["position"] = made.groupby("phrase_id").cumcount()
    changed = phrases["phrase_id"].isin([answer["phrase_id"] for answer, _ in carried])
    whole = made[made["phrase_id"].isin(phrases.loc[changed, "phrase_id"])]
    texts = whole.assign(lexical=whole["word"].fillna(""), display=written(whole))
    joined = texts.groupby("phrase_id")[["lexical", "display"]].agg(_joined)
    phrases = phrases.assign(corrected=changed)
    for name in ("lexical", "display"):
        phrases[name] = phrases[name].mask(changed, phrases["phrase_id"].map(joined[name]))
    for name in ("itn", "masked"):
        phrases[name] = phrases[name].mask(changed)
    return Transcript(transcript.calls, phrases, made)


def stale(transcript: Transcript, given: pd.DataFrame) -> pd.DataFrame:
    """Return the answers whose old text no longer stands where it stood: the call was transcribed again."""
    words = _words_of(transcript, given)
    fits = [_still_there(words, answer) is not None for answer in given.to_dict("records")]
    return given[~np.array(fits, bool)]


def _fitting(
    transcript: Transcript, given: pd.DataFrame
) -> Iterator[tuple[Mapping[Hashable, Any], list[Any]]]:
    """The answers that hold, with the rows of the words that they are about."""
    words = _words_of(transcript, given)
    taken: set[Any] = set()
    for answer in given[given["verdict"] != "skipped"].iloc[::-1].to_dict("records"):
        rows = _still_there(words, answer)
        if rows is not None and taken.isdisjoint(rows):
            taken.update(rows)
            yield answer, rows


def _words_of(transcript: Transcript, given: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """The texts of the words of each phrase that there is an answer about, in their order."""
    words = transcript.words[transcript.words["phrase_id"].isin(given["phrase_id"])].sort_values("position")
    text = written(words)
    return {str(phrase): held for phrase, held in text.groupby(words["phrase_id"])}


def _still_there(words: Mapping[str, pd.Series[str]], answer: Mapping[Hashable, Any]) -> list[Any] | None:
    """The rows of the words that an answer is about, or None where they have another text."""
    first = answer["position"]
    held = words.get(answer["phrase_id"], pd.Series(dtype="str")).iloc[first : first + answer["words"]]
    return held.index.tolist() if len(held) and _joined(held) == answer["old"] else None


def _joined(texts: Iterable[str]) -> str:
    return " ".join(filter(None, texts))


def _spoken(old: pd.DataFrame, text: str) -> pd.DataFrame:
    """The rows of the new words in the place of the old ones."""
    shown = text.split()
    spoken = [word.strip(string.punctuation).lower() or word for word in shown]
    start, end = old["start_s"].iloc[0], old["end_s"].iloc[-1]
    letters = np.cumsum([0, *(len(word) for word in spoken)])
    at = start + (end - start) * letters / max(1, letters[-1])
    rows = old.iloc[np.zeros(len(shown), int)].assign(
        word=spoken, display=shown, start_s=at[:-1], end_s=at[1:], confidence=np.nan, corrected=True
    )
    return rows.assign(calibrated=np.nan) if "calibrated" in rows else rows


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict(COLUMNS))
