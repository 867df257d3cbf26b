"""The protocol of the Speech SDK: frames, what a turn asks for, and sound in pieces."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit import audio
from speechkit.errors import UnsupportedAudioError
from speechkit.local.recognition import Phrase, Word
from speechkit.local.speech_protocol import (
    ProtocolError,
    TurnOptions,
    read_binary,
    read_text,
    read_turn,
    ticks,
    write_text,
)
from speechkit.local.speech_results import phrase_result
from speechkit.local.wave_stream import WaveReader

# As Speech SDK 1.53.0 sends it for dictation with everything set, a conversation, and language identification.
EVERYTHING = {
    "phraseDetection": {
        "language": "en-us",
        "enrichment": {"profanity": "raw"},
        "initialSilenceTimeout": 3000,
        "trailingSilenceTimeout": 900,
        "mode": "DICTATION",
        "DICTATION": {"segmentation": {"mode": "Semantic", "segmentationSilenceTimeoutMs": 700,
                                       "segmentationForcedTimeoutMs": 30000}},
    },
    "dgi": {"Groups": [{"Type": "Generic", "Items": [{"Text": "Larkfield Home"}, {"Text": "Contoso"}]}], "bias": 1.5},
    "audio": {"streams": {"1": None}},
    "phraseOutput": {"interimResults": {"stableThreshold": 3}, "format": "Detailed",
                     "detailed": {"options": ["WordTimings", "WordConfidence"]}},
}  # fmt: skip
DIARIZATION = {"mode": "Anonymous", "audioSessionId": "72c1", "audioOffsetMS": 0, "identityProvider": None}
TALK = {"mode": "Conversation", "language": "en-us", "speakerDiarization": DIARIZATION}
AGAIN = {"previousServiceTag": "ab", "audio": {"streams": {"1": {"offset": "32999999"}}}}


@pytest.mark.parametrize(
    ("mode", "query", "context", "expected"),
    [
        pytest.param(
            "dictation",
            {"language": "en-us", "profanity": "raw"},
            EVERYTHING,
            TurnOptions("dictation", "en-us", True, True, "None", "Dictated", ("Larkfield Home", "Contoso"), 1.5, 0.7,
                        30.0, 3.0, 3),
            id="everything is set?",
        ),
        pytest.param(
            None, {}, {"phraseDetection": TALK}, TurnOptions(locale="en-us", speakers=True), id="a conversation?"
        ),
        pytest.param(
            None,
            {},
            {"phraseDetection": TALK | {"speakerDiarization": DIARIZATION | {"diarizeIntermediates": "True"}}},
            TurnOptions(locale="en-us", speakers=True, interim_speakers=True),
            id="speakers in hypotheses?",
        ),
        pytest.param(
            "conversation",
            {"language": "en-us", "lidEnabled": "de-DE,en-GB"},
            {"languageId": {"languages": ["de-DE", "en-GB"], "mode": "DetectContinuous"}},
            TurnOptions(locale="en-GB", identify_language=True),
            id="languages to identify?",
        ),
        pytest.param(
            "interactive",
            {"language": "en-US", "endSilenceTimeoutMs": "900"},
            {},
            TurnOptions("interactive", "en-US", silence_s=0.9, initial_silence_s=5.0),
            id="once, by the query?",
        ),
        pytest.param(
            "conversation", {"language": "en-US"}, {"continuation": AGAIN},
            TurnOptions(locale="en-US", start_s=3.2999999),
            id="the rest of a broken session?",
        ),
    ],
)  # fmt: skip
def test_what_a_turn_asks_for(mode: str, query: dict[str, str], context: Any, expected: TurnOptions) -> None:
    assert read_turn(mode, query, context) == expected


@pytest.mark.parametrize(
    ("mode", "context", "says"),
    [
        pytest.param("chat", {}, "no recognition mode chat", id="the mode is unknown?"),
        pytest.param(None, {"translation": {}}, "does not translate", id="a translation is wanted?"),
    ],
)
def test_a_turn_is_refused(mode: str | None, context: Any, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        read_turn(mode, {}, context)


ODD: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, 0, -1, "x", "7", True]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["Groups", "Items", "Text", "bias", "format", "audio", "streams"]), inner
        )
    ),
    max_leaves=5,
)


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["phraseDetection", "phraseOutput", "dgi", "continuation"], ODD)
    )
)
def test_no_context_breaks_it(context: dict[str, Any]) -> None:
    assert read_turn("conversation", {}, context).mode == "conversation"


def test_a_request_id_comes_back_as_it_came() -> None:
    frame = "X-Timestamp:2026-11-21T01:25:29.854Z\r\nPath:Speech.Context\r\nX-RequestId:B2aa-5b\r\n\r\n{}"
    message = read_text(frame)
    assert (message.path, message.json()) == ("speech.context", {})
    assert write_text("turn.end", message.request_id, {}) == (
        "X-RequestId:B2aa-5b\r\nContent-Type:application/json; charset=utf-8\r\nPath:turn.end\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x00\xffPath:audio\r\n", id="the length is wrong?"),
        pytest.param(b"\x00\x05Hello", id="there is no path?"),
        pytest.param(b"", id="it is empty?"),
    ],
)
def test_a_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_binary(frame)


@given(st.floats(0, 1e5))
def test_ticks_are_whole_milliseconds_and_never_less_when_rounded_up(seconds: float) -> None:
    assert ticks(seconds) % 10_000 == ticks(seconds, up=True) % 10_000 == 0
    assert ticks(seconds, up=True) / 1e7 >= seconds - 1e-7
    assert ticks(seconds, up=True) - ticks(seconds) in (0, 10_000)


# --- sound --------------------------------------------------------------------------------------------------

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (2000, 2)).astype(np.float32)


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_is_read_as_a_file_is(tmp_path: Any, kind: str, rate: int, channels: int) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, SOUND[:, :channels], rate, subtype=kind)
    data, reader = path.read_bytes(), WaveReader()
    pieces = [reader.feed(data[i : i + 333]) for i in range(0, len(data), 333)]
    found = np.concatenate([*pieces, reader.finish()])
    np.testing.assert_allclose(found, audio.mix(audio.decode(path, 16000)), atol=1e-6)


def header(**change: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8), 8000, format="WAV")
    data = bytearray(file.getvalue())
    places = {"tag": 20, "channels": 22, "rate": 24, "bits": 34}
    for name, value in change.items():
        data[places[name] : places[name] + 2] = value.to_bytes(2, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"ID3 and so on, no RIFF", "no RIFF header", id="it is an mp3?"),
        pytest.param(header(tag=2), "format 2 with 16 bits", id="it is ADPCM?"),
        pytest.param(header(rate=100), "100 Hz is not taken", id="the rate is odd?"),
        pytest.param(header(channels=99), "99 channels", id="there are many channels?"),
        pytest.param(
            b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "nothing about the format", id="the format is missing?"
        ),
        pytest.param(
            b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\0\0" + bytes(70_000), "no end", id="it never ends?"
        ),
    ],
)
def test_sound_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(UnsupportedAudioError, match=says):
        WaveReader().feed(data)


# --- answers ------------------------------------------------------------------------------------------------


def test_the_end_of_a_phrase_is_that_of_its_sound() -> None:
    words = [Word("Damn", "damn", 1.0, 1.4, 0.9), Word("it.", "it", 1.5, 1.8, 0.8)]
    result = phrase_result(Phrase(1.0, 1.8, 0.85, "Damn it.", words), detailed=True, words=True, until_s=2.0)
    assert (result["Offset"], result["Duration"]) == (10_000_000, 10_000_000)
    best = result["NBest"][0]
    assert (best["Lexical"], best["MaskedITN"], best["Display"]) == ("damn it", "d*** it", "D*** it.")
    assert best["Words"][1] == {"Word": "it", "Offset": 15_000_000, "Duration": 3_000_000, "Confidence": 0.8}
