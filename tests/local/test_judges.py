"""Independent judges of the service: the official result schema, and the official client, unmodified."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.ai.transcription import TranscriptionClient
from azure.ai.transcription.models import (
    PhraseListProperties,
    ProfanityFilterMode,
    TranscriptionContent,
    TranscriptionDiarizationOptions,
    TranscriptionOptions,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from tests.local.service_fixture import (
    KEY,
    NEW,
    OLD,
    Running,
    job_id,
    results_of,
    submission,
    wait_for_job,
)
from tests.local.test_results import schema  # noqa: F401  # a fixture

# --- recognition, as the schema wants it --------------------------------------------------------------------


EVERYTHING = {"wordLevelTimestampsEnabled": True, "displayFormWordLevelTimestampsEnabled": True}


@pytest.mark.parametrize("version", [NEW, OLD])
def test_real_results_are_valid(
    service: Running,
    greeting: Path,
    stereo: Path,
    schema: Any,  # noqa: F811
    version: str,
) -> None:
    with service.client(version) as api:
        body = submission(service.publish(greeting), service.publish(stereo), **EVERYTHING)
        submitted = api.post("/transcriptions:submit", json=body).json()
        assert submitted["self"].endswith(f"?api-version={version}")
        job = wait_for_job(api, submitted)
        files = results_of(api, job)
    assert job["status"] == "Succeeded"
    assert job["properties"]["durationMilliseconds"] == 10_000
    for name in ("contenturl_0.json", "contenturl_1.json"):
        schema.validate(files[name])
        assert files[name]["durationMilliseconds"] == 5000
    mono, both = (files[f"contenturl_{i}.json"] for i in (0, 1))
    text = mono["combinedRecognizedPhrases"][0]["lexical"]
    assert "thank you for calling" in text
    assert mono["source"].endswith("/recordings/greeting.wav")
    assert [c["channel"] for c in both["combinedRecognizedPhrases"]] == [0, 1]
    assert [c["lexical"] for c in both["combinedRecognizedPhrases"]] == ["", text]
    for phrase in mono["recognizedPhrases"]:
        best = phrase["nBest"][0]
        assert [w["word"] for w in best["words"]] == best["lexical"].split()
        assert " ".join(w["displayText"] for w in best["displayWords"]) == best["display"]
        assert 0 < best["confidence"] <= 1
        ends = [w["offsetInTicks"] + w["durationInTicks"] for w in best["words"]]
        assert ends[-1] <= phrase["offsetInTicks"] + phrase["durationInTicks"] <= mono["durationInTicks"]


def test_a_spoken_sentence_is_recognized_in_every_encoding(
    service: Running, api: httpx.Client, shared: Path
) -> None:
    names = ["whatstheweatherlike.wav", "whatstheweatherlike-mulaw.wav", "whatstheweatherlike.mp3"]
    urls = [service.publish(shared / "speech" / name) for name in names]
    broken = service.publish(shared / "speech" / "missing_wav_header.wav")
    job = wait_for_job(api, api.post("/transcriptions:submit", json=submission(*urls, broken)).json())
    files = results_of(api, job)
    said = [files[f"contenturl_{i}.json"]["combinedRecognizedPhrases"][0]["lexical"] for i in range(3)]
    assert said == ["what's the weather like"] * 3
    failed = files["report.json"]["details"][3]
    assert (failed["status"], failed["errorKind"]) == ("Failed", "InvalidData")
    assert "missing_wav_header.wav has no RIFF header" in failed["errorMessage"]


# --- the official client of fast transcription, unmodified --------------------------------------------------


@pytest.fixture
def official(service: Running) -> Iterator[TranscriptionClient]:
    """azure-ai-transcription, as a user makes it."""
    with TranscriptionClient(endpoint=service.endpoint, credential=AzureKeyCredential(KEY)) as client:
        yield client


def test_the_official_client_transcribes(official: TranscriptionClient, greeting: Path) -> None:
    options = TranscriptionOptions(
        locales=["en-US"],
        profanity_filter_mode=ProfanityFilterMode.MASKED,
        diarization_options=TranscriptionDiarizationOptions(max_speakers=2),
        phrase_list=PhraseListProperties(phrases=["Larkfield"], biasing_weight=1.5),
    )
    with greeting.open("rb") as file:
        made = official.transcribe(TranscriptionContent(definition=options, audio=file))
    assert made.duration_milliseconds == 5000
    assert "Thank you for calling" in made.combined_phrases[0].text
    first = made.phrases[0]
    assert (first.speaker, first.locale, first.channel) == (1, "en-US", None)
    assert 0 < first.confidence <= 1
    assert first.words
    assert " ".join(w.text for w in first.words) == first.text
    assert first.words[0].offset_milliseconds == first.offset_milliseconds


def test_the_official_client_asks_for_channels(official: TranscriptionClient, stereo: Path) -> None:
    audio = ("stereo.wav", io.BytesIO(stereo.read_bytes()), "audio/wav")
    options = TranscriptionOptions(locales=["en-US"], active_channels=[0, 1])
    made = official.transcribe(TranscriptionContent(definition=options, audio=audio))
    assert [c.channel for c in made.combined_phrases] == [0, 1]
    assert made.combined_phrases[0].text == ""
    assert {p.channel for p in made.phrases} == {1}


def test_the_official_client_names_a_url(
    official: TranscriptionClient, service: Running, greeting: Path
) -> None:
    made = official.transcribe_from_url(
        service.publish(greeting), options=TranscriptionOptions(locales=["en-US"])
    )
    assert "Thank you for calling" in made.combined_phrases[0].text


def test_the_official_client_understands_refusals(
    official: TranscriptionClient, service: Running, shared: Path
) -> None:
    def ask(name: str, content: bytes, **options: Any) -> HttpResponseError:
        body = TranscriptionContent(
            definition=TranscriptionOptions(**options), audio=(name, io.BytesIO(content))
        )
        with pytest.raises(HttpResponseError) as refused:
            official.transcribe(body)
        return refused.value

    broken = ask("broken.wav", (shared / "speech" / "missing_wav_header.wav").read_bytes())
    assert (broken.status_code, broken.error.code) == (422, "UnprocessableEntity")  # type: ignore[union-attr]
    assert "broken.wav" in str(broken)
    text = ask("notes.wav", b"these are notes, no sound")
    assert text.status_code == 422
    german = ask("a.wav", b"x", locales=["de-DE"])
    assert "recognizes English only" in str(german)
    with (
        TranscriptionClient(endpoint=service.endpoint, credential=AzureKeyCredential("wrong")) as other,
        pytest.raises(ClientAuthenticationError),
    ):
        other.transcribe(TranscriptionContent(definition=TranscriptionOptions(), audio=("a.wav", b"x")))


def test_a_job_outlives_nothing_of_its_own(service: Running, api: httpx.Client, greeting: Path) -> None:
    submitted = api.post("/transcriptions:submit", json=submission(service.publish(greeting))).json()
    job = wait_for_job(api, submitted)
    assert api.delete(f"/transcriptions/{job_id(job)}").status_code == 204
    assert job_id(job) not in api.get("/transcriptions").text
