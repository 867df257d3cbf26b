"""Real time, judged by the official Speech SDK as it is."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import azure.cognitiveservices.speech as sdk
import httpx
import numpy as np
import pytest
from starlette.testclient import WebSocketDenialResponse

from speechkit import audio
from tests.conftest import ROOT
from tests.local.sdk_session import TICKS, Heard, config, listen, once, paced, pushed
from tests.local.service_fixture import KEY, Inside, Running, results_of, submission, wait_for_job

CONVERSATION = "ws://127.0.0.1:5000/speech/recognition/conversation/cognitiveservices/v1"
Property = sdk.PropertyId


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds of a demo call, 8 kHz mono: two speakers, three turns."""
    path = tmp_path_factory.mktemp("speech") / "exchange.wav"
    call = audio.decode(ROOT / "data" / "calls" / "c01.wav", 8000)
    audio.write_wav(path, audio.mix(call)[: 16 * 8000], 8000)
    return path


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """Six seconds of nothing."""
    path = tmp_path / "silence.wav"
    audio.write_wav(path, np.zeros(6 * 8000, np.float32), 8000)
    return path


def detailed(made: sdk.SpeechConfig) -> sdk.SpeechConfig:
    made.output_format = sdk.OutputFormat.Detailed
    made.request_word_level_timestamps()
    return made


def order(service: Running, **what: Any) -> None:
    """Order misbehaviour."""
    what = {"path": "/speech/"} | what
    httpx.post(f"{service.endpoint}/misbehave", json=what, headers={"api-key": KEY}).raise_for_status()


# --- what is heard ------------------------------------------------------------------------------------------


@pytest.mark.speech
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("whatstheweatherlike.wav", id="16 kHz?"),
        pytest.param("whatstheweatherlike-mulaw.wav", id="8 kHz mu-law?"),
    ],
)
def test_real_speech_is_recognized_once(service: Running, shared: Path, name: str) -> None:
    result = once(config(service), shared / "speech" / name)
    assert result.reason == sdk.ResultReason.RecognizedSpeech
    assert result.text == "What's the weather like?"
    assert 0 < result.offset < result.offset + result.duration < 2 * TICKS


def test_stereo_is_mixed(service: Running, stereo: Path) -> None:
    assert "this is megan" in once(config(service), stereo).text.lower()


def test_one_phrase_after_the_other_is_recognized(service: Running, exchange: Path) -> None:
    recognizer = sdk.SpeechRecognizer(config(service), sdk.audio.AudioConfig(filename=str(exchange)))
    first, second = recognizer.recognize_once(), recognizer.recognize_once()
    assert first.text.startswith("Thank you for calling")
    assert second.reason == sdk.ResultReason.RecognizedSpeech
    assert second.offset >= first.offset + first.duration


@pytest.fixture(scope="session")
def heard(service: Running, exchange: Path) -> Heard:
    """What a session reports of it."""
    return listen(config(service), exchange)


def test_a_session_says_what_batch_says(service: Running, exchange: Path, heard: Heard) -> None:
    assert heard.error == ""
    assert not heard.nothing
    with service.client() as api:
        body = submission(service.publish(exchange))
        job = wait_for_job(api, api.post("/transcriptions:submit", json=body).json())
        (batch,) = [r for name, r in results_of(api, job).items() if name.startswith("contenturl")]
    phrases = batch["recognizedPhrases"]
    assert heard.text == " ".join(p["nBest"][0]["display"] for p in phrases)
    assert [f["Offset"] for f in heard.finals] == [p["offsetInTicks"] for p in phrases]
    # Hypotheses come at least every two seconds of speech, and grow.
    spans = [(h["Offset"], h["Offset"] + h["Duration"]) for h in heard.hypotheses]
    assert all(b[1] - max(a[1], b[0]) <= 2 * TICKS for a, b in pairwise(spans))
    assert spans[0][1] - spans[0][0] <= 2 * TICKS
    assert heard.hypotheses[0]["Text"].startswith("thank you")


def test_detailed_results_have_words_confidence_and_other_hypotheses(
    service: Running, greeting: Path
) -> None:
    (final,) = listen(detailed(config(service)), greeting).finals
    best, *others = final["NBest"]
    assert best["Display"] == final["DisplayText"]
    assert [w["Word"] for w in best["Words"]] == best["Lexical"].split()
    assert [w["DisplayText"] for w in best["DisplayWords"]] == best["Display"].split()
    assert all(0 < w["Confidence"] <= 1 for w in best["Words"])
    ends = [w["Offset"] + w["Duration"] for w in best["Words"]]
    assert all(end <= word["Offset"] for end, word in zip(ends, best["Words"][1:], strict=False))
    assert best["Words"][0]["Offset"] == final["Offset"]
    assert ends[-1] <= final["Offset"] + final["Duration"]
    assert others
    assert all(set(other) == {"Confidence", "Lexical", "ITN", "MaskedITN", "Display"} for other in others)
    assert len({other["Lexical"] for other in final["NBest"]}) == len(final["NBest"])


def test_a_conversation_has_guests(service: Running, exchange: Path) -> None:
    made = config(service)
    made.set_property(Property.SpeechServiceResponse_DiarizeIntermediateResults, "true")
    heard = listen(made, exchange, speakers=True)
    assert [final["SpeakerId"] for final in heard.finals] == ["Guest-1", "Guest-2", "Guest-1"]
    assert heard.hypotheses[0]["SpeakerId"] == "Unknown"
    assert heard.hypotheses[-1]["SpeakerId"] == "Guest-1"


def test_listed_phrases_are_recognized(service: Running, greeting: Path) -> None:
    assert "Larkfield home" in once(config(service), greeting).text
    heard = listen(config(service), greeting, phrases=("Larkfield Home",))
    assert "Larkfield Home" in heard.text


# --- where a phrase ends ------------------------------------------------------------------------------------


def test_silence_ends_the_waiting(service: Running, silence: Path) -> None:
    made = config(service)
    made.set_property(Property.SpeechServiceConnection_InitialSilenceTimeoutMs, "1500")
    result = once(made, silence)
    assert result.reason == sdk.ResultReason.NoMatch
    assert result.no_match_details.reason == sdk.NoMatchReason.InitialSilenceTimeout
    assert result.offset == pytest.approx(1.5 * TICKS, abs=0.3 * TICKS)


def test_silence_is_no_event_of_a_session(service: Running, silence: Path) -> None:
    heard = listen(config(service), silence)
    assert (heard.finals, heard.hypotheses, heard.nothing, heard.error) == ([], [], [], "")


def test_the_caller_says_how_long_a_pause_is(service: Running, greeting: Path) -> None:
    made = config(service)
    made.set_property(Property.Speech_SegmentationSilenceTimeoutMs, "100")
    assert len(listen(made, greeting).finals) > 1


def test_dictation_takes_marks_as_they_are_spoken(service: Running, greeting: Path) -> None:
    made = config(service)
    made.enable_dictation()
    assert "," not in once(made, greeting).text  # nobody said "comma"


# --- what goes wrong ----------------------------------------------------------------------------------------


def test_a_broken_line_loses_and_doubles_no_phrase(service: Running, exchange: Path, heard: Heard) -> None:
    order(service, kind="lost", times=1)  # the phrase has arrived, and then the line breaks
    order(service, kind="drop", times=1, seconds=3.0)  # and again, in the middle of what is sent once more
    broken = listen(config(service), exchange)
    assert broken.error == ""
    assert broken.connections.count("connected") == 3
    assert len(broken.finals) == len(heard.finals)
    for one, other in zip(heard.finals, broken.finals, strict=True):
        assert one["Offset"] == pytest.approx(other["Offset"], abs=TICKS / 5)
        assert one["Duration"] == pytest.approx(other["Duration"], abs=TICKS / 2)


@pytest.mark.slow
def test_guests_keep_their_numbers_when_the_line_breaks(service: Running, exchange: Path) -> None:
    order(service, kind="lost", times=1)
    heard = listen(config(service), exchange, speakers=True)
    assert "disconnected" in heard.connections
    assert [final["SpeakerId"] for final in heard.finals] == ["Guest-1", "Guest-2", "Guest-1"]


Code = sdk.CancellationErrorCode


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        pytest.param({"key": "wrong"}, Code.AuthenticationFailure, "401", id="the key is wrong?"),
        pytest.param({"language": "de-DE"}, Code.BadRequest, "400", id="the language is not served?"),
        pytest.param({"rate": 2000}, Code.BadRequest, "is not taken", id="the format is bad?"),
    ],
)
def test_a_session_is_refused(service: Running, greeting: Path, change: Any, code: Any, says: str) -> None:
    made = config(service, key=change.get("key", KEY))
    made.speech_recognition_language = change.get("language", "en-US")
    result = once(made, pushed(np.zeros(8000, np.int16), change.get("rate", 8000)))
    assert result.reason == sdk.ResultReason.Canceled
    assert result.cancellation_details.code == code
    assert says in result.cancellation_details.error_details


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("throttle", Code.TooManyRequests, id="it is overloaded?"),
        pytest.param("unavailable", Code.ServiceUnavailable, id="it is not available?"),
    ],
)
def test_the_sdk_tries_five_times(service: Running, greeting: Path, kind: str, code: Any) -> None:
    order(service, kind=kind, times=5)
    result = once(config(service), greeting)
    assert result.cancellation_details.code == code
    assert "this is megan" in once(config(service), greeting).text.lower()


def test_there_are_only_so_many_sessions(local: Inside) -> None:
    local.service.live.most = 0
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        local.client.websocket_connect(CONVERSATION, headers={"ocp-apim-subscription-key": KEY}),
    ):
        pass
    assert refused.value.status_code == 429
    assert refused.value.json()["code"] == "TooManyRequests"


def test_what_is_no_message_ends_the_session(local: Inside) -> None:
    path = f"{CONVERSATION}?Ocp-Apim-Subscription-Key={KEY}"
    with local.client.websocket_connect(path) as socket:
        socket.send_text("hello")
        closed = socket.receive()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1007)
    assert "no empty line" in closed["reason"]


def test_health_says_how_many_are_live(local: Inside) -> None:
    assert local.client.get("/").json()["live"] == {"sessions": 0, "most": 4}


@pytest.mark.slow
def test_a_session_survives_the_process_that_recognizes_it(service: Running, exchange: Path) -> None:
    once(config(service), exchange)  # so that the process is there

    def kill() -> None:
        for pid in service.children()[1:]:
            os.kill(pid, signal.SIGKILL)

    heard = listen(config(service, at_once=False), exchange, meanwhile=kill)
    assert heard.error == ""
    assert "this is megan" in heard.text.lower()


@pytest.mark.slow
def test_four_sessions_at_once_are_all_heard(service: Running) -> None:
    """Whether they keep up is measured, not tested: benchmarks/realtime.py."""
    sound = audio.mix(audio.decode(ROOT / "data" / "calls" / "c01.wav", 8000))
    parts = [(sound[i * 160_000 : (i + 2) * 160_000] * 32767).astype(np.int16) for i in range(4)]  # 40 s each
    length_s = len(parts[0]) / 8000
    with ThreadPoolExecutor(4) as several:
        made = [config(service) for _ in parts]
        heard = list(several.map(lambda c, part: listen(c, paced(part, 8000)), made, parts))
    for session in heard:
        assert session.error == ""
        assert len(session.finals) >= 3
        assert len(session.hypotheses) > length_s / 10
