"""Misbehaviour on demand: what a service in the cloud does on a bad day, for tests and for teaching."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from speechkit.local.envelope import RefusalError

KINDS: Final = {
    "throttle": "429 with Retry-After",
    "unavailable": "503",
    "drop": "the connection closes in the middle of the answer",
    "stuck": "the next job runs for ever, until misbehaviour is cleared or the service restarts",
    "expired": "the next signed URL has expired when it is handed out",
}
HEADER: Final = "x-speechkit-misbehave"
VARIABLE: Final = "SPEECHKIT_MISBEHAVE"  # such as throttle:3,drop:1


@dataclass
class _Order:
    times: int
    path: str
    retry_after_s: int


class Misbehaviour:
    """What to do wrong, and how often.

    >>> bad = Misbehaviour()
    >>> bad.order({"kind": "throttle", "times": 1})
    >>> bad.take("throttle", "/"), bad.take("throttle", "/")
    (1, None)
    """

    def __init__(self) -> None:
        self._orders: dict[str, _Order] = {}
        self.released = asyncio.Event()  # set when stuck jobs may go on
        for part in os.environ.get(VARIABLE, "").split(","):
            kind, _, times = part.strip().partition(":")
            if kind in KINDS and (times or "1").isdigit():
                self._orders[kind] = _Order(int(times or 1), "", 1)

    def order(self, body: dict[str, Any]) -> None:
        """Take an order {"kind", "times", "path", "retryAfterSeconds"}; `path` is how the path begins."""
        kind, times = body.get("kind"), body.get("times", 1)
        path, retry_after_s = body.get("path", ""), body.get("retryAfterSeconds", 1)
        numbers = all(isinstance(n, int) and n >= 0 for n in (times, retry_after_s))
        if kind not in KINDS or not numbers or not isinstance(path, str):
            raise RefusalError(
                "InvalidArgument",
                f"kind must be one of {', '.join(KINDS)}, times and retryAfterSeconds whole numbers, path a "
                f"text.",
                inner="InvalidParameterValue",
            )
        self._orders[kind] = _Order(times, path, retry_after_s)

    def clear(self) -> None:
        """Behave again, and let stuck jobs go on."""
        self._orders.clear()
        self.released.set()
        self.released = asyncio.Event()

    def pending(self) -> dict[str, int]:
        """What is still to be done wrong."""
        return {kind: order.times for kind, order in self._orders.items() if order.times}

    def take(self, kind: str, path: str) -> int | None:
        """Whether it is time for this one now: the seconds of its Retry-After, or None."""
        order = self._orders.get(kind)
        if order is None or order.times == 0 or not path.startswith(order.path):
            return None
        order.times -= 1
        return order.retry_after_s

    def check(self, path: str, asked: str | None) -> str | None:
        """Raise what a request is to meet, or answer "drop"; `asked` is the value of its header."""
        for kind in ("throttle", "unavailable", "drop"):
            after_s = 1 if asked == kind else self.take(kind, path)
            if after_s is None:
                continue
            if kind == "throttle":
                raise RefusalError(
                    "TooManyRequests", "Too many requests; wait before the next one.", retry_after_s=after_s
                )
            if kind == "unavailable":
                raise RefusalError("ServiceUnavailable", "The service is not available for the moment.")
            return "drop"
        return None


async def drop(scope: Scope, receive: Receive, send: Send) -> None:
    """Promise an answer and break off in the middle: the server closes the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"values": [', "more_body": True})
