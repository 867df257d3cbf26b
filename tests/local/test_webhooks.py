"""Webhooks of the local service: the challenge, what is called when, signatures, and receivers that fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from speechkit.client.webhooks import Notification, receive
from speechkit.local.webhooks import ATTEMPTS, CHALLENGE_ATTEMPTS, EVENTS
from tests.local.service_fixture import (
    NEW,
    OLD,
    Inside,
    Running,
    inside,
    job_id,
    submission,
    wait_for_job,
    wait_until,
)

LIFE = ["Creation", "Processing", "Completion", "Deletion"]
JOBS = {f"transcription{what}": True for what in LIFE}
SECRET = "s3cret-of-the-test"
UNKNOWN = "788a1f24-f980-4809-8978-e5cf41f77b35"


@dataclass
class Call:
    """A request that a receiver got."""

    event: str
    query: str
    signature: str | None
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class Receiver:
    """A receiver that answers challenges, and other calls with `statuses` first and 200 when they are used up."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: Callable[[str], tuple[int, str]] = lambda token: (200, token)
    go: threading.Event = field(default_factory=threading.Event)

    def events(self) -> list[str]:
        """What it was called with, without challenges."""
        return [c.event for c in self.calls if c.event != "Challenge"]

    def challenges(self) -> list[Call]:
        return [c for c in self.calls if c.event == "Challenge"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


class listening:  # noqa: N801  # used as a function
    """A receiver that listens."""

    def __enter__(self) -> Receiver:
        made = Receiver()
        made.go.set()

        class Calls(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                made.go.wait(20)
                target, headers = urlsplit(self.path), self.headers
                body = self.rfile.read(int(headers["Content-Length"]))
                event = headers["X-MicrosoftSpeechServices-Event"]
                if event == "Challenge":
                    status, text = made.answer(parse_qs(target.query)["validationToken"][0])
                else:
                    status, text = made.statuses.pop(0) if made.statuses else 200, ""
                made.calls.append(
                    Call(event, target.query, headers["X-MicrosoftSpeechServices-Signature"], body)
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.made, self.server = made, ThreadingHTTPServer(("127.0.0.1", 0), Calls)
        made.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return made

    def __exit__(self, *_: object) -> None:
        self.made.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def local(local: Inside) -> Inside:
    """The service inside the test, which does not wait long before it tries again."""
    local.service.webhooks.first_delay_s = 0.001
    return local


def registration(url: str, secret: str | None = SECRET, **events: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"displayName": "hook", "webUrl": url, "events": events or JOBS}
    return body | ({"properties": {"secret": secret}} if secret else {})


def register(local: Inside, url: str, secret: str | None = SECRET, **events: bool) -> dict[str, Any]:
    """Register a webhook and wait for what comes of its challenge."""
    answer = local.speech("POST", "/webhooks", json=registration(url, secret, **events))
    assert answer.status_code == 201, answer.text
    return challenged(local, answer.json())


def challenged(local: Inside, webhook: dict[str, Any]) -> dict[str, Any]:
    wait_until(lambda: now(local, webhook)["status"] != "NotStarted")
    return now(local, webhook)


def now(local: Inside, webhook: dict[str, Any]) -> dict[str, Any]:
    return dict(local.speech("GET", path(webhook)).json())


def path(webhook: dict[str, Any]) -> str:
    return f"/webhooks/{job_id(webhook)}"


def signed(payload: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), payload, hashlib.sha256)).decode()


def idle(local: Inside) -> bool:
    return not local.service.webhooks.busy


# --- registrations ------------------------------------------------------------------------------------------


def test_a_webhook_is_registered_and_challenged(local: Inside, receiver: Receiver) -> None:
    url = f"{receiver.url}?code=a%2Fb"
    answer = local.speech("POST", "/webhooks", json=registration(url) | {"description": "d"})
    made = answer.json()
    assert answer.headers["Location"] == made["self"]
    assert made["self"] == f"http://127.0.0.1:5000/speechtotext{path(made)}?api-version={NEW}"
    assert (made["status"], made["displayName"], made["description"]) == ("NotStarted", "hook", "d")
    assert (made["webUrl"], made["events"], made["properties"]) == (url, JOBS, {"apiVersion": NEW})
    active = challenged(local, made)
    assert active == made | {"status": "Succeeded", "lastActionDateTime": active["lastActionDateTime"]}
    (call,) = receiver.calls
    kept, _, token = call.query.partition("&validationToken=")
    assert kept == "code=a%2Fb"
    assert len(token) == 32
    assert call.signature == signed(token.encode()), "of a challenge the token is signed, not the body"


@pytest.mark.parametrize("link", ["ping", "test"])
def test_a_link_is_that_of_its_name(local: Inside, receiver: Receiver, link: str) -> None:
    made = register(local, receiver.url)
    assert made["links"][link] == made["self"].replace("?", f":{link}?")


def test_the_secret_is_never_shown(
    local: Inside, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = [500]
    answer = local.speech("POST", "/webhooks", json=registration(receiver.url))
    made = challenged(local, answer.json())
    said = answer.text + local.speech("GET", "/webhooks").text + json.dumps(made)
    local.speech("POST", f"{path(made)}:ping")
    wait_until(lambda: receiver.events() == ["Ping", "Ping"])
    changed = local.speech("PATCH", path(made), json={"properties": {"secret": SECRET}})
    said += changed.text + caplog.text + str([c.body for c in receiver.calls])
    assert "attempt 1" in caplog.text
    assert SECRET not in said
    assert '"secret"' not in said


def test_webhooks_are_listed_and_deleted(local: Inside, receiver: Receiver) -> None:
    made = [register(local, receiver.url) for _ in range(3)]
    first = local.speech("GET", "/webhooks", params={"top": "2"}).json()
    rest = local.client.get(first["@nextLink"], headers={"Ocp-Apim-Subscription-Key": "k-for-tests"}).json()
    assert first["values"] + rest["values"] == made
    assert [local.speech("DELETE", path(made[0])).status_code for _ in range(2)] == [204, 204]
    assert local.speech("GET", path(made[0])).status_code == 404
    found = local.speech("GET", "/webhooks", params={"filter": "status eq 'Succeeded'"}).json()["values"]
    assert found == made[1:]


@pytest.mark.parametrize(
    ("change", "inner"),
    [
        pytest.param({"displayName": None}, "InvalidPayload", id="no-name"),
        pytest.param({"events": None}, "InvalidPayload", id="no-events"),
        pytest.param({"events": ["ping"]}, "InvalidPayload", id="events-in-a-list"),
        pytest.param({"events": {"ping": "yes"}}, "InvalidPayload", id="an-event-that-is-no-truth-value"),
        pytest.param({"events": {"callCompletion": True}}, "InvalidWebHookEventKind", id="unknown-event"),
        pytest.param({"events": {"TranscriptionCompletion": True}}, "InvalidWebHookEventKind", id="spelling"),
        pytest.param({"properties": {"secret": 7}}, "InvalidPayload", id="a-secret-that-is-no-text"),
        pytest.param({"webUrl": None}, "InvalidCallbackUri", id="no-url"),
        pytest.param({"webUrl": "file:///etc/passwd"}, "InvalidCallbackUri", id="a-file"),
        pytest.param({"webUrl": "http://elsewhere.example/"}, "InvalidCallbackUri", id="a-host-not-allowed"),
        pytest.param({"webUrl": "http://169.254.169.254/"}, "InvalidCallbackUri", id="metadata-of-a-cloud"),
        pytest.param({"webUrl": "http://127.0.0.1@elsewhere.example/"}, "InvalidCallbackUri", id="disguised"),
        pytest.param({"customProperties": {"a": 1}}, "InvalidPayload", id="a-property-that-is-no-text"),
    ],
)
def test_what_is_wrong_is_refused(
    local: Inside, receiver: Receiver, change: dict[str, Any], inner: str
) -> None:
    answer = local.speech("POST", "/webhooks", json=registration(receiver.url) | change)
    assert (answer.status_code, answer.json()["innerError"]["code"]) == (400, inner)
    assert local.speech("GET", "/webhooks").json()["values"] == []
    made = register(local, receiver.url)
    if change not in ({"displayName": None}, {"properties": {"secret": 7}}, {"customProperties": {"a": 1}}):
        answer = local.speech("PATCH", path(made), json=change)
        assert answer.json()["innerError"]["code"] == inner
        assert now(local, made) == made


def test_every_event_of_the_api_can_be_asked_for(local: Inside, receiver: Receiver, shared: Path) -> None:
    digest = json.loads((shared / "contract" / "routes-2024-11-15.json").read_text())
    documented = set(digest["definitions"]["WebHookEvents"]["properties"])
    assert documented == EVENTS
    assert register(local, receiver.url, **dict.fromkeys(documented, True))["status"] == "Succeeded"


def test_every_property_of_the_api_is_shown(local: Inside, receiver: Receiver, shared: Path) -> None:
    digest = json.loads((shared / "contract" / "routes-2024-11-15.json").read_text())["definitions"]
    body = registration(receiver.url) | {"description": "d", "customProperties": {"team": "a"}}
    made = local.speech("POST", "/webhooks", json=body).json()
    assert set(made) == set(digest["WebHook"]["properties"])
    assert set(made["links"]) == set(digest["WebHookLinks"]["properties"])
    assert {*made["properties"], "secret", "error"} == set(digest["WebHookProperties"]["properties"])


@pytest.mark.parametrize(
    ("method", "what", "status"),
    [
        pytest.param("GET", UNKNOWN, 404, id="get-unknown"),
        pytest.param("PATCH", UNKNOWN, 404, id="patch-unknown"),
        pytest.param("DELETE", UNKNOWN, 204, id="delete-unknown"),
        pytest.param("POST", f"{UNKNOWN}:ping", 404, id="ping-unknown"),
        pytest.param("POST", f"{UNKNOWN}:test", 404, id="test-unknown"),
        pytest.param("GET", "hook", 400, id="no-id"),
        pytest.param("POST", "hook:ping", 400, id="ping-no-id"),
        pytest.param("POST", UNKNOWN, 405, id="a-method-that-is-not-served"),
        pytest.param("POST", f"{UNKNOWN}:pong", 404, id="an-action-that-is-not-served"),
        pytest.param("PATCH", f"{UNKNOWN}:ping", 405, id="a-method-that-an-action-lacks"),
    ],
)
def test_what_is_not_there(local: Inside, method: str, what: str, status: int) -> None:
    assert local.speech(method, f"/webhooks/{what}", json={}).status_code == status


def test_a_webhook_without_a_key_or_version_is_refused(local: Inside, receiver: Receiver) -> None:
    assert local.client.post("/speechtotext/webhooks", json=registration(receiver.url)).status_code == 401
    answer = local.speech("POST", "/webhooks", version=None, json=registration(receiver.url))
    assert answer.json()["target"] == "api-version"


# --- the challenge ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "calls", "reason"),
    [
        pytest.param(lambda token: (200, "hello"), 1, "not the validation token alone", id="another-text"),
        pytest.param(lambda token: (200, ""), 1, "not the validation token alone", id="nothing"),
        pytest.param(lambda token: (200, f'"{token}"'), 1, "not the validation token alone", id="quoted"),
        pytest.param(
            lambda token: (200, "x" * 5000), 1, "not the validation token alone", id="a-long-answer"
        ),
        pytest.param(lambda token: (202, token), CHALLENGE_ATTEMPTS, "answered 202", id="not-200"),
        pytest.param(lambda token: (404, token), CHALLENGE_ATTEMPTS, "answered 404", id="not-found"),
        pytest.param(lambda token: (302, token), CHALLENGE_ATTEMPTS, "answered 302", id="a-redirect"),
    ],
)
def test_a_challenge_that_is_not_answered(
    local: Inside, receiver: Receiver, answer: Callable[[str], tuple[int, str]], calls: int, reason: str
) -> None:
    receiver.answer = answer
    made = register(local, receiver.url)
    assert made["status"] == "Failed"
    assert reason in made["properties"]["error"]["message"]
    assert "hello" not in made["properties"]["error"]["message"], "a stranger's answer is not shown"
    assert len(receiver.challenges()) == calls
    local.transcribe(local.publish())
    assert local.speech("POST", f"{path(made)}:ping").json()["code"] == "Conflict"
    assert local.speech("POST", f"{path(made)}:test").json()["code"] == "Conflict"
    assert receiver.events() == []


def test_a_receiver_that_is_not_there(local: Inside) -> None:
    with listening() as gone:
        pass
    made = register(local, gone.url)
    assert made["status"] == "Failed"
    assert "could not be reached (ConnectError)" in made["properties"]["error"]["message"]


def test_a_receiver_that_starts_late_is_waited_for(local: Inside, receiver: Receiver) -> None:
    late = iter([503, 503, 200])
    receiver.answer = lambda token: (next(late), token)
    assert register(local, receiver.url)["status"] == "Succeeded"


def test_a_webhook_without_a_secret_is_called_unsigned(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url, None)
    local.speech("POST", f"{path(made)}:ping")
    wait_until(lambda: receiver.events() == ["Ping"])
    assert [c.signature for c in receiver.calls] == [None, None]


# --- what is called when ------------------------------------------------------------------------------------


def test_the_life_of_a_job_is_told_in_order(local: Inside, receiver: Receiver) -> None:
    register(local, receiver.url)
    with listening() as other:
        register(local, other.url, transcriptionCompletion=True, transcriptionDeletion=False)
        job, _ = local.transcribe(local.publish())
        local.speech("DELETE", f"/transcriptions/{job_id(job)}")
        wait_until(lambda: len(receiver.events()) == 4 and other.events())
    assert receiver.events() == [f"Transcription{what}" for what in LIFE]
    assert other.events() == ["TranscriptionCompletion"]
    calls = receiver.calls[1:]
    assert all(call.signature == signed(call.body) for call in calls)
    assert {call.json["self"] for call in calls} == {job["self"]}
    assert all(set(call.json) == {"self", "invocationId"} for call in calls)
    assert len({call.json["invocationId"] for call in [*calls, other.calls[1]]}) == 5


def test_a_job_that_fails_is_completed_too(local: Inside, receiver: Receiver) -> None:
    register(local, receiver.url)
    job, _ = local.transcribe("http://nowhere.invalid/a.wav")
    assert job["status"] == "Failed"
    container = {"contentUrls": None, "contentContainerUrl": "http://nowhere.invalid/c"}
    local.speech("POST", "/transcriptions:submit", json=submission() | container)
    wait_until(lambda: len(receiver.events()) == 6)
    assert receiver.events() == [f"Transcription{what}" for what in LIFE[:3]] * 2


def test_a_job_whose_time_is_over_is_deleted(local: Inside, receiver: Receiver) -> None:
    register(local, receiver.url, transcriptionDeletion=True)
    job, _ = local.transcribe(local.publish())
    local.service.store.database.execute("UPDATE jobs SET expires_s = 1")
    assert local.client.portal is not None
    local.client.portal.call(local.service.jobs.remove_expired)
    wait_until(lambda: receiver.events() == ["TranscriptionDeletion"])
    assert receiver.calls[-1].json["self"] == job["self"]


def test_a_job_is_not_told_of_before_the_challenge(local: Inside, receiver: Receiver) -> None:
    receiver.go.clear()
    answer = local.speech("POST", "/webhooks", json=registration(receiver.url))
    local.transcribe(local.publish())
    receiver.go.set()
    assert challenged(local, answer.json())["status"] == "Succeeded"
    wait_until(lambda: idle(local))
    assert receiver.events() == []


def test_links_have_the_version_of_the_webhook(local: Inside, receiver: Receiver) -> None:
    body = registration(receiver.url, transcriptionCompletion=True)
    made = local.speech("POST", "/webhooks", OLD, json=body).json()
    assert challenged(local, made)["properties"]["apiVersion"] == OLD
    local.transcribe(local.publish())
    wait_until(receiver.events)
    assert receiver.calls[-1].json["self"].endswith(f"?api-version={OLD}")


def test_a_ping_carries_the_webhook(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url, transcriptionCompletion=True)
    answer = local.speech("POST", f"{path(made)}:ping")
    assert (answer.status_code, answer.content) == (202, b"")
    wait_until(lambda: receiver.events() == ["Ping"])
    assert receiver.calls[-1].json == made
    assert receiver.calls[-1].signature == signed(receiver.calls[-1].body)


def test_a_test_sends_the_last_job_for_each_event(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url, **{event: event != "transcriptionProcessing" for event in JOBS})
    assert local.speech("POST", f"{path(made)}:test").status_code == 204
    first, _ = local.transcribe(local.publish())
    local.ears.go.clear()
    second = local.submit(local.publish(b"not heard before", "other.wav"))
    wait_until(lambda: len(receiver.events()) == 3)
    receiver.calls.clear()
    assert local.speech("POST", f"{path(made)}:test").status_code == 202
    wait_until(lambda: len(receiver.calls) == 2)
    assert {c.event: c.json["self"] for c in receiver.calls} == {
        "TranscriptionCompletion": first["self"],
        "TranscriptionCreation": second["self"],
    }
    local.ears.go.set()


# --- receivers that fail ------------------------------------------------------------------------------------


def test_a_call_that_fails_is_made_again(local: Inside, receiver: Receiver) -> None:
    register(local, receiver.url, transcriptionCreation=True, transcriptionCompletion=True)
    receiver.statuses = [500, 302, 404]
    local.transcribe(local.publish())
    wait_until(lambda: len(receiver.events()) == 5)
    assert receiver.events() == ["TranscriptionCreation"] * 4 + ["TranscriptionCompletion"]
    assert len({call.json["invocationId"] for call in receiver.calls[1:5]}) == 1
    assert len({call.body for call in receiver.calls[1:]}) == 2


def test_the_delay_grows(local: Inside) -> None:
    local.service.webhooks.first_delay_s = 1.0
    assert [local.service.webhooks._delay_s(n) for n in range(1, ATTEMPTS)] == [1, 2, 4, 8, 16, 32, 60]


def test_a_webhook_that_fails_for_good_is_disabled_until_it_is_updated(
    local: Inside, receiver: Receiver
) -> None:
    made = register(local, receiver.url)
    receiver.statuses = [500] * 100
    job, _ = local.transcribe(local.publish())
    assert job["status"] == "Succeeded"
    wait_until(lambda: now(local, made)["status"] == "Failed" and idle(local))
    error = now(local, made)["properties"]["error"]
    assert "8 call-backs in a row failed; at the last, it answered 500." in error["message"]
    assert receiver.events() == ["TranscriptionCreation"] * ATTEMPTS
    receiver.statuses.clear()
    receiver.calls.clear()
    local.transcribe(local.publish(name="missed.wav"))
    assert receiver.calls == [], "a disabled one is not called"
    answer = local.speech("PATCH", path(made), json={"properties": {"secret": SECRET}})
    assert answer.json()["status"] == "NotStarted"
    assert "error" not in challenged(local, made)["properties"]
    third, _ = local.transcribe(local.publish(name="third.wav"))
    wait_until(lambda: len(receiver.events()) == 3)
    assert {c.json["self"] for c in receiver.calls[1:]} == {third["self"]}, "nothing old is sent"


def test_a_receiver_that_hangs_blocks_no_job_and_no_other_receiver(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url)
    with listening() as other:
        register(local, other.url)
        receiver.go.clear()
        started = time.monotonic()
        job, _ = local.transcribe(local.publish())
        wait_until(lambda: len(other.events()) == 3)
        assert (job["status"], time.monotonic() - started < 5) == ("Succeeded", True)
        assert not idle(local)
        assert local.service.idle_s < 1, "the service does not end while somebody is to be called"
        assert local.speech("DELETE", path(made)).status_code == 204
        wait_until(lambda: idle(local))


def test_a_full_disk_costs_the_call_not_the_job(
    local: Inside, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(local, receiver.url)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(local.service.webhooks.store, "add_delivery", full)
        job, _ = local.transcribe(local.publish())
    assert job["status"] == "Succeeded"
    assert receiver.events() == []


# --- updates ------------------------------------------------------------------------------------------------


def test_a_webhook_is_updated(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url, ping=True, transcriptionCompletion=True)
    body = {"displayName": "new", "description": "d", "customProperties": {"a": "1", "b": "2"}, "id": "x"}
    local.speech("PATCH", path(made), json=body)
    merge = {"headers": {"Content-Type": "application/merge-patch+json"}}
    changes = {"customProperties": {"a": None}, "events": {"transcriptionCreation": True}}
    after = local.speech("PATCH", path(made), content=json.dumps(changes), **merge).json()
    changed = {"displayName": "new", "description": "d", "customProperties": {"b": "2"}}
    events = {"ping": True, "transcriptionCompletion": True, "transcriptionCreation": True}
    assert after == made | changed | {"events": events}
    replaced = local.speech("PATCH", path(made), json={"events": {"ping": True}}).json()
    assert replaced["events"] == {"ping": True}
    wait_until(lambda: idle(local))
    assert len(receiver.challenges()) == 1, "the same URL is not challenged again"
    refused = local.speech("PATCH", path(made), content="a=b", headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        pytest.param({"displayName": "n"}, None, id="no-properties"),
        pytest.param({"properties": {}}, None, id="no-secret"),
        pytest.param({"properties": {"secret": ""}}, None, id="an-empty-secret"),
        pytest.param({"properties": {"secret": "näw"}}, "näw", id="another-secret"),
    ],
)
def test_an_update_without_a_secret_ends_signing(
    local: Inside, receiver: Receiver, body: dict[str, Any], secret: str | None
) -> None:
    made = register(local, receiver.url)
    local.speech("PATCH", path(made), json=body)
    local.speech("POST", f"{path(made)}:ping")
    wait_until(receiver.events)
    call = receiver.calls[-1]
    assert call.signature == (signed(call.body, secret) if secret else None)


def test_a_new_url_is_challenged_and_gets_what_waited(local: Inside, receiver: Receiver) -> None:
    made = register(local, receiver.url, transcriptionCompletion=True)
    local.service.webhooks.first_delay_s = 60.0
    receiver.statuses = [500]
    local.transcribe(local.publish())
    wait_until(receiver.events)
    with listening() as other:
        answer = local.speech("PATCH", path(made), json={"webUrl": other.url})
        assert (answer.json()["status"], answer.json()["webUrl"]) == ("NotStarted", other.url)
        wait_until(other.events)
        assert [c.event for c in other.calls] == ["Challenge", "TranscriptionCompletion"]
        assert other.calls[-1].body == receiver.calls[-1].body
    assert len(receiver.calls) == 2


# --- restarts and the allow-list ----------------------------------------------------------------------------


def test_call_backs_and_challenges_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    with listening() as slow:
        with inside(tmp_path, tmp_path / "state") as first:
            register(first, receiver.url)
            first.service.webhooks.first_delay_s = 60.0
            receiver.statuses = [500]
            job, _ = first.transcribe(first.publish())
            wait_until(receiver.events)
            slow.go.clear()
            unanswered = first.speech("POST", "/webhooks", json=registration(slow.url)).json()
        assert len(receiver.calls) == 2
        receiver.calls.clear()
        slow.go.set()
        with inside(tmp_path, tmp_path / "state") as second:
            wait_until(lambda: len(receiver.events()) == 3)
            assert receiver.events() == [f"Transcription{what}" for what in LIFE[:3]]
            assert receiver.challenges() == [], "it answered before"
            assert {call.json["self"] for call in receiver.calls} == {job["self"]}
            assert challenged(second, unanswered)["status"] == "Succeeded"


def test_a_job_that_goes_on_after_a_restart_is_not_announced_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    with inside(tmp_path, tmp_path / "state") as first:
        register(first, receiver.url)
        first.ears.go.clear()
        job = first.submit(first.publish())
        wait_until(lambda: len(receiver.events()) == 2)
    with inside(tmp_path, tmp_path / "state") as second:
        assert wait_for_job(second, job)["status"] == "Succeeded"
        wait_until(lambda: idle(second))
    assert receiver.events() == [f"Transcription{what}" for what in LIFE[:3]]


def test_a_host_that_was_taken_from_the_list_is_not_called(local: Inside) -> None:
    values = {"display_name": "old", "web_url": "http://hooks.example/", "events": JOBS}
    old = local.service.webhooks.store.add(NEW, "http://127.0.0.1:5000/speechtotext", values)
    assert local.client.portal is not None
    local.client.portal.call(local.service.webhooks.wake, old.id)
    wait_until(lambda: local.speech("GET", f"/webhooks/{old.id}").json()["status"] == "Failed")
    error = local.speech("GET", f"/webhooks/{old.id}").json()["properties"]["error"]
    assert "no longer on the allow-list" in error["message"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        pytest.param("http://127.0.0.1:9/x", True, id="this-machine"),
        pytest.param("http://localhost/x", True, id="by-name"),
        pytest.param("http://[::1]:9/x", True, id="by-ipv6"),
        pytest.param("https://hooks.example/x", True, id="on-the-list"),
        pytest.param("https://ports.example:8443/x", True, id="on-the-list-with-its-port"),
        pytest.param("https://ports.example/x", False, id="another-port"),
        pytest.param("https://hooks.example.evil.example/x", False, id="another-host"),
        pytest.param("http://127.0.0.1.evil.example/x", False, id="a-name-that-begins-so"),
        pytest.param("http://127.0.0.1@evil.example/x", False, id="a-user-name"),
        pytest.param("http://0.0.0.0/x", False, id="any-address"),
    ],
)
def test_who_may_be_called(tmp_path: Path, url: str, allowed: bool) -> None:
    with inside(None, tmp_path, allowed=["hooks.example", "ports.example:8443"]) as local:
        assert local.service.webhooks.allows(url) is allowed


# --- for real -----------------------------------------------------------------------------------------------


def test_a_real_job_is_heard_of(service: Running, api: httpx.Client, greeting: Path) -> None:
    got: list[Notification] = []
    with receive(0, SECRET, got.append) as receiver:
        made = api.post("/webhooks", json=registration(receiver.url, transcriptionCompletion=True)).json()
        wait_until(lambda: api.get(path(made)).json()["status"] == "Succeeded")
        url = service.publish(greeting)
        submitted = api.post("/transcriptions:submit", json=submission(url)).json()
        wait_until(lambda: got)
        # Who is called does not need to poll: the job has finished.
        assert api.get(f"/transcriptions/{got[0].entity_id}").json()["status"] == "Succeeded"
        assert got[0].url == wait_for_job(api, submitted)["self"]
        api.delete(path(made))
