"""How many requests a resource takes: counted where `--quota` asks for it, and refused beyond that with 429."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from speechkit import limits
from speechkit.local.envelope import RefusalError


class Quota:
    """Counts the requests of the Speech API within sliding windows, fast transcriptions apart.

    >>> now = [0.0]
    >>> quota = Quota(lambda: now[0])
    >>> for _ in range(100):
    ...     quota.count("/speechtotext/transcriptions")
    >>> quota.count("/speechtotext/transcriptions")
    Traceback (most recent call last):
    speechkit.local.envelope.RefusalError: More than 100 requests came within 10 seconds.
    >>> now[0] = 10.0
    >>> quota.count("/speechtotext/transcriptions")
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: dict[bool, deque[float]] = {True: deque(), False: deque()}

    def count(self, path: str) -> None:
        """Take one more request, or raise RefusalError with the seconds until there is room again."""
        fast = path.endswith("/transcriptions:transcribe")
        most, within_s = limits.FAST_QUOTA if fast else limits.REST_QUOTA
        taken, now = self._taken[fast], self._clock()
        while taken and taken[0] <= now - within_s:
            taken.popleft()
        if len(taken) >= most:
            raise RefusalError(
                "TooManyRequests",
                f"More than {most} requests came within {within_s:.0f} seconds.",
                inner="QuotaViolation",
                retry_after_s=max(1, math.ceil(taken[0] + within_s - now)),
            )
        taken.append(now)
