"""Options: what is refused before anything is sent, and what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from speechkit.audio import AudioInfo
from speechkit.client.options import Options
from speechkit.errors import RequestRefusedError


def info(channels: int = 1, duration_s: float = 60.0) -> AudioInfo:
    return AudioInfo(Path("call_17.wav"), "wav", "pcm_s16le", 8000, channels, duration_s, 1000)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"diarization": 1}, "2 to 35"),
        ({"diarization": 36}, "2 to 35"),
        ({"diarization": True}, "2 to 35"),
        ({"time_to_live_hours": 5}, "6 to 744"),
        ({"time_to_live_hours": 745}, "6 to 744"),
        ({"time_to_live_hours": 48.5}, "6 to 744"),
        ({"channels": []}, "give \\[0\\]"),
        ({"channels": [0, 0]}, "give \\[0\\]"),
        ({"channels": [2]}, "give \\[0\\]"),
        ({"channels": [0, 1], "diarization": 2}, "one channel"),
        ({"locale": "english"}, "en-US"),
        ({"locale": ""}, "en-US"),
        ({"candidate_locales": ["en-US"]}, "2 to 10"),
        ({"candidate_locales": ["de-DE", "fr-FR"]}, "add en-US"),
        ({"candidate_locales": "en-US"}, "give a list"),
        ({"profanity": "masked"}, "Masked"),
        ({"punctuation": "yes"}, "Dictated"),
        ({"biasing_weight": 2.1}, "0 to 2"),
        ({"speakers": 2}, "unknown option speakers. There are: locale, diarization"),
    ],
)
def test_what_the_service_would_refuse_is_refused_here(options: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestRefusedError, match=says):
        Options.of(**options)


@pytest.mark.parametrize(
    ("options", "recording", "says"),
    [
        pytest.param(
            {"diarization": 2}, info(2), "call_17.wav is stereo.*split", id="stereo-with-diarization"
        ),
        pytest.param({"diarization": 2}, info(1, 14401), "240", id="four-hours-with-diarization"),
        pytest.param({"channels": [1]}, info(1), "mono", id="the-second-channel-of-mono"),
        pytest.param({}, info(6), "6 channels.*Split", id="surround"),
    ],
)
def test_options_that_do_not_fit_a_recording(
    options: dict[str, Any], recording: AudioInfo, says: str
) -> None:
    with pytest.raises(RequestRefusedError, match=says):
        Options.of(**options).for_recording(recording, told=bool(options))


def test_a_recording_decides_what_it_was_not_told() -> None:
    assert Options().for_recording(info(2), told=False) == Options(channels=(0, 1))
    assert Options().for_recording(info(1), told=False) == Options(channels=(0,), diarization=2)
    assert Options().for_recording(info(1), told=True) == Options()
    assert Options().for_recording(None, told=False) == Options()


def test_batch_body() -> None:
    options = Options.of(
        locale="en-GB",
        diarization=3,
        candidate_locales=["en-GB", "de-DE"],
        model="https://a.example/models/1",
        display_words=False,
    )
    assert options.batch_body("calls", urls=["https://a.example/c1.wav"], custom={"k": "v"}) == {
        "displayName": "calls",
        "locale": "en-GB",
        "contentUrls": ["https://a.example/c1.wav"],
        "customProperties": {"k": "v"},
        "model": {"self": "https://a.example/models/1"},
        "properties": {
            "timeToLiveHours": 48,
            "wordLevelTimestampsEnabled": True,
            "displayFormWordLevelTimestampsEnabled": False,
            "punctuationMode": "DictatedAndAutomatic",
            "profanityFilterMode": "Masked",
            "diarization": {"enabled": True, "maxSpeakers": 3},
            "languageIdentification": {"candidateLocales": ["en-GB", "de-DE"], "mode": "Continuous"},
        },
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({}, "neither was", id="neither-urls-nor-container"),
        pytest.param({"urls": []}, "neither was", id="no-urls"),
        pytest.param({"urls": ["https://a/x"], "container": "https://a/c"}, "both were", id="both"),
        pytest.param({"urls": ["https://a.example/x"] * 1001}, "1001 recordings.*1000", id="1001-urls"),
    ],
)
def test_one_request_by_hand(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestRefusedError, match=says):
        Options().batch_body("calls", **arguments)


def test_phrases_are_for_fast_mode() -> None:
    options = Options(phrases=("Contoso",), biasing_weight=1.5)
    assert options.fast_definition()["phraseList"] == {"phrases": ["Contoso"], "biasingWeight": 1.5}
    with pytest.raises(RequestRefusedError, match="fast mode"):
        options.batch_body("calls", urls=["https://a.example/c1.wav"])


def test_fast_definition() -> None:
    options = Options(
        channels=(0, 1), candidate_locales=("en-US", "de-DE"), profanity="Tags", model="https://a/m"
    )
    assert options.fast_definition() == {
        "locales": ["en-US", "de-DE"],
        "channels": [0, 1],
        "profanityFilterMode": "Tags",
        "models": {"en-US": "https://a/m"},
    }
    with pytest.raises(RequestRefusedError, match="batch"):
        Options(punctuation="None").fast_definition()
