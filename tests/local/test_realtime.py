"""Real time, judged by the official Speech SDK as it is."""

from __future__ import annotations

from pathlib import Path

import azure.cognitiveservices.speech as sdk
import pytest

from speechkit import audio
from tests.conftest import ROOT
from tests.local.sdk_session import TICKS, config, listen, once
from tests.local.service_fixture import Running, results_of, submission, wait_for_job


def words_of(text: str) -> list[str]:
    return [word.strip(".,?!").lower() for word in text.split()]


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a demo call, 8 kHz mono: two speakers, four turns."""
    path = tmp_path_factory.mktemp("speech") / "exchange.wav"
    call = audio.decode(ROOT / "data" / "calls" / "c01.wav", 8000)
    audio.write_wav(path, audio.mix(call)[: 20 * 8000], 8000)
    return path


def test_one_phrase_is_recognized_once(service: Running, greeting: Path) -> None:
    result = once(config(service), greeting)
    assert result.reason == sdk.ResultReason.RecognizedSpeech
    assert "this is megan" in result.text.lower()
    assert 0 < result.offset < result.offset + result.duration <= 5 * TICKS


def test_a_session_says_what_batch_says(service: Running, exchange: Path) -> None:
    heard = listen(config(service), exchange)
    assert heard.error == ""
    assert heard.hypotheses
    with service.client() as api:
        job = wait_for_job(
            api, api.post("/transcriptions:submit", json=submission(service.publish(exchange))).json()
        )
        (batch,) = [r for name, r in results_of(api, job).items() if name.startswith("contenturl")]
    phrases = batch["recognizedPhrases"]
    assert heard.text == " ".join(p["nBest"][0]["display"] for p in phrases)
    assert [f["Offset"] for f in heard.finals] == [p["offsetInTicks"] for p in phrases]


def test_a_conversation_has_guests(service: Running, exchange: Path) -> None:
    heard = listen(config(service), exchange, speakers=True)
    assert [final["SpeakerId"] for final in heard.finals] == ["Guest-1", "Guest-2", "Guest-1", "Guest-2"]
    assert {hypothesis["SpeakerId"] for hypothesis in heard.hypotheses} == {"Unknown"}


def test_a_wrong_key_is_refused(service: Running, greeting: Path) -> None:
    result = once(config(service, key="wrong"), greeting)
    assert result.reason == sdk.ResultReason.Canceled
    assert result.cancellation_details.code == sdk.CancellationErrorCode.AuthenticationFailure
