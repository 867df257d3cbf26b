"""The routes, as a client meets them: keys, versions, envelopes, jobs, files, uploads."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from speechkit import limits
from speechkit.local import app as app_module
from speechkit.local import recording_routes
from speechkit.local.locales import ENGLISH as LOCALES
from tests.local.service_fixture import (
    KEY,
    NEW,
    OLD,
    Inside,
    job_id,
    submission,
    wait_for_job,
)

JOBS = "/transcriptions"

GONE = "788a1f24-f980-4809-8978-e5cf41f77b35"


# --- before any route --------------------------------------------------------------------------------------


def test_health_needs_no_key(local: Inside) -> None:
    answer = local.client.get("/")
    assert answer.status_code == 200
    assert answer.json()["service"] == "speechkit local"
    assert answer.json()["jobs"] == {"NotStarted": 0, "Running": 0, "Succeeded": 0, "Failed": 0}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no key?"),
        pytest.param({"Ocp-Apim-Subscription-Key": "wrong"}, 401, id="a wrong key?"),
        pytest.param({"Ocp-Apim-Subscription-Key": KEY + "x"}, 401, id="a longer key?"),
        pytest.param({"Ocp-Apim-Subscription-Key": ""}, 401, id="an empty key?"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="a wrong token?"),
        pytest.param({"Authorization": f"Basic {KEY}"}, 401, id="another scheme?"),
        pytest.param({"Ocp-Apim-Subscription-Key": KEY}, 200, id="the key?"),
        pytest.param({"Authorization": f"bearer {KEY}"}, 200, id="the key as a token?"),
    ],
)
def test_the_key_is_checked_as_by_a_gateway(local: Inside, headers: dict[str, str], status: int) -> None:
    answer = local.client.get(f"/speechtotext{JOBS}", params={"api-version": NEW}, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert set(answer.json()) == {"error"}
        assert answer.json()["error"]["code"] == "401"


def test_the_gateways_answer_is_the_real_one(local: Inside, shared: Path) -> None:
    real = json.loads((shared / "results" / "17-error-401-gateway.json").read_text())
    assert local.client.get("/speechtotext/transcriptions").json() == real


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "127.0.0.1.evil.example", "", "[::2]:1"]
)
def test_a_page_under_another_name_gets_nothing(local: Inside, host: str) -> None:
    answer = local.client.get("/", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:5000", "[::1]:5000"])
def test_loopback_has_several_names(local: Inside, host: str) -> None:
    assert local.client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("version", [None, "", "2023-01-01", "v3.2", "2024-05-15-preview"])
def test_versions_that_are_not_served(local: Inside, version: str | None) -> None:
    answer = local.speech("GET", JOBS, version)
    assert answer.status_code == 400
    assert answer.json()["innerError"]["code"] == "InvalidParameterValue"
    assert answer.json()["target"] == "api-version"
    assert all(v in answer.json()["message"] for v in limits.API_VERSIONS)


@pytest.mark.parametrize("version", limits.API_VERSIONS)
def test_versions_that_are_served(local: Inside, version: str) -> None:
    assert local.speech("GET", JOBS, version).json() == {"values": []}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/datasets", 404, "NotFound"),
        ("POST", "/models", 404, "NotFound"),
        ("GET", "/v3.2/transcriptions", 404, "NotFound"),
        ("GET", f"/models/base/{GONE}", 404, "NotFound"),
        ("GET", f"{JOBS}/{GONE}", 404, "NotFound"),
        ("GET", f"{JOBS}/{GONE}/files", 404, "NotFound"),
        ("GET", f"{JOBS}/{GONE}/files/{GONE}", 404, "NotFound"),
        ("GET", f"{JOBS}/no-id", 400, "InvalidArgument"),
        ("PUT", JOBS, 405, "NotAllowed"),
        ("GET", f"{JOBS}:submit", 405, "NotAllowed"),
        ("PATCH", f"{JOBS}/{GONE}", 415, "UnsupportedMediaType"),
        ("POST", f"{JOBS}:transcribe", 415, "UnsupportedMediaType"),
        ("POST", f"{JOBS}:submit", 400, "InvalidRequest"),
    ],
)
def test_every_refusal_is_in_the_envelope(
    local: Inside, method: str, path: str, status: int, code: str
) -> None:
    answer = local.speech(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) <= {"code", "message", "target", "innerError"}
    assert answer.json()["message"]


def test_headers_of_every_answer(local: Inside) -> None:
    answers = [local.speech("GET", JOBS), local.client.get("/speechtotext/x"), local.client.get("/")]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["apim-request-id"]) == 36
    assert answers[0].headers["api-supported-versions"] == ", ".join(limits.API_VERSIONS)
    assert len({answer.headers["apim-request-id"] for answer in answers}) == 3


def test_an_error_of_ours_is_in_the_envelope_too(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.service.store, "jobs", lambda: 1 / 0)
    answer = local.speech("GET", JOBS)
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalServerError")
    assert "division" not in answer.text


# --- jobs --------------------------------------------------------------------------------------------------


def test_a_submission_answers_the_job(local: Inside) -> None:
    body = submission(local.publish()) | {"description": "d", "customProperties": {"a": "b"}}
    answer = local.speech("POST", f"{JOBS}:submit", json=body)
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == job["self"] == f"{job['self'].split('?')[0]}?api-version={NEW}"
    assert job["status"] == "NotStarted"
    assert (job["description"], job["customProperties"]) == ("d", {"a": "b"})
    assert "contentUrls" not in job
    done = wait_for_job(local, job)
    assert done["properties"]["durationMilliseconds"] == 2000
    assert local.get(job["links"]["files"]).status_code == 401  # a link is no signed URL


def test_jobs_have_the_keys_of_real_ones(local: Inside, shared: Path) -> None:
    real = {
        name: json.loads(next((shared / "results").glob(f"{name}-*.json")).read_text())
        for name in ("10", "11", "12", "13")
    }
    asked = {"languageIdentification": {"candidateLocales": ["en-US", "de-DE", "es-ES"]}}
    submitted = local.submit(local.publish(), wordLevelTimestampsEnabled=True, **asked)
    done = wait_for_job(local, submitted)
    files = local.get(f"{JOBS}/{job_id(done)}/files").json()
    report = local.get(files["values"][-1]["links"]["contentUrl"]).json()
    assert set(submitted) == set(real["10"])
    assert submitted["properties"] == real["10"]["properties"]
    assert set(done) == set(real["11"])
    assert set(done["properties"]) == set(real["11"]["properties"])
    assert set(files) == set(real["12"])
    assert {frozenset(f) for f in files["values"]} == {frozenset(f) for f in real["12"]["values"]}
    assert [f["name"] for f in files["values"]] == ["contenturl_0.json", "report.json"]
    assert set(report) == set(real["13"])
    assert set(report["details"][0]) == set(real["13"]["details"][0])


def test_a_running_job_says_when_to_ask_again(local: Inside) -> None:
    with_place = local.publish()
    local.client.portal.call(local.ears.go.clear)  # type: ignore[union-attr]
    job = local.submit(with_place)
    for path in (f"{JOBS}/{job_id(job)}", f"{JOBS}/{job_id(job)}/files"):
        assert local.get(path).headers["retry-after"] == "1"
    assert local.get(f"{JOBS}/{job_id(job)}/files").json() == {"values": []}
    local.client.portal.call(local.ears.go.set)  # type: ignore[union-attr]
    wait_for_job(local, job)
    assert "retry-after" not in local.get(f"{JOBS}/{job_id(job)}").headers


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json; charset=utf-8"])
def test_a_job_is_changed(local: Inside, kind: str) -> None:
    job, _ = local.transcribe(local.publish())
    path = f"{JOBS}/{job_id(job)}"
    change = {"displayName": "new", "customProperties": {"a": "b"}, "status": "Failed"}
    answer = local.speech("PATCH", path, content=json.dumps(change), headers={"Content-Type": kind})
    assert answer.status_code == 200
    assert answer.json() == local.get(path).json()
    assert answer.json() | {"displayName": "calls"} == job | {"customProperties": {"a": "b"}}


def test_a_deleted_job_is_gone_with_its_results(local: Inside) -> None:
    job, _ = local.transcribe(local.publish())
    url = local.get(f"{JOBS}/{job_id(job)}/files").json()["values"][0]["links"]["contentUrl"]
    assert local.get(url).status_code == 200
    for _ in range(2):
        answer = local.speech("DELETE", f"{JOBS}/{job_id(job)}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert local.get(url).status_code == 404
    assert local.get(f"{JOBS}/{job_id(job)}").status_code == 404


def test_a_job_of_a_newer_version_cannot_be_read_with_an_older_one(local: Inside) -> None:
    job, _ = local.transcribe(local.publish())
    answer = local.speech("GET", f"{JOBS}/{job_id(job)}", OLD)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("The API version cannot be used to access this transcription.")
    assert local.speech("GET", JOBS, OLD).json()["values"] == []
    old = local.speech("POST", f"{JOBS}:submit", OLD, json=submission(local.publish())).json()
    assert old["self"].endswith(OLD)
    assert local.speech("GET", f"{JOBS}/{job_id(old)}", NEW).status_code == 200


# --- signed URLs -------------------------------------------------------------------------------------------


def test_a_result_is_read_without_the_key_for_as_long_as_asked(
    local: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = local.transcribe(local.publish())
    path = f"{JOBS}/{job_id(job)}/files"
    file = local.speech("GET", path, params={"sasLifetimeMinutes": 5}).json()["values"][0]
    one = local.speech("GET", f"{path}/{file['self'].split('/')[-1].split('?')[0]}")
    default = one.json()["links"]["contentUrl"]
    short = file["links"]["contentUrl"]
    assert local.client.get(short).json()["source"] == "http://127.0.0.1:5000/recordings/call.wav"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 6 * 60)
    late = local.client.get(short)
    assert (late.status_code, late.headers["content-type"]) == (403, "application/xml")
    assert late.headers["x-ms-error-code"] == "AuthenticationFailed"
    assert local.client.get(default).status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 1)
    assert local.client.get(default).status_code == 403


@pytest.mark.parametrize("change", ["sig", "se", "path", "none"])
def test_a_signature_fits_one_url_only(local: Inside, change: str) -> None:
    first = local.publish(b"one", "a/one.wav")
    parts = urlsplit(first)
    assert local.client.get(first).content == b"one"
    local.publish(b"two", "two.wav")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    changed = {
        "sig": (parts.path, query | {"sig": query["sig"][::-1]}),
        "se": (parts.path, query | {"se": "2999-01-01T00:00:00Z"}),
        "path": ("/recordings/two.wav", query),
        "none": (parts.path, {}),
    }[change]
    assert local.client.get(changed[0], params=changed[1]).status_code == 403


# --- uploads -----------------------------------------------------------------------------------------------


def test_an_upload_is_kept_replaced_and_removed(local: Inside, tmp_path: Path) -> None:
    url = local.publish(b"one", "deep/a b+ü?.wav")
    assert "%3F" in url
    assert local.client.get(url).content == b"one"
    assert local.client.get(url, headers={"Range": "bytes=1-"}).content == b"ne"
    local.publish(b"two", "deep/a b+ü?.wav")
    assert local.client.get(url).content == b"two"
    files = list((tmp_path / "state" / "recordings").iterdir())
    assert [f.suffix for f in files] == [".wav"]
    for _ in range(2):
        gone = local.client.delete(urlsplit(url).path, headers={"api-key": KEY})
        assert gone.status_code == 204
    assert local.client.get(url).status_code == 404
    assert list((tmp_path / "state" / "recordings").iterdir()) == []


def test_an_upload_needs_the_key(local: Inside, tmp_path: Path) -> None:
    url = local.publish()
    assert local.client.put("/recordings/x.wav", content=b"x").status_code == 401
    assert local.client.delete(url).status_code == 401


def test_an_upload_that_is_too_large_leaves_nothing(
    local: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BATCH_BYTES", 10)
    answer = local.client.put("/recordings/x.wav", content=b"x" * 11, headers={"api-key": KEY})
    assert answer.status_code == 413
    assert not any(f.is_file() for f in (tmp_path / "state").rglob("*"))


def test_a_full_disk_is_said_plainly(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording_routes.hashlib, "sha256", full)
    answer = local.client.put("/recordings/x.wav", content=b"x", headers={"api-key": KEY})
    assert (answer.status_code, answer.json()["code"]) == (507, "InternalServerError")
    assert answer.json()["message"] == app_module._NO_SPACE


# --- what can be recognized --------------------------------------------------------------------------------


def test_locales_and_base_models_agree(local: Inside) -> None:
    assert local.get("/transcriptions/locales").json() == {
        "Submit": list(LOCALES),
        "Transcribe": list(LOCALES),
    }
    models = local.get("/models/base").json()["values"]
    assert [m["locale"] for m in models] == list(LOCALES)
    one = local.speech("GET", "/models/base", params={"filter": "locale eq 'en-GB'"}).json()["values"]
    assert local.client.get(one[0]["self"], headers={"Ocp-Apim-Subscription-Key": KEY}).json() == one[0]


def test_base_models_have_the_keys_of_real_ones(local: Inside, shared: Path) -> None:
    real = json.loads((shared / "results" / "18-base-model-whisper.json").read_text())
    ours = local.get("/models/base").json()["values"][0]
    assert set(ours) == set(real)
    assert set(ours["properties"]) == set(real["properties"])
    assert set(ours["properties"]["features"]) == set(real["properties"]["features"])


def test_a_model_must_be_one_of_these(local: Inside) -> None:
    models = {m["locale"]: m["self"] for m in local.get("/models/base").json()["values"]}
    cases = {
        models["en-US"]: None,
        models["en-GB"]: "ModelMismatch",
        models["en-US"].split("/models")[0] + f"/models/base/{GONE}": "InvalidModel",
        "https://host/other/thing": "InvalidModelUri",
    }
    for url, inner in cases.items():
        body = submission(local.publish()) | {"model": {"self": url}}
        answer = local.speech("POST", f"{JOBS}:submit", json=body)
        assert answer.json().get("innerError", {}).get("code") == inner, url
        assert inner or answer.json()["model"] == {"self": url}


# --- nonsense ----------------------------------------------------------------------------------------------


def test_random_bytes_break_no_route(local: Inside) -> None:
    client: TestClient = local.client
    noise = base64.b85encode(bytes(range(256))).decode()
    for path in ("transcriptions:submit", "transcriptions:transcribe", f"transcriptions/{GONE}"):
        for method in ("POST", "PATCH", "GET", "DELETE"):
            for kind in ("application/json", "multipart/form-data; boundary=b", "multipart/form-data", "x/y"):
                answer = client.request(
                    method,
                    f"/speechtotext/{path}?api-version={NEW}",
                    content=noise,
                    headers={"Ocp-Apim-Subscription-Key": KEY, "Content-Type": kind},
                )
                assert answer.status_code < 500, (path, method, kind)
