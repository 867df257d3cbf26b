"""Is a quote really in the transcript, and where?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from speechkit.insight.turns import Turn

MIN_FREE_WORDS = 3
"""A shorter quote proves something only where it was cited: "yes" stands in every call."""

# A word, with the apostrophe of "don't", the point of "3.50" and the mask "[CARD]" as parts of it. Accents may
# stand as characters of their own.
_LETTERS = r"[\w\u0300-\u036f]+"
_WORD = re.compile(rf"\[[A-Z_]+\]|{_LETTERS}(?:['’.,:/@-]{_LETTERS})*")
_ELLIPSIS = re.compile(r"\s*(?:…|\.\.\.+|\[\.\.\.\])\s*")


@dataclass(frozen=True)
class Evidence:
    """A quote that was found: as it stands in the transcript, where, and how sure the recognizer was.

    `phrase_id` is the phrase that the quote begins in and `phrase_ids` all that it touches; times are
    seconds from the start of the recording: of the first word where the transcript has word times, else of
    the phrase. `confidence` is the least of the phrases'.
    """

    quote: str
    phrase_id: str
    phrase_ids: tuple[str, ...]
    speaker: str
    start_s: float
    end_s: float
    confidence: float


class _Token(NamedTuple):
    word: str
    turn: int
    place: int  # of the word in its turn
    start: int  # of its characters in the turn's text
    end: int


def find_quote(quote: str, ref: str, turns: Sequence[Turn]) -> Evidence | None:
    """Where `quote` stands in the turns, or None when it does not.

    Words are compared without case, punctuation and typographic variants, whole words only and in order;
    nothing else is forgiven. `ref` is the turn that was cited: it is looked at first, then the other turns,
    then sentences that one speaker goes on with in the next phrase, then words that run across neighbouring
    phrases. A quote of fewer than MIN_FREE_WORDS words counts only in the turn that was cited. An ellipsis
    in a quote stands for left out words of one turn.

    >>> turns = [Turn("1", "a:0001", "customer", 2.0, 4.0, 0.9, "You charged me twice, again!")]
    >>> find_quote("charged me TWICE", "7", turns).quote
    'charged me twice'
    >>> find_quote("charged me three times", "1", turns) is None
    True
    """
    pieces = [words for words in (_words(piece) for piece in _ELLIPSIS.split(quote)) if words]
    if not pieces:
        return None
    free = sum(len(piece) for piece in pieces) >= MIN_FREE_WORDS
    cited = [turn for turn in turns if turn.ref == ref.strip()]
    for turn in [*cited, *(turn for turn in turns if free and turn.ref != ref.strip())]:
        found = _find_pieces(pieces, [turn])
        if found:
            return found
    if free and len(pieces) == 1:
        for stream in _streams(turns):
            found = _find_pieces(pieces, stream)
            if found:
                return found
    return None


def is_said(text: str, turns: Sequence[Turn]) -> bool:
    """Whether these words stand in one of the turns, however few they are.

    >>> is_said("By Friday.", [Turn("1", "a:0001", "agent", 0.0, 1.0, 0.9, "It comes by Friday")])
    True
    """
    words = _words(text)
    return bool(words) and any(_find_pieces([words], [turn]) for turn in turns)


def _find_pieces(pieces: list[list[str]], turns: Sequence[Turn]) -> Evidence | None:
    tokens = [
        _Token(_plain(match.group()), number, place, match.start(), match.end())
        for number, turn in enumerate(turns)
        for place, match in enumerate(_WORD.finditer(turn.text))
    ]
    words = [token.word for token in tokens]
    spans: list[tuple[int, int]] = []
    after = 0
    for piece in pieces:
        at = next((at for at in _places(words, piece) if at >= after), None)
        if at is None:
            return None
        after = at + len(piece)
        spans.append((at, after))
    begin, end = spans[0][0], spans[-1][1]
    first, last = tokens[begin], turns[tokens[end - 1].turn]
    touched = [turns[number] for number in sorted({token.turn for token in tokens[begin:end]})]
    return Evidence(
        quote=" … ".join(_text(tokens[start:stop], turns) for start, stop in spans),
        phrase_id=turns[first.turn].phrase_id,
        phrase_ids=tuple(turn.phrase_id for turn in touched),
        speaker=turns[first.turn].speaker,
        start_s=_start(turns[first.turn], pieces[0], first.place),
        end_s=last.end_s,
        confidence=min(turn.confidence for turn in touched),
    )


def _text(tokens: Sequence[_Token], turns: Sequence[Turn]) -> str:
    """The characters from the first to the last of the tokens, phrase by phrase."""
    parts = []
    for number, group in groupby(tokens, key=lambda token: token.turn):
        own = list(group)
        parts.append(turns[number].text[own[0].start : own[-1].end])
    return " ".join(parts)


def _start(turn: Turn, piece: Sequence[str], place: int) -> float:
    """The start of the first quoted word, from the word times where they match, else the turn's start."""
    places = list(_places([_plain(word) for word, _ in turn.words], piece[:3]))
    if not places:
        return turn.start_s
    # The same words can stand in a phrase twice: take the place that is nearest to the quote's own.
    return turn.words[min(places, key=lambda at: abs(at - place))][1]


def _streams(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    for speaker in dict.fromkeys(turn.speaker for turn in turns):
        yield [turn for turn in turns if turn.speaker == speaker]
    yield list(turns)


def _places(words: Sequence[str], piece: Sequence[str]) -> Iterator[int]:
    size = len(piece)
    for at in range(len(words) - size + 1):
        if words[at] == piece[0] and list(words[at : at + size]) == list(piece):
            yield at


def _words(text: str) -> list[str]:
    return [_plain(word) for word in _WORD.findall(text)]


def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).replace("’", "'").casefold()
    return unicodedata.normalize("NFKC", folded)
