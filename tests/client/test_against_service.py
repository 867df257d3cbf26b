"""The client against the local service itself, over the wire: what it says, and what goes wrong."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from speechkit import errors
from speechkit.client.batch import Batch
from speechkit.client.fast import Fast
from speechkit.client.options import Options
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import LocalStorage
from speechkit.connect import Speech, connect
from speechkit.verify import ANSWERS, verify
from tests.local.service_fixture import KEY, Running, start

Make = Callable[..., Path]


@pytest.fixture
def client(odd: Running) -> Iterator[SpeechClient]:
    with SpeechClient(odd.endpoint, key=KEY) as client:
        yield client
        client._request("DELETE", "/misbehave")


@pytest.fixture
def batch(client: SpeechClient) -> Batch:
    return Batch(client, LocalStorage(client))


def misbehave(client: SpeechClient, kind: str, times: int = 1, path: str = "") -> None:
    client.post("/misbehave", {"kind": kind, "times": times, "path": path, "retryAfterSeconds": 1})


def pending(client: SpeechClient) -> dict[str, int]:
    return dict(client.get("/misbehave")["pending"])


@pytest.fixture(scope="module")
def speech() -> Speech:
    """The service that the tests share, with its real recognizer."""
    return connect(quiet=True)


@pytest.mark.speech
def test_what_is_said_is_the_same_in_batch_and_fast_mode(speech: Speech, shared: Path) -> None:
    names = ["whatstheweatherlike.wav", "whatstheweatherlike.mp3", "test_audio_stereo.wav"]
    for name in names:
        shutil.copy(shared / "speech" / name, name)
    collected = speech.batch.submit(".").collect()
    assert len(collected.failures) == 0
    assert len(collected.transcripts.call_ids) == 3
    mono = collected.transcripts.filter(source=names[:2])
    assert mono.phrases["display"].str.contains("weather").tolist() == [True, True]
    assert mono.phrases["speaker"].tolist() == ["1", "1"]
    stereo = collected.transcripts.call("test_audio_stereo")
    assert stereo.calls["channels"].tolist() == [2]
    assert stereo.phrases["speaker"].isna().all()
    fast = speech.fast.transcribe(names[0])
    batched = collected.transcripts.filter(source=names[0])
    assert fast.phrases["display"].tolist() == batched.phrases["display"].tolist()
    assert fast.words["start_s"].tolist() == pytest.approx(batched.words["start_s"].tolist(), abs=0.15)


def test_each_bad_recording_is_named_and_the_good_ones_are_transcribed(batch: Batch, recording: Make) -> None:
    recording(Path("mono.wav"), 1, seed=1)
    recording(Path("stereo ü.flac.wav"), 2, seed=2)
    Path("empty.wav").touch()
    addresses = [".", "gone.wav", "https://nowhere.invalid/far.wav", "http://127.0.0.1:9/near.wav"]
    collected = batch.submit(addresses).collect()
    assert collected.transcripts.call_ids == ["mono", "stereo ü.flac"]
    assert collected.transcripts.phrases["display"].tolist() == ["Hello."] * 3
    rows = {row.file: f"{row.error}. {row.remedy}" for row in collected.failures.itertuples()}
    assert set(rows) == {"gone.wav", "empty.wav", *addresses[2:]}
    assert "InvalidUri" in rows["https://nowhere.invalid/far.wav"]
    assert all(re.search("(?i)check|leave it out", said) for said in rows.values()), rows


def test_a_locale_that_the_service_does_not_know_fails_each_file(batch: Batch, recording: Make) -> None:
    recording(Path("a.wav"))
    collected = batch.submit(".", locale="de-DE").collect()
    assert collected.transcripts.call_ids == []
    assert "InvalidLocale" in collected.failures["error"].item()
    assert "de-DE" in collected.failures["error"].item()
    with pytest.raises(errors.InvalidRequestError, match="de-DE"):
        Fast(batch._client).transcribe("a.wav", locale="de-DE")


def test_the_wrong_key(odd: Running, recording: Make) -> None:
    recording(Path("a.wav"))
    with SpeechClient(odd.endpoint, key="wrong") as client:
        for attempt in (
            lambda: Fast(client).transcribe("a.wav"),
            lambda: Batch(client, LocalStorage(client)).submit("a.wav"),
            lambda: client.get("transcriptions"),
        ):
            with pytest.raises(errors.AccessDeniedError, match="Check SPEECH_KEY") as caught:
                attempt()
            assert "wrong" not in str(caught.value).replace("wrong API endpoint", "")


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "drop"])
def test_a_bad_day_of_the_service_is_waited_out(
    client: SpeechClient, batch: Batch, recording: Make, kind: str
) -> None:
    waits: list[float] = []
    client.sleep = waits.append
    recording(Path("a.wav"))
    misbehave(client, kind, 2, "/recordings")
    run = batch.submit("a.wav")
    assert len(waits) == 2
    misbehave(client, kind, 2, f"/speechtotext/transcriptions/{run.jobs[0].id}")
    client.sleep = lambda seconds: time.sleep(0.05)
    assert run.collect().transcripts.call_ids == ["a"]
    assert pending(client) == {}


def test_a_link_that_has_expired_is_asked_for_again(
    client: SpeechClient, batch: Batch, recording: Make
) -> None:
    recording(Path("a.wav"))
    run = batch.submit("a.wav")
    run.watch()
    misbehave(client, "expired", 2)
    collected = run.collect()
    assert (collected.transcripts.call_ids, len(collected.failures)) == (["a"], 0)
    assert pending(client) == {}


def test_pages(client: SpeechClient, batch: Batch, recording: Make) -> None:
    recording(Path("a.wav"))
    runs = [batch.submit("a.wav", name=f"page {n}") for n in range(3)]
    ids = {run.jobs[0].id for run in runs}
    listed = list(client.pages("transcriptions", top=1))
    assert {job["self"].split("/")[-1].split("?")[0] for job in listed} >= ids
    ours = [j for j in listed if j["displayName"].startswith("page")]
    assert [j["customProperties"]["speechkit_run"] for j in ours] == [j["displayName"] for j in ours]
    for run in runs:
        run.watch()
        run.delete()
    assert not ids & {j["self"].split("/")[-1].split("?")[0] for j in client.pages("transcriptions")}


@pytest.mark.parametrize("version", ["2024-11-15", "2025-10-15"])
def test_both_api_versions(odd: Running, recording: Make, version: str) -> None:
    recording(Path("a.wav"))
    with SpeechClient(odd.endpoint, key=KEY, api_version=version) as client:
        assert Batch(client, LocalStorage(client)).submit("a.wav").collect().transcripts.call_ids == ["a"]
        assert Fast(client).transcribe("a.wav").call_ids == ["a"]


def test_the_service_takes_every_option(client: SpeechClient, batch: Batch, recording: Make) -> None:
    recording(Path("a.wav"))
    model = next(client.pages("models/base"))["self"]
    plain = batch.submit(
        "a.wav",
        diarization=35,
        profanity="Tags",
        punctuation="None",
        time_to_live_hours=6,
        words=False,
        candidate_locales=["en-US", "en-GB"],
    )
    job = client.get(f"transcriptions/{plain.jobs[0].id}")
    assert job["properties"]["diarization"] == {"enabled": True, "maxSpeakers": 35}
    assert job["properties"]["timeToLiveHours"] == 6
    assert plain.collect().transcripts.call_ids == ["a"]
    locale = next(m["locale"] for m in client.pages("models/base") if m["self"] == model)
    with_model = batch.submit("a.wav", model=model, locale=locale)
    assert with_model.collect().transcripts.call_ids == ["a"]
    fast = Fast(client).transcribe("a.wav", phrases=["Contoso"], biasing_weight=2.0, profanity="Removed")
    assert fast.call_ids == ["a"]


def test_the_service_refuses_what_we_refuse(client: SpeechClient) -> None:
    """The checks here say what the service would have said: each of these is an error there too."""
    body = Options().batch_body("x", urls=["https://a.example/x.wav"])
    for change in (
        {"properties": body["properties"] | {"timeToLiveHours": 5}},
        {"properties": body["properties"] | {"diarization": {"enabled": True, "maxSpeakers": 36}}},
        {"contentContainerUrl": "https://a.example/c"},
        {"contentUrls": []},
        {"contentUrls": ["https://a.example/x.wav"] * 1001},
    ):
        with pytest.raises(errors.InvalidRequestError):
            client.post("transcriptions:submit", body | change)


def test_no_signature_and_no_key_is_logged(
    batch: Batch, odd: Running, recording: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    recording(Path("a.wav"))
    run = batch.submit("a.wav")
    collected = run.collect()
    shown = f"{caplog.text} {run!r} {run.jobs!r} {collected!r} {collected.transcripts.calls.to_string()}"
    assert "/recordings/" in shown
    assert not re.search(r"sig=(?!\*)", shown)
    assert KEY not in shown
    assert KEY not in odd.log.read_text()


def test_a_service_that_has_ended(tmp_path_factory: pytest.TempPathFactory) -> None:
    running = start(tmp_path_factory.mktemp("ended"), "--engine", "odd_engine:Engine")
    running.end()
    client = SpeechClient(running.endpoint, key=KEY, sleep=lambda s: None)
    with pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1.*Connect again"):
        client.get("transcriptions")


def test_the_recording_goes_as_it_is(client: SpeechClient, recording: Make) -> None:
    path = recording(Path("a b+c%20ü.wav"), seconds=30)
    url = LocalStorage(client).publish(path, path.name)
    assert httpx.get(url).content == path.read_bytes()
    assert client.download(url) == path.read_bytes()


def test_verify_finds_nothing_to_say_of_any_mode(speech: Speech) -> None:
    found = verify(speech)
    assert (found.departures, found.problems) == ((), {})
    assert found.left_out == {"comparison with the local service": "this is the local service itself"}
    assert set(found.shapes) == set(ANSWERS)
    assert "[].NBest[].Words[].Word" in found.shapes["real time"]
