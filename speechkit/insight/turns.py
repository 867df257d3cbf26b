"""The turns of a call as they are sent to a language model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from speechkit.transcripts.parties import parties
from speechkit.transcripts.tokens import doubted, hear, tokenize

Mask = Callable[[Sequence[str], Sequence[str], Sequence[str], Sequence[Mapping[int, float]]], list[str]]
"""`transcripts.privacy.mask_texts`, or another: the texts without personal data out."""


@dataclass(frozen=True)
class Turn:
    """One phrase as a model sees it.

    `ref` is the number that is sent instead of `phrase_id`: a call's id is a file name, and file names of
    call centres hold phone numbers. `text` is masked when masking is on. `words` are the starts of the
    recognized words with their lexical form, where the transcript has words.
    """

    ref: str
    phrase_id: str
    speaker: str
    start_s: float
    end_s: float
    confidence: float
    text: str
    words: tuple[tuple[str, float], ...] = ()


def read_turns(
    phrases: pd.DataFrame, words: pd.DataFrame | None = None, mask: Mask | None = None
) -> list[Turn]:
    """The turns of one call in time order, without those that hold no words.

    `phrases` and `words` are the tables of the transcript model, of one call. A `role` column (agent,
    customer) names the speakers where there is one; else the channel does in calls of several channels, and
    the speaker in the others.
    """
    written = phrases["display"].fillna(phrases["itn"]).fillna(phrases["lexical"]).fillna("")
    written = written[written.str.contains(r"\w", regex=True)]
    spoken = phrases.loc[written.index]
    speakers = _speakers(spoken)
    texts = [" ".join(text.split()) for text in written.tolist()]
    if mask:
        heard = {} if words is None else hear(words.sort_values(["phrase_id", "position"], kind="stable"))
        unsure = [
            doubted(tokenize(text, 0.0, 0.0, heard.get(phrase_id, ())))
            for phrase_id, text in zip(spoken["phrase_id"], texts, strict=True)
        ]
        texts = mask(texts, speakers, (), unsure)
    starts = _word_starts(words)
    columns = (spoken[name].tolist() for name in ("phrase_id", "start_s", "end_s", "confidence"))
    rows = zip(*columns, speakers, texts, strict=True)
    return [
        Turn(str(number), phrase_id, speaker, start_s, end_s, sure, text, starts.get(phrase_id, ()))
        for number, (phrase_id, start_s, end_s, sure, speaker, text) in enumerate(rows, start=1)
    ]


def as_json(turns: Sequence[Turn], part: tuple[int, int] | None = None) -> str:
    """The turns as the JSON data of a user message; `part` is (number, of how many) in a long call.

    >>> as_json([Turn("1", "a:0001", "agent", 0.0, 1.0, 0.9, "Hello.")])
    '{"turns": [{"phrase_id": "1", "speaker": "agent", "text": "Hello."}]}'
    """
    data: dict[str, object] = {} if part is None else {"part": {"number": part[0], "of": part[1]}}
    data["turns"] = [{"phrase_id": t.ref, "speaker": t.speaker, "text": t.text} for t in turns]
    return json.dumps(data, ensure_ascii=False)


def split_turns(turns: Sequence[Turn], max_characters: int) -> list[list[Turn]]:
    """The turns in parts of at most max_characters, cut between turns; a longer turn is its own part.

    >>> one = Turn("1", "a:0001", "agent", 0.0, 1.0, 0.9, "Hello.")
    >>> [len(part) for part in split_turns([one] * 5, 12)]
    [2, 2, 1]
    """
    return list(_parts(turns, max_characters))


def _parts(turns: Sequence[Turn], max_characters: int) -> Iterator[list[Turn]]:
    part: list[Turn] = []
    size = 0
    for turn in turns:
        if part and size + len(turn.text) > max_characters:
            yield part
            part, size = [], 0
        part.append(turn)
        size += len(turn.text)
    if part:
        yield part


def _speakers(phrases: pd.DataFrame) -> list[str]:
    if phrases["channel"].nunique() > 1:
        phrases = phrases.assign(speaker=pd.Series([None] * len(phrases), index=phrases.index, dtype="str"))
    named = [f"speaker {party}" if party.isdecimal() else party for party in parties(phrases)]
    roles = phrases["role"].fillna("").tolist() if "role" in phrases else [""] * len(named)
    return [str(role or name) for role, name in zip(roles, named, strict=True)]


def _word_starts(words: pd.DataFrame | None) -> dict[str, tuple[tuple[str, float], ...]]:
    if words is None or words.empty:
        return {}
    ordered = words.sort_values(["phrase_id", "position"], kind="stable")
    return {
        str(phrase_id): tuple(zip(group["word"].fillna("").tolist(), group["start_s"].tolist(), strict=True))
        for phrase_id, group in ordered.groupby("phrase_id", sort=False)
    }
