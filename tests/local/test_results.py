"""From phrases to results: forms, profanity, punctuation, times, and the official schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

from speechkit.local.forms import filter_text, forms
from speechkit.local.recognition import Alternative, Heard, Phrase, Word
from speechkit.local.results import batch_result, duration_iso, fast_result, report
from tests.conftest import SHARED
from tests.local.service_fixture import phrase

SCHEMAS = SHARED / "contract" / "schemas"
EVERYTHING = {
    "wordLevelTimestampsEnabled": True,
    "displayFormWordLevelTimestampsEnabled": True,
    "profanityFilterMode": "Masked",
    "punctuationMode": "DictatedAndAutomatic",
}


@pytest.fixture(scope="module")
def schema() -> Any:
    """A validator of the newest official schema of result files."""
    if not SCHEMAS.is_dir():
        pytest.skip("the official schemas are not beside the repository")
    read = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry: Any = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in read])
    newest = next(s for s in read if "2024-11-15" in s["$id"])
    return jsonschema.Draft7Validator(newest, registry=registry)


def said(*words: tuple[str, str]) -> Phrase:
    """A phrase of words (display, lexical), half a second each."""
    made = [Word(shown, spoken, i / 2, i / 2 + 0.4, 0.9) for i, (shown, spoken) in enumerate(words)]
    return Phrase(0.0, len(words) / 2, 0.8, " ".join(shown for shown, _ in words), made)


# --- forms --------------------------------------------------------------------------------------------------


def test_numbers_are_written_in_itn_and_display_and_spoken_in_lexical() -> None:
    spoken = ("pay", "twenty", "two", "dollars", "now")
    made = forms(said(*zip(("Pay", "twenty", "two", "dollars,", "now."), spoken, strict=True)))
    assert made.lexical == "pay twenty two dollars now"
    assert made.itn == made.masked_itn == "pay $22 now"
    assert made.display == "Pay $22, now."
    assert [(w.text, w.start_s, w.end_s) for w in made.display_words][1] == ("$22,", 0.5, 1.9)
    assert tuple(w.lexical for w in made.words) == spoken


def test_a_number_that_the_recognizer_wrote_is_spoken_in_parts() -> None:
    made = forms(said(("Room", "room"), ("22.", "twenty two")))
    assert (made.lexical, made.itn, made.display) == ("room twenty two", "room 22", "Room 22.")
    times = [(round(w.start_s, 3), round(w.end_s, 3)) for w in made.words]
    assert times == [(0.0, 0.4), (0.5, 0.767), (0.767, 0.9)]  # by their letters: 6 to 3


@pytest.mark.parametrize(
    ("text", "display"),
    [
        pytest.param("Yes, four, four, one eight.", "Yes, 4418.", id="a card?"),
        pytest.param("One, two, three, go.", "One, two, three, go.", id="counting?"),
        pytest.param("At four five. Six seven, please.", "At 45. 67, please.", id="two sentences?"),
    ],
)
def test_commas_inside_a_long_number(text: str, display: str) -> None:
    words = [(word, word.lower().strip(".,")) for word in text.split()]
    assert forms(said(*words)).display == display


@pytest.mark.parametrize(
    ("mode", "display", "masked"),
    [
        ("None", "That's bullshit, damn it.", "that's bullshit damn it"),
        ("Masked", "That's b*******, d*** it.", "that's b******* d*** it"),
        ("Removed", "That's, it.", "that's it"),
        (
            "Tags",
            "That's <profanity>bullshit</profanity>, <profanity>damn</profanity> it.",
            "that's <profanity>bullshit</profanity> <profanity>damn</profanity> it",
        ),
    ],
)
def test_profanity(mode: Any, display: str, masked: str) -> None:
    made = forms(said(("That's", "that's"), ("bullshit,", "bullshit"), ("damn", "damn"), ("it.", "it")), mode)
    assert (made.display, made.masked_itn) == (display, masked)
    assert made.lexical == made.itn == "that's bullshit damn it"
    assert " ".join(w.text for w in made.display_words) == made.display


@pytest.mark.parametrize("word", ["class", "assess", "Dickens", "cocktail", "Scunthorpe", "shift"])
def test_words_that_only_look_profane_stay(word: str) -> None:
    assert filter_text([word], "Masked") == [word]


@pytest.mark.parametrize(
    ("mode", "display"),
    [
        ("Automatic", "Is it in the U.S. question mark Yes, the period ended full stop."),
        ("DictatedAndAutomatic", "Is it in the U.S.? Yes, the period ended."),
        ("None", "Is it in the U.S. question mark Yes the period ended full stop"),
        ("Dictated", "Is it in the U.S.? Yes the period ended."),
    ],
)
def test_punctuation(mode: Any, display: str) -> None:
    said_so = "Is it in the U.S. question mark Yes, the period ended full stop."
    words = said_so.split()
    assert forms(said(*((w, w.lower().strip(",")) for w in words)), punctuation=mode).display == display


def test_marks_that_are_spoken_of_are_no_marks() -> None:
    made = forms(said(*((w, w) for w in "there is a question mark".split())))  # noqa: SIM905
    assert made.display == "there is a question mark"


def test_a_period_is_a_mark_only_for_dictation() -> None:
    words = [(w, w) for w in ("send", "it", "comma", "please", "period")]
    assert forms(said(*words)).display == "send it comma please period"
    assert forms(said(*words), punctuation="Dictated").display == "send it, please."


WORDS = st.lists(
    st.tuples(
        st.text("abcdeXYZ0123456789.,?'!", min_size=1, max_size=6),
        st.lists(st.sampled_from(["two", "hundred", "dollars", "a", "damn", "point", "o'clock"]), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(words=WORDS, profanity=st.sampled_from(["None", "Removed", "Tags", "Masked"]))
def test_forms_of_anything_are_in_order_and_agree(words: Any, profanity: Any) -> None:
    made = forms(said(*((shown, " ".join(spoken)) for shown, spoken in words)), profanity)
    for shown in (made.words, made.display_words):
        starts = [w.start_s for w in shown]
        assert starts == sorted(starts)
        assert all(w.end_s >= w.start_s for w in shown)
    assert made.lexical.split() == [w.lexical for w in made.words]
    assert made.display == " ".join(w.text for w in made.display_words)


# --- the batch result ---------------------------------------------------------------------------------------


def test_a_result_is_what_the_schema_wants(schema: Any) -> None:
    spoken = [phrase("Hello there, Mister Foster.", 0.5, 1), phrase("Good morning!", 2.0, 2)]
    heard = Heard(4.0125, {0: spoken, 1: []})
    made = batch_result(heard, source="https://host/a.wav", properties=EVERYTHING, locale="en-US")
    schema.validate(json.loads(json.dumps(made)))
    assert made["duration"] == "PT4.012S"
    first = made["recognizedPhrases"][0]
    assert (first["offset"], first["offsetInTicks"]) == ("PT0.5S", 5_000_000)
    assert (first["speaker"], first["locale"], first["nBest"][0]["confidence"]) == (1, "en-US", 0.875)
    assert made["combinedRecognizedPhrases"][0]["display"] == "Hello there, Mister Foster. Good morning!"
    assert made["combinedRecognizedPhrases"][1]["display"] == ""


def test_words_are_there_only_when_asked_for() -> None:
    plain = EVERYTHING | dict.fromkeys(list(EVERYTHING)[:2], False)
    made = batch_result(Heard(2, {0: [phrase()]}), source="s", properties=plain)
    assert set(made["recognizedPhrases"][0]) == {
        *("recognitionStatus", "channel", "nBest", "offset", "duration", "offsetInTicks", "durationInTicks"),
        *("offsetMilliseconds", "durationMilliseconds"),
    }
    assert set(made["recognizedPhrases"][0]["nBest"][0]) == {
        *("confidence", "lexical", "itn", "maskedITN", "display"),
    }


def test_other_hypotheses_follow_the_first_and_only_it_is_capitalised(schema: Any) -> None:
    best = phrase("Pay twenty two dollars.")
    others = [Alternative("Damn, twenty two dollars.", 0.4)]
    heard = Heard(2, {0: [Phrase(best.start_s, best.end_s, 0.9, best.text, best.words, None, others)]})
    made = batch_result(heard, source="s", properties=EVERYTHING)
    schema.validate(made)
    assert made["recognizedPhrases"][0]["nBest"][1] == {
        "confidence": 0.4,
        "lexical": "damn twenty two dollars",
        "itn": "damn $22",
        "maskedITN": "d*** $22",
        "display": "d*** $22",
    }


def test_a_recording_without_speech_has_an_empty_result(schema: Any) -> None:
    made = batch_result(Heard(3, {0: []}), source="s", properties=EVERYTHING)
    schema.validate(made)
    assert made["recognizedPhrases"] == []


SECONDS = st.floats(0, 40_000)


@settings(max_examples=60, deadline=None)
@given(start=SECONDS, length=SECONDS)
def test_every_unit_of_time_says_the_same(start: float, length: float) -> None:
    word = Word("a", "a", start, start + length, 1.5)
    made = batch_result(
        Heard(start + length, {0: [Phrase(start, start + length, -1, "a", [word])]}),
        source="s",
        properties=EVERYTHING,
    )
    entry = made["recognizedPhrases"][0]
    for item in (entry, entry["nBest"][0]["words"][0], entry["nBest"][0]["displayWords"][0]):
        assert item["offsetInTicks"] == item["offsetMilliseconds"] * 10_000
        assert item["durationInTicks"] == item["durationMilliseconds"] * 10_000
        assert item["duration"] == duration_iso(item["durationInTicks"])
        assert abs(item["durationMilliseconds"] / 1000 - length) <= 0.001
    assert entry["nBest"][0]["confidence"] == 0
    assert entry["nBest"][0]["words"][0]["confidence"] == 1


# --- the fast result and the report -------------------------------------------------------------------------


def test_a_fast_result_names_channels_only_when_they_were_asked_for() -> None:
    mixed = fast_result(Heard(2, {None: [phrase()]}))
    assert mixed["combinedPhrases"] == [{"text": "Hello there."}]
    assert "channel" not in mixed["phrases"][0]
    apart = fast_result(Heard(2, {0: [], 1: [phrase()]}))
    assert [c["channel"] for c in apart["combinedPhrases"]] == [0, 1]
    assert apart["phrases"][0] == {
        "channel": 1,
        "offsetMilliseconds": 500,
        "durationMilliseconds": 450,
        "text": "Hello there.",
        "words": [
            {"text": "Hello", "offsetMilliseconds": 500, "durationMilliseconds": 200},
            {"text": "there.", "offsetMilliseconds": 750, "durationMilliseconds": 200},
        ],
        "locale": "en-US",
        "confidence": 0.875,
    }


@pytest.mark.parametrize(("first", "expected"), [(0, [0, 1]), (1, [1, 2])])
def test_speakers_count_from_the_number_of_the_version(first: int, expected: list[int]) -> None:
    heard = Heard(2, {None: [phrase(speaker=1), phrase(speaker=2)]})
    assert [p["speaker"] for p in fast_result(heard, first_speaker=first)["phrases"]] == expected


def test_a_report_counts_what_it_lists() -> None:
    made = report([("a", None, None), ("b", "Timeout", None), ("c", None, None)])
    assert (made["successfulTranscriptionsCount"], made["failedTranscriptionsCount"]) == (2, 1)
    assert [d["status"] for d in made["details"]] == ["Succeeded", "Failed", "Succeeded"]


def test_results_agree_with_real_ones_in_their_keys(shared: Path) -> None:
    real = json.loads((shared / "results" / "01-batch-2024-11-15-hello.json").read_text())
    made = batch_result(
        Heard(2.58, {0: [phrase()]}),
        source="s",
        properties=EVERYTHING | {"wordLevelTimestampsEnabled": False},
    )
    assert set(made) == set(real)
    assert set(made["combinedRecognizedPhrases"][0]) == set(real["combinedRecognizedPhrases"][0])
    ours, theirs = made["recognizedPhrases"][0], real["recognizedPhrases"][0]
    assert set(theirs) <= set(ours)
    assert set(ours["nBest"][0]) == set(theirs["nBest"][0])
