"""Misbehaviour on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.local.service_fixture import (
    KEY,
    Inside,
    inside,
    job_id,
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
    "body", [{}, {"kind": "sing"}, {"kind": "drop", "times": -1}, {"kind": "drop", "path": 1}]
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
