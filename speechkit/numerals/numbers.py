"""Which words in a row are a number: cardinals, digit strings, and what several numbers in a row are.

A run is a row of number words without punctuation between them. It consists of pieces: a digit, a number
below 100, or a cardinal with a scale word. Pieces may make one number together ("nineteen ninety nine", "five
five five") or stay apart ("ten twenty thirty").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechkit.numerals.lexicon import (
    DECADES,
    DIGITS,
    OH,
    ONE_PRONOUN,
    ORDINALS,
    SCALES,
    SMALL,
    TIMES,
)

_LONGEST = 24  # words of an ordinal


@dataclass(frozen=True)
class Word:
    """A word in lower case without punctuation; `ends` says that punctuation behind it ends a number."""

    text: str
    ends: bool = False


@dataclass(frozen=True)
class Number:
    """`words[start:end]` are the number `digits`; `pieces` tells how they were said.

    Pieces: d a digit, o "oh", t ten to ninety-nine, n digits that came as digits, c with a scale word.
    """

    start: int
    end: int
    digits: str
    pieces: str

    @property
    def value(self) -> int:
        """The number as an integer."""
        return int(self.digits)


def run_at(words: Sequence[Word], at: int) -> list[Number]:
    """Return the numbers of the run that starts at a word, none where no number starts there."""
    if _is_pronoun(words, at):
        return []
    pieces: list[Number] = []
    end = at
    while end < len(words) and (end == at or not words[end - 1].ends):
        piece = cardinal_at(words, end) or _piece(words, end)
        if piece is None:
            break
        pieces.append(piece)
        end = piece.end
    kinds = "".join(piece.pieces for piece in pieces)
    if kinds.startswith("o") and len(kinds) < 3:
        return []  # "oh two people"
    while kinds.endswith("o") and len(kinds) < 4 and not kinds.startswith("o"):  # "twenty oh i see"
        pieces.pop()
        kinds = kinds[:-1]
    return _together(pieces)


def cardinal_at(words: Sequence[Word], at: int) -> Number | None:
    """Return the cardinal with a scale word that starts at a word: "two thousand twenty six", "a hundred"."""
    total, end, start, limit = 0, at, at, 0
    while (group := _group(words, start)) is not None:
        value, stop, hundred = group
        scale = 0 if words[stop - 1].ends else SCALES.get(_text(words, stop), 0)
        if (limit and (value >= limit or scale >= limit)) or (scale and not 0 < value < 1000):
            break
        if not scale and limit and words[start].text.isdecimal():
            break  # "5 million 25" are two numbers
        if not scale:
            return Number(at, stop, str(total + value), "c") if limit or hundred else None
        total, limit, end = total + value * scale, scale, stop + 1
        if words[stop].ends:
            break
        start = end + 1 if _text(words, end) == "and" and not words[end].ends else end
        if _is_digit_string(words, start):
            break
    return Number(at, end, str(total), "c") if limit else None


def ordinal_at(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """Return the value and the end of the ordinal that starts at a word: "twenty second", "ninth", "9th"."""
    text = words[at].text
    if text[:-2].isdigit() and text[-2:] in ("st", "nd", "rd", "th"):
        return int(text[:-2]), at + 1
    for end in range(at, min(at + _LONGEST, len(words))):
        if cardinal := ORDINALS.get(words[end].text):
            said = [*words[at:end], Word(cardinal)]
            number = cardinal_at(said, 0) or _piece(said, 0)
            if number is None and len(said) == 1 and cardinal in ("hundred", *SCALES):
                return None
            return (number.value, end + 1) if number and number.end == len(said) else None
        if words[end].ends or (
            words[end].text not in SMALL and words[end].text not in ("hundred", "and", *SCALES)
        ):
            return None
    return None


def decade_at(words: Sequence[Word], at: int) -> tuple[str, int] | None:
    """Return the text and the end of a decade of a century: "nineteen nineties" is 1990s."""
    century, decade = SMALL.get(words[at].text, 0), DECADES.get(_text(words, at + 1))
    if not 10 <= century <= 20 or decade is None or words[at].ends:
        return None
    return f"{century}{SMALL[decade]}s", at + 2


def digits_after(words: Sequence[Word], at: int) -> tuple[str, int] | None:
    """Return the digits behind a decimal point and where they end: "two five", "oh five", "seventy five"."""
    digits, end = "", at
    while end < len(words) and (end == at or not words[end - 1].ends):
        piece = _piece(words, end)
        if piece is None:
            break
        digits, end = digits + piece.digits, piece.end
    return (digits, end) if digits else None


def _together(pieces: list[Number]) -> list[Number]:
    """Decide which pieces of a run are one number."""
    kinds = "".join(piece.pieces for piece in pieces)
    total = sum(len(piece.digits) for piece in pieces)
    if len(pieces) < 2 or (set(kinds) == {"n"}):
        return pieces
    if "c" in kinds:
        return _around_cardinals(pieces)
    if set(kinds) <= set("do") or sum(kind in "do" for kind in kinds) >= 2 or kinds in ("tt", "dt"):
        return [_joined(pieces)]
    if len(pieces) > 2:
        if total in (7, 10, 11, 16) or (set(kinds) == {"t"} and total % 4 == 0 and total >= 8):
            return [_joined(pieces)]
        if kinds[:2] == "tt" and pieces[0].digits in ("19", "20"):
            return [_joined(pieces[:2]), *_together(pieces[2:])]
    return pieces


def _around_cardinals(pieces: list[Number]) -> list[Number]:
    """Keep cardinals apart, but "eight hundred five five five ..." is a telephone number."""
    for at, piece in enumerate(pieces):
        if piece.pieces != "c":
            continue
        behind = pieces[at + 1 :]
        if (
            len(piece.digits) == 3
            and piece.digits.endswith("00")
            and all(follower.pieces != "c" for follower in behind)
            and sum(len(follower.digits) for follower in behind) == 7
        ):
            start = at - 1 if at and pieces[at - 1].digits == "1" else at
            return [*_together(pieces[:start]), _joined(pieces[start:])]
        return [*_together(pieces[:at]), piece, *_together(behind)]
    return pieces


def _joined(pieces: list[Number]) -> Number:
    digits = "".join(piece.digits for piece in pieces)
    return Number(pieces[0].start, pieces[-1].end, digits, "".join(piece.pieces for piece in pieces))


def _piece(words: Sequence[Word], at: int) -> Number | None:
    """Return the digit or the number below 100 at a word."""
    text = _text(words, at)
    if text in OH:
        return Number(at, at + 1, "0", "o")
    if text.isdecimal() and text.isascii():
        return Number(at, at + 1, text, "d" if len(text) == 1 else "n")
    if text in TIMES and not words[at].ends:
        digit = "0" if _text(words, at + 1) in OH else DIGITS.get(_text(words, at + 1))
        return Number(at, at + 2, digit * TIMES[text], "d" * TIMES[text]) if digit else None
    if small := _small(words, at):
        value, end = small
        return Number(at, end, str(value), "d" if value < 10 else "t")
    return None


def _small(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """Return the value below 100 at a word, and where it ends."""
    value = SMALL.get(_text(words, at))
    if value is None:
        return None
    unit = SMALL.get(_text(words, at + 1), 0)
    if value >= 20 and 1 <= unit <= 9 and not words[at].ends:
        return value + unit, at + 2
    return value, at + 1


def _group(words: Sequence[Word], at: int) -> tuple[int, int, bool] | None:
    """Return the value of what stands before a scale word, its end, and whether "hundred" is in it."""
    text, then = _text(words, at), _text(words, at + 1)
    if text in ("a", "an") and (then == "hundred" or then in SCALES):
        value, end = 1, at + 1
    elif text.isdecimal() and text.isascii():
        value, end = int(text), at + 1
    elif small := _small(words, at):
        value, end = small
    else:
        return None
    if _text(words, end) != "hundred" or words[end - 1].ends or not 1 <= value <= 99:
        return value, end, False
    value, end = 100 * value, end + 1
    if words[end - 1].ends:
        return value, end, True
    follows = end + 1 if _text(words, end) == "and" and not words[end].ends else end
    rest = _small(words, follows)
    if rest is None or _is_digit_string(words, follows) or not rest[0]:
        return value, end, True
    return value + rest[0], rest[1], True


def _is_digit_string(words: Sequence[Word], at: int) -> bool:
    """Say whether two digits in a row start here: then "eight hundred five five" does not end in five."""
    texts = [_text(words, at), _text(words, at + 1)]
    digit = {*DIGITS, *OH, *TIMES}
    return texts[0] in TIMES or (all(text in digit for text in texts) and not words[at].ends)


def _is_pronoun(words: Sequence[Word], at: int) -> bool:
    """Say whether "one" stands for a thing: "that one"."""
    if words[at].text != "one" or not at or words[at - 1].ends:
        return False
    follows = _text(words, at + 1)
    return words[at - 1].text in ONE_PRONOUN and follows not in ("hundred", "point", "percent", *SCALES)


def _text(words: Sequence[Word], at: int) -> str:
    return words[at].text if 0 <= at < len(words) else ""
