"""A bad day, drawn from a seed: what goes wrong in each life of the client, and with which recordings."""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUBMIT, JOBS = "/speechtotext/transcriptions:submit", "/speechtotext/transcriptions"
PATHS = ("", SUBMIT, SUBMIT, JOBS, "/recordings/", "/results/")
# Where a client may die, and how many lines of it an undisturbed run of 20 recordings executes there.
PLACES = {
    "client/plan.py": 800,
    "client/ledger.py": 7500,
    "client/storage.py": 350,
    "client/sending.py": 300,
    "client/rest.py": 1500,
    "client/run.py": 240,
    "client/collecting.py": 950,
    "transcripts/corpus.py": 350,
    "transcripts/shards.py": 250,
}


@dataclass(frozen=True)
class Life:
    """One process of the client, or two: what they and the service meet, and what ends them."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    dies_at: tuple[str, int] | None = None  # a file of the package, and how many of its lines are executed
    twin: bool = False  # another process works on the run at the same time
    disk_bytes: int | None = None  # no file of the client may grow beyond
    service_dies_at_s: float | None = None
    service_disk_bytes: int | None = None


@dataclass(frozen=True)
class Schedule:
    """Recordings by name with their size in bytes, the broken ones of None, and the lives of the client."""

    seed: int
    job_size: int
    recordings: dict[str, int | None]
    lives: list[Life]

    @property
    def good(self) -> dict[str, int]:
        """The recordings that can be transcribed."""
        return {name: size for name, size in self.recordings.items() if size}


def draw(seed: int) -> Schedule:
    """Draw a schedule; the same seed always gives the same one."""
    rng = random.Random(seed)
    count = rng.randint(12, 36)
    recordings: dict[str, int | None] = {f"call{n:02}.wav": 844 + 2 * n for n in range(count)}
    recordings |= {f"broken{n}.wav": None for n in range(rng.randint(0, 2))}
    lives = [_life(rng) for _ in range(rng.randint(3, 6))]
    return Schedule(seed, rng.choice([3, 5, 9, 1000]), recordings, lives)


def _life(rng: random.Random) -> Life:
    def maybe(share: float, value: Any) -> Any:
        return value if rng.random() < share else None

    place = rng.choice(list(PLACES))
    return Life(
        orders=[_order(rng) for _ in range(rng.randint(2, 7))],
        dies_at=maybe(0.85, (place, rng.randint(1, PLACES[place]))),
        twin=rng.random() < 0.2,
        disk_bytes=maybe(0.15, rng.choice([2_000, 6_000, 20_000, 60_000])),
        service_dies_at_s=maybe(0.3, rng.uniform(0.05, 1.0)),
        service_disk_bytes=maybe(0.1, rng.choice([70_000, 150_000, 400_000])),
    )


def _order(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(
        ["throttle", "unavailable", "slow", "drop", "lost", "die", "stuck", "fail", "expired", "pages"]
    )
    order: dict[str, Any] = {"kind": kind, "after": rng.choice([0, 0, rng.randint(1, 20)])}
    if kind in ("throttle", "unavailable", "slow", "drop", "lost", "die"):
        order |= {"path": rng.choice(PATHS), "times": rng.choice([1, 2, 12])}
    if kind == "throttle":
        order |= {"retryAfterUnit": rng.choice(["s", "ms", "date"]), "retryAfterSeconds": rng.uniform(0, 1)}
    elif kind == "slow":
        order["seconds"] = rng.uniform(0.05, 0.3)
    elif kind in ("die", "stuck"):
        order["times"] = 1
    elif kind == "fail":
        kinds = ["Transient", "Timeout", "Internal", "InvalidUri"]  # those that a retry may heal
        order |= {"times": rng.randint(1, 4), "errorKind": rng.choice(kinds)}
    elif kind == "expired":
        order |= {"times": rng.randint(1, 5), "path": rng.choice(["/recordings/", JOBS])}
    elif kind == "pages":
        order |= {"times": 20, "size": rng.randint(1, 3), "path": JOBS}
    return order


def record(schedule: Schedule, folder: Path) -> None:
    """Write the recordings: a few milliseconds of noise each, of a size of its own, which the stub "hears"."""
    folder.mkdir(parents=True)
    for name, size in schedule.recordings.items():
        if size is None:
            (folder / name).write_bytes(b"this is no recording")
            continue
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(random.Random(size).randbytes(size - 44))
