"""Numbers in their context: dates, times of day, money, percent, telephone and card numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from speechkit.numerals.lexicon import (
    MEASURES,
    MONTHS,
    OH,
    ORDINALS,
    SCALES,
    SMALL,
    TIME_PREPOSITIONS,
    TIMES,
    ordinal_suffix,
)
from speechkit.numerals.numbers import (
    Number,
    Word,
    decade_at,
    digits_after,
    ordinal_at,
    run_at,
)

_EDGES: Final = ".,;:!?…\"'“”‘’()[]{}"
_ENDS: Final = frozenset(".,;:!?…)]}")
_CURRENCIES: Final = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€"}
_CENTS: Final = frozenset({"cent", "cents"})
_HALVES: Final = {"am": "AM", "a.m": "AM", "pm": "PM", "p.m": "PM"}
_NO_DATE: Final = frozenset({*_CURRENCIES, *_CENTS, *_HALVES, *MEASURES, *SCALES, "percent", "point"})
_STARTS: Final = frozenset({*SMALL, *ORDINALS, *TIMES, *OH, *MONTHS, "a", "an"})
_NEEDS_ORDINAL: Final = frozenset({"march", "may"})  # verbs: "you may two of you"


@dataclass(frozen=True)
class Span:
    """A number among words: `words[start:end]` are written as `text`."""

    start: int
    end: int
    text: str
    kind: str


def find_spans(words: Sequence[str]) -> list[Span]:
    """Find the numbers among words, as `speechkit.numerals.to_digits` describes."""
    split, owner, edges = _split(words)
    spans = []
    for found in _walk(split):
        start, last = owner[found.start], owner[found.end - 1]
        if (found.start and owner[found.start - 1] == start) or owner[found.end : found.end + 1] == [last]:
            continue  # a part of a hyphenated word
        text = edges[start][0] + found.text + edges[last][1]
        if text != " ".join(words[start : last + 1]):
            spans.append(Span(start, last + 1, text, found.kind))
    return spans


def _split(words: Sequence[str]) -> tuple[list[Word], list[int], list[tuple[str, str]]]:
    """Take punctuation off, and hyphens out of number words; answer which word each part is of."""
    split: list[Word] = []
    owner: list[int] = []
    edges: list[tuple[str, str]] = []
    for at, word in enumerate(words):
        core = word.strip(_EDGES)
        lead, trail = word[: len(word) - len(word.lstrip(_EDGES))], word[len(word.rstrip(_EDGES)) :]
        text = core.lower()
        parts = text.split("-")
        if len(parts) == 1 or not all(part in SMALL or part in ORDINALS for part in parts):
            parts = [text]
        if text in ("a.m", "p.m"):
            trail = trail.removeprefix(".")
        if lead and split:
            split[-1] = Word(split[-1].text, True)
        split += [Word(part) for part in parts]
        split[-1] = Word(parts[-1], not _ENDS.isdisjoint(trail))
        owner += [at] * len(parts)
        edges.append((lead, trail))
    return split, owner, edges


def _walk(words: list[Word]) -> Iterator[Span]:
    at, before = 0, None
    while at < len(words):
        found: list[Span] = []
        after = at + 1
        if words[at].text in _STARTS or words[at].text[:1].isdecimal():
            made = _date_at(words, at) or _ordinal_at(words, at) or _run_at(words, at, before)
            found, after = made or (found, after)
        yield from found
        before = found[-1] if found else before
        at = max(after, at + 1)


_Found = tuple[list[Span], int] | None  # spans, and where to go on


def _date_at(words: list[Word], at: int) -> _Found:
    """September ninth twenty twenty six; September ninth; September twenty twenty six."""
    month = words[at].text
    if month not in MONTHS or words[at].ends or at + 1 >= len(words):
        return None
    name, start = month.capitalize(), at + 1
    if year := _year_at(words, start):
        return [Span(at, year.end, f"{name} {year.digits}", "date")], year.end
    if words[start].text == "the" and start + 1 < len(words):
        start += 1
    ordinal = ordinal_at(words, start)
    if ordinal is None and start == at + 1:
        run = run_at(words, start)
        if not run or len(run[0].pieces) > 1 or run[0].pieces == "c" or len(run[0].digits) > 2:
            return None
        ordinal = run[0].value, run[0].end
        year = None if words[run[0].end - 1].ends else _year_at(words, run[0].end)
        if len(run) > 1 + bool(year) or (month in _NEEDS_ORDINAL and not year):
            return None
    if ordinal is None or not 1 <= ordinal[0] <= 31:
        return None
    follows = _texts(words, ordinal[1])[:1]
    if follows and follows[0] in _NO_DATE:
        return None
    value, end = ordinal
    year = None if words[end - 1].ends else _year_at(words, end)
    if year:
        return [Span(at, year.end, f"{name} {value}, {year.digits}", "date")], year.end
    return [Span(at, end, f"{name} {value}", "date")], end


def _year_at(words: list[Word], at: int) -> Number | None:
    """A number from 1900 to 2099, said as a year: twenty twenty six, two thousand five, nineteen oh five."""
    if at >= len(words):
        return None
    run = run_at(words, at)
    if len(run) != 1 or len(run[0].digits) != 4 or not 1900 <= run[0].value <= 2099:
        return None
    return run[0]


def _ordinal_at(words: list[Word], at: int) -> _Found:
    """From tenth on, ordinals are digits; the smaller ones only in a date, "ninth of September"."""
    ordinal = ordinal_at(words, at)
    if ordinal is None:
        if decade := decade_at(words, at):
            return [Span(at, decade[1], decade[0], "year")], decade[1]
        return None
    value, end = ordinal
    is_day = [word.text for word in words[end : end + 2]][:1] == ["of"] and _is_month(words, end + 1)
    if value < 10 and not is_day:
        return [], end
    return [Span(at, end, f"{value}{ordinal_suffix(value)}", "ordinal")], end


def _is_month(words: list[Word], at: int) -> bool:
    return at < len(words) and words[at].text in MONTHS


def _run_at(words: list[Word], at: int, before: Span | None) -> _Found:
    run = run_at(words, at)
    if not run:
        return None
    *others, last = run
    spans = [span for number in others if (span := _plain(number))]
    span = _in_context(words, last) or (None if others else _time_alone(words, last, before)) or _plain(last)
    if span and not others and _is_negative(words, at) and span.kind in ("number", "decimal", "percent"):
        span = Span(at - 1, span.end, f"-{span.text}", span.kind)
    elif span is None and not others and _is_negative(words, at) and last.pieces == "d":
        span = Span(at - 1, last.end, f"-{last.digits}", "number")
    return [*spans, *([span] if span else [])], span.end if span else last.end


def _is_negative(words: list[Word], at: int) -> bool:
    """Say whether "minus" stands before and nothing that it would be taken from."""
    if not at or words[at - 1].text != "minus" or words[at - 1].ends:
        return False
    return (
        at == 1
        or words[at - 2].ends
        or (
            not words[at - 2].text[:1].isdigit()
            and not (words[at - 2].text in SMALL or words[at - 2].text in ("hundred", *SCALES))
        )
    )


def _plain(number: Number) -> Span | None:
    """Write a number without context; a lone digit stays a word, what came as digits stays as it is."""
    digits, pieces = number.digits, number.pieces
    if pieces in ("d", "n"):
        return None
    text, kind = digits, "digits"
    if pieces == "c":
        text, kind = _cardinal(number.value), "number"
    elif pieces == "t":
        kind = "number"
    elif len(digits) in (7, 10) and digits[0] >= "2":
        text, kind = "-".join(filter(None, (digits[:-7], digits[-7:-4], digits[-4:]))), "phone"
    elif len(digits) == 11 and digits[0] == "1" and digits[1] >= "2":
        text, kind = f"1-{digits[1:4]}-{digits[4:7]}-{digits[7:]}", "phone"
    elif len(digits) == 16:
        text, kind = " ".join(digits[i : i + 4] for i in range(0, 16, 4)), "card"
    elif len(digits) == 15 and digits[0] == "3":
        text, kind = f"{digits[:4]} {digits[4:10]} {digits[10:]}", "card"
    elif pieces in ("tt", "tod") and 1900 <= number.value <= 2099:
        kind = "year"
    return Span(number.start, number.end, text, kind)


def _cardinal(value: int) -> str:
    """Write a cardinal: 1200, 48,823, 2 million.

    >>> [_cardinal(v) for v in (1200, 48_823, 2_000_000, 2_300_000)]
    ['1200', '48,823', '2 million', '2,300,000']
    """
    for word, size in reversed(SCALES.items()):
        if size >= 10**6 and value >= size and value % size == 0 and value // size < 1000:
            return f"{value // size} {word}"
    return f"{value:,}" if value >= 10_000 else str(value)


def _in_context(words: list[Word], number: Number) -> Span | None:
    """Write a number together with what follows it: a decimal part, a currency, percent, an hour."""
    start, end = number.start, number.end
    text, kind = _cardinal(number.value) if number.pieces == "c" else number.digits, "number"
    texts = _texts(words, end)
    if texts[:1] == ["point"] and (decimals := digits_after(words, end + 1)) and not words[end].ends:
        text, kind, end = f"{number.digits}.{decimals[0]}", "decimal", decimals[1]
        texts = _texts(words, end)
    if texts and texts[0] in SCALES and number.pieces != "c":
        text, end = f"{text} {texts[0]}", end + 1
        texts = _texts(words, end)
    if texts[:1] == ["percent"]:
        return Span(start, end + 1, f"{text}%", "percent")
    if texts[:2] == ["per", "cent"]:
        return Span(start, end + 2, f"{text}%", "percent")
    if texts and texts[0] in _CURRENCIES:
        text, end = _CURRENCIES[texts[0]] + text, end + 1
        if kind == "number" and text[-1].isdigit() and (cents := _cents_after(words, end)):
            text, end = f"{text}.{cents[0]:02d}", cents[1]
        return Span(start, end, text, "money")
    if kind == "decimal":
        return Span(start, end, text, kind)
    if texts and texts[0] in _CENTS and number.value < 100:
        return Span(start, end + 1, f"${number.value / 100:.2f}", "money")
    if hour := _hour(words, number):
        return hour
    if texts and texts[0] in MEASURES and number.pieces == "d" and number.value > 1:
        return Span(start, end, number.digits, "number")
    return None


def _texts(words: list[Word], at: int) -> list[str]:
    """Return the next two words, or fewer where punctuation stands between."""
    if at >= len(words) or (at and words[at - 1].ends):
        return []
    return [word.text for word in words[at : at + (1 if words[at].ends else 2)]]


def _cents_after(words: list[Word], at: int) -> tuple[int, int] | None:
    """Return the cents behind dollars, and their end: "and fifty cents", "fifty cents"."""
    texts = _texts(words, at)
    at += texts[:1] == ["and"]
    if not texts or at >= len(words):
        return None
    run = run_at(words, at)
    if len(run) != 1 or run[0].value > 99:
        return None
    return (
        (run[0].value, run[0].end + 1)
        if _texts(words, run[0].end)[:1] and (_texts(words, run[0].end)[0] in _CENTS)
        else None
    )


def _clock(number: Number) -> str | None:
    """Return a number as hours and minutes, as far as it can be one: 3, 3:30, 10:05."""
    hour, minute = number.digits, ""
    if number.pieces in ("dt", "tt", "dod", "tod"):
        hour, minute = number.digits[:-2], number.digits[-2:]
    if number.pieces == "c" or len(hour) > 2 or hour[0] == "0":
        return None
    if not 1 <= int(hour) <= 12 or int(minute or 0) > 59:
        return None
    return f"{int(hour)}:{minute}" if minute else str(int(hour))


def _hour(words: list[Word], number: Number) -> Span | None:
    """Three pm, three thirty p m, three o'clock."""
    clock, texts = _clock(number), _texts(words, number.end)
    if clock is None or not texts:
        return None
    if texts[0] in ("o'clock", "oclock", "o’clock") and ":" not in clock:
        return Span(number.start, number.end + 1, f"{clock}:00", "time")
    if texts == ["o", "clock"] and ":" not in clock:
        return Span(number.start, number.end + 2, f"{clock}:00", "time")
    if texts[0] in _HALVES and not (texts[0] == "am" and texts[1:] == ["i"]):
        return Span(number.start, number.end + 1, f"{clock} {_HALVES[texts[0]]}", "time")
    if texts in (["a", "m"], ["p", "m"]):
        return Span(number.start, number.end + 2, f"{clock} {texts[0].upper()}M", "time")
    return None


def _time_alone(words: list[Word], number: Number, before: Span | None) -> Span | None:
    """At three thirty; between three thirty and four fifteen."""
    clock = _clock(number)
    if clock is None or ":" not in clock or not number.start or words[number.start - 1].ends:
        return None
    word = words[number.start - 1].text
    follows_time = before is not None and before.kind == "time" and before.end == number.start - 1
    if word in TIME_PREPOSITIONS or (follows_time and word in ("and", "or", "to", "until")):
        return Span(number.start, number.end, clock, "time")
    return None
