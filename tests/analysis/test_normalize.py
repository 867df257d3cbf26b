"""Texts made comparable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis.normalize import ENGLISH, PLAIN, Rules, normalize, normalize_words
from speechkit.analysis.variants import american, expand


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Hello, World!", "hello world", id="capitals and punctuation?"),
        pytest.param("it’s “fine”", "it's fine", id="curly quotes?"),
        pytest.param("café – naïve", "cafe naive", id="accents and dashes?"),
        pytest.param("a time-out", "a time out", id="a hyphen?"),
        pytest.param("yes [noise] no <unk>", "yes no", id="notes in brackets?"),
        pytest.param("[background music] yes", "yes", id="a note of several words?"),
        pytest.param("$34.99", "thirty four dollars and ninety nine cents", id="money?"),
        pytest.param("1,200", "twelve hundred", id="a thousand with a comma?"),
        pytest.param("one thousand two hundred", "twelve hundred", id="a number said in two ways?"),
        pytest.param("742 9013", "seven four two nine zero one three", id="a telephone number in groups?"),
        pytest.param("at 3:30 p.m.", "at three thirty p m", id="a time of day?"),
        pytest.param("10 o'clock", "ten oclock", id="an hour?"),  # codespell:ignore oclock
        pytest.param("August 28th", "august twenty eighth", id="a date?"),
        pytest.param("50 %", "fifty percent", id="percent?"),
        pytest.param("twenty-two", "22", id="a hyphen in a number?"),
        pytest.param("open 24/7", "open twenty four seven", id="a slash that is no date?"),
        pytest.param("covid-19", "covid nineteen", id="digits behind a letter?"),
        pytest.param("don't, won't, can't", "do not will not can not", id="negations?"),
        pytest.param("I'm sure they'd've", "i am sure they would have", id="two endings?"),
        pytest.param("that's", "that is", id="is behind a pronoun?"),
        pytest.param("Foster's", "fosters", id="a genitive?"),
        pytest.param("I'm gonna", "i am going to", id="spoken forms?"),
        pytest.param("Mr. Foster", "mister foster", id="titles?"),
        pytest.param("organised colour centre", "organized color center", id="British spelling?"),
        pytest.param("um I, uh, see", "i see", id="hesitations?"),
        pytest.param("Uh-huh.", "mhm", id="a yes that sounds like a hesitation?"),
        pytest.param("U.S.A. p.m.", "usa pm", id="dots between letters?"),
        pytest.param("rock & roll", "rock and roll", id="an ampersand?"),
        pytest.param(
            "daniel.foster@example.com",
            "daniel dot foster at example dot com",
            id="an address that was spelt?",
        ),
        pytest.param("well...yes", "well yes", id="three dots?"),
        pytest.param("[never closed", "never closed", id="a bracket that never closes?"),
    ],
)
def test_two_ways_to_write_the_same(one: str, other: str) -> None:
    assert normalize(one) == normalize(other)
    assert normalize(one), "nothing is left"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("fifteen", "fifty", id="numbers?"),
        pytest.param("advise", "advice", id="words that only look British?"),
        pytest.param("he'd", "he", id="a contraction and none?"),
        pytest.param("$5", "five", id="dollars and none?"),
        pytest.param("uh-huh", "uh", id="a yes and a hesitation?"),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


def test_each_rule_can_be_left_out() -> None:
    text = "Um, I don't pay 22 for the colour."
    assert normalize(text, PLAIN) == ["um", "i", "dont", "pay", "22", "for", "the", "colour"]
    assert "22" in normalize(text, Rules(numbers=False))
    assert "dont" in normalize(text, Rules(contractions=False))
    assert "colour" in normalize(text, Rules(spelling=False))
    assert "um" in normalize(text, Rules(drop_fillers=False))
    assert "hue" in normalize(text, Rules(variants=(("colour", "hue"),)))
    assert "hue" not in normalize(text), "rules of another kind leak"


def test_the_rules_say_what_they_do() -> None:
    full, plain = ENGLISH.describe(), PLAIN.describe()
    assert len(full) == 6
    assert len(plain) == 3
    assert full[0] == plain[0]
    assert "brio-flex = brioflex" in Rules(variants=(("brio-flex", "brioflex"),)).describe()[-1]


def test_numbers_are_the_same_wherever_a_phrase_ends() -> None:
    """The rows of words are read as one: a recognizer that cuts a number in two loses nothing."""
    whole = normalize_words(["sure", "it", "is", "seven", "four", "two", "nine", "zero", "one", "three"])
    cut = normalize_words([*["Sure,", "it", "is", "742."], *["9013."]])
    assert cut.words == whole.words
    assert cut.origins[:4] == [0, 1, 2, 3]
    assert set(cut.origins[3:]) == {3, 4}


def test_origins_of_what_is_opened_dropped_and_rewritten() -> None:
    said = ["Um,", "don't", "pay", "one", "thousand", "two", "hundred", "now"]
    normal = normalize_words(said)
    assert normal.words == ["do", "not", "pay", "twelve", "hundred", "now"]
    taken = [said[i] for i in normal.origins]
    assert taken[:3] == ["don't", "don't", "pay"]
    assert taken[3] in ("one", "thousand", "two")
    assert taken[4:] == ["hundred", "now"]


PIECES = """
twenty two one oh five hundred $22 3:30 p m 555-0142 2nd may at and point Mr. don't it's um e-mail U.S. 50% 1,200
a.b@c.com [x y]
"""
pieces = st.sampled_from(PIECES.split())


@given(st.lists(pieces, max_size=12))
@settings(max_examples=80, deadline=None)
def test_every_word_has_an_origin_in_order(words: list[str]) -> None:
    normal = normalize_words(words)
    assert len(normal.words) == len(normal.origins)
    assert all(0 <= place < len(words) for place in normal.origins)
    assert normal.origins == sorted(normal.origins)
    assert all(word and word == word.strip().lower() and " " not in word for word in normal.words)
    assert normalize(" ".join(words)) == normal.words


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_normalized(text: str) -> None:
    for rules in (ENGLISH, PLAIN):
        assert all(word and not word.isspace() for word in normalize(text, rules))


def test_spelling_and_contractions_leave_other_words_alone() -> None:
    kept = [
        "surprise",
        "exercise",
        "four",
        "hour",
        "your",
        "tour",
        "metres",
        "is",
        "its",
        "well",
        "tell",
        "bus",
    ]
    assert [american(word) for word in kept] == [*kept[:6], "meters", *kept[7:]]
    assert [expand(word) for word in ["its", "well", "'s", "n't", "daniel's"]] == [
        *("its", "well", "'s", "n't", "daniel's")
    ]
