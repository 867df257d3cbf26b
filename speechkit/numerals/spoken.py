"""Digits as they are spoken, each number in one way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from speechkit.numerals.lexicon import (
    DECADES,
    MONTHS,
    SCALES,
    SMALL,
    cardinal_words,
    digit_words,
    ordinal_words,
)

_Match = re.Match[str]
_SCALE: Final = "|".join(SCALES)
_MONTH: Final = "|".join(MONTHS)
_WHOLE: Final = r"\d{1,3}(?:,\d{3})+|\d+"
_AMOUNT: Final = rf"(?:{_WHOLE})(?:\.\d+)?"
_CURRENCY: Final = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_FRACTIONS: Final = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds"} | {
    "1/4": "one quarter",
    "3/4": "three quarters",
}
_UNITS: Final = {  # abbreviations that stand right behind a number
    "gb": "gigabytes",
    "mb": "megabytes",
    "kg": "kilograms",
    "km": "kilometers",
    "mbps": "megabits per second",
    "mph": "miles per hour",
    "°": "degrees",
}
_YEAR: Final = re.compile(r"(?:1[89]|20)\d{2}")
_DECADE_OF: Final = {SMALL[word]: decade for decade, word in DECADES.items()}


def speak(text: str) -> str:
    """Write the digits of a text as words; what else is in it stays.

    >>> speak("It is 5% of $1,250.")
    'It is five percent of one thousand two hundred fifty dollars.'
    """
    for pattern, say in _PATTERNS:
        text = pattern.sub(say, text)
    return text


def number_words(digits: str) -> str:
    """Say a number as Americans do without context: in pairs up to four digits, longer ones digit by digit.

    >>> [number_words(n) for n in ("7", "42", "305", "330", "1999", "2005", "48823", "007")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['seven', 'forty two', 'three oh five', 'three thirty', 'nineteen ninety nine', 'two thousand five',
     'four eight eight two three', 'zero zero seven']
    """
    if len(digits) > 1 and digits[0] == "0":
        return digit_words(digits)
    if len(digits) in (5, 6) and digits.endswith("00"):
        return cardinal_words(int(digits))
    if len(digits) > 4:
        return digit_words(digits)
    head, tail = digits[:-2], digits[-2:]
    if not head or (head.endswith("0") and tail[0] == "0") or (tail == "00" and len(head) == 1):
        return cardinal_words(int(digits))
    if tail == "00":
        return f"{cardinal_words(int(head))} hundred"
    return f"{cardinal_words(int(head))} {'oh ' if tail[0] == '0' else ''}{cardinal_words(int(tail))}"


def _amount(digits: str) -> str:
    """Say a number that is an amount: 1,250.5."""
    whole, _, decimals = digits.replace(",", "").partition(".")
    said = cardinal_words(int(whole)) if int(whole) < 10**15 else digit_words(whole)
    return f"{said} point {digit_words(decimals)}" if decimals else said


def _money(match: _Match) -> str:
    sign, whole, cents, scale = match["sign"], match["whole"].replace(",", ""), match["cents"], match["scale"]
    unit, small = _CURRENCY[sign]
    units = unit if whole == "1" and not scale and len(cents or "00") == 2 else f"{unit}s"
    if scale or (cents and len(cents) != 2):
        return " ".join(filter(None, [_amount(f"{whole}.{cents}" if cents else whole), scale, units]))
    pennies = {"penny": "pence"}.get(small, f"{small}s") if cents != "01" else small
    parts = [f"{_amount(whole)} {units}"] if int(whole) or not int(cents or 0) else []
    if int(cents or 0):
        parts.append(f"{cardinal_words(int(cents))} {pennies}")
    return " and ".join(parts)


def _date(match: _Match) -> str:
    """Say 9/9, 9/9/2026 or 2026-09-09; what is no date stays."""
    found = match.groupdict()
    month, day, year = int(found["month"]), int(found["day"]), found["year"]
    if match[0] in _FRACTIONS:
        return _FRACTIONS[match[0]]
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    said = f"{MONTHS[month - 1].capitalize()} {ordinal_words(day)}"
    return f"{said} {number_words(year if len(year) == 4 else f'20{year}')}" if year else said


def _month_day(match: _Match) -> str:
    if not 1 <= int(match["day"]) <= 31:
        return match[0]
    said = f"{match['month']} {ordinal_words(int(match['day']))}"
    return f"{said} {number_words(match['year'])}" if match["year"] else said


def _time(match: _Match) -> str:
    hour, minute, half = int(match["hour"]), match["minute"], (match["half"] or "").lower()
    if hour > 24 or int(minute or 0) > 59:
        return match[0]
    said = cardinal_words(hour)
    if minute == "00" and not half:
        said += " o'clock" if 1 <= hour <= 12 else " hundred"
    elif minute and minute != "00":
        said += f" {'oh ' if minute[0] == '0' else ''}{cardinal_words(int(minute))}"
    return f"{said} {half}m" if half else said


def _decade(match: _Match) -> str:
    digits = match[1]
    decade = _DECADE_OF.get(int(digits[-2:]))
    if decade is None or len(digits) == 3:
        return match[0]
    return f"{cardinal_words(int(digits[:2]))} {decade}" if len(digits) == 4 else decade


def _whole(match: _Match) -> str:
    digits = match[0]
    if "," in digits:
        plain = digits.replace(",", "")
        return number_words(plain) if len(plain) == 4 else _amount(plain)
    return number_words(digits)


def _digits(match: _Match) -> str:
    return digit_words(re.sub(r"\D", "", match[0]))


def _groups(match: _Match) -> str:
    """Say groups of digits one by one when they are many: a card, an account; else each by itself."""
    digits = match[0].replace(" ", "")
    return digit_words(digits) if len(digits) >= 7 else match[0]


def _joined(match: _Match) -> str:
    """Say groups with hyphens between them digit by digit, as the parts of a number; a pair (10-15, 1990-91) is two."""
    groups = re.split("[-–]", match[0])
    pair = len(groups) == 2 and len(groups[1]) <= 2 and (len(groups[0]) <= 2 or _YEAR.fullmatch(groups[0]))
    return " ".join(map(number_words, groups)) if pair else digit_words("".join(groups))


def _pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that stands for itself: no letter, digit or decimal point around it."""
    return re.compile(rf"(?<![\w.,:/$€£-])(?:{pattern})(?!\w|[.,:/-]\d)", re.IGNORECASE)


_PATTERNS: Final[list[tuple[re.Pattern[str], Callable[[_Match], str]]]] = [
    (
        _pattern(rf"(?P<sign>[$€£])\s?(?P<whole>{_WHOLE})(?:\.(?P<cents>\d+))?(?:\s(?P<scale>{_SCALE}))?"),
        _money,
    ),
    (_pattern(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"), _date),
    (_pattern(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{4}|\d{2}))?"), _date),
    (
        _pattern(
            rf"(?P<month>{_MONTH})\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<year>(?:19|20)\d{{2}}))?"
        ),
        _month_day,
    ),
    (_pattern(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?:\s?(?P<half>[ap])(?:\.m\.|m\b))?"), _time),
    (_pattern(r"(?P<hour>\d{1,2})(?P<minute>)\s?(?P<half>[ap])(?:\.m\.|m\b)"), _time),
    (_pattern(rf"({_AMOUNT})\s?%"), lambda match: f"{_amount(match[1])} percent"),
    (_pattern(rf"({_WHOLE})(?:st|nd|rd|th)"), lambda match: ordinal_words(int(match[1].replace(",", "")))),
    (_pattern(r"(\d{2,4})s"), _decade),
    (_pattern(r"(?:\+?1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}|\d{3}\.\d{4}"), _digits),
    (_pattern(r"\d+(?:[-–]\d+)+"), _joined),
    (_pattern(r"\d{2,}(?: \d{2,})+"), _groups),
    (
        _pattern(rf"({_AMOUNT})\s?({'|'.join(_UNITS)})(?!\w)"),
        lambda match: f"{_amount(match[1])} {_UNITS[match[2].lower()]}",
    ),
    (_pattern(rf"({_AMOUNT})\s({_SCALE})"), lambda match: f"{_amount(match[1])} {match[2]}"),
    (re.compile(rf"(?<![\w.])-(?={_AMOUNT}(?!\w))"), lambda match: "minus "),
    (_pattern(r"(?:\d{1,3}(?:,\d{3})+|\d+)\.\d+"), lambda match: _amount(match[0])),
    (_pattern(_WHOLE), _whole),
]
