"""Kills: of workers, of the service, and how things go on after them."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from speechkit import audio
from speechkit.local.workers import (
    EngineUnavailableError,
    Pool,
    Task,
    UnusableAudioError,
    WorkerDiedError,
)
from tests.local.service_fixture import (
    Ears,
    Running,
    failures,
    inside,
    job_id,
    phrase,
    results_of,
    start,
    submission,
    wait_for_job,
    wait_until,
)

ODD = ("--engine", "odd_engine:Engine")


def test_jobs_go_on_after_a_restart(tmp_path: Path) -> None:
    with inside(tmp_path, tmp_path) as first:
        urls = [first.publish(str(i).encode(), f"{i}.wav") for i in range(3)]
        calls = 0

        def hold_after_one(task: Task) -> Any:
            nonlocal calls
            calls += 1
            if calls == 1:
                first.ears.go.clear()
            return [phrase()]

        first.ears.answer = hold_after_one
        job = first.submit(*urls)
        wait_until(lambda: any(i.status for i in first.service.store.inputs(job_id(job))))
        done = [i for i in first.service.store.inputs(job_id(job)) if i.status]
    with inside(tmp_path, tmp_path) as second:
        finished = wait_for_job(second, job)
        assert finished["status"] == "Succeeded"
        assert len(results_of(second, finished)) == 4
        assert all(i.status == "Succeeded" for i in second.service.store.inputs(job_id(job)))
        assert len([t for t in second.ears.tasks if t.wanted]) == 3 - len(done)


def test_a_killed_service_goes_on_where_it_was(tmp_path: Path, greeting: Path) -> None:
    first = start(tmp_path, *ODD, environment={"ODD_S": "0.5"})
    with first.client() as api:
        urls = []
        for i in range(3):
            path = tmp_path / f"{i}.wav"
            audio.write_wav(path, np.full(8000, (i + 1) / 10, np.float32), 8000)
            urls.append(first.publish(path))
        job = api.post("/transcriptions:submit", json=submission(*urls)).json()
        workers = first.children()
        assert len(workers) == 1
        log = first.log.stat().st_size
        wait_until(lambda: api.get(f"/transcriptions/{job_id(job)}").json()["status"] == "Running")
        time.sleep(0.7)
    first.kill()
    assert (tmp_path / "service.json").exists()  # it had no time to say goodbye
    second = start(tmp_path, *ODD)
    with second.client() as api:
        finished = wait_for_job(api, job)
        assert finished["status"] == "Succeeded"
        files = results_of(api, finished)
        assert sorted(files) == [*(f"contenturl_{i}.json" for i in range(3)), "report.json"]
    assert second.end() == 0
    assert b"going on with job" in second.log.read_bytes()[log:]


def test_workers_end_with_their_service_in_the_middle_of_a_recording(tmp_path: Path, greeting: Path) -> None:
    service = start(tmp_path, *ODD, environment={"ODD_S": "120"})
    wait_until(lambda: httpx.get(service.endpoint).json()["engine"] == "odd 1")
    workers = service.children()
    with service.client() as api:
        job = api.post("/transcriptions:submit", json=submission(service.publish(greeting))).json()
        wait_until(lambda: api.get(f"/transcriptions/{job_id(job)}").json()["status"] == "Running")
        time.sleep(0.5)
    service.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Running]:
    """A service whose recognizer takes its time, and dies of silence."""
    running = start(tmp_path, *ODD, environment={"ODD_S": "0.6"})
    yield running
    running.end()


def test_a_recording_that_kills_its_worker_fails_alone_after_a_second_try(
    odd: Running, tmp_path: Path, greeting: Path
) -> None:
    silence = tmp_path / "silence.wav"
    audio.write_wav(silence, np.zeros(8000, np.float32), 8000)
    with odd.client() as api:
        body = submission(odd.publish(silence), odd.publish(greeting))
        job = wait_for_job(api, api.post("/transcriptions:submit", json=body).json())
        files = results_of(api, job)
    assert job["status"] == "Succeeded"
    assert sorted(files) == ["contenturl_1.json", "report.json"]
    assert failures(files) == [("Internal", "the recognizer died twice on this recording")]
    assert odd.log.read_text().count("a worker died") == 2


def test_a_worker_that_is_killed_once_is_replaced(odd: Running, greeting: Path) -> None:
    wait_until(lambda: httpx.get(odd.endpoint).json()["engine"] == "odd 1")
    with odd.client() as api:
        job = api.post("/transcriptions:submit", json=submission(odd.publish(greeting))).json()
        wait_until(lambda: api.get(f"/transcriptions/{job_id(job)}").json()["status"] == "Running")
        time.sleep(0.2)
        for pid in odd.children():
            os.kill(pid, signal.SIGKILL)
        finished = wait_for_job(api, job)
        assert finished["status"] == "Succeeded"
        answer = api.post("/transcriptions:transcribe", files={"audio": ("a.wav", greeting.read_bytes())})
        assert answer.json()["combinedPhrases"] == [{"text": "Hello."}]
    assert odd.log.read_text().count("a worker died") == 1


def test_a_recognizer_that_cannot_be_loaded_is_said_everywhere(tmp_path: Path, greeting: Path) -> None:
    broken = start(tmp_path, *ODD, environment={"ODD_BROKEN": "1"})
    wait_until(lambda: "not available" in httpx.get(broken.endpoint).json()["engine"])
    with broken.client() as api:
        job = api.post("/transcriptions:submit", json=submission(broken.publish(greeting))).json()
        finished = wait_for_job(api, job)
        assert finished["status"] == "Failed"
        assert "RuntimeError: this engine cannot be loaded" in finished["properties"]["error"]["message"]
    assert broken.end() == 0


def test_a_pool_prepares_as_often_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speechkit.errors import ModelError
    from speechkit.local import workers

    monkeypatch.setattr(workers, "RELOAD_S", 0.05)
    monkeypatch.syspath_prepend(Path(__file__).parent)
    tries = []

    async def prepare() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ModelError("not yet")

    async def run() -> tuple[str, str]:
        pool = Pool(1, tmp_path, "odd_engine:Engine", prepare)
        pool.start()
        before = pool.engine
        while pool.trouble != "not yet":
            await asyncio.sleep(0.01)
        with pytest.raises(EngineUnavailableError, match="not yet"):
            await pool.version()
        while pool.engine.startswith("not"):
            await asyncio.sleep(0.01)
        found = await pool.version()
        await pool.stop()
        return before, found

    assert asyncio.run(run()) == ("loading", "odd 1")
    assert len(tries) == 3


def test_a_worker_that_dies_twice_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    silence = tmp_path / "silence.wav"
    audio.write_wav(silence, np.zeros(800, np.float32), 8000)
    from speechkit.local.recognition import Wanted

    async def run() -> None:
        pool = Pool(1, tmp_path, "odd_engine:Engine")
        pool.start()
        try:
            assert await pool.run(Task(silence)) == b'{"channels":1,"duration_s":0.1}'
            with pytest.raises(UnusableAudioError) as unusable:
                await pool.run(Task(tmp_path / "none.wav"))
            assert unusable.value.kind == "AudioNotFoundError"
            with pytest.raises(WorkerDiedError):
                await pool.run(Task(silence, Wanted(0)))
            assert await pool.run(Task(silence)) == b'{"channels":1,"duration_s":0.1}'
        finally:
            await pool.stop()

    asyncio.run(run())


def test_ears_are_as_the_workers_are() -> None:
    """What stands in for the pool inside the tests has its methods."""
    for name in ("version", "run"):
        assert inspect.iscoroutinefunction(getattr(Ears, name)) == inspect.iscoroutinefunction(
            getattr(Pool, name)
        )
