"""A batch run: it can be left at any moment and taken up again by its name, in another process, another day."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from speechkit import limits
from speechkit.client.collecting import clean_job, collect_job
from speechkit.client.desk import Desk
from speechkit.client.ledger import IN_RUN, Row
from speechkit.client.plan import stamp
from speechkit.client.recording import Problem, failed_row, problem_table
from speechkit.client.sending import find_job, send
from speechkit.client.starting import plan_run
from speechkit.client.watching import Job, changes, progress_of
from speechkit.errors import JobFailedError, NotFoundError
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from speechkit.client.rest import SpeechClient
    from speechkit.transcripts.schema import Transcript

Status: TypeAlias = Literal["NotStarted", "Running", "Succeeded", "Failed"]

_PATIENCE: Final = 1.5  # each wait is that much longer than the one before
log = logging.getLogger("speechkit")


class Run:
    """A run of one or more jobs; `speech.batch.submit` starts one, `speech.batch.resume` takes it up again.

    All that is known of it lies in the ledger, so that two objects of one run, in two processes even, do not
    disturb each other, and every method may be called twice.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._asked_s: dict[int, float] = {}  # when this object asked for a job, by its number

    @property
    def name(self) -> str:
        """The name of the run, which each of its jobs carries too."""
        return self.desk.name

    def __repr__(self) -> str:
        counts = self.desk.ledger.count(self.name)
        counted = ", ".join(f"{number} {state}" for state, number in counts.items())
        return f"Run({self.name!r}, {len(self.jobs)} jobs, {self.status}: {counted or 'nothing to do'})"

    # --- how it stands ------------------------------------------------------------------------------------

    @property
    def jobs(self) -> list[Job]:
        """The jobs, in the order in which they were started."""
        return [Job.of_row(row) for row in self.desk.ledger.jobs(self.name)]

    @property
    def status(self) -> Status:
        """One status for all: Failed or Succeeded when all jobs have ended, Failed if any did."""
        states = {job.status for job in self.jobs}
        unsent = self.desk.has("state IN ('listed', 'looked', 'planned')")
        if not unsent and all(job.is_over for job in self.jobs):
            return "Failed" if states - {"Succeeded"} else "Succeeded"
        return "NotStarted" if states <= {"NotStarted", "Intended"} else "Running"

    @property
    def table(self) -> pd.DataFrame:
        """The jobs: job (number), id, endpoint, status, recordings, collected, failed, audio_s, queue_s,
        processing_s (seconds), warning (what is wrong with it: stuck, or URLs that end)."""
        import pandas as pd

        now_s = time.time()
        rows = [
            {
                "job": job.number,
                "id": job.id,
                "endpoint": job.endpoint,
                "status": job.status,
                "recordings": job.recordings,
                "collected": int(job.collected),
                "failed": int(job.failed),
                "audio_s": job.audio_s,
                "queue_s": job.queue_s(now_s),
                "processing_s": job.processing_s(now_s),
                "warning": job.warning(now_s) or None,
            }
            for job in self.jobs
        ]
        kinds = dict.fromkeys(["id", "endpoint", "status", "warning"], "str")
        kinds |= dict.fromkeys(["job", "recordings", "collected", "failed"], "int64")
        kinds |= dict.fromkeys(["audio_s", "queue_s", "processing_s"], "float64")
        columns = [
            "job",
            "id",
            "endpoint",
            "status",
            "recordings",
            "collected",
            "failed",
            "audio_s",
            "queue_s",
        ]
        return pd.DataFrame(rows, columns=[*columns, "processing_s", "warning"]).astype(kinds)

    @property
    def failures(self) -> pd.DataFrame:
        """What could not be transcribed: call_id, file, error, remedy (str), and retry (bool): whether to send
        it again as it is may help. A file that was mended since is sent again by `retry_failed` anyhow."""
        rows = self._failed()
        table = problem_table(Problem.of_row(row) for row in rows)
        return table.assign(retry=[bool(row["worth"]) for row in rows])

    @property
    def skipped(self) -> pd.DataFrame:
        """What was left out, and why: file, note (str). A later run of any corpus removes these rows."""
        import pandas as pd

        rows = [{"file": row["source"], "note": row["note"]} for row in self.desk.select("state = 'skipped'")]
        return pd.DataFrame(rows, columns=["file", "note"]).astype("str")

    @property
    def waits_for(self) -> list[str]:
        """The names of the open runs that have what this one left out."""
        rows = self.desk.ledger.read(
            "SELECT DISTINCT note FROM recordings WHERE run = ? AND state = 'skipped' AND note LIKE ?",
            self.name,
            f"{IN_RUN}%",
        )
        return sorted(row["note"].removeprefix(IN_RUN) for row in rows)

    @property
    def transcripts(self) -> Transcript:
        """What was collected so far: the calls of this run as they are in the corpus."""
        own = self.desk.corpus_path == self.desk.folder / "corpus"
        corpus = self.desk.corpus
        if own:
            return corpus
        return corpus.filter(call_id=self.call_ids)

    @property
    def call_ids(self) -> list[str]:
        """The ids of the calls that were collected."""
        return [row["call_id"] for row in self.desk.select("state = 'collected'", columns="call_id")]

    @property
    def corpus_path(self) -> Path:
        """The folder of the corpus that the run writes to."""
        return self.desk.corpus_path

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do."""
        return self.desk.has("state NOT IN ('collected', 'failed', 'skipped')")

    # --- going on -----------------------------------------------------------------------------------------

    def watch(self, progress: ProgressCallback | None = None, *, deadline_s: float | None = None) -> Status:
        """Ask until all jobs have ended, ever less often, and answer the status.

        On Azure a job is asked at most once a minute. What was planned and not sent is sent first. When
        `deadline_s` seconds have passed, the status is answered as it is then; to go on, call again, or
        `table` names the jobs that are stuck. An unreachable service is raised: nothing is lost by it.
        """
        self._go_on(progress)
        self._follow(progress, deadline_s, collect=False)
        return self.status

    def collect(self, progress: ProgressCallback | None = None, *, deadline_s: float | None = None) -> Run:
        """Wait for the jobs, and write the results of each into the corpus as it ends; answers the run.

        Then `transcripts` has what was collected and `failures` the rest, with its reasons. Doing it twice
        changes nothing. `deadline_s` is as in `watch`.
        """
        self._go_on(progress)
        self._follow(progress, deadline_s, collect=True)
        return self

    def retry_failed(self, progress: ProgressCallback | None = None) -> int:
        """Send again what failed and may go well now; answers how many recordings were planned for it.

        That is what failed for a passing reason (`failures.retry`), and every file that has changed since. Each
        is looked at as new. `collect` waits for it.
        """
        with self.desk.locked():
            again = [row for row in self._failed() if row["worth"] or _has_changed(row)]
            fresh = {
                "state": "listed",
                "job": None,
                "call_id": None,
                "error": None,
                "kind": None,
                "worth": None,
            }
            self.desk.ledger.update([{"number": row["number"], **fresh} for row in again])
            for job in self.desk.ledger.jobs(self.name, "jobs.is_read = 0 AND jobs.ended_s IS NOT NULL"):
                if not self.desk.has("job = ? AND state = 'submitted'", job["number"]):
                    self.desk.ledger.set_job(job["number"], is_read=1)
        self._go_on(progress)
        return len(again)

    def cancel(self, jobs: Collection[int] | None = None) -> None:
        """Give up what has not ended, or only the jobs of these numbers; what has ended can be collected.

        The jobs are deleted at the service. Their recordings, and without `jobs` those that were not sent, have
        failed, and `retry_failed` sends them again.
        """
        desk = self.desk
        error = JobFailedError("the job was cancelled. Retry what failed to send it again.")
        with desk.locked():
            given_up = [] if jobs is not None else desk.select("state IN ('listed', 'looked', 'planned')")
            for job in desk.ledger.jobs(self.name):
                if job["ended_s"] or job["status"] in ("Refused", "Cancelled"):
                    continue
                if jobs is not None and job["number"] not in jobs:
                    continue
                client = desk.client(job["endpoint"])
                id = job["id"]
                if not id and (found := find_job(client, self.name, job["key"])):
                    id = str(found["self"]).partition("?")[0].rpartition("/")[2]
                if id:
                    client.delete(f"transcriptions/{id}")
                given_up += desk.select("job = ? AND state IN ('published', 'submitted')", job["number"])
                desk.ledger.set_job(job["number"], status="Cancelled", id=id, is_read=1, is_deleted=1)
            desk.ledger.update(
                [
                    {
                        "number": row["number"],
                        **failed_row(row["source"] or row["address"], error, worth=True),
                    }
                    for row in given_up
                ]
            )

    def delete(self) -> None:
        """Delete the jobs with their results at the service, and the audio that was published for them."""
        with self.desk.locked():
            for job in self.desk.ledger.jobs(self.name):
                clean_job(self.desk, job)

    def forget(self) -> None:
        """Remove the run from the ledger, with the transcripts that no corpus was named for."""
        with self.desk.locked():
            self.desk.ledger.forget(self.name)
        shutil.rmtree(self.desk.folder, ignore_errors=True)

    # --- the work ------------------------------------------------------------------------------------------

    def _failed(self) -> list[Row]:
        return self.desk.select("state = 'failed' OR (state = 'submitted' AND error IS NOT NULL)")

    def _go_on(self, progress: ProgressCallback | None) -> None:
        """Do what comes before waiting, from where it was left: look at the recordings, publish, submit."""
        plan_run(self.desk, progress)
        send(self.desk, progress)

    def _follow(self, progress: ProgressCallback | None, deadline_s: float | None, *, collect: bool) -> None:
        """Ask for the jobs until all have ended or the deadline is over, reading each that has if wished."""
        clients = self.desk.clients
        local = all(client.is_local for client in clients)
        delay_s = limits.POLL_LOCAL_S if local else limits.POLL_AZURE_S
        longest_s = limits.POLL_LOCAL_MAX_S if local else limits.POLL_AZURE_MAX_S
        until_s = None if deadline_s is None else time.monotonic() + deadline_s
        read: set[int] = set()
        first = True
        while True:
            jobs = self.jobs
            if collect:
                for job in jobs:
                    if job.is_over and not job.is_read and job.number not in read:
                        read.add(job.number)
                        self._read(job.number, progress)
            self._tell(progress)
            waiting = [job for job in jobs if not job.is_over]
            if not waiting:
                break
            wait_s = delay_s
            if first:  # a run that is taken up again was asked for long ago
                wait_s = max(0.0, delay_s - (time.time() - max(job.asked_s or job.sent_s for job in waiting)))
                first = False
            if until_s is not None:
                wait_s = min(wait_s, until_s - time.monotonic())
                if wait_s <= 0 and until_s <= time.monotonic():
                    break
            clients[0].sleep(wait_s)
            asked_s = max(self._ask(job, delay_s) or 0.0 for job in waiting)
            delay_s = max(min(delay_s * _PATIENCE, longest_s), min(asked_s, longest_s))
        if collect:
            self._tell_collected(progress)
            if self.desk.asked.get("delete"):
                self._clean()

    def _ask(self, job: Job, delay_s: float) -> float | None:
        """Ask for the status of a job, and answer how long to wait before the next time, if it says.

        A job that another process has asked for since is not asked again.
        """
        now_s = time.time()
        row = next(iter(self.desk.ledger.read("SELECT asked_s FROM jobs WHERE number = ?", job.number)), None)
        at_s = row["asked_s"] if row else None
        if at_s and at_s != self._asked_s.get(job.number) and now_s - at_s < delay_s / 2:
            self._asked_s[job.number] = at_s  # after the next wait it is our turn
            return None
        self._asked_s[job.number] = now_s
        client: SpeechClient = self.desk.client(job.endpoint)
        wait_s = None
        try:
            answer, wait_s = client.poll(f"transcriptions/{job.id}")
            kept = changes(answer, now_s)
        except NotFoundError:
            gone = "the job is gone: it was deleted, or its time to live is over"
            kept = {"status": "Failed", "error": gone, "ended_s": now_s, "asked_s": now_s}
        if job.began_s:
            kept.pop("began_s", None)
        self.desk.ledger.set_job(job.number, **kept)
        return wait_s

    def _read(self, number: int, progress: ProgressCallback | None) -> None:
        """Collect a job, unless another process has."""
        with self.desk.locked():
            for job in self.desk.ledger.jobs(self.name, f"jobs.number = {number} AND jobs.is_read = 0"):
                collect_job(self.desk, job, lambda settled: self._tell_collected(progress))

    def _clean(self) -> None:
        with self.desk.locked():
            for job in self.desk.ledger.jobs(self.name, "jobs.is_read = 1 AND jobs.is_deleted = 0"):
                clean_job(self.desk, job)

    def _tell(self, progress: ProgressCallback | None) -> None:
        if progress:
            progress(progress_of(self.jobs, self.desk.ledger.count(self.name), time.time()))

    def _tell_collected(self, progress: ProgressCallback | None) -> None:
        counts = self.desk.ledger.count(self.name)
        total = sum(counts.values()) - counts.get("skipped", 0)
        if progress and total:
            open_ = sum(
                counts.get(state, 0) for state in ("listed", "looked", "planned", "published", "submitted")
            )
            progress(Progress("collect", total - open_, total))


def _has_changed(row: Row) -> bool:
    """Whether a file is another than the one that failed."""
    return stamp(row["address"]) not in ((row["modified_ns"] or 0, row["bytes"] or 0), (0, 0))
