"""Numbers: words to digits, digits to words, and both to one form."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.numerals import Span, itn, to_digits, to_words
from speechkit.numerals.lexicon import (
    MONTHS,
    ORDINALS,
    SCALES,
    SMALL,
    UNITS,
    cardinal_words,
    digit_words,
    ordinal_words,
)

WRITTEN = [
    pytest.param("twenty two dollars", "$22", id="dollars?"),
    pytest.param("twenty two dollars and fifty cents", "$22.50", id="dollars-and-cents?"),
    pytest.param("one dollar", "$1", id="one-dollar?"),
    pytest.param("fifty cents", "$0.50", id="cents-alone?"),
    pytest.param("a hundred dollars", "$100", id="a-hundred?"),
    pytest.param("two point five million dollars", "$2.5 million", id="millions-of-dollars?"),
    pytest.param("three hundred euros", "€300", id="euros?"),
    pytest.param("twenty five percent", "25%", id="percent?"),
    pytest.param("zero point five per cent", "0.5%", id="per-cent-in-two-words?"),
    pytest.param("one hundred and twenty three", "123", id="and-within-a-cardinal?"),
    pytest.param("two thousand four hundred calls", "2400 calls", id="thousands?"),
    pytest.param("forty eight thousand eight hundred twenty three", "48,823", id="commas-from-ten-thousand?"),
    pytest.param("two million", "2 million", id="round-millions?"),
    pytest.param("one million two hundred thousand", "1,200,000", id="millions-that-are-not-round?"),
    pytest.param("twelve hundred", "1200", id="twelve-hundred?"),
    pytest.param("two point oh five", "2.05", id="oh-in-decimals?"),
    pytest.param("minus twelve degrees", "-12 degrees", id="minus?"),
    pytest.param("ten minus five", "10 minus five", id="minus-between-numbers?"),
    pytest.param("september ninth twenty twenty six", "September 9, 2026", id="date-with-year?"),
    pytest.param("september the ninth", "September 9", id="date-with-the?"),
    pytest.param("august twenty", "August 20", id="date-with-a-cardinal?"),
    pytest.param("september two thousand five", "September 2005", id="month-and-year?"),
    pytest.param("the ninth of september", "the 9th of september", id="day-of-month?"),
    pytest.param("may second", "May 2", id="may-is-a-month?"),
    pytest.param("may two of you come", "may two of you come", id="may-is-a-verb?"),
    pytest.param("august twenty dollars", "august $20", id="no-date-before-dollars?"),
    pytest.param("three thirty pm", "3:30 PM", id="time-with-pm?"),
    pytest.param("three oh five p m", "3:05 PM", id="pm-in-two-words?"),
    pytest.param("three p.m.", "3 PM", id="pm-with-points?"),
    pytest.param("eleven o'clock", "11:00", id="o-clock?"),
    pytest.param("at six thirty", "at 6:30", id="time-after-at?"),
    pytest.param("between three thirty and four fifteen", "between 3:30 and 4:15", id="two-times?"),
    pytest.param("flight six thirty", "flight 630", id="no-time-without-at?"),
    pytest.param("nineteen ninety nine", "1999", id="year-in-pairs?"),
    pytest.param("nineteen oh five", "1905", id="year-with-oh?"),
    pytest.param("the nineteen nineties", "the 1990s", id="decade?"),
    pytest.param("five five five oh one four two", "555-0142", id="seven-digits-are-a-phone?"),
    pytest.param("five five five oh one oh oh one four two", "555-010-0142", id="ten-digits?"),
    pytest.param("one eight hundred five five five five five six four", "1-800-555-5564", id="toll-free?"),
    pytest.param("four" + " one" * 15, "4111 1111 1111 1111", id="card?"),
    pytest.param("double seven triple four", "77444", id="double-and-triple?"),
    pytest.param("zero zero three zero six six nine", "0030669", id="leading-zeros?"),
    pytest.param("four four eight two three", "44823", id="zip-code?"),
    pytest.param("twenty six sixty maple avenue", "2660 maple avenue", id="house-number?"),
    pytest.param("ten twenty thirty", "10 20 30", id="numbers-that-stay-apart?"),
    pytest.param("twenty twenty six fifteen people", "2026 15 people", id="year-then-number?"),
    pytest.param("the twenty first call", "the 21st call", id="ordinal?"),
    pytest.param("my first call", "my first call", id="small-ordinals-stay?"),
    pytest.param("one second please", "one second please", id="second-is-time?"),
    pytest.param("five minutes", "5 minutes", id="digit-before-a-unit?"),
    pytest.param("two or three", "two or three", id="lone-digits-stay?"),
    pytest.param("no one wants this one", "no one wants this one", id="one-as-a-pronoun?"),
    pytest.param("oh two people", "oh two people", id="oh-as-an-interjection?"),
    pytest.param("point taken", "point taken", id="point-without-number?"),
    pytest.param("twenty-two dollars, please.", "$22, please.", id="hyphens-and-punctuation?"),
    pytest.param("five, six, seven", "five, six, seven", id="commas-keep-apart?"),
    pytest.param("(twenty two)", "(22)", id="brackets?"),
    pytest.param("a twenty-two-year-old", "a twenty-two-year-old", id="within-a-compound?"),
    pytest.param("", "", id="nothing?"),
]

# Each row is one and the same thing, however the recognizer wrote it.
SAME = [
    pytest.param(["$22.50", "twenty two dollars and fifty cents", "22 dollars and 50 cents"], id="money?"),
    pytest.param(["9/9/2026", "September 9, 2026", "september ninth twenty twenty six"], id="date?"),
    pytest.param(["2026-09-09", "September 9th 2026"], id="iso-date?"),
    pytest.param(["3:30 pm", "3:30 PM", "three thirty p m", "three thirty p.m.", "3:30pm"], id="time?"),
    pytest.param(["3:30", "three thirty"], id="time-without-pm?"),
    pytest.param(["3:00", "three o'clock"], id="full-hour?"),
    pytest.param(["3 PM", "3:00 PM", "three pm"], id="full-hour-pm?"),
    pytest.param(["555-0142", "5550142", "555 0142", "five five five oh one four two"], id="phone?"),
    pytest.param(["1-800-555-0142", "one eight hundred five five five zero one four two"], id="toll-free?"),
    pytest.param(
        ["(234) 554-9312", "234-554-9312", "two three four five five four nine three one two"], id="area?"
    ),
    pytest.param(["0030 669", "0030669", "zero zero three zero six six nine"], id="account?"),
    pytest.param(["742-901-3", "7429013", "seven four two nine zero one three"], id="groups-of-digits?"),
    pytest.param(["10-15", "ten fifteen"], id="a-pair-of-numbers?"),
    pytest.param(["4111 1111 1111 1111", "4111-1111-1111-1111", "four" + " one" * 15], id="card?"),
    pytest.param(["1st", "first"], id="first?"),
    pytest.param(["22nd", "twenty second", "twenty-second"], id="ordinal?"),
    pytest.param(["1,200", "1200", "twelve hundred", "one thousand two hundred"], id="thousands?"),
    pytest.param(["15000", "15,000", "fifteen thousand"], id="no-comma?"),
    pytest.param(["25%", "25 percent", "twenty five per cent"], id="percent?"),
    pytest.param(["$2.5 million", "two point five million dollars"], id="millions?"),
    pytest.param(
        ["123", "one hundred and twenty three", "one twenty three", "one two three"], id="three-digits?"
    ),
    pytest.param(["2005", "two thousand and five", "twenty oh five"], id="year?"),
    pytest.param(["1990s", "nineteen nineties"], id="decade?"),
    pytest.param(["90s", "nineties"], id="decade-alone?"),
    pytest.param(["1/2", "one half"], id="fraction?"),
    pytest.param(["16GB", "16 gb", "sixteen gigabytes"], id="unit?"),
    pytest.param(["-5", "minus five"], id="minus?"),
    pytest.param(["2 people", "two people"], id="lone-digit?"),
    pytest.param(["a hundred", "one hundred", "100"], id="a-hundred?"),
]


@pytest.mark.parametrize(("spoken", "written"), WRITTEN)
def test_words_are_written_as_digits(spoken: str, written: str) -> None:
    assert itn(spoken) == written


@pytest.mark.parametrize(("spoken", "written"), WRITTEN)
def test_what_is_written_stays(spoken: str, written: str) -> None:
    assert itn(written) == written
    assert to_words(spoken) == to_words(written)


@pytest.mark.parametrize("variants", SAME)
def test_recognizers_agree(variants: list[str]) -> None:
    assert len({to_words(variant).lower() for variant in variants}) == 1


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("$22.50", "twenty two dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$1.01", "one dollar and one cent"),
        ("$0.50", "fifty cents"),
        ("£20", "twenty pounds"),
        ("9/9", "September ninth"),
        ("3:05 pm", "three oh five pm"),
        ("555-0142", "five five five zero one four two"),
        ("112th", "one hundred twelfth"),
        ("1.50", "one point five zero"),
        ("60 mph", "sixty miles per hour"),
        ("13/40", "13/40"),
        ("1990-91", "nineteen ninety ninety one"),
        ("mp3", "mp3"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_digits_are_spoken(written: str, spoken: str) -> None:
    assert to_words(written) == spoken


def test_spans_say_where_and_what() -> None:
    words = ["Pay", "twenty", "two", "dollars,", "by", "September", "ninth."]
    assert to_digits(words) == [Span(1, 4, "$22,", "money"), Span(5, 7, "September 9.", "date")]


@pytest.mark.parametrize(
    ("spoken", "kind"),
    [
        ("eighty two", "number"),
        ("two point five", "decimal"),
        ("one two three four", "digits"),
        ("five five five oh one four two", "phone"),
        ("four" + " one" * 15, "card"),
        ("nineteen ninety nine", "year"),
        ("twenty first", "ordinal"),
        ("may second", "date"),
        ("three pm", "time"),
        ("five dollars", "money"),
        ("five percent", "percent"),
    ],
)
def test_spans_have_a_kind(spoken: str, kind: str) -> None:
    words = spoken.split()
    assert [(span.start, span.end, span.kind) for span in to_digits(words)] == [(0, len(words), kind)]


# --- properties

patient = settings(deadline=None, max_examples=100)  # machines that test are busy

FILLER = st.sampled_from(["well", "the order", "customers said", "please", "it was", "for", "and then", "is"])
PIECES = st.one_of(
    st.integers(0, 10**9).map(cardinal_words),
    st.integers(1, 999).map(ordinal_words),
    st.text("0123456789", min_size=3, max_size=16).map(digit_words),
    st.integers(1, 10**6).map(lambda n: f"{cardinal_words(n)} dollars"),
    st.tuples(st.sampled_from(MONTHS), st.integers(1, 31)).map(lambda d: f"{d[0]} {ordinal_words(d[1])}"),
    st.tuples(st.integers(1, 12), st.integers(10, 59)).map(
        lambda t: f"{cardinal_words(t[0])} {cardinal_words(t[1])} pm"
    ),
)
SENTENCES = st.lists(st.tuples(FILLER, PIECES).map(" ".join), max_size=4).map(" ".join)
SOUP_WORDS = [
    *(
        *SMALL,
        *ORDINALS,
        *SCALES,
        *MONTHS,
        "hundred",
        "and",
        "a",
        "point",
        "percent",
        "dollars",
        "cents",
        "pm",
    ),
    *("p", "m", "o'clock", "oh", "double", "minus", "at", "the", "of", "call", "minutes", "five."),
    *(
        "nine,",
        "twenty-two",
        "nineties",
        "555",
        "3",
        "2026",
        "0142",
        "1,200",
        "$22.50",
        "3:30",
        "9/9",
        "1st",
        "25%",
    ),
]
SOUP = st.lists(st.sampled_from(SOUP_WORDS), max_size=10)


@patient
@given(st.integers(0, 10**15 - 1))
def test_every_cardinal_is_read(value: int) -> None:
    spoken = cardinal_words(value)
    scales = {"million": 10**6, "billion": 10**9, "trillion": 10**12}
    number, _, scale = itn(f"pay {spoken} now").removeprefix("pay ").removesuffix(" now").partition(" ")
    read = UNITS.index(number) if number in UNITS else int(number.replace(",", "")) * scales.get(scale, 1)
    assert read == value


@patient
@given(st.integers(0, 10**12), st.booleans())
def test_digits_and_words_of_a_cardinal_agree(value: int, comma: bool) -> None:
    written = f"{value:,}" if comma or value > 9999 else str(value)
    assert to_words(written) == to_words(cardinal_words(value))
    with_and = re.sub(r"hundred (?!thousand|million|billion)", "hundred and ", cardinal_words(value))
    assert to_words(written) == to_words(with_and)


@patient
@given(st.integers(10, 10**6))
def test_ordinals_come_back(value: int) -> None:
    written = itn(ordinal_words(value))
    assert written[:-2] == str(value)
    assert to_words(written) == ordinal_words(value)


@patient
@given(st.text("0123456789", min_size=2, max_size=20), st.data())
def test_digit_strings_come_back(digits: str, data: st.DataObject) -> None:
    oh = data.draw(st.sampled_from(["zero", "oh"])) if digits[0] != "0" and digits[-1] != "0" else "zero"
    written = itn(digit_words(digits).replace("zero", oh))
    assert "".join(c for c in written if c.isdigit()) == digits
    assert to_words(written) == to_words(digit_words(digits))


@patient
@given(st.integers(1, 12), st.integers(0, 59), st.sampled_from(["am", "pm"]))
def test_times_come_back(hour: int, minute: int, half: str) -> None:
    said = "" if not minute else f" {'oh ' if minute < 10 else ''}{cardinal_words(minute)}"
    clock = f"{hour}:{minute:02d}" if minute else str(hour)
    assert itn(f"{cardinal_words(hour)}{said} {half}") == f"{clock} {half.upper()}"
    assert to_words(f"{hour}:{minute:02d} {half}") == f"{cardinal_words(hour)}{said} {half}"


@patient
@given(st.integers(0, 10**7), st.integers(0, 99))
def test_amounts_come_back(dollars: int, cents: int) -> None:
    written = f"${dollars:,}" + (f".{cents:02d}" if cents else "")
    spoken = to_words(written)
    assert to_words(itn(spoken)) == spoken
    if dollars < 10_000 and dollars:
        assert itn(spoken) == written.replace(",", "")


@patient
@given(st.integers(1900, 2099), st.sampled_from(MONTHS), st.integers(1, 31))
def test_dates_come_back(year: int, month: str, day: int) -> None:
    written = f"{month.capitalize()} {day}, {year}"
    assert itn(to_words(written)) == written
    assert to_words(f"{MONTHS.index(month) + 1}/{day}/{year}") == to_words(written)


@patient
@given(SENTENCES)
def test_writing_twice_is_writing_once(spoken: str) -> None:
    assert itn(itn(spoken)) == itn(spoken)
    assert to_words(itn(spoken)) == to_words(spoken)


@patient
@given(SOUP)
def test_any_words_are_safe(words: list[str]) -> None:
    spans = to_digits(words)
    assert all(0 <= span.start < span.end <= len(words) for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    spoken = to_words(" ".join(words))
    assert to_words(spoken) == spoken
    assert not any(character.isdigit() for character in spoken)


@patient
@given(st.lists(st.text(min_size=1, max_size=8)))
def test_words_that_are_no_numbers_stay(words: list[str]) -> None:
    others = [word for word in words if not any(number in word.lower() for number in (*SMALL, *ORDINALS))]
    others = [word for word in others if word.strip() == word and not any(c.isdigit() for c in word)]
    assert to_digits(others) == []
