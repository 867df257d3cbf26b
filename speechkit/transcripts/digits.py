"""Runs of digits in what was said, written or spoken: "555-0142" and "five five five, zero one four two"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

_UNITS = "zero one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS: Final = {word: str(n) for n, word in enumerate(_UNITS.split())} | {"oh": "0", "o": "0"}
TEENS: Final = {word: str(10 + n) for n, word in enumerate(_TEENS.split())}
TENS: Final = {word: str(2 + n) for n, word in enumerate(_TENS.split())}
_REPEAT: Final = {"double": 2, "triple": 3}
_SOUNDS: Final = {"to": "2", "too": "2", "for": "4", "ate": "8", "won": "1"}
_HARDLY: Final = 0.5
"""Confidence below which a word between digits is a digit that was misheard."""
_FEW: Final = 3
"""Digits before such a word: fewer may be an amount or a time ("nine to five")."""
_WHOLE: Final = frozenset([10, 16])
"""Digits of a whole telephone or card number: what is hardly heard after so many is none of its digits."""
_GLUE: Final = frozenset({",", "-", "–", "(", ")", "+", "dash", "hyphen", "uh", "um"})
_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)?|[A-Za-z]+(?:['’][A-Za-z]+)?|\S")
_MOST_WORDS_BETWEEN = 3
"""Words of others ("mhm", "go on") that a number may be interrupted by between two phrases."""


@dataclass(frozen=True)
class Run:
    """Digits that were said in one go.

    `pieces` are (index of the phrase, first character, end) in order, `groups` how many groups they were said
    in, and `after` is the token that follows, empty at the end of a sentence.
    """

    digits: str
    pieces: tuple[tuple[int, int, int], ...]
    groups: int
    after: str


def digit_runs(
    texts: Sequence[str], speakers: Sequence[str], doubted: Sequence[Mapping[int, float]] | None = None
) -> list[Run]:
    """All runs of digits in the phrases of a call, speaker by speaker.

    A run goes on in the speaker's next phrase when nobody says more than a word or two in between. With `doubted`,
    the confidence of the words that the recognizer doubted by the place where they begin, it goes on over a digit that
    was misheard, too: a word that sounds like one, or one that was hardly heard, which counts as 0.

    >>> [run.digits for run in digit_runs(["It is forty two, oh seven.", "Double nine 1."], ["1", "1"])]
    ['4207', '991']
    >>> [run.digits for run in digit_runs(["eight eight one for zero to."], ["1"], [{}])]
    ['881402']
    """
    return [
        run for speaker in dict.fromkeys(speakers) for run in _of_speaker(texts, speakers, speaker, doubted)
    ]


def _of_speaker(
    texts: Sequence[str],
    speakers: Sequence[str],
    speaker: str,
    doubted: Sequence[Mapping[int, float]] | None,
) -> Iterator[Run]:
    run: Run | None = None
    last = -1
    for index, text in enumerate(texts):
        if speakers[index] != speaker:
            continue
        between = sum(len(texts[n].split()) for n in range(last + 1, index) if speakers[n] != speaker)
        if run and between > _MOST_WORDS_BETWEEN:
            yield run
            run = None
        last = index
        tokens = list(_tokens(text))
        for place, token in enumerate(tokens):
            if token.digits:
                run = _longer(run, index, token)
            elif (
                run
                and doubted is not None
                and (size := len(run.digits)) >= _FEW
                and (digit := _misheard(tokens, place, size, doubted[index]))
            ):
                run = _longer(run, index, replace(token, digits=digit))
            elif run and not token.glue:
                yield Run(run.digits, run.pieces, run.groups, token.word)
                run = None
        if run and text.rstrip().endswith((".", "?", "!")):
            yield run
            run = None
    if run:
        yield run


@dataclass(frozen=True)
class _Token:
    word: str
    digits: str
    start: int
    end: int
    glue: bool


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a text with the digits that they stand for; "forty two" is one token, 42."""
    found = list(_TOKEN.finditer(text))
    place = 0
    while place < len(found):
        match = found[place]
        word = match.group().lower()
        following = found[place + 1].group().lower() if place + 1 < len(found) else ""
        digits, used = word if word.isdecimal() else UNITS.get(word) or TEENS.get(word, ""), 1
        if word in TENS:
            unit = UNITS.get(following, "0")
            digits, used = TENS[word] + unit, 1 + (unit != "0")
        elif word in _REPEAT and following in UNITS:
            digits, used = UNITS[following] * _REPEAT[word], 2
        end = found[place + used - 1].end()
        # A full stop belongs to a number only where a digit follows at once: 555.0142.
        glue = word in _GLUE or (word == "." and text[end : end + 1].isdigit())
        start = match.start() - (text[match.start() - 1 : match.start()] in ("(", "+"))
        yield _Token("" if word in ".?!" else word, digits, start, end, glue)
        place += used


def _misheard(tokens: Sequence[_Token], place: int, size: int, doubts: Mapping[int, float]) -> str:
    """The digit that a word stands for after `size` others, as far as what is beside it tells; empty for none."""
    word = tokens[place].word
    if not word.isalpha() or word in _GLUE:
        return ""
    before = next((token.digits for token in reversed(tokens[:place]) if not token.glue), "")
    after = next((token for token in tokens[place + 1 :] if not token.glue), None)
    ends = (after is None or not after.word) and word != "too"
    if word in _SOUNDS and len(before) == 1 and (ends or (after and len(after.digits) == 1)):
        return _SOUNDS[word]
    within = before and after and after.digits and size not in _WHOLE
    return "0" if within and doubts.get(tokens[place].start, 1.0) < _HARDLY else ""


def _longer(run: Run | None, index: int, token: _Token) -> Run:
    if run is None:
        return Run(token.digits, ((index, token.start, token.end),), 1, "")
    pieces, (at, start, end) = run.pieces[:-1], run.pieces[-1]
    if at == index:
        pieces += ((at, start, token.end),)
        apart = token.start - end > 1  # a space alone parts the words of one group
    else:
        pieces, apart = (*run.pieces, (index, token.start, token.end)), True
    return Run(run.digits + token.digits, pieces, run.groups + apart, "")
