"""One number grammar of English: spoken words to digits and back.

`to_digits` finds the numbers in a list of words, `itn` writes a text with digits as Azure's inverse text
normalization does ("twenty two dollars" is "$22"), `to_words` writes it as it is spoken. Recognizers write
numbers as words or as digits as they like, so `to_words` first brings both to digits and then to one spoken
form: "3:30", "three thirty" and "330" are the same to it, and texts can be compared.

Cardinals, ordinals, decimals, digit strings ("oh", "double five"), years, dates, times of day, money,
percent, telephone and card numbers. A lone number below ten stays a word, as Azure leaves it; so does the
pronoun "one".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from speechkit.numerals.spans import Span, find_spans
from speechkit.numerals.spoken import speak

__all__ = ["Span", "itn", "to_digits", "to_words"]

_ROUNDS = 6  # two suffice as a rule: see to_words


def to_digits(words: Sequence[str]) -> list[Span]:
    """Find the numbers among words: `words[start:end]` are written as `text`.

    Spans are in order and do not overlap. Words may carry punctuation, which ends a number and stays in the
    text. `kind` is one of number, decimal, digits, phone, card, year, ordinal, date, time, money, percent.

    >>> to_digits("i paid twenty two dollars on september ninth".split())
    [Span(start=2, end=5, text='$22', kind='money'), Span(start=6, end=8, text='September 9', kind='date')]
    """
    return find_spans(words)


def itn(text: str) -> str:
    """Write the spoken numbers of a text as digits.

    >>> itn("call five five five oh one four two at three thirty pm")
    'call 555-0142 at 3:30 PM'
    >>> itn("no one has two point five million dollars")
    'no one has $2.5 million'
    """
    words = text.split()
    for span in reversed(find_spans(words)):
        words[span.start : span.end] = [span.text]
    return " ".join(words)


def to_words(text: str) -> str:
    """Write every number of a text, in words or digits, as it is spoken, in one way.

    Numbers of three and four digits are read in pairs, as Americans do: only so are times, house numbers and
    amounts the same whether they came as digits or as words. Texts of which one is a reading of the other
    have the same form; apply it to both before comparing. Applying it again changes nothing.

    >>> to_words("$22.50 on 9/9, call 555-0142")
    'twenty two dollars and fifty cents on September ninth, call five five five zero one four two'
    >>> to_words("at 3:30") == to_words("at three thirty") == "at three thirty"
    True
    """
    for _ in range(_ROUNDS):  # numbers that came to stand side by side may make another number
        spoken = speak(itn(text))
        if spoken == text:
            break
        text = spoken
    return re.sub(r"\s+", " ", text).strip()
