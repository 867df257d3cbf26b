"""With Azurite as the storage: recordings by blob and container SAS, results into a container."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import (
    BlobServiceClient,
    ContainerSasPermissions,
    generate_blob_sas,
    generate_container_sas,
)

from tests.conftest import ROOT
from tests.local.service_fixture import (
    Running,
    job_id,
    results_of,
    start,
    submission,
    wait_for_job,
    wait_until,
)

AZURITE = ROOT / "node_modules" / ".bin" / "azurite-blob"
ACCOUNT = "devstoreaccount1"
# The account key that Azurite publishes for everyone.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2024-08-04"  # of the storage API; older Azurites know no newer one

pytestmark = pytest.mark.azurite


@dataclass
class Storage:
    """Azurite and a client of it."""

    connection: str
    client: BlobServiceClient

    def container(self, name: str, **blobs: Path) -> str:
        """Make a container with blobs; answers its URL."""
        container = self.client.create_container(name)
        for blob, path in blobs.items():
            container.upload_blob(blob.replace("__", "/").replace("_", "."), path.read_bytes())
        return str(container.url)

    def sas(self, container: str, permissions: str, minutes: float = 60) -> str:
        """The query of a container SAS."""
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=ACCOUNT_KEY,
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=datetime.now(UTC) + timedelta(minutes=minutes),
        )

    def blob_url(self, container: str, blob: str, minutes: float = 60) -> str:
        """The URL of a blob with a SAS to read it."""
        sas = generate_blob_sas(
            ACCOUNT,
            container,
            blob,
            account_key=ACCOUNT_KEY,
            permission="r",
            expiry=datetime.now(UTC) + timedelta(minutes=minutes),
        )
        return f"{self.client.url}{container}/{blob}?{sas}"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Azurite in memory, on a free port."""
    if not AZURITE.exists():
        pytest.skip("Azurite is not installed: make test-all installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("azurite") / "log").open("wb")
    process = subprocess.Popen(
        [
            *(str(AZURITE), "--silent", "--disableTelemetry", "--inMemoryPersistence"),
            *("--skipApiVersionCheck", "--blobPort", str(port)),
        ],
        stdout=log,
        stderr=log,
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens)
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )
    with BlobServiceClient.from_connection_string(connection, api_version=VERSION) as client:
        yield Storage(connection, client)
    process.terminate()
    process.wait(timeout=10)
    log.close()


@pytest.fixture(scope="module")
def fed(storage: Storage, models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real service that is configured with this storage."""
    running = start(
        tmp_path_factory.mktemp("fed"), environment={"STORAGE_CONNECTION_STRING": storage.connection}
    )
    yield running
    assert running.end() == 0


def run(fed: Running, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Submit a job and wait for it."""
    with fed.client() as api:
        answer = api.post("/transcriptions:submit", json=body)
        assert answer.status_code == 201, answer.text
        job = wait_for_job(api, answer.json())
        return job, results_of(api, job)


def without_urls(**changes: Any) -> dict[str, Any]:
    body = submission() | changes
    del body["contentUrls"]
    return body


def test_blobs_by_their_sas(fed: Running, storage: Storage, greeting: Path) -> None:
    storage.container("blobs", a_wav=greeting)
    good = storage.blob_url("blobs", "a.wav")
    late = storage.blob_url("blobs", "a.wav", minutes=-1)
    gone = storage.blob_url("blobs", "none.wav")
    job, files = run(fed, submission(good, late, gone, good.split("?")[0]))
    assert job["status"] == "Succeeded"
    assert "thank you for calling" in files["contenturl_0.json"]["combinedRecognizedPhrases"][0]["lexical"]
    details = files["report.json"]["details"]
    assert [d["status"] for d in details] == ["Succeeded", "Failed", "Failed", "Failed"]
    assert details[1]["errorMessage"].startswith("Authentication failed for recordings URI.")
    assert details[2]["errorMessage"].startswith("The recordings URI is invalid.")
    assert all(d["errorKind"] == "InvalidUri" for d in details[1:])
    assert "sig=" not in json.dumps(files)


def test_a_whole_container(fed: Running, storage: Storage, greeting: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound")
    url = storage.container("calls", b_wav=greeting, deep__a_wav=greeting, notes_txt=notes)
    job, files = run(fed, without_urls(contentContainerUrl=f"{url}?{storage.sas('calls', 'rl')}"))
    assert job["status"] == "Succeeded"
    assert sorted(files) == ["b.wav.json", "deep/a.wav.json", "report.json"]
    assert files["deep/a.wav.json"]["source"] == f"{url}/deep/a.wav"
    failed = [d for d in files["report.json"]["details"] if d["status"] == "Failed"]
    assert [d["source"] for d in failed] == [f"{url}/notes.txt"]


@pytest.mark.parametrize(
    ("permissions", "minutes", "message"),
    [
        pytest.param("r", 60, "Authentication failed", id="no right to list?"),
        pytest.param("rl", -1, "Authentication failed", id="an expired SAS?"),
    ],
)
def test_containers_that_cannot_be_read(
    fed: Running, storage: Storage, permissions: str, minutes: float, message: str
) -> None:
    name = f"closed{permissions}{minutes < 0}".lower()
    url = storage.container(name)
    job, files = run(
        fed, without_urls(contentContainerUrl=f"{url}?{storage.sas(name, permissions, minutes)}")
    )
    assert (job["status"], files) == ("Failed", {})
    assert message in job["properties"]["error"]["message"]


def test_an_empty_container_and_one_that_is_not_there(fed: Running, storage: Storage) -> None:
    url = storage.container("empty")
    job, _ = run(fed, without_urls(contentContainerUrl=f"{url}?{storage.sas('empty', 'rl')}"))
    assert "The container is empty" in job["properties"]["error"]["message"]
    job, _ = run(fed, without_urls(contentContainerUrl=f"{url}x?{storage.sas('emptyx', 'rl')}"))
    assert job["properties"]["error"]["message"].startswith("The recordings URI is invalid.")


def test_results_go_to_the_callers_container_and_stay_there(
    fed: Running, storage: Storage, greeting: Path
) -> None:
    storage.container("source", a_wav=greeting)
    results = storage.container("results")
    destination = f"{results}?{storage.sas('results', 'w')}"
    bad = storage.blob_url("source", "none.wav")
    asked = submission(storage.blob_url("source", "a.wav"), bad, destinationContainerUrl=destination)
    job, files = run(fed, asked)
    assert job["properties"]["destinationContainerUrl"] == results
    with fed.client() as api:
        api.delete(f"/transcriptions/{job_id(job)}").raise_for_status()
    container = storage.client.get_container_client("results")
    written = {
        blob.name: json.loads(container.download_blob(blob.name).readall()) for blob in container.list_blobs()
    }
    assert written == {f"{job_id(job)}/{name}": content for name, content in files.items()}


def test_a_container_that_cannot_be_written_fails_the_recording(
    fed: Running, storage: Storage, greeting: Path
) -> None:
    storage.container("from", a_wav=greeting)
    results = storage.container("readonly")
    destination = f"{results}?{storage.sas('readonly', 'r')}"
    job, files = run(fed, submission(storage.blob_url("from", "a.wav"), destinationContainerUrl=destination))
    assert job["status"] == "Failed"
    assert "The destination container cannot be written" in files["report.json"]["details"][0]["errorMessage"]


def test_a_container_elsewhere_is_refused_at_once(fed: Running, storage: Storage) -> None:
    with fed.client() as api:
        answer = api.post(
            "/transcriptions:submit",
            json=submission("https://x.example/a.wav", destinationContainerUrl="https://x.example/c?sig=x"),
        )
    assert answer.status_code == 400
    assert answer.json()["innerError"]["code"] == "InaccessibleCustomerStorage"
    job, _ = run(fed, without_urls(contentContainerUrl="https://x.example/c?sig=secret"))
    assert "--allow x.example" in job["properties"]["error"]["message"]
    assert "secret" not in json.dumps(job)
