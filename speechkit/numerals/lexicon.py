"""The number words of English."""

from __future__ import annotations

from typing import Final

UNITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS: Final = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL: Final = {word: value for value, word in enumerate(UNITS + TEENS)} | {
    word: 10 * value for value, word in enumerate(TENS, start=2)
}
SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
DIGITS: Final = {word: str(value) for value, word in enumerate(UNITS)}
OH: Final = frozenset({"oh", "o"})
TIMES: Final = {"double": 2, "triple": 3}

# An ordinal word and the cardinal word in its place.
_IRREGULAR: Final = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
} | {
    "ninth": "nine",
    "twelfth": "twelve",
}
ORDINALS: Final = (
    _IRREGULAR
    | {f"{word}th": word for word in (*UNITS, *TEENS) if word not in {*_IRREGULAR.values(), "zero"}}
    | {f"{word[:-1]}ieth": word for word in TENS}
    | {f"{word}th": word for word in ("hundred", *SCALES)}
)
ORDINAL_OF: Final = {cardinal: ordinal for ordinal, cardinal in ORDINALS.items()}
DECADES: Final = {f"{word[:-1]}ies": word for word in TENS}

MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# Nouns that make a lone digit a measure: "5 minutes".
MEASURES: Final = frozenset(
    {
        *(
            "minutes",
            "hours",
            "days",
            "weeks",
            "months",
            "years",
            "seconds",
            "miles",
            "feet",
            "inches",
            "yards",
        ),
        *(
            "kilometers",
            "meters",
            "centimeters",
            "pounds",
            "ounces",
            "kilograms",
            "grams",
            "degrees",
            "gallons",
        ),
        *("liters", "gigabytes", "megabytes", "gigabits", "megabits", "watts", "volts", "amps"),
    }
)
# Before these, "six thirty" is a time of day.
TIME_PREPOSITIONS: Final = frozenset(
    {"at", "by", "until", "till", "before", "after", "around", "since", "from", "between"}
)
# After these, "one" is a pronoun.
ONE_PRONOUN: Final = frozenset(
    {
        *("no", "any", "every", "some", "each", "this", "that", "which", "the", "another", "only", "other"),
        *("good", "new", "old", "right", "wrong", "first", "second", "last", "next", "same", "big", "small"),
        *("red", "blue", "white", "black", "green", "my", "your", "his", "her", "our", "their", "whole"),
    }
)


def ordinal_suffix(value: int) -> str:
    """Return st, nd, rd or th.

    >>> [f"{n}{ordinal_suffix(n)}" for n in (1, 2, 3, 11, 22, 113)]
    ['1st', '2nd', '3rd', '11th', '22nd', '113th']
    """
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def cardinal_words(value: int) -> str:
    """Say a whole number.

    >>> cardinal_words(1205)
    'one thousand two hundred five'
    """
    if value < 20:
        return (UNITS + TEENS)[value]
    if value < 100:
        return " ".join([TENS[value // 10 - 2], *([UNITS[value % 10]] if value % 10 else [])])
    if value < 1000:
        head, rest = f"{UNITS[value // 100]} hundred", value % 100
    else:
        scale, size = next((word, size) for word, size in reversed(SCALES.items()) if value >= size)
        head, rest = f"{cardinal_words(value // size)} {scale}", value % size
    return f"{head} {cardinal_words(rest)}" if rest else head


def ordinal_words(value: int) -> str:
    """Say an ordinal number.

    >>> ordinal_words(122)
    'one hundred twenty second'
    """
    *head, last = cardinal_words(value).split()
    return " ".join([*head, ORDINAL_OF.get(last, f"{last}th")])


def digit_words(digits: str) -> str:
    """Say digits one by one.

    >>> digit_words("042")
    'zero four two'
    """
    return " ".join(UNITS[int(digit)] for digit in digits)
