"""Misbehaviour on demand: what a service in the cloud does on a bad day, for tests and for teaching."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from email.utils import formatdate
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from speechkit.local.envelope import RefusalError
from speechkit.local.fetch import FetchError

HEADER: Final = "x-speechkit-misbehave"
VARIABLE: Final = "SPEECHKIT_MISBEHAVE"  # such as throttle:3,drop:1

Kind = Literal[
    "throttle",  # 429 with Retry-After
    "unavailable",  # 503
    "slow",  # the request takes effect, and the answer comes late
    "drop",  # the connection closes, and nothing was done
    "lost",  # the request takes effect, then the connection closes in the middle of the answer
    "die",  # the request takes effect, then the service is killed
    "stuck",  # the next job runs for ever, until misbehaviour is cleared or the service restarts
    "fail",  # the next recording of a job fails
    "expired",  # the next signed URL has expired when it is handed out
    "pages",  # the next list comes in small pages
]
_REQUESTS: Final[tuple[Kind, ...]] = ("throttle", "unavailable", "drop", "lost", "die", "slow")
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Order(msgspec.Struct, rename="camel"):
    """What to do wrong: `times` often after it was spared `after` times, where the path begins with `path`.

    `retry_after_seconds` and its unit belong to throttle, `seconds` to slow, `size` to pages and `error_kind`
    to fail, whose path is that of the recording.
    """

    kind: Kind
    times: _Count = 1
    after: _Count = 0
    path: str = ""
    retry_after_seconds: _Seconds = 1
    retry_after_unit: Literal["s", "ms", "date"] = "s"
    seconds: _Seconds = 2
    size: Annotated[int, msgspec.Meta(ge=1)] = 2
    error_kind: str = "Transient"

    def retry_after(self) -> tuple[str, str]:
        """The header that says when to come again.

        >>> Order("throttle", retry_after_seconds=0.25, retry_after_unit="ms").retry_after()
        ('retry-after-ms', '250')
        """
        if self.retry_after_unit == "ms":
            return "retry-after-ms", f"{self.retry_after_seconds * 1000:.0f}"
        if self.retry_after_unit == "date":
            return "Retry-After", formatdate(time.time() + self.retry_after_seconds, usegmt=True)
        return "Retry-After", f"{self.retry_after_seconds:g}"


class Misbehaviour:
    """What is still to be done wrong.

    >>> bad = Misbehaviour()
    >>> bad.order({"kind": "throttle", "times": 1, "after": 1})
    >>> [bad.take("throttle", "/") is not None for _ in range(3)]
    [False, True, False]
    """

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self.released = asyncio.Event()  # set when stuck jobs may go on
        for part in os.environ.get(VARIABLE, "").split(","):
            kind, _, times = part.strip().partition(":")
            if kind in Kind.__args__ and (times or "1").isdigit():  # type: ignore[attr-defined]
                self.order({"kind": kind, "times": int(times or 1)})

    def order(self, body: dict[str, Any]) -> None:
        """Take an order, beside those that are pending: the fields of `Order` in camelCase."""
        try:
            self._orders.append(msgspec.convert(body, Order))
        except msgspec.ValidationError as error:
            raise RefusalError(
                "InvalidArgument", f"This cannot be ordered: {error}.", inner="InvalidParameterValue"
            ) from None

    def clear(self) -> None:
        """Behave again, and let stuck jobs go on."""
        self._orders.clear()
        self.released.set()
        self.released = asyncio.Event()

    def pending(self) -> dict[str, int]:
        """How often each kind is still to come."""
        kinds = dict.fromkeys(order.kind for order in self._orders)
        return {kind: sum(o.times for o in self._orders if o.kind == kind) for kind in kinds}

    def take(self, kind: Kind, path: str) -> Order | None:
        """The order that is due now, once less, or None."""
        found = next((o for o in self._orders if o.kind == kind and path.startswith(o.path)), None)
        if found is None:
            return None
        if found.after:
            found.after -= 1
            return None
        found.times -= 1
        if found.times <= 0:
            self._orders.remove(found)
        return found if found.times >= 0 else None

    def of_request(self, path: str, asked: str | None) -> Order | None:
        """What a request is to meet; `asked` is the value of its header."""
        named = next((Order(kind) for kind in _REQUESTS if kind == asked), None)
        return named or next((order for kind in _REQUESTS if (order := self.take(kind, path))), None)

    def fail(self, path: str) -> None:
        """Raise what the fetching of a recording is to meet."""
        order = self.take("fail", path)
        if order:
            raise FetchError(order.error_kind, "The recording could not be processed: ordered misbehaviour.")


async def meet(order: Order, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request as badly as ordered."""
    if order.kind in ("throttle", "unavailable"):
        await _refusal(order)(scope, receive, send)
        return
    if order.kind == "slow":
        await app(scope, receive, _late(send, order.seconds))
        return
    if order.kind in ("lost", "die"):
        await app(scope, receive, _unsent)
    if order.kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    # An answer is promised and broken off in the middle: the server closes the connection.
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"values": [', "more_body": True})


async def meet_socket(order: Order | None, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a websocket as badly as ordered; `app` may be a response, which refuses it.

    `drop` and `die` come after `seconds` of sound, and `lost` after the first phrase: the app finds the order, and what
    carries it out, in its scope.
    """
    if order and order.kind in ("throttle", "unavailable"):
        app = _refusal(order)
    elif order and order.kind == "slow":
        await asyncio.sleep(order.seconds)
    elif order:
        scope["speechkit.order"] = order, functools.partial(_break, order, receive)
    if isinstance(app, Response):
        socket = WebSocket(scope, receive, send)
        await socket.receive()
        await socket.send_denial_response(app)
        return
    await app(scope, receive, send)


def _break(order: Order, receive: Receive) -> None:
    """End a connection as a broken line does: without a word."""
    if order.kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    receive.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's protocol


def _late(send: Send, seconds: float) -> Send:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return late


async def _unsent(message: Message) -> None:
    """Drop a part of an answer."""


def _refusal(order: Order) -> Response:
    if order.kind == "unavailable":
        return RefusalError("ServiceUnavailable", "The service is not available for the moment.").response()
    response = RefusalError("TooManyRequests", "Too many requests; wait before the next one.").response()
    name, value = order.retry_after()
    response.headers[name] = value
    return response
