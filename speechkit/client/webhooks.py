"""Webhooks: be called when a job is done instead of asking, and be sure of who calls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from speechkit.client.rest import SpeechClient
from speechkit.errors import ServiceError

EVENT_HEADER: Final = "X-MicrosoftSpeechServices-Event"
SIGNATURE_HEADER: Final = "X-MicrosoftSpeechServices-Signature"

REMEMBERED: Final = 10_000  # invocation ids that a receiver knows again
MAX_BODY_BYTES: Final = 1 << 20  # a notification has some hundred; a stranger may send anything
READ_S: Final = 10.0  # a caller that stops in the middle of its request is not waited for
POLL_S: Final = 0.2

log = logging.getLogger("speechkit")


@dataclass(frozen=True)
class Notification:
    """What a webhook was called with.

    `event` is in lower case (`transcriptioncompletion`, `ping`), `url` that of the entity, `invocation_id`
    None for a ping, and `body` everything.
    """

    event: str
    url: str
    invocation_id: str | None
    body: dict[str, Any] = field(repr=False)

    @property
    def entity_id(self) -> str:
        """The id of the entity, such as a job: the last part of its URL."""
        return urlsplit(self.url).path.rstrip("/").rpartition("/")[2]


Handler = Callable[[Notification], object]


def sign(secret: str, payload: bytes | str) -> str:
    """Sign a payload as the service does: base64 of its HMAC-SHA256.

    >>> sign("secret", "{}")
    'dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM='
    """
    data = payload.encode() if isinstance(payload, str) else payload
    return base64.b64encode(hmac.new(secret.encode(), data, hashlib.sha256).digest()).decode()


def verify(signature: str | None, secret: str, payload: bytes | str) -> bool:
    """Tell, in constant time, whether a signature is that of the payload: the body as it came, or the token
    of a challenge.

    >>> verify(sign("secret", "{}"), "secret", "{}"), verify(None, "secret", "{}")
    (True, False)
    """
    return hmac.compare_digest((signature or "").strip().encode(), sign(secret, payload).encode())


def read_notification(event: str, body: bytes) -> Notification:
    """Read the body of a call; raises ServiceError where it is none.

    >>> read_notification("TranscriptionCompletion", b'{"self": "https://h/x/7?v=1", "invocationId": "i"}')
    Notification(event='transcriptioncompletion', url='https://h/x/7?v=1', invocation_id='i')
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("self"), str):
        raise ServiceError(
            f"the body of the event {event!r} names no entity: it is not of the Speech service."
        )
    invocation = found.get("invocationId")
    return Notification(
        event.strip().lower(), found["self"], None if invocation is None else str(invocation), found
    )


class Inbox:
    """Answers the calls of a webhook: the challenge, and every notification once.

    With a `secret`, what is not signed with it is refused. `handler(notification)` is called in the thread of
    the call and should be quick, for the service waits for the answer; when it raises, the answer is 500, and
    the service sends the notification again.

    >>> inbox = Inbox(None, print)
    >>> inbox.answer("/?validationToken=abc", {EVENT_HEADER: "Challenge"}, b"")
    (200, 'abc')
    """

    def __init__(self, secret: str | None, handler: Handler) -> None:
        self._secret = secret
        self._handler = handler
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Answer a POST to `target` (path and query): the HTTP status and the text of the answer."""
        given = {name.lower(): value for name, value in headers.items()}
        event = given.get(EVENT_HEADER.lower(), "").strip()
        if not event:
            return 400, f"The header {EVENT_HEADER} is missing."
        tokens = parse_qs(urlsplit(target).query).get("validationToken", [])
        challenged = event.lower() == "challenge"
        if challenged and len(tokens) != 1:
            return 400, "A challenge has one validationToken."
        payload = tokens[0].encode() if challenged else body
        if self._secret and not verify(given.get(SIGNATURE_HEADER.lower()), self._secret, payload):
            return 401, "The signature is not that of the payload and the secret of this receiver."
        if challenged:
            return 200, tokens[0]
        try:
            notification = read_notification(event, body)
        except ServiceError as error:
            return 400, str(error)
        return self._hand_over(notification)

    def _hand_over(self, notification: Notification) -> tuple[int, str]:
        invocation = notification.invocation_id
        if invocation is not None:
            with self._lock:
                if invocation in self._seen:
                    return 200, "Known already."
                self._seen[invocation] = None
                if len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
        try:
            self._handler(notification)
        except Exception:  # whatever it is, the service is to try again
            log.exception("the handler of %s failed", notification.event)
            if invocation is not None:
                with self._lock:
                    self._seen.pop(invocation, None)
            return 500, "The handler failed."
        return 200, ""


class Receiver:
    """A small server for the calls of a webhook, in a thread of its own until it is closed; see `receive`."""

    def __init__(self, inbox: Inbox, host: str, port: int) -> None:
        try:
            self._server = _Server((host, port), _handler_class(inbox))
        except (OSError, OverflowError) as error:
            raise ServiceError(
                f"port {port} of {host} cannot be listened on: {error}. Give another one; 0 takes a free one."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it can be called from this machine."""
        return f"http://{self._server.server_address[0]!s}:{self.port}/"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def receive(port: int, secret: str | None, handler: Handler, *, host: str = "127.0.0.1") -> Receiver:
    """Receive the calls of a webhook on a port of this machine (0: any free one) until the result is closed.

    It speaks plain HTTP: for the local service, or behind something that ends TLS, as Azure calls https only.
    Raises ServiceError when the port is taken.

    >>> with receive(0, "secret", print) as receiver:
    ...     receiver.url.startswith("http://127.0.0.1:")
    True
    """
    return Receiver(Inbox(secret, handler), host, port)


class Webhooks:
    """The webhooks of a Speech resource, or of the local service.

    A webhook is named by its entity, as `register` and `all` answer it. Links are made from its `self`: in
    the service's own examples those named `ping` and `test` have changed places.
    """

    def __init__(self, client: SpeechClient) -> None:
        self._client = client

    def register(
        self,
        url: str,
        *,
        events: Iterable[str] = ("transcriptionCompletion",),
        secret: str | None = None,
        name: str = "speechkit",
        timeout_s: float = 60.0,
    ) -> dict[str, Any]:
        """Register a receiver that listens already, and wait until it has answered the challenge.

        Answers the entity. Raises ServiceError with the service's reason when the challenge fails; the
        registration is then removed.
        """
        body: dict[str, Any] = {"displayName": name, "webUrl": url}
        body["events"] = dict.fromkeys(events, True)
        if secret:
            body["properties"] = {"secret": secret}
        webhook = self._client.post("webhooks", body)
        try:
            return self.wait(webhook, timeout_s=timeout_s)
        except ServiceError:
            self.delete(webhook)
            raise

    def wait(self, webhook: Mapping[str, Any], *, timeout_s: float = 60.0) -> dict[str, Any]:
        """Wait until a webhook has answered its challenge; raises ServiceError when it has not."""
        end = time.monotonic() + timeout_s
        while True:
            found = self.get(webhook)
            if found.get("status") == "Succeeded":
                return found
            name = found.get("displayName")
            if found.get("status") == "Failed":
                error = (found.get("properties") or {}).get("error") or {}
                reason = error.get("message", "the service gives no reason")
                raise ServiceError(f"the webhook {name!r} is not active: {reason}")
            if time.monotonic() >= end:
                raise ServiceError(
                    f"the webhook {name!r} was not challenged within {timeout_s:.0f} s. Check that its "
                    "receiver can be reached from the service."
                )
            self._client.sleep(POLL_S if self._client.is_local else 10 * POLL_S)

    def all(self) -> Iterator[dict[str, Any]]:
        """Yield every webhook."""
        return self._client.pages("webhooks")

    def get(self, webhook: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a webhook as it is now."""
        return self._client.get(_path(webhook))

    def update(self, webhook: Mapping[str, Any], *, secret: str | None, **changes: object) -> dict[str, Any]:
        """Change fields of the API such as `webUrl` or `events`, and enable a disabled webhook again.

        `secret` must be given each time, as the service stops signing where it is left out.
        """
        properties = {"properties": {"secret": secret}} if secret else {}
        return self._client.patch(_path(webhook), {**changes, **properties})

    def delete(self, webhook: Mapping[str, Any]) -> None:
        """Remove a webhook."""
        self._client.delete(_path(webhook))

    def ping(self, webhook: Mapping[str, Any]) -> None:
        """Have the receiver called with the event `ping`."""
        self._client.post(_path(webhook) + ":ping", {})

    def test(self, webhook: Mapping[str, Any]) -> None:
        """Have the receiver called for each of its events, with the last entity that had it, if any."""
        self._client.post(_path(webhook) + ":test", {})


def _path(webhook: Mapping[str, Any]) -> str:
    return f"webhooks/{urlsplit(str(webhook['self'])).path.rstrip('/').rpartition('/')[2]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hung up is nothing for the terminal of a notebook."""
        log.info("a call of a webhook broke off", exc_info=True)


def _handler_class(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Calls(BaseHTTPRequestHandler):
        """One connection of a caller."""

        timeout = READ_S
        server_version = "speechkit"
        sys_version = ""

        def do_POST(self) -> None:  # the name that the library calls
            length = self.headers.get("Content-Length", "0")
            if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
                self._say(411, "The length of the body must be given.")
            elif len(length) > 9 or int(length) > MAX_BODY_BYTES:
                self._say(413, "That is no notification.")
            else:
                body = self.rfile.read(int(length))
                self._say(*inbox.answer(self.path, dict(self.headers.items()), body))

        def _say(self, status: int, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal of a notebook; and a URL may carry a secret."""

    return Calls
