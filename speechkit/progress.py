"""How long work tells how far it is: one small record handed to a callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """One report of progress.

    `step` names the work ("upload", "transcribe", "summarize"), `done` of `total` in the unit that `note` or
    the step implies (files, seconds of audio), and `eta_s` the seconds that are left, where they can be told.
    `facts` are more of what a person asks for, by name, for a display that has room.

    >>> Progress("transcribe", 3, 12).share
    0.25
    """

    step: str
    done: float
    total: float
    note: str = ""
    eta_s: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


ProgressCallback = Callable[[Progress], None]
