"""Transcripts without personal data: every form of the text, the words with their times, and where to bleep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.transcripts.privacy import find_personal
from speechkit.transcripts.schema import Transcript
from speechkit.transcripts.spoken import Phrase, read_call, read_text
from speechkit.transcripts.tokens import doubted, places

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN_S: Final = 0.1
"""What a bleep adds on each side: word times are off by as much (docs/measurements.md)."""
COLUMNS: Final = {
    "call_id": "str",
    "phrase_id": "str",
    "kind": "str",
    "start": "int64",
    "end": "int64",
    "start_s": "float64",
    "end_s": "float64",
    "channel": "Int64",
}


def find_masks(transcript: Transcript) -> pd.DataFrame:
    """Find personal data in the calls of a transcript: where in the text, and when.

    The columns are call_id, phrase_id, kind (`privacy.KINDS`), start and end (characters of the phrase's text,
    white space made single), start_s and end_s (of the words at that place, seconds), channel. In the order of
    the phrases.

    >>> said = pd.DataFrame({"call_id": "c1", "phrase_id": ["c1:0001"], "start_s": [1.0], "end_s": [4.0],
    ...                      "display": ["My name is Peter Lang."]})
    >>> find_masks(Transcript(pd.DataFrame({"call_id": ["c1"]}), said))[["kind", "start", "end", "start_s"]]
       kind  start  end   start_s
    0  name     11   21  2.333333
    """
    rows = [row for call_id in transcript.call_ids for row in _of_call(transcript.call(call_id), call_id)]
    columns: Any = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    typed = zip(COLUMNS, COLUMNS.values(), columns, strict=True)
    return pd.DataFrame({name: pd.Series(values, dtype=dtype) for name, dtype, values in typed})


def mask(transcript: Transcript, masks: pd.DataFrame | None = None) -> Transcript:
    """Replace personal data by its kind, as `[CARD]`, in every form of the phrases and in the words.

    `masks` are those of `find_masks`, which is asked where they are not given. A phrase that has personal data
    keeps its times; its display, ITN and masked forms become the masked text, and its lexical form the words
    that are left. A word in it becomes its kind.

    >>> said = pd.DataFrame({"call_id": "c1", "phrase_id": ["c1:0001"], "start_s": [1.0], "end_s": [4.0],
    ...                      "display": ["My name is Peter Lang."], "lexical": ["my name is peter lang"]})
    >>> masked = mask(Transcript(pd.DataFrame({"call_id": ["c1"]}), said))
    >>> masked.phrases["display"][0], masked.phrases["lexical"][0]
    ('My name is [NAME].', 'my name is [NAME]')
    """
    found = find_masks(transcript) if masks is None else masks
    if found.empty:
        return transcript
    words = _masked_words(transcript.words, found)
    spoken = _lexical(words)
    phrases = transcript.phrases
    forms = {name: phrases[name].to_numpy(object).copy() for name in ("display", "itn", "masked", "lexical")}
    place = {phrase_id: at for at, phrase_id in enumerate(phrases["phrase_id"])}
    text = dict(zip(phrases["phrase_id"], read_text(phrases), strict=True))
    hidden: dict[str, list[tuple[int, int, str]]] = {}
    for phrase_id, *span in found[["phrase_id", "start", "end", "kind"]].itertuples(index=False):
        hidden.setdefault(phrase_id, []).append(tuple(span))
    for phrase_id, spans in hidden.items():
        whole = _replaced(text[phrase_id], spans)
        for name, values in forms.items():
            if isinstance(values[place[phrase_id]], str):
                plain = name == "lexical"
                values[place[phrase_id]] = (spoken.get(phrase_id) or _plain(whole)) if plain else whole
    phrases = phrases.assign(**{name: pd.array(values, dtype="str") for name, values in forms.items()})
    return Transcript._trusted({"calls": transcript.calls, "phrases": phrases, "words": words})


def bleeps(masks: pd.DataFrame, margin_s: float = MARGIN_S) -> list[tuple[float, float]]:
    """Return the spans of one call that must not be heard, in seconds, merged and in order.

    >>> bleeps(pd.DataFrame({"start_s": [5.0, 1.0, 1.5], "end_s": [6.0, 2.0, 2.5]}))
    [(0.9, 2.6), (4.9, 6.1)]
    """
    spans: list[tuple[float, float]] = []
    for start, end in sorted(zip(masks["start_s"] - margin_s, masks["end_s"] + margin_s, strict=True)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((max(0.0, float(start)), float(end)))
    return spans


def _of_call(one: Transcript, call_id: str) -> Iterator[tuple[object, ...]]:
    call = read_call(one, call_id)
    table = one.phrases
    channel = dict(zip(table["phrase_id"], table["channel"], strict=True))
    texts = [phrase.text for phrase in call.phrases]
    about = one.calls
    keep = about["agent"].dropna().astype("str").tolist() if "agent" in about else []
    who = [phrase.party for phrase in call.phrases]
    for found in find_personal(texts, who, keep, [doubted(phrase.tokens) for phrase in call.phrases]):
        phrase = call.phrases[found.index]
        start_s, end_s = _when(phrase, found.start, found.end)
        place = (found.kind, found.start, found.end, start_s, end_s, channel[phrase.phrase_id])
        yield (call_id, phrase.phrase_id, *place)


def _when(phrase: Phrase, start: int, end: int) -> tuple[float, float]:
    """Return when the characters from `start` to `end` of a phrase's text were said."""
    times = [token for at, token in places(phrase.tokens) if at < end and start < at + len(token.text)]
    return (times[0].start_s, times[-1].end_s) if times else (phrase.start_s, phrase.end_s)


def _replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    for start, end, kind in sorted(spans, reverse=True):
        text = f"{text[:start]}[{kind.upper()}]{text[end:]}"
    return text


def _plain(text: str) -> str:
    """Write a masked text as a lexical form: small letters, no punctuation, the kinds kept."""
    return " ".join(
        piece.upper() if piece.startswith("[") else piece
        for piece in re.findall(r"\[[a-z]+\]|[\w'’]+", text.lower())
    )


def _masked_words(words: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Replace the words that overlap a masked span of their phrase by its kind."""
    columns = {name: words[name].to_numpy(dtype=object).copy() for name in ("word", "display")}
    middle = (words["start_s"].to_numpy() + words["end_s"].to_numpy()) / 2
    by_phrase = words.groupby("phrase_id").indices
    for row in found.to_dict("records"):
        at = by_phrase.get(row["phrase_id"], np.array([], np.int64))
        inside = at[(middle[at] >= row["start_s"] - 1e-6) & (middle[at] <= row["end_s"] + 1e-6)]
        for texts in columns.values():
            texts[[place for place in inside if isinstance(texts[place], str)]] = f"[{row['kind'].upper()}]"
    return words.assign(**{name: pd.array(texts, dtype="str") for name, texts in columns.items()})


def _lexical(words: pd.DataFrame) -> dict[str, str]:
    """Join the words of each phrase; one kind for a run of words of it."""
    texts: dict[str, list[str]] = {}
    for phrase_id, word in zip(words["phrase_id"].tolist(), words["word"].tolist(), strict=True):
        if isinstance(word, str):
            texts.setdefault(phrase_id, []).append(word)
    return {phrase_id: " ".join(_once(words)) for phrase_id, words in texts.items()}


def _once(texts: Sequence[str]) -> Iterator[str]:
    before = ""
    for text in texts:
        if text != before or not text.startswith("["):
            yield text
        before = text
