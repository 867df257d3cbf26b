"""Results become transcripts: every shape there has been, and a clear word for what is none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.errors import TranscriptError
from speechkit.transcripts.parse import align, read_transcript
from speechkit.transcripts.schema import PHRASES, WORDS, Transcript

# --- real answers of the service: what stands in each


@dataclass(frozen=True)
class Expected:
    """What a result holds, read off the file by eye."""

    mode: str | None
    duration_s: float | None
    channels: int | None
    phrases: int
    words: int
    first: tuple[float, float, str]  # start_s, end_s, display of the first phrase
    last: tuple[float, str]  # start_s, display of the last one
    speakers: tuple[str, ...] = ()
    locale: str | None = None
    confidence: float | None = None  # of the first phrase
    word: tuple[float, float, str, str | None] | None = None  # start_s, end_s, word, display of the first


NO_TIME = float("nan")
HELLO = (0.72, 1.2, "Hello.")
REAL = {
    "01-batch-2024-11-15-hello": Expected(
        *("batch", 2.58, 1, 1, 2, (0.76, 2.08, "Hello world."), (0.76, "Hello world.")),
        confidence=0.5643338,
        word=(0.76, 1.52, "hello", "Hello"),
    ),
    "03-fast-2024-11-15-stereo-channels.truncated": Expected(
        *("fast", 185.079, 2, 6, 27, HELLO, (9.52, "Hi, Mary.")),
        locale="en-US",
        confidence=0.9177142,
        word=(0.72, 1.2, "hello", "Hello."),
    ),
    "04-fast-2024-05-15-preview-duration-keys.truncated": Expected(
        *("fast", 185.079, 2, 5, 25, HELLO, (6.08, "I'm trying to enroll myself with Contuso.")),
        locale="en-US",
        confidence=0.9177142,
        word=(0.72, 1.2, "hello", "Hello."),
    ),
    "05-sync-v3.3-preview-stereo-displayonly.truncated": Expected(
        *("fast", 185.0790625, 2, 3, 9, HELLO, (179.88, "Thanks so much.")),
        confidence=0.9177142,
        word=(0.72, 1.2, "hello", "Hello."),
    ),
    "07-fast-2024-11-15-mono-loan-call.truncated": Expected(
        *("fast", 182.439, None, 8, 27, (0.96, 1.6, "Good afternoon."), (181.96, "Thank you.")),
        locale="en-US",
        confidence=0.93616915,
        word=(0.96, 1.2, "good", "Good"),
    ),
    "09-enhanced-mai-transcribe-2-spec-example": Expected(
        *("fast", 2.0, None, 1, 1, (0.04, 0.36, "Weather"), (0.04, "Weather")),
        speakers=("1",),
        locale="en-US",
        confidence=0.78983736,
        word=(0.04, 0.36, "weather", "weather"),
    ),
    "19-v2.0-segment-wordconf0.partial": Expected(
        *("batch", None, None, 1, 1, (5.32, 15.18, "Ik [removed]"), (5.32, "Ik [removed]")),
        confidence=0.999999642,
        word=(6.3, 6.63, "ik", None),
    ),
    "25-v2-segment-with-sentiment.partial": Expected(  # no times but those of its word
        *("batch", None, None, 1, 1, (0.1, 0.47, "Hello, this is Jeff."), (0.1, "Hello, this is Jeff.")),
        confidence=0.812473,
        word=(0.1, 0.47, "hello", None),
    ),
    "azsamples-callcenter-Json_input_customer_support": Expected(
        *(None, None, None, 17, 0),
        (NO_TIME, NO_TIME, "Hello, you’re chatting with Rene. How may I help you?"),
        (NO_TIME, "you're welcome! Have a nice day!"),
        speakers=("Agent", "Customer"),
        locale="en",
    ),
    "azsamples-ingestion-realtimeresult": Expected(
        *("realtime", None, None, 2, 0, (0.09, 0.65, "Hello."), (0.69, "Hello hello.")),
        speakers=("0", "1"),
        confidence=0.95030487,
    ),
    "azsamples-ingestion-summarizationInputSample": Expected(
        *("batch", 13.03, 1, 4, 0, (0.13, 0.56, "Hi.")),
        (8.98, "You can bring the disk to the nearest Microsoft Store to return it."),
        speakers=("1", "2"),
        confidence=0.87210596,
    ),
    "azsamples-ingestion-transcriptSample": Expected(
        *("batch", 7.48, 1, 3, 11, (0.04, 2.22, "Run Alabama drivers license."), (5.4, "669")),
        speakers=("1", "2"),
        confidence=0.9509893,
        word=(0.04, 0.52, "run", None),
    ),
}
NOT_TRANSCRIPTS = {
    "10-job-2024-11-15-submit-201": "batch job (NotStarted).*Transcription",
    "11-job-2024-11-15-get-succeeded": "batch job (Succeeded).*links.files",
    "12-files-2024-11-15-list": "list of files or jobs.*contentUrl",
    "13-report-file": "report of a batch job.*Transcription",
    "14-job-v3.2-get-succeeded": "batch job (Succeeded)",
    "16-error-400-InvalidSubscription": "error answer of the service (InvalidRequest",
    "17-error-401-gateway": "error answer of the service (401: Access denied",
    "18-base-model-whisper": "speech model",
    "21-webhook-2025-10-15-create-201": "webhook",
}


def missing(value: Any) -> Any:
    """None for what is missing, so that tables compare."""
    return None if pd.isna(value) else value


@pytest.mark.parametrize("name", REAL)
def test_real_results_say_what_they_said(shared: Path, name: str) -> None:
    expected = REAL[name]
    transcript = read_transcript(shared / "results" / f"{name}.json")
    call = transcript.calls.iloc[0]
    assert missing(call["mode"]) == expected.mode
    assert missing(call["duration_s"]) == expected.duration_s
    assert missing(call["channels"]) == expected.channels
    assert missing(call["locale"]) == expected.locale
    assert (len(transcript.phrases), len(transcript.words)) == (expected.phrases, expected.words)
    phrases = transcript.phrases
    first, last = phrases.iloc[0], phrases.iloc[-1]
    np.testing.assert_allclose(
        [first["start_s"], first["end_s"], last["start_s"]], [*expected.first[:2], expected.last[0]]
    )
    assert (first["display"], last["display"]) == (expected.first[2], expected.last[1])
    assert missing(first["confidence"]) == expected.confidence
    assert tuple(sorted(phrases["speaker"].dropna().unique())) == expected.speakers
    assert phrases["start_s"].dropna().is_monotonic_increasing
    if expected.word:
        word = transcript.words.iloc[0]
        np.testing.assert_allclose([word["start_s"], word["end_s"]], expected.word[:2])
        assert (word["word"], missing(word["display"])) == expected.word[2:]


def test_every_real_result_has_a_row_here(shared: Path) -> None:
    names = {path.stem for path in (shared / "results").glob("*.json")}
    assert names == set(REAL) | set(NOT_TRANSCRIPTS)


@pytest.mark.parametrize("name", NOT_TRANSCRIPTS)
def test_what_is_no_transcript_is_called_by_its_name(shared: Path, name: str) -> None:
    says = NOT_TRANSCRIPTS[name].replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(TranscriptError, match=says) as caught:
        read_transcript(shared / "results" / f"{name}.json")
    assert str(caught.value).startswith(str(shared / "results" / f"{name}.json"))


def test_details_of_real_results(shared: Path) -> None:
    def read(name: str) -> Transcript:
        return read_transcript(next((shared / "results").glob(f"{name}*.json")))

    assert read("01").call_ids == ["hello"]
    assert read("01").phrases["phrase_id"].tolist() == ["hello:0001"]
    assert read("03").phrases["channel"].tolist() == [0, 0, 0, 1, 1, 0]  # the file is grouped by channel
    assert read("07").phrases["channel"].isna().all()
    assert read("09").words["confidence"].isna().all()
    assert read("19").words["confidence"].isna().all()  # 0.0 on every word means none
    assert read("25").words["confidence"].tolist() == [0.882375]
    masked = read("azsamples-ingestion-summ").phrases["masked"]
    assert masked.isna().all()  # "" beside a text means none
    lexical = read("azsamples-ingestion-tran").phrases["lexical"].tolist()
    assert lexical == ["run alabama drivers license", "zero zero three zero", "six six nine"]


# --- one conversation in every shape


@dataclass(frozen=True)
class Said:
    """A phrase: ticks of 100 ns, lexical words with their ticks."""

    start: int
    length: int
    channel: int
    speaker: int | None
    confidence: float
    words: tuple[tuple[str, int, int], ...]

    @property
    def lexical(self) -> str:
        return " ".join(word for word, _, _ in self.words)

    @property
    def display(self) -> str:
        return self.lexical.capitalize() + "."


MS = 10_000  # ticks


@st.composite
def conversations(draw: st.DrawFn) -> list[Said]:
    """Phrases in disorder, on a grid of milliseconds that every unit can carry; no two start together."""
    starts = draw(st.lists(st.integers(0, 7_200_000), unique=True, max_size=8))
    channels = draw(st.integers(1, 2))
    speakers = draw(st.sampled_from([None, 0, 1]))
    said = []
    for start in starts:
        words = draw(st.lists(st.text("abcdefghé", min_size=1, max_size=6), min_size=1, max_size=5))
        lengths = draw(st.lists(st.integers(1, 900), min_size=len(words), max_size=len(words)))
        at, timed = start, []
        for word, length in zip(words, lengths, strict=True):
            timed.append((word, at * MS, length * MS))
            at += length
        speaker = None if speakers is None else speakers + draw(st.integers(0, 3))
        confidence = draw(st.floats(0.01, 1))
        said.append(
            Said(
                start * MS,
                (at - start) * MS,
                draw(st.integers(0, channels - 1)),
                speaker,
                confidence,
                tuple(timed),
            )
        )
    return said


def iso(ticks: int) -> str:
    """PT1H2M3.4567891S, as .NET writes it."""
    seconds, rest = divmod(ticks, 10**7)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    fraction = f".{rest:07d}".rstrip("0").rstrip(".")
    return f"PT{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}{seconds}{fraction}S"


def timed(style: str, start: int, length: int) -> dict[str, Any]:
    return {
        "ticks": {"offsetInTicks": start, "durationInTicks": length},
        "float": {"offsetInTicks": float(start), "durationInTicks": float(length)},
        "iso": {"offset": iso(start), "duration": iso(length)},
        "ms": {"offsetMilliseconds": start // MS, "durationMilliseconds": length // MS},
        "bare ms": {"offset": start // MS, "duration": length // MS},
        "sdk": {"Offset": start, "Duration": length},
        "quoted": {"Offset": str(start), "Duration": str(length)},
        "all": {
            "offsetInTicks": start,
            "durationInTicks": length,
            "offset": iso(start),
            "duration": iso(length),
        },
    }[style]


def batch(said: list[Said], style: str, *, display_words: bool = False) -> dict[str, Any]:
    phrases = []
    for p in sorted(said, key=lambda p: p.channel):  # grouped by channel, as the service does
        best: dict[str, Any] = {"confidence": p.confidence, "lexical": p.lexical, "itn": p.lexical}
        best |= {"maskedITN": p.lexical, "display": p.display}
        best["words"] = [{"word": w, "confidence": 0.5, **timed(style, s, n)} for w, s, n in p.words]
        if display_words:
            texts = p.display.split()
            best["displayWords"] = [
                {"displayText": text, **timed(style, s, n)}
                for text, (_, s, n) in zip(texts, p.words, strict=True)
            ]
        speaker = {} if p.speaker is None else {"speaker": p.speaker}
        phrases.append(
            {
                "recognitionStatus": "Success",
                "channel": p.channel,
                **speaker,
                **timed(style, p.start, p.length),
            }
            | {"nBest": [best, {"confidence": 1.0, "lexical": "other", "display": "other"}]}
        )
    head = {"source": "https://host/in/c1.wav?sv=1&sig=SECRET", "duration": "PT7200S"}
    return {**head, "combinedRecognizedPhrases": [], "recognizedPhrases": phrases}


def fast(said: list[Said], style: str) -> dict[str, Any]:
    phrases = []
    for p in sorted(said, key=lambda p: p.channel):
        texts = p.display.split()
        words = [{"text": t, **timed(style, s, n)} for t, (_, s, n) in zip(texts, p.words, strict=True)]
        speaker = {} if p.speaker is None else {"speaker": p.speaker}
        phrases.append(
            {
                "channel": p.channel,
                **speaker,
                **timed(style, p.start, p.length),
                "text": p.display,
                "words": words,
            }
            | {"confidence": p.confidence, "locale": "en-us"}
        )
    return {"durationMilliseconds": 7_200_000, "combinedPhrases": [], "phrases": phrases}


def sdk(said: list[Said], style: str) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = [
        {"RecognitionStatus": "InitialSilenceTimeout", "Offset": 0, "Duration": 0}
    ]
    for p in said:
        best = {"Confidence": p.confidence, "Lexical": p.lexical, "ITN": p.lexical, "MaskedITN": p.lexical}
        words = [{"Word": w, **timed(style, s, n)} for w, s, n in p.words]
        results.append(
            {
                "Id": "1",
                "RecognitionStatus": "Success",
                "Channel": p.channel,
                **timed(style, p.start, p.length),
            }
            | {"SpeakerId": p.speaker, "NBest": [{**best, "Display": p.display, "Words": words}]}
        )
    return results


SHAPES: dict[str, Callable[[list[Said]], Any]] = {
    "batch-2024": lambda said: batch(said, "all"),
    "batch-2025": lambda said: batch(said, "ms", display_words=True),
    "batch-v3-float-ticks": lambda said: batch(said, "float"),
    "batch-iso-only": lambda said: batch(said, "iso"),
    "fast-2024": lambda said: fast(said, "ms"),
    "fast-preview": lambda said: fast(said, "bare ms"),
    "sdk-list": lambda said: sdk(said, "sdk"),
    "sdk-quoted-times": lambda said: sdk(said, "quoted"),
    "sdk-list-of-texts": lambda said: [json.dumps(result) for result in sdk(said, "sdk")],
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None, max_examples=25)
@given(said=conversations())
def test_every_shape_gives_the_same_tables(shape: str, said: list[Said]) -> None:
    transcript = read_transcript(json.dumps(SHAPES[shape](said)), call_id="c1")
    in_order = sorted(said, key=lambda p: p.start)
    phrases, words = transcript.phrases, transcript.words
    assert phrases["phrase_id"].tolist() == [f"c1:{n:04d}" for n in range(1, len(said) + 1)]
    assert phrases["display"].tolist() == [p.display for p in in_order]
    assert phrases["channel"].tolist() == [p.channel for p in in_order]
    assert [missing(s) for s in phrases["speaker"]] == [
        None if p.speaker is None else str(p.speaker) for p in in_order
    ]
    np.testing.assert_allclose(phrases["start_s"], [p.start / 1e7 for p in in_order], atol=1e-9)
    np.testing.assert_allclose(phrases["end_s"], [(p.start + p.length) / 1e7 for p in in_order], atol=1e-9)
    np.testing.assert_allclose(phrases["confidence"], [p.confidence for p in in_order])
    spoken = [(s, p.channel, w, s + n) for p in in_order for w, s, n in p.words]
    spoken.sort(key=lambda row: (row[0], row[1]))
    np.testing.assert_allclose(words["start_s"], [row[0] / 1e7 for row in spoken], atol=1e-9)
    assert sorted(words["word"]) == sorted(row[2].lower() for row in spoken)
    for number, p in enumerate(in_order, start=1):
        own = words[words["phrase_id"] == f"c1:{number:04d}"].sort_values("position")
        assert own["position"].tolist() == list(range(len(p.words)))
        np.testing.assert_allclose(own["end_s"], [(s + n) / 1e7 for _, s, n in p.words], atol=1e-9)
        if own["display"].notna().any():
            assert " ".join(own["display"]) == p.display
    assert {str(c): str(t) for c, t in phrases.dtypes.items()} == dict(PHRASES)
    assert {str(c): str(t) for c, t in words.dtypes.items()} == dict(WORDS)


@settings(deadline=None, max_examples=25)
@given(said=conversations())
def test_a_decoded_document_is_as_good_as_its_text(said: list[Said]) -> None:
    document = batch(said, "all", display_words=True)
    from_text = read_transcript(json.dumps(document).encode())
    from_dict = read_transcript(document)
    for name in ("calls", "phrases", "words"):
        pd.testing.assert_frame_equal(from_text.table(name), from_dict.table(name))


# --- the oddities, one by one


def one_phrase(best: dict[str, Any], **phrase: Any) -> dict[str, Any]:
    timing = {"channel": 0, "offsetInTicks": 10_000_000, "durationInTicks": 20_000_000}
    return {"source": "c1.wav", "recognizedPhrases": [{**timing, **phrase, "nBest": [best]}]}


def one_fast(**phrase: Any) -> dict[str, Any]:
    return {"phrases": [{"offsetMilliseconds": 1000, "durationMilliseconds": 2000, **phrase}]}


def test_zero_confidence_everywhere_is_none() -> None:
    words = [{"word": "hi", "offsetInTicks": 0, "durationInTicks": 1, "confidence": 0.0}]
    spoken = read_transcript(one_phrase({"confidence": 0, "display": "Hi.", "words": words}))
    assert spoken.phrases["confidence"].isna().all()
    assert spoken.words["confidence"].isna().all()
    two = one_fast(text="Hi.", confidence=0)
    two["phrases"].append(
        {"offsetMilliseconds": 5000, "durationMilliseconds": 1, "text": "Ho.", "confidence": 0.5}
    )
    assert read_transcript(two).phrases["confidence"].tolist() == [0.0, 0.5]


def test_an_empty_phrase_has_no_confidence() -> None:
    document = one_phrase({"confidence": 0.7, "lexical": "", "itn": "", "maskedITN": "", "display": ""})
    phrase = read_transcript(document).phrases.iloc[0]
    assert math.isnan(phrase["confidence"])
    assert phrase["display"] == ""
    assert pd.isna(phrase["lexical"])


def test_the_first_alternative_with_text_is_taken() -> None:
    empty = {"Confidence": 0.0, "Lexical": "", "ITN": "", "MaskedITN": "", "Display": ""}
    full = {
        "Confidence": 0.8,
        "Lexical": "hi there",
        "ITN": "hi there",
        "MaskedITN": "",
        "Display": "Hi there.",
    }
    result = {"RecognitionStatus": "Success", "Offset": 0, "Duration": 10**7, "NBest": [empty, full]}
    phrase = read_transcript([result]).phrases.iloc[0]
    assert (phrase["display"], phrase["confidence"]) == ("Hi there.", 0.8)


def test_alternatives_are_not_sorted_by_confidence() -> None:
    document = one_phrase({"confidence": 0.4, "display": "This one."})
    document["recognizedPhrases"][0]["nBest"].append({"confidence": 0.9, "display": "Not this one."})
    assert read_transcript(document).phrases["display"].tolist() == ["This one."]


@pytest.mark.parametrize("display", [None, ""])
def test_a_phrase_without_display_form_shows_what_there_is(display: str | None) -> None:
    document = one_phrase({"confidence": 0.4, "lexical": "twenty two", "itn": "22", "display": display})
    assert read_transcript(document).phrases["display"].tolist() == ["22"]


def test_negative_durations_are_none() -> None:
    words = [{"word": "uh", "offsetMilliseconds": 500, "durationMilliseconds": -100, "confidence": 1}]
    row = read_transcript(one_phrase({"display": "Uh", "words": words})).words.iloc[0]
    assert (row["start_s"], row["end_s"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("given", "speaker"),
    [
        (0, "0"),
        (1, "1"),
        (2.0, "2"),
        ("Guest-1", "Guest-1"),
        ("Unknown", "Unknown"),
        (None, None),
        ("", None),
    ],
)
def test_speakers_are_opaque(given: Any, speaker: str | None) -> None:
    assert missing(read_transcript(one_fast(text="Hi.", speaker=given)).phrases["speaker"].iloc[0]) == speaker
    sdk_result = {
        "RecognitionStatus": 0,
        "DisplayText": "Hi.",
        "Offset": 0,
        "Duration": 1,
        "SpeakerId": given,
    }
    assert missing(read_transcript([sdk_result]).phrases["speaker"].iloc[0]) == speaker


def test_profanity_tags_are_kept() -> None:
    text = "This <profanity>damn</profanity> plan."
    words = [
        {"text": "This", "offsetMilliseconds": 0, "durationMilliseconds": 9},
        {"text": "<profanity>damn</profanity>", "offsetMilliseconds": 9, "durationMilliseconds": 9},
    ]
    transcript = read_transcript(one_fast(text=text, words=words))
    assert transcript.phrases["display"].iloc[0] == text
    assert transcript.words["display"].tolist()[1] == "<profanity>damn</profanity>"
    assert transcript.words["word"].tolist() == ["this", "damn"]


def test_display_words_go_to_the_lexical_words_that_they_cover() -> None:
    def word(key: str, text: str, start: float, end: float) -> dict[str, Any]:
        return {key: text, "offsetInTicks": start * 1e7, "durationInTicks": (end - start) * 1e7}

    lexical = [
        word("word", w, n, n + 1) for n, w in enumerate(["i", "owe", "twenty", "two", "dollars", "please"])
    ]
    shown = [
        word("displayText", t, a, b)
        for t, a, b in [("I", 0, 1), ("owe", 1, 2), ("$22,", 2, 5), ("please.", 5, 6)]
    ]
    best = {"display": "I owe $22, please.", "words": lexical, "displayWords": shown}
    words = read_transcript(one_phrase(best)).words
    assert [missing(d) for d in words["display"]] == ["I", "owe", "$22,", None, None, "please."]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), max_size=12),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5), st.text("abc", min_size=1)), max_size=12),
)
def test_no_display_word_is_lost(
    words: list[tuple[float, float]], shown: list[tuple[float, float, str]]
) -> None:
    def spans(lengths: list[Any]) -> list[Any]:
        at, made = 0.0, []
        for gap, length, *text in lengths:
            made.append((at + gap, at + gap + length, *text))
            at += gap + length
        return made

    aligned = align(spans(words), spans(shown))
    assert len(aligned) == len(words)
    if words:
        assert " ".join(a for a in aligned if a is not None) == " ".join(text for *_, text in shown)


def test_only_the_whole_text_is_better_than_nothing() -> None:
    document = {
        "durationMilliseconds": 9000,
        "combinedPhrases": [{"channel": 0, "text": "All of it."}],
        "phrases": [],
    }
    phrase = read_transcript(document).phrases.iloc[0]
    assert (phrase["start_s"], phrase["end_s"], phrase["display"]) == (0.0, 9.0, "All of it.")


def test_silence_is_a_call_without_phrases() -> None:
    document = {
        "source": "c9.wav",
        "durationInTicks": 10**7,
        "recognizedPhrases": [],
        "combinedRecognizedPhrases": [],
    }
    transcript = read_transcript(document)
    assert (transcript.call_ids, len(transcript.phrases), len(transcript.words)) == (["c9"], 0, 0)
    assert transcript.calls["duration_s"].iloc[0] == 1.0


def test_v2_files_hold_several_recordings() -> None:
    def part(name: str) -> dict[str, Any]:
        segment = {"RecognitionStatus": "Success", "ChannelNumber": "0", "SpeakerId": "1", "Offset": 10**7}
        best = [{"Confidence": 0.9, "Lexical": "hi", "ITN": "hi", "MaskedITN": "hi", "Display": "Hi."}]
        segments = [
            {**segment, "Duration": 10**7, "OffsetInSeconds": 1, "DurationInSeconds": 1, "NBest": best}
        ]
        return {"AudioFileName": name, "AudioLengthInSeconds": 2.5, "SegmentResults": segments}

    transcript = read_transcript({"AudioFileResults": [part("b.wav"), part("a.wav")]})
    assert transcript.call_ids == ["a", "b"]
    assert transcript.calls["duration_s"].tolist() == [2.5, 2.5]
    assert transcript.phrases["channel"].tolist() == [0, 0]


# --- ids, sources, modes


@pytest.mark.parametrize(
    ("source", "call_id", "shown"),
    [
        ("https://h/in/c1.wav?sv=2&sig=SECRET", "c1", "https://h/in/c1.wav"),
        ("https://user:SECRET@h/my%20call.wav#x", "my call", "https://h/my%20call.wav"),
        (r"C:\calls\c2.wav", "c2", r"C:\calls\c2.wav"),
        ("calls/c3.mp3", "c3", "calls/c3.mp3"),
    ],
)
def test_the_call_is_named_after_its_recording(source: str, call_id: str, shown: str) -> None:
    transcript = read_transcript({"source": source, "recognizedPhrases": []})
    assert transcript.call_ids == [call_id]
    assert transcript.calls["source"].tolist() == [shown]


@pytest.mark.parametrize(
    ("name", "call_id"),
    [
        ("c1.json", "c1"),
        ("c1.wav.json", "c1"),
        ("c1.v2.json", "c1.v2"),
        ("contenturl_0.json", "contenturl_0"),
    ],
)
def test_without_a_source_the_file_names_the_call(tmp_path: Path, name: str, call_id: str) -> None:
    (tmp_path / name).write_text(json.dumps(one_fast(text="Hi.")))
    assert read_transcript(tmp_path / name).call_ids == [call_id]
    assert read_transcript(str(tmp_path / name), call_id="mine").call_ids == ["mine"]


def test_without_any_name_the_content_names_the_call() -> None:
    one, other = read_transcript(one_fast(text="Hi.")), read_transcript(one_fast(text="Ho."))
    assert one.call_ids[0].startswith("transcript-")
    assert one.call_ids != other.call_ids


def test_mode_and_engine_can_be_said() -> None:
    call = read_transcript(one_fast(text="Hi."), mode="batch", engine="whisper").calls.iloc[0]
    assert (call["mode"], call["engine"]) == ("batch", "whisper")


# --- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_windows_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c1.json"
    path.write_text(json.dumps(one_fast(text="Grüße"), ensure_ascii=False), encoding=encoding)
    assert read_transcript(path).phrases["display"].tolist() == ["Grüße"]


def test_json_lines_of_the_sdk_are_read(tmp_path: Path) -> None:
    lines = [
        json.dumps({"RecognitionStatus": 0, "Offset": n, "Duration": 1, "DisplayText": str(n)})
        for n in range(3)
    ]
    (tmp_path / "c1.jsonl").write_text("\n".join(lines))
    assert read_transcript(tmp_path / "c1.jsonl").phrases["display"].tolist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="empty?"),
        pytest.param(b" \n", "is empty", id="only-blanks?"),
        pytest.param(b"Hello there", "is not JSON", id="text?"),
        pytest.param(b'{"phrases": [{"text": "Hel', "cut off", id="truncated?"),
        pytest.param(b"RIFF\x24\x00\x00\x00WAVE", "is not JSON", id="a-recording?"),
        pytest.param(b"[]", "an empty list", id="empty-list?"),
        pytest.param(
            b'{"phrases": [{"channel": "left", "text": "x"}]}', "'left' for a channel", id="channel?"
        ),
        pytest.param(b"[1, 2]", "list of something else", id="list-of-numbers?"),
        pytest.param(b"12", "only 12", id="a-number?"),
        pytest.param(b'{"text": "Hi"}', r"another kind \(its keys: text\)", id="another-json?"),
        pytest.param(b'[{"phrases": []}, {"phrases": []}]', "a list of 2 results", id="list-of-results?"),
        pytest.param(b'{"phrases": [{"offset": {}}]}', "a value in it is wrong", id="wrong-type?"),
        pytest.param(
            b'{"recognizedPhrases": [{"offset": "soon", "nBest": [{"display": "x"}]}]}',
            "'soon' for a time",
            id="no-time?",
        ),
        pytest.param(
            b'{"contentUrls": ["https://h/c.wav?sig=SECRET"]}', "the request for a batch job", id="request?"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(TranscriptError, match=says) as caught:
        read_transcript(path)
    assert str(path) in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("none.json", "there is no such file"),
        (".", "is a folder"),
        ("call.wav", "is a recording"),
        ("https://h/x.json?sig=SECRET", "https://h/x.json is an address"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_file_is_refused(source: str | bytes, says: str) -> None:
    with pytest.raises(TranscriptError, match=says) as caught:
        read_transcript(source)
    assert "SECRET" not in str(caught.value)


KEYS = [
    *("phrases", "recognizedPhrases", "NBest", "nBest", "text", "Offset", "offset", "channel", "display"),
    *("words", "speaker", "duration", "source", "confidence", "DisplayText", "AudioFileResults", "id"),
    *("SegmentResults", "analysisInput", "conversations", "conversationItems", "properties", "error", "x"),
]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(junk)
def test_any_json_gives_tables_or_our_error(document: Any) -> None:
    try:
        transcript = read_transcript(json.dumps(document).encode())
    except TranscriptError:
        return
    assert transcript.call_ids
