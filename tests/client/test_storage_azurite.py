"""Azurite as the storage, over the wire: recordings are published there, listed there, and read by the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas
from typer.testing import CliRunner

from speechkit import errors
from speechkit.cli import app
from speechkit.client.batch import Batch, open_run
from speechkit.client.container import list_container
from speechkit.client.ledger import Ledger
from speechkit.client.rest import SpeechClient
from speechkit.client.secrets import strip_sas
from speechkit.client.storage import BlobStorage
from speechkit.transcripts.corpus import open_corpus
from tests.local.service_fixture import KEY, start

pytestmark = pytest.mark.azurite


def test_azurite_keeps_a_recording_and_the_url_reads_it(azurite: str, recording: Callable[..., Path]) -> None:
    storage = BlobStorage("calls", connection_string=azurite)
    path = recording(Path("c 1.wav"))
    url = storage.publish(path, "c 1.wav")
    assert httpx.get(url).content == path.read_bytes()
    stamp = httpx.head(url).headers["last-modified"], httpx.head(url).headers["etag"]
    assert storage.publish(path, "c 1.wav").partition("?")[0] == url.partition("?")[0]
    assert (httpx.head(url).headers["last-modified"], httpx.head(url).headers["etag"]) == stamp, (
        "not sent again"
    )
    other = recording(Path("c 1.wav"), seed=9)
    storage.publish(other, "c 1.wav")
    assert httpx.get(url).content == other.read_bytes()
    written = httpx.put(url, content=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    assert written.status_code == 403, "read only"
    assert httpx.get(url.partition("?")[0]).status_code in (401, 403, 404), "private"
    storage.remove("c 1.wav")
    assert httpx.get(url).status_code == 404


def container_sas(service: BlobServiceClient, container: str, *, may_list: bool = True) -> str:
    return generate_container_sas(
        "devstoreaccount1",
        container,
        account_key=service.credential.account_key,
        permission=ContainerSasPermissions(read=True, list=may_list),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )


def test_azurite_lists_the_recordings_of_a_container(azurite: str) -> None:
    service = BlobServiceClient.from_connection_string(azurite)
    container = service.create_container("shelf")
    names = ["notes.txt", "2026/a b.WAV", "2026/50% é?#.mp3", "2026/11/c.flac", "2027/d.ogg"]
    for name in names:
        container.upload_blob(name, name.encode())
    sas = container_sas(service, "shelf")
    found = list(list_container(f"{container.url}?{sas}"))
    assert {httpx.get(url).text for url in found} == set(names[1:]), "each URL reads its own recording"
    below = [
        strip_sas(url).removeprefix(container.url) for url in list_container(f"{container.url}/2026/1?{sas}")
    ]
    assert below == ["/2026/11/c.flac"]
    assert list(list_container(f"{container.url}/none?{sas}")) == []


@pytest.mark.parametrize(
    ("name", "may_list", "reason"),
    [
        pytest.param("locked", False, "Authori", id="a-sas-that-may-not-list"),
        pytest.param("gone", True, "ContainerNotFound", id="no-such-container"),
    ],
)
def test_azurite_does_not_list(azurite: str, name: str, may_list: bool, reason: str) -> None:
    service = BlobServiceClient.from_connection_string(azurite)
    if name == "locked":
        service.create_container(name)
    sas = container_sas(service, name, may_list=may_list)
    with pytest.raises(errors.ServiceError, match=f"{name} cannot be listed: {reason}") as caught:
        list(list_container(f"{service.url}{name}?{sas}"))
    assert "sig=" not in str(caught.value)


@pytest.mark.parametrize("by", ["the-command", "the-setting"])
def test_a_run_with_plain_urls_carries_no_signature(
    azurite: str, by: str, tmp_path: Path, recording: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = BlobServiceClient.from_connection_string(azurite)
    service.create_container(
        by, public_access="blob"
    )  # who may read is settled without a signature, as by a role
    running = start(
        tmp_path / "home", "--engine", "odd_engine:Engine", environment={"STORAGE_CONNECTION_STRING": azurite}
    )
    try:
        recording(Path("in/c 1.wav"))
        told = {"STORAGE_CONNECTION_STRING": azurite, "STORAGE_CONTAINER": by, "SPEECH_KEY": KEY}
        told |= {"SPEECH_ENDPOINT": running.endpoint, "SPEECHKIT_HOME": str(tmp_path / "mine")}
        told |= {"STORAGE_PLAIN_URLS": "true"} if by == "the-setting" else {}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        switch = ["--plain-urls"] if by == "the-command" else []
        ran = CliRunner().invoke(app, ["transcribe", "in", "--out", "corpus", "--name", "plain", *switch])
        assert ran.exit_code == 0, ran.output
        job = open_run(tmp_path / "mine", "plain").jobs[0]
        with running.client() as api:
            asked = api.get(f"/transcriptions/{job.id}").json()
            files = api.get(f"/transcriptions/{job.id}/files").json()["values"]
            report = next(file for file in files if file["kind"] == "TranscriptionReport")
            details = httpx.get(report["links"]["contentUrl"]).json()["details"]
        assert asked["status"] == "Succeeded"
        assert [d["source"].startswith(f"{service.url}{by}/") for d in details] == [True]
        assert Ledger(tmp_path / "mine" / "runs.sqlite").jobs("plain")[0]["expires_s"] is None
        monkeypatch.setenv("STORAGE_CONTAINER", f"{by}-closed")  # where nobody may read without a signature
        ran = CliRunner().invoke(app, ["transcribe", "in", "--out", "other", "--name", "shut", *switch])
        assert ran.exit_code == 1
        assert (
            "Authentication failed for recordings URI" in ran.output
            or "recordings URI is invalid" in ran.output
        )
    finally:
        running.end()


def test_the_service_reads_recordings_and_containers_of_azurite(
    azurite: str, tmp_path: Path, recording: Callable[..., Path]
) -> None:
    running = start(
        tmp_path / "home",
        "--engine",
        "odd_engine:Engine",
        environment={"STORAGE_CONNECTION_STRING": azurite},
    )
    try:
        client = SpeechClient(running.endpoint, key=KEY)
        storage = BlobStorage("two", connection_string=azurite)
        for n in range(2):
            recording(Path(f"in/c {n}.wav"), seed=n)
        batch = Batch(client, storage)
        collected = batch.submit("in").collect()
        assert (collected.transcripts.call_ids, len(collected.failures)) == (["c 0", "c 1"], 0)
        service = BlobServiceClient.from_connection_string(azurite)
        in_place = batch.submit(container=f"{service.url}two?{container_sas(service, 'two')}").collect()
        assert len(in_place.failures) == 0
        assert [name[:4] for name in in_place.transcripts.call_ids] == ["c 0-", "c 1-"]
        assert in_place.transcripts.phrases["display"].tolist() == ["Hello."] * 2
    finally:
        running.end()


def test_forget_removes_the_published_audio_from_azurite(
    azurite: str, tmp_path: Path, recording: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(
        tmp_path / "home", "--engine", "odd_engine:Engine", environment={"STORAGE_CONNECTION_STRING": azurite}
    )
    try:
        for name, value in {
            "STORAGE_CONNECTION_STRING": azurite,
            "STORAGE_CONTAINER": "forgetful",
            "SPEECH_KEY": KEY,
            "SPEECH_ENDPOINT": running.endpoint,
            "SPEECHKIT_HOME": str(tmp_path / "mine"),
        }.items():
            monkeypatch.setenv(name, value)
        for seed, name in enumerate(("secret", "other")):  # two runs, so that each job holds one call
            recording(Path(f"in/{name}.wav"), seed=seed)
            ran = CliRunner().invoke(app, ["transcribe", f"in/{name}.wav", "--out", "corpus"])
            assert ran.exit_code == 0, ran.output
        container = BlobServiceClient.from_connection_string(azurite).get_container_client("forgetful")
        published = list(container.list_blob_names())
        assert sorted(name.rpartition("/")[2][:5] for name in published) == ["other", "secre"]
        forgotten = CliRunner().invoke(app, ["forget", "secret", "--corpus", "corpus"])
        assert forgotten.exit_code == 0, forgotten.output
        (gone,) = [name for name in published if "secret" in name]
        assert f"{gone} in storage" in forgotten.stdout
        assert list(container.list_blob_names()) == [name for name in published if name != gone]
        assert open_corpus("corpus").call_ids == ["other"]
    finally:
        running.end()
