"""Misbehaviour on demand."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from speechkit.client.rest import retry_after_s
from tests.conftest import ROOT
from tests.local.service_fixture import (
    KEY,
    Inside,
    inside,
    job_id,
    results_of,
    start,
    submission,
    wait_for_job,
)

JOBS = "/transcriptions"


def order(local: Inside, **body: Any) -> Any:
    return local.client.post("/misbehave", json=body, headers={"api-key": KEY})


def test_it_throttles_on_demand(local: Inside) -> None:
    assert order(local, kind="throttle", times=2, retryAfterSeconds=7).json() == {"pending": {"throttle": 2}}
    answers = [local.get(JOBS) for _ in range(3)]
    assert [a.status_code for a in answers] == [429, 429, 200]
    assert answers[0].json()["code"] == "TooManyRequests"
    assert answers[0].headers["retry-after"] == "7"
    one = local.speech("GET", JOBS, headers={"x-speechkit-misbehave": "throttle"})
    assert one.status_code == 429
    assert local.client.get("/").status_code == 200


def test_it_is_unavailable_where_it_was_told_to(local: Inside) -> None:
    order(local, kind="unavailable", path="/speechtotext/models")
    assert local.get(JOBS).status_code == 200
    assert [local.get("/models/base").status_code for _ in range(2)] == [503, 200]


def test_a_job_is_stuck_until_it_behaves(local: Inside) -> None:
    order(local, kind="stuck")
    job = local.submit(local.publish())
    other = wait_for_job(local, local.submit(local.publish(name="b.wav")))
    assert other["status"] == "Succeeded"
    assert local.get(f"{JOBS}/{job_id(job)}").json()["status"] == "Running"
    cleared = local.client.delete("/misbehave", headers={"api-key": KEY})
    assert cleared.json() == {"pending": {}}
    assert wait_for_job(local, job)["status"] == "Succeeded"


def test_a_sas_has_expired_on_demand(local: Inside) -> None:
    job, _ = local.transcribe(local.publish())
    order(local, kind="expired")
    urls = [
        local.get(f"{JOBS}/{job_id(job)}/files").json()["values"][0]["links"]["contentUrl"] for _ in range(2)
    ]
    assert [local.client.get(url).status_code for url in urls] == [403, 200]
    order(local, kind="expired")
    done, files = local.transcribe(local.publish(name="late.wav"))
    assert done["status"] == "Failed"
    assert "has expired" in files["report.json"]["details"][0]["errorMessage"]


@pytest.mark.parametrize(
    ("unit", "name", "least", "most"),
    [
        pytest.param("s", "retry-after", 0.25, 0.25, id="in seconds?"),
        pytest.param("ms", "retry-after-ms", 250, 250, id="in milliseconds?"),
        pytest.param("date", "retry-after", -2, 1, id="as a date?"),
    ],
)
def test_it_says_when_to_come_again(local: Inside, unit: str, name: str, least: float, most: float) -> None:
    order(local, kind="throttle", retryAfterSeconds=0.25, retryAfterUnit=unit)
    said = local.get(JOBS).headers[name]
    if unit == "date":
        said = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
    assert least <= float(said) <= most
    assert retry_after_s(local.get(JOBS).headers) is None


def test_orders_wait_for_their_turn_and_add_up(local: Inside) -> None:
    order(local, kind="unavailable", after=1, times=2)
    assert order(local, kind="unavailable", path=JOBS).json() == {"pending": {"unavailable": 3}}
    assert [local.get(JOBS).status_code for _ in range(4)] == [200, 503, 503, 200]


@pytest.mark.parametrize(
    ("kind", "done"),
    [pytest.param("drop", 0, id="before anything was done?"), pytest.param("lost", 1, id="after it?")],
)
def test_a_connection_drops(tmp_path: Path, kind: str, done: int) -> None:
    running = start(tmp_path, "--engine", "none")
    with running.client() as client:
        running.publish(ROOT / "data" / "calls" / "c01.wav", "a.wav")
        body = submission(f"{running.endpoint}/recordings/a.wav")
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(f"{JOBS}:submit", json=body, headers={"x-speechkit-misbehave": kind})
        assert len(client.get(JOBS).json()["values"]) == done
    assert running.end() == 0


def test_a_service_that_dies_of_a_request_has_done_it(tmp_path: Path) -> None:
    running = start(tmp_path, "--engine", "none")
    httpx.post(f"{running.endpoint}/misbehave", json={"kind": "die"}, headers={"api-key": KEY})
    with running.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{JOBS}:submit", json=submission(f"{running.endpoint}/recordings/a.wav"))
    assert running.process.wait(timeout=10) == -signal.SIGKILL
    again = start(tmp_path, "--engine", "none")
    with again.client() as client:
        assert len(client.get(JOBS).json()["values"]) == 1
    assert again.end() == 0


def test_it_is_slow(local: Inside) -> None:
    order(local, kind="slow", seconds=0.2)
    began = time.monotonic()
    assert local.get(JOBS).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_a_recording_fails_on_demand(local: Inside) -> None:
    order(local, kind="fail", errorKind="Timeout", path="/recordings/b")
    job, files = local.transcribe(local.publish(name="a.wav"), local.publish(name="b.wav"))
    assert job["status"] == "Succeeded"
    assert [d.get("errorKind") for d in files["report.json"]["details"]] == [None, "Timeout"]


def test_lists_come_in_small_pages(local: Inside) -> None:
    job, files = local.transcribe(*(local.publish(name=f"{n}.wav") for n in range(4)))
    order(local, kind="pages", size=2, times=9)
    sizes, following, names = [], f"{JOBS}/{job_id(job)}/files", []
    while following:
        answer = (
            local.client.get(following, headers={"Ocp-Apim-Subscription-Key": KEY}).json()
            if sizes
            else local.get(following).json()
        )
        names += [file["name"] for file in answer["values"]]
        sizes.append(len(answer["values"]))
        following = answer.get("@nextLink")
    assert sizes == [2, 2, 1]
    assert sorted(names) == sorted(files)


def test_signed_urls_are_hit_too(local: Inside) -> None:
    job, _ = local.transcribe(local.publish())
    url = local.get(f"{JOBS}/{job_id(job)}/files").json()["values"][0]["links"]["contentUrl"]
    order(local, kind="unavailable", path="/results/")
    assert [local.client.get(url).status_code for _ in range(2)] == [503, 200]


def test_without_a_recognizer_the_size_is_heard(tmp_path: Path) -> None:
    running = start(tmp_path, "--engine", "none")
    assert httpx.get(running.endpoint).json()["engine"].startswith("none")
    call = ROOT / "data" / "calls" / "c01.wav"
    with running.client() as client:
        body = submission(running.publish(call), diarization={"enabled": True, "maxSpeakers": 2})
        job = wait_for_job(client, client.post(f"{JOBS}:submit", json=body).json())
        (result,) = (v for name, v in results_of(client, job).items() if name != "report.json")
    assert result["combinedRecognizedPhrases"][0]["display"] == f"{call.stat().st_size} bytes."
    assert [p["speaker"] for p in result["recognizedPhrases"]] == [1]
    assert running.end() == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "sing"},
        {"kind": "drop", "times": -1},
        {"kind": "drop", "path": 1},
        {"kind": "throttle", "retryAfterUnit": "days"},
        {"kind": "pages", "size": 0},
    ],
)
def test_orders_that_are_not_understood(local: Inside, body: dict[str, Any]) -> None:
    assert order(local, **body).status_code == 400


def test_misbehaving_needs_the_key_and_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECHKIT_MISBEHAVE", "throttle:2, nonsense, unavailable")
    with inside(None, tmp_path) as local:
        assert local.client.post("/misbehave", json={"kind": "drop"}).status_code == 401
        pending = local.client.get("/misbehave", headers={"api-key": KEY}).json()
        assert pending == {"pending": {"throttle": 2, "unavailable": 1}}
