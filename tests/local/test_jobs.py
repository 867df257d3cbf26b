"""The life of jobs: partial failures, what is refused, deletion, kills, and going on after them."""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from speechkit import audio, limits
from speechkit.local.fetch import configured_hosts
from speechkit.local.recognition import Sound
from speechkit.local.workers import (
    EngineUnavailableError,
    Pool,
    Task,
    UnusableAudioError,
    WorkerDiedError,
)
from tests.local.service_fixture import (
    KEY,
    Ears,
    Inside,
    Running,
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


def failures(files: dict[str, Any]) -> list[tuple[str, str]]:
    """(errorKind, errorMessage) of each failed recording of a report."""
    return [
        (d["errorKind"], d["errorMessage"])
        for d in files["report.json"]["details"]
        if d["status"] == "Failed"
    ]


# --- what becomes of recordings -----------------------------------------------------------------------------


def test_one_bad_url_among_good_ones_fails_alone(local: Inside) -> None:
    urls = [local.publish(name="a.wav"), "https://not.allowed/x.wav?sig=secret", local.publish(name="b.wav")]
    job, files = local.transcribe(*urls)
    assert job["status"] == "Succeeded"
    assert "error" not in job["properties"]
    assert sorted(files) == ["contenturl_0.json", "contenturl_2.json", "report.json"]
    assert [d["status"] for d in files["report.json"]["details"]] == ["Succeeded", "Failed", "Succeeded"]
    assert files["report.json"]["details"][1]["source"] == "https://not.allowed/x.wav"
    ((kind, message),) = failures(files)
    assert (kind, message.startswith("The recordings URI is invalid.")) == ("InvalidUri", True)
    assert "--allow not.allowed" in message
    assert "secret" not in str(files)


def test_a_job_of_which_nothing_could_be_done_has_failed(local: Inside) -> None:
    job, files = local.transcribe("https://not.allowed/x.wav")
    assert job["status"] == "Failed"
    assert job["properties"]["error"]["code"] == "InvalidUri"
    assert list(files) == ["report.json"]
    assert files["report.json"]["failedTranscriptionsCount"] == 1


def test_results_name_their_source_without_its_signature(local: Inside) -> None:
    _, files = local.transcribe(local.publish(name="a b.wav"))
    assert files["contenturl_0.json"]["source"] == "http://127.0.0.1:5000/recordings/a%20b.wav"


@pytest.mark.parametrize(
    ("sound", "properties", "channels"),
    [
        pytest.param(Sound(1, 2), {}, [0], id="mono?"),
        pytest.param(Sound(2, 2), {}, [0, 1], id="stereo?"),
        pytest.param(Sound(2, 2), {"channels": [1]}, [1], id="one of two channels?"),
        pytest.param(Sound(6, 2), {}, [0, 1], id="six channels?"),
        pytest.param(Sound(6, 2), {"channels": [5, 3]}, [3, 5], id="two of six?"),
    ],
)
def test_channels(local: Inside, sound: Sound, properties: dict[str, Any], channels: list[int]) -> None:
    local.ears.sound = sound
    _, files = local.transcribe(local.publish(), **properties)
    heard = files["contenturl_0.json"]["recognizedPhrases"]
    assert [p["channel"] for p in heard] == channels
    assert [task.wanted.channel for task in local.ears.tasks if task.wanted] == channels


@pytest.mark.parametrize(
    ("sound", "properties", "message"),
    [
        pytest.param(
            Sound(1, 2), {"channels": [1]}, "None of the channels", id="a channel that is not there?"
        ),
        pytest.param(
            Sound(2, 2),
            {"diarization": {"enabled": True}},
            "split the channels",
            id="stereo with diarization?",
        ),
        pytest.param(
            Sound(1, 241 * 60),
            {"diarization": {"enabled": True}},
            "at most 240 minutes",
            id="too long for it?",
        ),
    ],
)
def test_recordings_that_do_not_fit_their_options(
    local: Inside, sound: Sound, properties: dict[str, Any], message: str
) -> None:
    local.ears.sound = sound
    job, files = local.transcribe(local.publish(), **properties)
    assert job["status"] == "Failed"
    ((kind, said),) = failures(files)
    assert kind == "InvalidData"
    assert said.startswith("The recordings URI contains invalid data.")
    assert message in said


def test_diarization_of_mono_asks_for_at_most_so_many_speakers(local: Inside) -> None:
    local.ears.answer = lambda task: [phrase(speaker=2)]
    _, files = local.transcribe(local.publish(), diarization={"enabled": True, "maxSpeakers": 7})
    assert files["contenturl_0.json"]["recognizedPhrases"][0]["speaker"] == 2
    assert local.ears.tasks[-1].wanted.speakers == 7  # type: ignore[union-attr]
    _, files = local.transcribe(local.publish(), diarization={"enabled": False, "maxSpeakers": 7})
    assert local.ears.tasks[-1].wanted.speakers is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("locale", "candidates", "expected"),
    [
        pytest.param("en-GB", None, None, id="plain English?"),
        pytest.param("en-GB", ["de-DE"], "en-GB", id="English among others?"),
        pytest.param("de-DE", ["fr-FR", "en-IN"], "en-IN", id="English as a candidate only?"),
        pytest.param("de-DE", None, "InvalidLocale", id="German?"),
        pytest.param("de-DE", ["fr-FR", "it-IT"], "NoLanguageIdentified", id="no English at all?"),
        pytest.param("en-XX", None, "InvalidLocale", id="an English that nobody speaks?"),
    ],
)
def test_locales(local: Inside, locale: str, candidates: list[str] | None, expected: str | None) -> None:
    body = submission(local.publish()) | {"locale": locale}
    if candidates:
        body["properties"]["languageIdentification"] = {"candidateLocales": candidates}
    job = wait_for_job(local, local.speech("POST", "/transcriptions:submit", json=body).json())
    files = results_of(local, job)
    if job["status"] == "Succeeded":
        assert files["contenturl_0.json"]["recognizedPhrases"][0].get("locale") == expected
    else:
        ((kind, message),) = failures(files)
        assert kind == expected
        assert "recognizes English only" in message


def test_what_was_heard_once_is_not_recognized_again(local: Inside, tmp_path: Path) -> None:
    local.transcribe(local.publish(b"one"))
    local.transcribe(local.publish(b"one", "another name.wav"), profanityFilterMode="None")
    assert len(local.ears.tasks) == 2  # one look, one recognition
    local.transcribe(local.publish(b"one"), diarization={"enabled": True})
    local.transcribe(local.publish(b"two"))
    assert len(local.ears.tasks) == 5
    with inside(None, tmp_path / "other", use_cache=False) as fresh:
        fresh.transcribe(fresh.publish(b"one"))
        fresh.transcribe(fresh.publish(b"one"))
        assert len(fresh.ears.tasks) == 4


def test_a_recording_that_cannot_be_read_is_named_as_the_caller_knows_it(local: Inside) -> None:
    async def run(task: Task, priority: int) -> bytes:
        raise UnusableAudioError("UnsupportedAudioError", f"{task.path} is no sound; see {task.path.name}.")

    local.ears.run = run  # type: ignore[method-assign]
    _, files = local.transcribe(local.publish(name="calls/x.wav"))
    ((kind, message),) = failures(files)
    assert kind == "InvalidData"
    assert message.endswith("http://127.0.0.1:5000/recordings/calls/x.wav is no sound; see x.wav.")


def test_a_recognizer_that_is_missing_is_said_in_the_report(local: Inside) -> None:
    async def version() -> str:
        raise EngineUnavailableError("the model file x is missing. Run `make models`.")

    local.ears.version = version  # type: ignore[method-assign]
    job, files = local.transcribe(local.publish())
    assert job["status"] == "Failed"
    assert failures(files) == [("Internal", "the model file x is missing. Run `make models`.")]


def test_a_full_disk_fails_the_recording_and_is_named(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.service.store, "succeed_input", full)
    job, files = local.transcribe(local.publish())
    assert job["status"] == "Failed"
    assert failures(files)[0][1].startswith("There is no space left on the service's disk.")


def test_a_deleted_job_stops(local: Inside) -> None:
    url = local.publish()
    local.client.portal.call(local.ears.go.clear)  # type: ignore[union-attr]
    job = local.submit(url)
    wait_until(lambda: local.ears.tasks)
    assert local.service.jobs.busy
    assert local.speech("DELETE", f"/transcriptions/{job_id(job)}").status_code == 204
    wait_until(lambda: not local.service.jobs.busy)
    local.client.portal.call(local.ears.go.set)  # type: ignore[union-attr]
    assert local.get(f"/transcriptions/{job_id(job)}").status_code == 404


def test_a_finished_job_is_removed_when_its_time_is_over(
    local: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = local.transcribe(local.publish(), timeToLiveHours=6)
    now = time.time()
    for hours, there in ((5.9, [job_id(job)]), (6.1, [])):
        monkeypatch.setattr(time, "time", lambda hours=hours: now + hours * 3600)
        local.service.jobs.remove_expired()
        assert [j.id for j in local.service.store.jobs()] == there


# --- where recordings come from -----------------------------------------------------------------------------


class Files(http.server.BaseHTTPRequestHandler):
    """Serves what its path says."""

    def do_GET(self) -> None:
        status, _, name = self.path.strip("/").partition("/")
        if status == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/secret")
            self.end_headers()
            return
        if status == "close":
            self.close_connection = True
            return
        self.send_response(int(status))
        body = b"sound" * 10
        self.send_header("Content-Length", str(len(body) + (7 if name == "short" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def files() -> Iterator[str]:
    """The address of a server of files on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/200/a.wav", None, ""),
        ("/200/recordings/../recordings/x.wav", None, ""),
        ("/403/a.wav", "InvalidUri", "Authentication failed for recordings URI."),
        ("/404/a.wav", "InvalidUri", "The recordings URI is invalid. The storage answered 404."),
        ("/503/a.wav", "Transient", "The storage answered 503."),
        ("/redirect/a.wav", "InvalidUri", "The storage answered 302."),
        ("/close/a.wav", "InvalidUri", "It cannot be reached"),
        ("/200/short", "InvalidUri", "It cannot be reached"),
    ],
)
def test_recordings_from_an_allowed_host(
    files: str, tmp_path: Path, path: str, kind: str | None, message: str
) -> None:
    with inside(None, tmp_path, allowed=[files.removeprefix("http://")]) as local:
        job, made = local.transcribe(files + path)
        assert job["status"] == ("Failed" if kind else "Succeeded")
        assert [k for k, _ in failures(made)] == ([kind] if kind else [])
        assert all(message in said for _, said in failures(made))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_recording_that_is_too_large_is_not_taken(
    files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BATCH_BYTES", 20)
    with inside(None, tmp_path, allowed=["127.0.0.1"]) as local:
        _, made = local.transcribe(files + "/200/a.wav")
        assert failures(made)[0][0] == "InvalidData"
    assert list((tmp_path / "downloads").iterdir()) == []


def test_this_machine_is_not_read_from_unless_it_is_allowed(local: Inside, files: str) -> None:
    urls = [f"{files}/200/a.wav", "http://localhost:22/x", "http://[::1]/x", "http://169.254.169.254/latest"]
    _, made = local.transcribe(*urls)
    assert [kind for kind, _ in failures(made)] == ["InvalidUri"] * 4


@pytest.mark.parametrize("change", ["tampered", "removed"])
def test_an_upload_is_read_only_with_its_signature(local: Inside, change: str) -> None:
    url = local.publish()
    if change == "removed":
        local.client.delete("/recordings/call.wav", headers={"api-key": KEY})
    else:
        url = url.replace("sig=", "sig=x")
    _, made = local.transcribe(url)
    assert failures(made)[0][0] == "InvalidUri"
    assert "Publish" in failures(made)[0][1]


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, []),
        ({"SPEECHKIT_ALLOWED_HOSTS": "a.example, b.example:80,"}, ["a.example", "b.example:80"]),
        ({"STORAGE_ACCOUNT_URL": "https://acc.blob.core.windows.net/"}, ["acc.blob.core.windows.net"]),
        (
            {"STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=x==;BlobEndpoint=http://127.0.0.1:10/a;"},
            ["127.0.0.1:10"],
        ),
        (
            {"STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x"},
            ["a.blob.core.windows.net"],
        ),
        ({"STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"}, ["127.0.0.1:10000"]),
    ],
)
def test_the_configured_storage_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hosts: list[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert configured_hosts() == hosts


# --- kills --------------------------------------------------------------------------------------------------


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
        assert asyncio.iscoroutinefunction(getattr(Ears, name)) == asyncio.iscoroutinefunction(
            getattr(Pool, name)
        )


def test_a_mistake_of_ours_fails_one_recording_and_is_logged(
    local: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(task: Task) -> Any:
        raise ZeroDivisionError("a bug")

    local.ears.answer = answer
    job, files = local.transcribe(local.publish())
    assert (job["status"], failures(files)) == ("Failed", [("Internal", "a bug")])
    assert "ZeroDivisionError" in caplog.text


def test_a_job_whose_state_cannot_be_written_waits(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    from speechkit.local import jobs

    monkeypatch.setattr(jobs, "WAIT_S", 0.05)
    store, tries = local.service.store, []
    finish = store.finish_job

    def full_at_first(*arguments: Any, **keywords: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        finish(*arguments, **keywords)

    monkeypatch.setattr(store, "finish_job", full_at_first)
    job, _ = local.transcribe(local.publish())
    assert (job["status"], len(tries)) == ("Succeeded", 3)
    assert len([t for t in local.ears.tasks if t.wanted]) == 1
