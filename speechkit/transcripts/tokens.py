"""The words of a phrase as people read them, each with its time and its confidence.

Recognizers time the words they heard (`twenty two`), people read the display form (`22.`). A token is a piece
of the display form that stands between two spaces, with what the heard words at its place say about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

DOUBTED: Final = 0.75
"""Confidence below which a recognizer doubts a word: so it does with three of four words of people's names, and with
a quarter of the others (the seen half of the practice calls)."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the display form: seconds from the start of the recording, confidence 0 to 1 or NaN.

    `timed` says whether the recognizer timed it; else its times are shares of the gap that it stands in.
    `spaced` says whether a space stands before it (Chinese and Japanese have none).
    """

    text: str
    start_s: float
    end_s: float
    confidence: float = math.nan
    timed: bool = False
    spaced: bool = True


def clean(text: object) -> str:
    """Make one printable line of a text: runs of white space become one space, control characters vanish.

    >>> clean(" So,\\n\\x00 yes. ")
    'So, yes.'
    """
    if not isinstance(text, str):
        return ""
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(text.split())


def written(words: pd.DataFrame) -> pd.Series[str]:
    """Return the text of each word as people read it: its display form, or "" where it is covered by that of a
    word before it ("$22" stands at the first of three). In a phrase without display forms it is the word.

    >>> import pandas as pd
    >>> words = pd.DataFrame({"phrase_id": ["a", "a", "a", "b"], "word": ["twenty", "two", "please", "yes"],
    ...                       "display": ["22,", None, "please.", None]})
    >>> written(words).tolist()
    ['22,', '', 'please.', 'yes']
    """
    import pandas as pd

    shown = words.get("display", pd.Series(pd.NA, index=words.index, dtype="str"))
    has = shown.notna().groupby(words["phrase_id"]).transform("any").astype(bool)
    return shown.fillna("").where(has, words["word"].fillna("")).astype("str")


def hear(words: pd.DataFrame) -> dict[str, list[Token]]:
    """Collect what was heard in each phrase, from rows of the words table: a token for each word.

    A token has the word's display form, or the word itself where no word of the phrase has one. A word that
    was written together with the one before it (`22` for `twenty two`) adds its time to that one, and its
    confidence where it is lower. Confidence is the column `calibrated` where there is one.

    >>> import pandas as pd
    >>> hear(pd.DataFrame({"phrase_id": "c:1", "word": ["twenty", "two"], "display": ["22", None],
    ...                    "start_s": [1.0, 1.4], "end_s": [1.3, 1.7], "confidence": [0.9, 0.4]}))
    {'c:1': [Token(text='22', start_s=1.0, end_s=1.7, confidence=0.4, timed=True, spaced=True)]}
    """
    sure = words["calibrated"] if "calibrated" in words.columns else words["confidence"]
    columns = (words[name].tolist() for name in ("phrase_id", "word", "display", "start_s", "end_s"))
    rows = list(zip(*columns, sure.tolist(), strict=True))
    written = {row[0] for row in rows if isinstance(row[2], str)}
    heard: dict[str, list[Token]] = {}
    for phrase_id, word, display, start_s, end_s, confidence in rows:
        text = clean(display if phrase_id in written else word)
        tokens = heard.setdefault(phrase_id, [])
        if text or not tokens:
            tokens.append(Token(text, start_s, end_s, confidence, timed=not math.isnan(start_s)))
        else:
            before = tokens[-1]
            known = [c for c in (before.confidence, confidence) if not math.isnan(c)]
            until = before.end_s if math.isnan(end_s) else end_s
            tokens[-1] = replace(before, end_s=until, confidence=min(known, default=math.nan))
    return heard


def tokenize(text: str, start_s: float, end_s: float, heard: Sequence[Token] = ()) -> list[Token]:
    """Split the display form of a phrase that lasts from `start_s` to `end_s`, and time its pieces.

    `heard` is what `hear` says of the phrase. Pieces for which several words were heard carry the lowest
    confidence among them; pieces that were not heard get a share of the gap. Tokens never run backwards.

    >>> heard = [Token("twenty", 1.0, 1.4, 0.9, True), Token("two", 1.4, 1.7, 0.4, True),
    ...          Token("euros", 1.8, 2.3, 1.0, True)]
    >>> [(t.text, t.start_s, t.end_s, t.confidence) for t in tokenize("22 euros.", 1.0, 2.5, heard)]
    [('22', 1.0, 1.7, 0.4), ('euros.', 1.8, 2.3, 1.0)]
    """
    pieces = clean(text).split()
    if not pieces:
        return []
    if pieces == [token.text for token in heard]:  # nearly always
        tokens = list(heard)
    elif len(heard) > 2 * len(pieces) and (cut := _cut(pieces, heard)):
        tokens = cut  # a language without spaces: the words say where to cut
    else:
        blank = [Token(piece, math.nan, math.nan) for piece in pieces]
        tokens = _align(blank, heard) if heard else blank
    return _filled(tokens, start_s, max(start_s, end_s))


def places(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Each token with the place of its first character in the text that they make."""
    at = 0
    for token in tokens:
        at += 1 if token.spaced and at else 0
        yield at, token
        at += len(token.text)


def doubted(tokens: Sequence[Token]) -> dict[int, float]:
    """The confidence of the words that were doubted, by the place where they begin in the text of the tokens.

    >>> doubted([Token("Mr.", 0.0, 0.4, 0.98), Token("(Esky)", 0.4, 1.0, 0.43)])
    {5: 0.43}
    """
    return {
        at + len(token.text) - len(token.text.lstrip("\"'(“‘")): token.confidence
        for at, token in places(tokens)
        if token.confidence < DOUBTED
    }


def _cut(pieces: Sequence[str], heard: Sequence[Token]) -> list[Token]:
    """Cut a text where its words end; nothing where the words do not follow one another in it."""
    text, ends, place = " ".join(pieces), [], 0
    for word in heard:
        found = text.find(word.text, place)
        if found < 0 or not word.text:
            return []
        place = found + len(word.text)
        ends.append(place)
    starts = [0, *ends[:-1]]
    ends[-1] = len(text)
    # what stands before a word and after the last one (punctuation) belongs to the word before it
    slices: list[str] = []
    for start, end, word in zip(starts, ends, heard, strict=True):
        own = text.find(word.text, start)
        if slices:
            slices[-1] += text[start:own]
        slices.append(text[own:end] if slices else text[start:end])
    tokens = []
    for i, (part, word) in enumerate(zip(slices, heard, strict=True)):
        spaced = i == 0 or slices[i - 1][-1:].isspace()
        tokens.append(replace(word, text=part.strip(), spaced=spaced))
    return tokens


def _fold(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum()) or text


def _align(tokens: list[Token], heard: Sequence[Token]) -> list[Token]:
    """Give tokens the times and confidences of the words that they were written for."""
    forms = [(_fold(part), i) for i, word in enumerate(heard) for part in word.text.split() or [""]]
    matcher = SequenceMatcher(None, [_fold(t.text) for t in tokens], [f for f, _ in forms], autojunk=False)
    answer = list(tokens)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        if i1 == i2 or j1 == j2:
            continue  # heard but not written (um), or written but not heard (a dash)
        if i2 - i1 == j2 - j1:
            pairs = zip(range(i1, i2), (forms[j][1] for j in range(j1, j2)), strict=True)
            for number, group in groupby(pairs, key=lambda pair: pair[1]):
                places = [i for i, _ in group]
                words = [replace(heard[number], text=answer[i].text) for i in places]
                answer[places[0] : places[-1] + 1] = _shared(words, words[0].start_s, words[0].end_s)
            continue
        block = heard[forms[j1][1] : forms[j2 - 1][1] + 1]
        timed = [w for w in block if w.timed]
        known = [w.confidence for w in block if not math.isnan(w.confidence)]
        lowest = min(known, default=math.nan)
        for i in range(i1, i2):
            answer[i] = replace(answer[i], confidence=lowest)
        if timed:
            shared = _shared(answer[i1:i2], timed[0].start_s, timed[-1].end_s)
            answer[i1:i2] = [replace(t, timed=True) for t in shared]
    return answer


def _shared(tokens: Sequence[Token], start_s: float, end_s: float) -> list[Token]:
    """Share a span among tokens by their length in characters."""
    if len(tokens) == 1:  # exactly, without a rounding
        return [replace(tokens[0], start_s=start_s, end_s=end_s)]
    total = sum(len(t.text) for t in tokens)
    reached, marks = 0, [start_s]
    for token in tokens:
        reached += len(token.text)
        marks.append(start_s + (end_s - start_s) * reached / total)
    return [replace(t, start_s=a, end_s=b) for t, (a, b) in zip(tokens, pairwise(marks), strict=True)]


def _filled(tokens: Sequence[Token], start_s: float, end_s: float) -> list[Token]:
    """Give the tokens without times a share of the gap they stand in, and let none run backwards."""
    answer: list[Token] = []
    waiting: list[Token] = []
    at = start_s
    for token in tokens:
        if math.isnan(token.start_s):
            waiting.append(token)
            continue
        start = max(token.start_s, at)
        if waiting:
            answer += _shared(waiting, at, start)
            waiting = []
        at = max(start, token.end_s) if not math.isnan(token.end_s) else start
        same = start == token.start_s and at == token.end_s
        answer.append(token if same else replace(token, start_s=start, end_s=at))
    return answer + _shared(waiting, at, max(at, end_s)) if waiting else answer
