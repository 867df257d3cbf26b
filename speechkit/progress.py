"""How long work tells how far it is: one small record handed to a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of progress.

    `step` names the work ("upload", "transcribe", "summarize"), `done` of `total` in the unit that `note` or
    the step implies (files, seconds of audio), and `eta_s` the seconds that are left, where they can be told.

    >>> Progress("transcribe", 3, 12).share
    0.25
    """

    step: str
    done: float
    total: float
    note: str = ""
    eta_s: float | None = None

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


ProgressCallback = Callable[[Progress], None]
