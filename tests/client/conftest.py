"""A small Azure of a few functions, reached through httpx.MockTransport, and recordings to send to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from speechkit import audio
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import LocalStorage
from tests.conftest import ROOT

KEY = "0123456789-not-a-real-key"
ENDPOINT = "https://westeurope.api.cognitive.microsoft.com"
SAS = "?sv=2025-01-01&se=2030-01-01&sig=c2VjcmV0"


def result_json(source: str, channels: int = 1) -> dict[str, Any]:
    """A batch result with one phrase a channel."""
    times = {"offsetInTicks": 10_000_000, "durationInTicks": 20_000_000, "offset": "PT1S", "duration": "PT2S"}
    best = {"confidence": 0.9, "lexical": "hello", "itn": "hello", "maskedITN": "hello", "display": "Hello."}
    phrases = [
        {"recognitionStatus": "Success", "channel": n, **times, "nBest": [best]} for n in range(channels)
    ]
    return {"source": source, "durationInTicks": 40_000_000, "recognizedPhrases": phrases}


class FakeAzure:
    """Takes jobs, ends them after `polls` requests for their status, and keeps what it was asked.

    `failing` maps part of a source to an error kind of the report; `planned` are answers to give first, to
    any request whose path contains their key; `job_error` ends every job as Failed; the answers to the next
    `lose_answers` submissions are lost, though the jobs are taken.
    """

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self.polls = 2
        self.failing: dict[str, str] = {}
        self.planned: dict[str, list[httpx.Response | Exception]] = {}
        self.job_error: dict[str, str] | None = None
        self.page_size = 2
        self.lose_answers = 0
        self.spoken_source: Callable[[str], str] = lambda url: url.partition("?")[0]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        path = request.url.path
        for part, answers in self.planned.items():
            if part in path and answers:
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if path.startswith("/results/"):
            return httpx.Response(200, content=self.blobs[path])
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return httpx.Response(
                401, json={"error": {"code": "401", "message": "Access denied due to key."}}
            )
        if path.startswith("/recordings/"):
            self.blobs[path] = request.content
            return httpx.Response(201, json={"url": f"{ENDPOINT}{request.url.raw_path.decode()}{SAS}"})
        return self.speech(request, path.removeprefix("/speechtotext/"))

    def speech(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "transcriptions:submit":
            body = json.loads(request.content)
            self.bodies.append(body)
            name = f"job{len(self.jobs)}"
            link = f"https://elsewhere.example/speechtotext/transcriptions/{name}?api-version=2025-10-15"
            entity = {key: body[key] for key in ("displayName", "customProperties")}
            entity |= {"self": link, "status": "NotStarted"}
            self.jobs[name] = {"urls": body.get("contentUrls", []), "polls": 0, "entity": entity}
            if self.lose_answers:
                self.lose_answers -= 1
                raise httpx.ReadError("the answer was lost")
            return httpx.Response(201, json=entity)
        if path == "transcriptions":
            wanted = request.url.params["filter"].removeprefix("displayName eq '").removesuffix("'")
            there = [job["entity"] for job in self.jobs.values()]
            return httpx.Response(200, json={"values": [e for e in there if e["displayName"] == wanted]})
        if path == "transcriptions:transcribe":
            body = {"durationMilliseconds": 2000, "combinedPhrases": [], "phrases": []}
            return httpx.Response(200, json=body)
        name, _, rest = path.removeprefix("transcriptions/").partition("/")
        if name not in self.jobs:
            return httpx.Response(404, json={"code": "NotFound", "message": "There is no such job."})
        if request.method == "DELETE":
            del self.jobs[name]
            return httpx.Response(204)
        if rest == "files":
            return self.files(request, name)
        if rest:
            path = f"/results/{name}/{rest.removeprefix('files/')}"
            return httpx.Response(200, json={"links": {"contentUrl": f"https://store.example{path}{SAS}"}})
        job = self.jobs[name]
        job["polls"] += 1
        if job["polls"] < self.polls:
            return httpx.Response(200, json={"status": "Running"}, headers={"Retry-After": "7"})
        if self.job_error:
            return httpx.Response(200, json={"status": "Failed", "properties": {"error": self.job_error}})
        return httpx.Response(200, json={"status": "Succeeded"})

    def files(self, request: httpx.Request, name: str) -> httpx.Response:
        files, details = [], []
        for n, url in enumerate(self.jobs[name]["urls"]):
            source = self.spoken_source(url)
            kind = next((kind for part, kind in self.failing.items() if part in url), None)
            if kind == "lost":
                continue
            if kind:
                error = {"errorKind": kind, "errorMessage": "The recording cannot be used."}
                details.append({"source": source, "status": "Failed", **error})
                continue
            details.append({"source": source, "status": "Succeeded"})
            files.append(self.file(name, f"contenturl_{n}.json", "Transcription", result_json(source)))
        files.append(self.file(name, "report.json", "TranscriptionReport", {"details": details}))
        files.reverse()  # the order is not promised
        skip = int(request.url.params.get("skip", 0))
        page: dict[str, Any] = {"values": files[skip : skip + self.page_size]}
        if skip + self.page_size < len(files):
            following = f"skip={skip + self.page_size}&api-version=2025-10-15"
            page["@nextLink"] = (
                f"https://elsewhere.example/speechtotext/transcriptions/{name}/files?{following}"
            )
        return httpx.Response(200, json=page)

    def file(self, job: str, name: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        path = f"/results/{job}/{name}"
        self.blobs[path] = json.dumps(body).encode()
        link = (
            f"https://elsewhere.example/speechtotext/transcriptions/{job}/files/{name}?api-version=2025-10-15"
        )
        links = {"contentUrl": f"https://store.example{path}{SAS}"}
        return {"self": link, "name": name, "kind": kind, "links": links}


@pytest.fixture
def azure() -> FakeAzure:
    return FakeAzure()


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client would have slept."""
    return []


@pytest.fixture
def client(azure: FakeAzure, waits: list[float]) -> SpeechClient:
    return SpeechClient(ENDPOINT, key=KEY, transport=httpx.MockTransport(azure), sleep=waits.append)


@pytest.fixture
def storage(client: SpeechClient) -> LocalStorage:
    return LocalStorage(client)


def make_recording(path: Path, channels: int = 1, seconds: float = 0.5, seed: int = 0) -> Path:
    """Write a short WAV of noise; each seed is other bytes."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (channels, int(seconds * 8000))).astype(np.float32)
    audio.write_wav(path, noise, 8000)
    return path


@pytest.fixture
def recording() -> Callable[..., Path]:
    return make_recording


# The well-known key of every Azurite, in Microsoft's documentation: it opens nothing but an emulator.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Azurite; answers its connection string."""
    program = os.environ.get("AZURITE_BLOB") or shutil.which(
        "azurite-blob", path=ROOT / "node_modules" / ".bin"
    )
    if not program:
        pytest.skip("Azurite is not installed: `make setup-all` does it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("azurite")
    options = ["--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"]
    process = subprocess.Popen(
        [program, *options, "--blobPort", str(port)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"AccountName=devstoreaccount1;AccountKey={AZURITE_KEY};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1"
    finally:
        process.terminate()
        process.wait(20)
