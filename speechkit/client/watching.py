"""How far the jobs of a run are: what they wait for, when they may end, and what is wrong with them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from speechkit import limits
from speechkit.client.auth import is_loopback
from speechkit.client.ledger import Row
from speechkit.progress import Progress

JobStatus: TypeAlias = Literal[
    "Intended", "NotStarted", "Running", "Succeeded", "Failed", "Refused", "Cancelled"
]
OVER: Final = ("Succeeded", "Failed", "Refused", "Cancelled")
SAS_WARNING_S: Final = 6 * 3600.0  # so long before its URLs end a job that waits is named


@dataclass(frozen=True)
class Job:
    """One job of a run as the ledger has it; times are seconds since 1970, `audio_s` seconds of audio."""

    number: int
    id: str | None
    endpoint: str
    status: JobStatus
    error: str | None
    recordings: int
    known: int
    collected: int
    failed: int
    audio_s: float
    sent_s: float
    asked_s: float | None
    began_s: float | None
    ended_s: float | None
    expires_s: float | None
    is_read: bool

    @classmethod
    def of_row(cls, row: Row) -> Job:
        """Make it of a row of `Ledger.jobs`."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.status in OVER

    def queue_s(self, now_s: float) -> float:
        """Seconds that it waited, or has waited so far, before the service began."""
        return max(0.0, (self.began_s or self.ended_s or now_s) - self.sent_s)

    def processing_s(self, now_s: float) -> float:
        """Seconds that the service worked on it, as far as it was seen."""
        return max(0.0, (self.ended_s or now_s) - self.began_s) if self.began_s else 0.0

    def warning(self, now_s: float) -> str:
        """Say what is wrong with a job that has not ended: it is stuck, or its URLs will not live; else nothing.

        >>> waits = dict.fromkeys(Job.__dataclass_fields__, 0) | {"status": "NotStarted", "endpoint": "https://x"}
        >>> Job(**waits).warning(now_s=90_000.0)
        'stuck: has not ended after 25 h. Cancel it and retry: run.cancel(jobs=[0]); run.retry_failed()'
        """
        if self.is_over:
            return ""
        remedy = f"Cancel it and retry: run.cancel(jobs=[{self.number}]); run.retry_failed()"
        age_s = now_s - self.sent_s
        most_s = limits.LONGEST_WAIT_LOCAL_S if is_loopback(self.endpoint) else limits.LONGEST_WAIT_S
        if age_s > most_s + self.audio_s:
            return f"stuck: has not ended after {_long(age_s)}. {remedy}"
        if self.expires_s and now_s > self.expires_s:
            return f"its URLs ended {_long(now_s - self.expires_s)} ago. {remedy}"
        if self.expires_s and now_s > self.expires_s - SAS_WARNING_S:
            return f"its URLs end in {_long(self.expires_s - now_s)}. {remedy}"
        return ""


def changes(answer: dict[str, Any], now_s: float) -> dict[str, Any]:
    """What the ledger keeps of the service's answer about a job."""
    status = str(answer.get("status", "Running"))
    acted_s = _seconds(answer.get("lastActionDateTime")) or now_s
    kept: dict[str, Any] = {"status": status, "asked_s": now_s}
    if status == "Running":
        kept["began_s"] = acted_s
    if status in OVER:
        kept["ended_s"] = acted_s
    if status == "Failed":
        error = (answer.get("properties") or {}).get("error") or {}
        kept["error"] = (
            " ".join(str(error[k]) for k in ("code", "message") if error.get(k)) or "no reason given"
        )
    return kept


def eta_s(jobs: Sequence[Job], now_s: float) -> float | None:
    """Guess the seconds until all jobs have ended; None before the first has.

    A job's normalized latency is the time from sending to its end less a fifth of its audio, the service's own
    measure: each open job is expected at the median of it. Where the service takes one job after another, the
    pace so far says more; the later of the two is answered.
    """
    ended = [job for job in jobs if job.ended_s is not None and job.status == "Succeeded"]
    waiting = [job for job in jobs if not job.is_over]
    if not ended or not waiting:
        return None
    latency_s = statistics.median((job.ended_s or 0.0) - job.sent_s - job.audio_s / 5 for job in ended)
    by_latency_s = max(job.sent_s + latency_s + job.audio_s / 5 for job in waiting) - now_s
    weigh = sum(job.known for job in jobs) == sum(job.recordings for job in jobs)
    done, left = (sum(job.audio_s if weigh else job.recordings for job in part) for part in (ended, waiting))
    took_s = now_s - min(job.sent_s for job in jobs)
    by_pace_s = took_s * left / done if done else 0.0
    return max(0.0, by_latency_s, by_pace_s)


def progress_of(jobs: Sequence[Job], counts: dict[str, int], now_s: float) -> Progress:
    """Make the progress of a run: its share in seconds of audio, and the facts a person asks for."""
    over = [job for job in jobs if job.is_over]
    weigh = all(job.known == job.recordings for job in jobs)
    done, total = (sum(job.audio_s if weigh else job.recordings for job in part) for part in (over, jobs))
    recordings = sum(job.recordings for job in jobs)
    failed = counts.get("failed", 0)
    note = f"{len(over)} of {len(jobs)} jobs, {recordings} recordings" + (
        f", {failed} failed" if failed else ""
    )
    facts = {
        "jobs": f"{len(over)} of {len(jobs)} ended",
        "recordings": f"{counts.get('collected', 0)} of {sum(counts.values())} collected",
        "audio": f"{sum(job.audio_s for job in over) / 3600:.2f} of {sum(job.audio_s for job in jobs) / 3600:.2f} h",
        "failed": str(failed),
    }
    if jobs:
        facts["waited"] = _long(max(job.queue_s(now_s) for job in jobs))
        facts["worked"] = _long(max(job.processing_s(now_s) for job in jobs))
    warned = [f"job {job.number} {text}" for job in jobs if (text := job.warning(now_s))]
    if warned:
        facts["warning"] = warned[0] + (f" (and {len(warned) - 1} more)" if len(warned) > 1 else "")
    return Progress("transcribe", done, total, note, eta_s(jobs, now_s), facts)


def _seconds(text: object) -> float | None:
    """Read a time of the service as seconds since 1970."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _long(seconds: float) -> str:
    """Write a duration as people say it.

    >>> _long(42), _long(600), _long(90_000)
    ('42 s', '10 min', '25 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
