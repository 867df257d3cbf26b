"""A real local service in a process of its own, and a small one inside the test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from starlette.testclient import TestClient

from speechkit.local.app import create_app
from speechkit.local.fetch import Fetcher
from speechkit.local.jobs import Jobs, Listener
from speechkit.local.live import Live
from speechkit.local.recognition import Phrase, Sound, Word
from speechkit.local.service import Service
from speechkit.local.store import Store
from speechkit.local.workers import Task
from tests.conftest import MODELS_HOME, ROOT

KEY = "k-for-tests"
NEW, OLD = "2025-10-15", "2024-11-15"


# --- a real one ---------------------------------------------------------------------------------------------


@dataclass
class Running:
    """A service that runs: where, since when, and what it writes."""

    process: subprocess.Popen[bytes]
    home: Path
    endpoint: str = ""
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.home / "service.log"

    def client(self, version: str = NEW, key: str | None = KEY) -> httpx.Client:
        """A client of its Speech API."""
        headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
        return httpx.Client(
            base_url=f"{self.endpoint}/speechtotext",
            headers=headers,
            params={"api-version": version},
            timeout=60,
        )

    def publish(self, path: Path, name: str | None = None) -> str:
        """Upload a recording; answers its signed URL."""
        answer = httpx.put(
            f"{self.endpoint}/recordings/{name or path.name}",
            content=path.read_bytes(),
            headers={"api-key": KEY},
        )
        answer.raise_for_status()
        return str(answer.json()["url"])

    def children(self) -> list[int]:
        """The processes of its workers."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            pids += (task / "children").read_text().split()
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in set(pids)}
        return [int(pid) for pid, line in lines.items() if b"spawn_main" in line]

    def kill(self) -> None:
        """As the kernel would: no goodbye."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As a person would; answers the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def start(home: Path, *arguments: str, environment: dict[str, str] | None = None) -> Running:
    """Start a service with a home of its own, and wait until it listens."""
    home.mkdir(exist_ok=True)
    models = home / "models"
    if not models.exists():
        models.symlink_to(MODELS_HOME / "models")
    (home / "service.json").unlink(missing_ok=True)
    with (home / "service.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "speechkit.local", "--key", KEY, "--workers", "1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env=os.environ
            | {
                "SPEECHKIT_HOME": str(home),
                "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "local"), str(ROOT)]),
            }
            | (environment or {}),
        )
    running = Running(process, home)
    wait_until(lambda: process.poll() is not None or (home / "service.json").exists())
    if process.poll() is None:
        running.endpoint = json.loads((home / "service.json").read_text())["endpoint"]
        wait_until(lambda: httpx.get(running.endpoint).status_code == 200)
    return running


def wait_until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def wait_for_job(api: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Poll a job until it has finished."""
    entity = job

    def finished() -> bool:
        nonlocal entity
        entity = api.get(f"/transcriptions/{job_id(job)}").json()
        return entity["status"] in ("Succeeded", "Failed")

    wait_until(finished, 60)
    return entity


def job_id(job: dict[str, Any]) -> str:
    """The id of a job, as a client finds it."""
    return str(job["self"].split("/")[-1].split("?")[0])


def results_of(api: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The content of every file of a job by its name, fetched as a client does: without the key."""
    files = api.get(f"/transcriptions/{job_id(job)}/files").json()["values"]
    fetch = httpx.get if isinstance(api, httpx.Client) else api.get
    return {file["name"]: fetch(file["links"]["contentUrl"]).json() for file in files}


def failures(files: dict[str, Any]) -> list[tuple[str, str]]:
    """(errorKind, errorMessage) of each failed recording of a report."""
    return [
        (d["errorKind"], d["errorMessage"])
        for d in files["report.json"]["details"]
        if d["status"] == "Failed"
    ]


def submission(*urls: str, **properties: Any) -> dict[str, Any]:
    """The body of a plain submission."""
    return {
        "displayName": "calls",
        "locale": "en-US",
        "contentUrls": list(urls),
        "properties": {"timeToLiveHours": 48} | properties,
    }


# --- one inside the test ------------------------------------------------------------------------------------


def phrase(text: str = "Hello there.", start_s: float = 0.5, speaker: int | None = None) -> Phrase:
    """A phrase whose words take a quarter of a second each."""
    words = [
        Word(w, w.lower().strip(".,?!"), start_s + i / 4, start_s + i / 4 + 0.2, 0.9)
        for i, w in enumerate(text.split())
    ]
    return Phrase(start_s, words[-1].end_s, 0.875, text, words, speaker)


class Ears:
    """Takes the place of the worker processes where a test is about something else than recognition."""

    def __init__(self, channels: int = 1, duration_s: float = 2.0) -> None:
        self.sound = Sound(channels, duration_s)
        self.tasks: list[Task] = []
        self.answer: Callable[[Task], list[Phrase]] = lambda task: [phrase()]
        self.go = asyncio.Event()
        self.go.set()

    async def version(self) -> str:
        """The version of the engine."""
        return "ears 1"

    async def run(self, task: Task, priority: int = 1) -> bytes:
        """Answer a task, once `go` is set."""
        self.tasks.append(task)
        await self.go.wait()
        if task.wanted is None:
            return msgspec.json.encode(self.sound)
        return msgspec.json.encode(self.answer(task))


@dataclass
class Inside:
    """A service inside the test: `api` speaks to it, below /speechtotext with `speech`."""

    client: TestClient
    service: Service
    ears: Ears

    def speech(self, method: str, path: str, version: str | None = NEW, **keywords: Any) -> Any:
        """A request of the Speech API with the key."""
        params = dict(keywords.pop("params", {})) | ({"api-version": version} if version else {})
        headers = {"Ocp-Apim-Subscription-Key": KEY} | keywords.pop("headers", {})
        return self.client.request(method, f"/speechtotext{path}", params=params, headers=headers, **keywords)

    def get(self, path: str) -> Any:
        """A GET of the Speech API, or of a signed URL."""
        return self.client.get(path) if path.startswith("http") else self.speech("GET", path)

    def publish(self, content: bytes = b"sound", name: str = "call.wav") -> str:
        """Upload something; answers its signed URL."""
        answer = self.client.put(f"/recordings/{quote(name)}", content=content, headers={"api-key": KEY})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"])

    def submit(self, *urls: str, **properties: Any) -> dict[str, Any]:
        """Submit a job; answers its entity."""
        answer = self.speech("POST", "/transcriptions:submit", json=submission(*urls, **properties))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def transcribe(self, *urls: str, **properties: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Submit a job and wait for it; answers its entity and its files."""
        job = wait_for_job(self, self.submit(*urls, **properties))
        return job, results_of(self, job)


@contextmanager
def inside(folder: Path | None, home: Path, ears: Ears | None = None, **options: Any) -> Iterator[Inside]:
    """Run a service inside the test; `folder` keeps its database, None keeps it in memory."""
    ears = ears or Ears()
    store = Store(folder)
    fetcher = Fetcher(store, home, options.pop("allowed", []))
    listener = Listener(store, ears, use_cache=options.pop("use_cache", True))
    jobs = Jobs(store, fetcher, listener, workers=1)
    service = Service(KEY, store, fetcher, ears, listener, jobs, Live(home))
    with TestClient(
        create_app(service), base_url="http://127.0.0.1:5000", raise_server_exceptions=False
    ) as client:
        yield Inside(client, service, ears)
