"""Webhooks of the client: signatures, notifications, the receiver, and all of it against a local service."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechkit import errors
from speechkit.client.batch import Batch
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import LocalStorage
from speechkit.client.webhooks import (
    EVENT_HEADER,
    MAX_BODY_BYTES,
    REMEMBERED,
    SIGNATURE_HEADER,
    Inbox,
    Notification,
    Webhooks,
    read_notification,
    receive,
    sign,
    verify,
)
from tests.local.service_fixture import KEY, Running, start, wait_until

SECRET = "a-secret"
JOB = "https://westus.api.cognitive.microsoft.com/speechtotext/transcriptions/788a1f24?api-version=2025-10-15"


def body_of(invocation: str | None = "i-1", url: str = JOB) -> bytes:
    return json.dumps({"self": url} | ({"invocationId": invocation} if invocation else {})).encode()


def headers(event: str = "TranscriptionCompletion", signature: str | None = None) -> dict[str, str]:
    return {EVENT_HEADER: event} | ({SIGNATURE_HEADER: signature} if signature is not None else {})


# --- signatures and notifications ---------------------------------------------------------------------------


def test_a_signature_is_that_of_rfc_4231() -> None:
    digest = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")  # test case 2
    text = "what do ya want for nothing?"
    assert sign("Jefe", text) == sign("Jefe", text.encode()) == base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    ("signature", "payload", "good"),
    [
        pytest.param(sign(SECRET, b"{}"), b"{}", True, id="right"),
        pytest.param(f" {sign(SECRET, b'{}')} ", b"{}", True, id="blanks-around-it"),
        pytest.param(sign(SECRET, b"{}"), b"{} ", False, id="another-payload"),
        pytest.param(sign("other", b"{}"), b"{}", False, id="another-secret"),
        pytest.param(sign(SECRET, b"{}")[:-1], b"{}", False, id="cut-off"),
        pytest.param("", b"{}", False, id="empty"),
        pytest.param(None, b"{}", False, id="none"),
        pytest.param("ü", b"{}", False, id="not-ascii"),
    ],
)
def test_verify(signature: str | None, payload: bytes, good: bool) -> None:
    assert verify(signature, SECRET, payload) is good


@pytest.mark.parametrize(
    "event", ["TranscriptionCompletion", "transcriptionCompletion", " TRANSCRIPTIONCOMPLETION"]
)
def test_the_case_of_an_event_does_not_matter(event: str) -> None:
    found = read_notification(event, body_of())
    assert (found.event, found.invocation_id) == ("transcriptioncompletion", "i-1")
    assert (found.url, found.entity_id) == (JOB, "788a1f24")


@given(st.one_of(st.binary(), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps)))
def test_any_body_is_read_or_refused(body: bytes | str) -> None:
    with pytest.raises(errors.ServiceError, match="not of the Speech service"):
        read_notification("x", body.encode() if isinstance(body, str) else body)


# --- the inbox ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "given", "body", "status", "handled"),
    [
        pytest.param("/", headers(signature=sign(SECRET, body_of())), body_of(), 200, 1, id="signed"),
        pytest.param(
            "/",
            {n.lower(): v for n, v in headers(signature=sign(SECRET, body_of())).items()},
            body_of(),
            200,
            1,
            id="headers-in-lower-case",
        ),
        pytest.param("/", headers(signature=sign("x", body_of())), body_of(), 401, 0, id="wrong-secret"),
        pytest.param("/", headers(), body_of(), 401, 0, id="unsigned"),
        pytest.param("/", {}, body_of(), 400, 0, id="no-event"),
        pytest.param("/", headers(signature=sign(SECRET, b"[]")), b"[]", 400, 0, id="no-notification"),
        pytest.param("/", headers("Ping", sign(SECRET, body_of(None))), body_of(None), 200, 1, id="ping"),
        pytest.param(
            "/?validationToken=t", headers("Challenge", sign(SECRET, b"t")), b"{}", 200, 0, id="challenge"
        ),
        pytest.param(
            "/?validationToken=t", headers("CHALLENGE", sign(SECRET, b"t")), b"", 200, 0, id="its-case"
        ),
        pytest.param(
            "/?validationToken=t", headers("Challenge", sign(SECRET, b"{}")), b"{}", 401, 0, id="body-signed"
        ),
        pytest.param("/?validationToken=t", headers("Challenge"), b"", 401, 0, id="challenge-unsigned"),
        pytest.param("/", headers("Challenge", sign(SECRET, b"")), b"", 400, 0, id="challenge-without-token"),
        pytest.param(
            "/?validationToken=t",
            headers(signature=sign(SECRET, body_of())),
            body_of(),
            200,
            1,
            id="no-challenge",
        ),
    ],
)
def test_a_call_is_answered(
    target: str, given: dict[str, str], body: bytes, status: int, handled: int
) -> None:
    got: list[Notification] = []
    answered, text = Inbox(SECRET, got.append).answer(target, given, body)
    assert (answered, len(got)) == (status, handled)
    assert (text == "t") == (status == 200 and not handled)
    assert SECRET not in text


def test_without_a_secret_nothing_is_checked() -> None:
    got: list[Notification] = []
    assert Inbox(None, got.append).answer("/", headers(), body_of())[0] == 200
    assert len(got) == 1


def test_a_notification_that_comes_twice_is_handled_once() -> None:
    got: list[Notification] = []
    inbox = Inbox(None, got.append)
    for invocation in ("a", "b", "a", "a", "b", None, None):
        assert inbox.answer("/", headers(), body_of(invocation))[0] == 200
    assert [n.invocation_id for n in got] == ["a", "b", None, None]


def test_what_is_remembered_is_bounded() -> None:
    inbox = Inbox(None, lambda notification: None)
    for number in range(REMEMBERED + 5):
        inbox.answer("/", headers(), body_of(str(number)))
    assert len(inbox._seen) == REMEMBERED


def test_a_notification_whose_handler_failed_is_taken_again(caplog: pytest.LogCaptureFixture) -> None:
    times = 0

    def handler(notification: Notification) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError("no space")

    inbox = Inbox(None, handler)
    assert [inbox.answer("/", headers(), body_of())[0] for _ in range(3)] == [500, 200, 200]
    assert times == 2
    assert "no space" in caplog.text


def test_one_that_comes_twice_at_the_same_time_is_handled_once() -> None:
    entered, go, got = threading.Event(), threading.Event(), []

    def handler(notification: Notification) -> None:
        got.append(notification)
        entered.set()
        go.wait(10)

    inbox = Inbox(None, handler)
    first = threading.Thread(target=inbox.answer, args=("/", headers(), body_of()))
    first.start()
    entered.wait(10)
    assert inbox.answer("/", headers(), body_of()) == (200, "Known already.")
    go.set()
    first.join()
    assert len(got) == 1


# --- the receiver -------------------------------------------------------------------------------------------


def post(url: str, body: bytes, given: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, body, given, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_receiver_answers_over_http() -> None:
    got: list[Notification] = []
    with receive(0, SECRET, got.append) as receiver:
        challenge = f"{receiver.url}?validationToken=abc%20d"
        assert post(challenge, b"", headers("Challenge", sign(SECRET, "abc d"))) == (200, "abc d")
        assert post(receiver.url, body_of(), headers(signature=sign(SECRET, body_of()))) == (200, "")
        assert post(receiver.url, body_of("2"), headers(signature="x"))[0] == 401
    assert [n.entity_id for n in got] == ["788a1f24"]
    with pytest.raises(urllib.error.URLError):
        post(receiver.url, b"", {})


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param({"Content-Length": str(MAX_BODY_BYTES + 1)}, 413, id="too-long"),
        pytest.param({"Content-Length": "9" * 5000}, 413, id="absurdly-long"),
        pytest.param({"Content-Length": "-1"}, 411, id="negative"),
        pytest.param({"Content-Length": "ten"}, 411, id="no-number"),
        pytest.param({"Transfer-Encoding": "chunked"}, 411, id="in-chunks"),
        pytest.param({}, 400, id="nothing"),
    ],
)
def test_a_stranger_is_turned_away(given: dict[str, str], status: int) -> None:
    with receive(0, SECRET, print) as receiver:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
        connection.putrequest("POST", "/")
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()
        other = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
        other.request("GET", "/")
        assert other.getresponse().status == 501
        other.close()


def test_a_caller_that_hangs_up_stops_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with receive(0, None, print) as receiver:
        for sent in (b"", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"):
            with socket.create_connection(("127.0.0.1", receiver.port)) as stranger:
                stranger.sendall(sent)
        assert post(f"{receiver.url}?validationToken=t", b"", headers("Challenge")) == (200, "t")
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken() -> None:
    with receive(0, None, print) as receiver:
        with pytest.raises(errors.ServiceError, match=f"port {receiver.port} of 127.0.0.1"):
            receive(receiver.port, None, print)
        with pytest.raises(errors.ServiceError, match="port 70000"):
            receive(70_000, None, print)


# --- against the local service ------------------------------------------------------------------------------


@pytest.fixture
def client(odd: Running) -> Iterator[SpeechClient]:
    with SpeechClient(odd.endpoint, key=KEY) as client:
        yield client
        webhooks = Webhooks(client)
        for webhook in list(webhooks.all()):
            webhooks.delete(webhook)


def test_the_end_of_a_run_is_heard(client: SpeechClient, recording: Callable[..., Path]) -> None:
    got: list[Notification] = []
    webhooks = Webhooks(client)
    with receive(0, SECRET, got.append) as receiver:
        made = webhooks.register(receiver.url, secret=SECRET, name="runs")
        assert (made["status"], made["displayName"]) == ("Succeeded", "runs")
        recording(Path("a.wav"))
        run = Batch(client, LocalStorage(client)).submit("a.wav")
        wait_until(lambda: got)
        assert client.get(got[0].url)["status"] == "Succeeded"
        assert run.collect().transcripts.phrases["display"].tolist() == ["Hello."]
        webhooks.ping(made)
        webhooks.test(made)
        wait_until(lambda: len(got) == 3)
    assert [n.event for n in got] == ["transcriptioncompletion", "ping", "transcriptioncompletion"]
    assert got[1].body["displayName"] == "runs"
    assert (got[2].url, got[2].invocation_id == got[0].invocation_id) == (got[0].url, False)
    assert [w["self"] for w in webhooks.all()] == [made["self"]]
    webhooks.delete(made)
    webhooks.delete(made)
    assert list(webhooks.all()) == []


def test_a_handler_that_fails_is_called_again(client: SpeechClient) -> None:
    got: list[Notification] = []
    statuses: list[Any] = []

    def handler(notification: Notification) -> None:
        got.append(notification)
        if len(got) == 1:
            raise RuntimeError("not yet")
        statuses.append(notification.event)

    webhooks = Webhooks(client)
    with receive(0, SECRET, handler) as receiver:
        made = webhooks.register(receiver.url, events=["ping"], secret=SECRET)
        webhooks.ping(made)
        wait_until(lambda: statuses)
    assert got[0].body == got[1].body


def test_another_secret_fails_the_challenge_and_leaves_nothing(client: SpeechClient) -> None:
    webhooks = Webhooks(client)
    with (
        receive(0, SECRET, print) as receiver,
        pytest.raises(errors.ServiceError, match=r"'speechkit' is not active: .*answered 401"),
    ):
        webhooks.register(receiver.url, secret="another one")
    assert list(webhooks.all()) == []


def test_a_webhook_moves(client: SpeechClient) -> None:
    old: list[Notification] = []
    new: list[Notification] = []
    webhooks = Webhooks(client)
    with receive(0, SECRET, old.append) as first, receive(0, "new", new.append) as second:
        made = webhooks.register(first.url, secret=SECRET)
        assert webhooks.update(made, secret="new", webUrl=second.url)["status"] == "NotStarted"
        assert webhooks.wait(made)["webUrl"] == second.url
        webhooks.ping(made)
        wait_until(lambda: new)
    assert old == []


@pytest.mark.parametrize(
    ("url", "events", "said"),
    [
        pytest.param("https://elsewhere.example/", ["ping"], "--allow elsewhere.example", id="not-allowed"),
        pytest.param("http://127.0.0.1:9/", ["jobCompletion"], "no event jobCompletion", id="unknown-event"),
    ],
)
def test_what_the_service_refuses(client: SpeechClient, url: str, events: list[str], said: str) -> None:
    with pytest.raises(errors.InvalidRequestError, match=said):
        Webhooks(client).register(url, events=events)


def test_what_was_not_delivered_is_after_a_crash(tmp_path: Path, recording: Callable[..., Path]) -> None:
    down = threading.Event()
    down.set()
    got: list[Notification] = []

    def handler(notification: Notification) -> None:
        if down.is_set():
            raise RuntimeError("the receiver is down")
        got.append(notification)

    service = start(tmp_path / "home", "--engine", "odd_engine:Engine")
    try:
        with receive(0, SECRET, handler) as receiver:
            with SpeechClient(service.endpoint, key=KEY) as client:
                made = Webhooks(client).register(receiver.url, secret=SECRET)
                recording(Path("a.wav"))
                Batch(client, LocalStorage(client)).submit("a.wav").watch()
                service.kill()
            down.clear()
            service = start(tmp_path / "home", "--engine", "odd_engine:Engine")
            wait_until(lambda: got)
            with SpeechClient(service.endpoint, key=KEY) as client:
                assert got[0].url.startswith(service.endpoint), "where the service is now"
                assert client.get(got[0].url)["status"] == "Succeeded"
                assert Webhooks(client).get(made)["status"] == "Succeeded"
    finally:
        service.end()
