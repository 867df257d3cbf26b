"""Is a quote in the transcript?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechkit.insight.evidence import find_quote, is_said
from speechkit.insight.turns import Turn, as_json, read_turns, split_turns
from tests.insight.conftest import transcript_of


def turn(ref: str, text: str, speaker: str = "customer", **more: object) -> Turn:
    number = int(ref)
    return Turn(
        ref, f"c:{number:04d}", speaker, 10.0 * number, 10.0 * number + 5, 0.9 - number / 100, text, **more
    )  # type: ignore[arg-type]


TURNS = [
    turn("1", "Hello, this is Megan.", "agent"),
    turn("2", "You charged me twice — again! It’s $22.50, and I"),
    turn("3", "Mhm.", "agent"),
    turn("4", "want it back, please. Yes."),
    turn("5", "Yes, I have refunded it. Yes.", "agent"),
]


@pytest.mark.parametrize(
    ("quote", "ref", "where"),
    [
        pytest.param("You charged me twice", "2", ["c:0002"], id="exact?"),
        pytest.param("you CHARGED me twice again", "2", ["c:0002"], id="other-case-and-no-dash?"),
        pytest.param("“It's $22.50”", "2", ["c:0002"], id="typographic-quotes?"),
        pytest.param("  charged\n me   twice ", "2", ["c:0002"], id="other-spaces?"),
        pytest.param("You charged me twice", "5", ["c:0002"], id="another-turn-was-cited?"),
        pytest.param("You charged me twice", "no such", ["c:0002"], id="no-turn-was-cited?"),
        pytest.param(
            "and I want it back", "2", ["c:0002", "c:0004"], id="goes-on-in-the-speaker's-next-phrase?"
        ),
        pytest.param("and I Mhm want it", "2", ["c:0002", "c:0003", "c:0004"], id="runs-across-speakers?"),
        pytest.param("You charged … twice", "2", ["c:0002"], id="words-left-out?"),
        pytest.param("You charged ... and I", "2", ["c:0002"], id="words-left-out-with-dots?"),
        pytest.param("Yes", "5", ["c:0005"], id="one-word-where-it-was-cited?"),
        pytest.param("Yes", "2", None, id="one-word-elsewhere?"),
        pytest.param("charged you twice", "2", None, id="another-word?"),
        pytest.param("charged me", "1", None, id="two-words-elsewhere?"),
        pytest.param("You charged me twice a", "2", None, id="half-a-word?"),
        pytest.param("twice charged … You", "2", None, id="pieces-in-another-order?"),
        pytest.param("", "2", None, id="nothing?"),
        pytest.param("…", "2", None, id="only-dots?"),
        pytest.param("?!", "2", None, id="only-punctuation?"),
    ],
)
def test_find_quote(quote: str, ref: str, where: list[str] | None) -> None:
    found = find_quote(quote, ref, TURNS)
    assert (list(found.phrase_ids) if found else None) == where
    if found:
        assert found.phrase_id == found.phrase_ids[0]


def test_the_quote_that_is_kept_is_the_transcript_s() -> None:
    found = find_quote("it's $22.50 and i WANT it back", "2", TURNS)
    assert found is not None
    assert found.quote == "It’s $22.50, and I want it back"
    assert found.confidence == pytest.approx(0.86)
    assert (found.start_s, found.end_s) == (20.0, 45.0)


def test_a_quote_starts_with_its_first_word_where_words_have_times() -> None:
    words = (("you", 20.0), ("charged", 20.4), ("me", 20.8), ("and", 21.0), ("charged", 22.0), ("me", 22.3))
    turns = [turn("2", "You charged me, and charged me.", words=words)]
    starts = [find_quote(quote, "2", turns) for quote in ("charged me, and", "and charged me", "You charged")]
    assert [found.start_s for found in starts if found] == [20.4, 21.0, 20.0]


SAID = st.lists(
    st.text(st.characters(categories=("L", "N"), max_codepoint=0x24F), min_size=1, max_size=8),
    min_size=1,
    max_size=12,
)


@given(st.lists(SAID, min_size=1, max_size=6), st.data())
def test_words_in_a_row_are_always_found_in_their_turn(said: list[list[str]], data: st.DataObject) -> None:
    turns = [turn(str(n), " ".join(words)) for n, words in enumerate(said, start=1)]
    number = data.draw(st.integers(0, len(turns) - 1))
    start = data.draw(st.integers(0, len(said[number]) - 1))
    end = data.draw(st.integers(start + 1, len(said[number])))
    found = find_quote(" ".join(said[number][start:end]).upper(), str(number + 1), turns)
    # Upper case may change letters for good ("ß" becomes "SS"): then it is another word.
    if " ".join(said[number][start:end]).upper().casefold() == " ".join(said[number][start:end]).casefold():
        assert found is not None
        assert found.phrase_id == turns[number].phrase_id
        assert found.quote in turns[number].text


@given(st.lists(SAID, min_size=1, max_size=6), st.text(max_size=40), st.text(max_size=3))
def test_what_is_found_is_a_piece_of_its_turns(said: list[list[str]], quote: str, ref: str) -> None:
    turns = [turn(str(n), " ".join(words)) for n, words in enumerate(said, start=1)]
    found = find_quote(quote, ref, turns)
    if found:
        assert all(piece in " ".join(t.text for t in turns) for piece in found.quote.split(" … "))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("yes", True, id="one-word?"),
        pytest.param("by Friday", False, id="not-said?"),
        pytest.param("", False, id="nothing?"),
    ],
)
def test_is_said(text: str, said: bool) -> None:
    assert is_said(text, TURNS) is said


# --- turns ---------------------------------------------------------------------------------------------------------


def test_turns_leave_out_what_holds_no_words_and_count_the_rest() -> None:
    transcript = transcript_of({"a": [("1", "Hello."), ("2", "..."), ("2", ""), ("1", "Are you there?")]})
    turns = read_turns(transcript.phrases)
    assert [(t.ref, t.phrase_id, t.text) for t in turns] == [
        ("1", "a:0001", "Hello."),
        ("2", "a:0004", "Are you there?"),
    ]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        pytest.param({}, ["speaker 1", "speaker 2"], id="one-channel?"),
        pytest.param({"channel": [0, 1]}, ["channel 0", "channel 1"], id="two-channels?"),
        pytest.param({"speaker": [None, None]}, ["channel 0", "channel 0"], id="nobody-named?"),
        pytest.param({"speaker": ["Guest-1", "Guest-2"]}, ["Guest-1", "Guest-2"], id="names-of-the-service?"),
        pytest.param({"role": ["agent", None]}, ["agent", "speaker 2"], id="roles?"),
    ],
)
def test_speakers_are_named_by_what_is_known(columns: dict[str, list[object]], names: list[str]) -> None:
    phrases = transcript_of({"a": [("1", "Hello."), ("2", "Hi.")]}).phrases.assign(**columns)
    phrases["channel"] = phrases["channel"].astype("Int64")
    phrases["speaker"] = phrases["speaker"].astype("str")
    assert [t.speaker for t in read_turns(phrases)] == names


def test_the_text_is_the_display_form_else_what_there_is() -> None:
    phrases = transcript_of({"a": [("1", "Hello."), ("2", "Hi.")]}).phrases
    phrases = phrases.assign(display=["Hello.", None], lexical=["hello", "hi there"])
    assert [t.text for t in read_turns(phrases)] == ["Hello.", "hi there"]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), st.integers(1, 60))
def test_parts_hold_every_turn_once_and_are_small(sizes: list[int], limit: int) -> None:
    turns = [turn(str(n), "x" * size) for n, size in enumerate(sizes, start=1)]
    parts = split_turns(turns, limit)
    assert [t for part in parts for t in part] == turns
    assert all(len(part) == 1 or sum(len(t.text) for t in part) <= limit for part in parts)


def test_the_data_of_a_question_holds_no_id_and_no_time() -> None:
    text = as_json(read_turns(transcript_of({"secret-call": [("1", "Hello.")]}).phrases), (1, 3))
    assert "secret-call" not in text
    assert (
        text
        == '{"part": {"number": 1, "of": 3}, "turns": [{"phrase_id": "1", "speaker": "speaker 1", "text": "Hello."}]}'
    )
