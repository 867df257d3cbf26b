"""A batch run: jobs that were started, watched until they end, and what came of them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from speechkit import limits
from speechkit.client.plan import Problem, Recording, problem_table
from speechkit.client.rest import SpeechClient
from speechkit.client.results import read_result, report_failures, source_keys, source_of, unplanned
from speechkit.client.secrets import strip_sas
from speechkit.client.storage import Storage
from speechkit.errors import (
    AccessDeniedError,
    JobFailedError,
    NotFoundError,
    ServiceError,
    SpeechkitError,
    TranscriptError,
)
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

Status: TypeAlias = Literal["NotStarted", "Running", "Succeeded", "Failed"]

DOWNLOADS: Final = 8  # result files at once
log = logging.getLogger("speechkit")

_PATIENCE: Final = 1.5  # each wait is that much longer than the one before


class Job:
    """One job of a run: its id, the recordings by the URLs it was given, and its status when last asked."""

    def __init__(self, id: str, by_url: Mapping[str, Recording], status: Status = "NotStarted") -> None:
        self.id = id
        self.status: Status = status
        self.error = ""
        self.recordings = list(by_url.values())
        self._by_key: dict[str, Recording | None] = {}
        for url, item in by_url.items():
            whole, path = source_keys(url)
            self._by_key[path] = None if path in self._by_key and path != whole else item
            self._by_key[whole] = item

    def __repr__(self) -> str:
        return f"Job({self.id!r}, {len(self.recordings)} recordings, {self.status})"

    @classmethod
    def started(cls, answer: Mapping[str, Any], by_url: Mapping[str, Recording]) -> Job:
        """Make the job of an answer to `transcriptions:submit`."""
        link = str(answer.get("self", ""))
        if not link:
            raise ServiceError("the service took a job and did not say which. Check SPEECH_ENDPOINT.")
        return cls(link.partition("?")[0].rpartition("/")[2], by_url, answer.get("status", "NotStarted"))

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.status in ("Succeeded", "Failed")

    @property
    def duration_s(self) -> float:
        """Seconds of audio, of the recordings whose length is known."""
        return sum(item.info.duration_s for item in self.recordings if item.info)

    def recording_of(self, source: str) -> Recording | None:
        """Find the recording that a result or report names as its source, signed or not."""
        return next((self._by_key[k] for k in source_keys(source) if self._by_key.get(k)), None)


@dataclass(frozen=True)
class Collected:
    """What came of a run: the transcripts, and a table of failures (call_id, file, error, remedy).

    The `calls` of the transcripts have the path or URL of each recording as `source`, without a signature,
    and the SHA-256 of its bytes as `audio_sha256`.
    """

    transcripts: Transcript
    failures: pd.DataFrame

    def __repr__(self) -> str:
        return f"Collected({len(self.transcripts.call_ids)} transcripts, {len(self.failures)} failures)"


class Run:
    """A run of one or more jobs, under a name that each job carries in its custom properties."""

    def __init__(
        self,
        name: str,
        jobs: list[Job],
        client: SpeechClient,
        problems: tuple[Problem, ...] = (),
        storage: Storage | None = None,
        published: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.jobs = jobs
        self.problems = problems
        self._client = client
        self._storage = storage
        self._published = published
        self._started_s = time.monotonic()

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {len(self.jobs)} jobs, {self.status})"

    @property
    def status(self) -> Status:
        """One status for all jobs: Failed or Succeeded when all have ended, Failed if any did."""
        states = {job.status for job in self.jobs}
        if all(job.is_over for job in self.jobs):
            return "Failed" if "Failed" in states else "Succeeded"
        return "NotStarted" if states == {"NotStarted"} else "Running"

    def watch(self, progress: ProgressCallback | None = None, *, deadline_s: float | None = None) -> Status:
        """Ask until all jobs have ended, ever less often, and answer the status.

        On Azure a job is asked at most once a minute. Progress counts seconds of audio; its ETA comes from
        the jobs that have ended. When `deadline_s` seconds have passed, the status is answered as it is then;
        to go on, call again. An unreachable service is waited for until the deadline, or, without one,
        raised.
        """
        local = self._client.is_local
        delay_s = limits.POLL_LOCAL_S if local else limits.POLL_AZURE_S
        longest_s = limits.POLL_LOCAL_MAX_S if local else limits.POLL_AZURE_MAX_S
        until_s = None if deadline_s is None else time.monotonic() + deadline_s
        self._report(progress)
        while not all(job.is_over for job in self.jobs):
            wait_s = delay_s if until_s is None else min(delay_s, until_s - time.monotonic())
            if wait_s <= 0:
                break
            self._client.sleep(wait_s)
            asked_s = 0.0
            for job in self.jobs:
                if not job.is_over:
                    asked_s = max(asked_s, self._ask(job) or 0.0)
            delay_s = max(min(delay_s * _PATIENCE, longest_s), min(asked_s, longest_s))
            self._report(progress)
        return self.status

    def _ask(self, job: Job) -> float | None:
        """Ask for the status of a job, and answer how long to wait before the next time, if it says."""
        try:
            answer, wait_s = self._client.poll(f"transcriptions/{job.id}")
        except NotFoundError:
            job.status, job.error = "Failed", "the job is gone: it was deleted, or its time to live is over"
            return None
        job.status = answer.get("status", job.status)
        if job.status == "Failed":
            error = (answer.get("properties") or {}).get("error") or {}
            job.error = (
                " ".join(str(error[k]) for k in ("code", "message") if error.get(k)) or "no reason given"
            )
        return wait_s

    def _report(self, progress: ProgressCallback | None) -> None:
        if progress is None:
            return
        over = [job for job in self.jobs if job.is_over]
        known = all(item.info for job in self.jobs for item in job.recordings)
        total = sum(job.duration_s if known else len(job.recordings) for job in self.jobs)
        done = sum(job.duration_s if known else len(job.recordings) for job in over)
        files = sum(len(job.recordings) for job in self.jobs)
        note = f"{len(over)} of {len(self.jobs)} jobs, {files} recordings"
        took_s = time.monotonic() - self._started_s
        eta_s = took_s * (total - done) / done if 0 < done < total else None
        progress(Progress("transcribe", done, total, note, eta_s))

    # --- results ------------------------------------------------------------------------------------------

    def collect(self, progress: ProgressCallback | None = None) -> Collected:
        """Wait for the jobs, then read their results; each recording ends as a transcript or as a failure."""
        from speechkit.transcripts.schema import Transcript

        if not all(job.is_over for job in self.jobs):
            self.watch(progress)
        found: dict[str, Transcript] = {}
        problems = list(self.problems)
        for outcome in self._outcomes(progress):
            if isinstance(outcome, Problem):
                problems.append(outcome)
            else:
                found.setdefault(outcome.call_ids[0], outcome)
        return Collected(Transcript.concat(found.values()), problem_table(problems))

    def _outcomes(self, progress: ProgressCallback | None) -> Iterator[Transcript | Problem]:
        """Yield a transcript or a problem for each recording of each job."""
        done, total = 0, sum(len(job.recordings) for job in self.jobs)
        for job in self.jobs:
            results, report = self._files(job)
            total += max(0, len(results) - len(job.recordings))  # of a container
            seen: set[str | None] = set()
            unread: list[Problem] = []  # results that could not be read so far as to say whose they are
            with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="speechkit-download") as pool:
                waiting = [pool.submit(self._read, job, file) for file in results]
                for future in as_completed(waiting):
                    outcome = future.result()
                    done += 1
                    if isinstance(outcome, Problem) and outcome.call_id is None:
                        unread.append(outcome)
                        continue
                    seen.add(outcome.call_id if isinstance(outcome, Problem) else outcome.call_ids[0])
                    yield outcome
                    if progress:
                        progress(Progress("collect", done, total))
            for failure in report_failures(report):
                item = job.recording_of(failure.source)
                problem = Problem(
                    item.source if item else failure.source, failure.error, item.call_id if item else None
                )
                if problem.call_id not in seen or item is None:
                    seen.add(problem.call_id)
                    yield problem
            yield from self._without_outcome(job, seen, unread)
            done += max(0, len(job.recordings) - len(results))
        if progress and total:
            progress(Progress("collect", total, total))

    def _without_outcome(self, job: Job, seen: set[str | None], unread: list[Problem]) -> Iterator[Problem]:
        """Yield a problem for each recording that has neither a readable result nor a word in the report."""
        reason = (
            f"job {job.id} failed: {job.error}" if job.status == "Failed" else "the service gave no result"
        )
        error = JobFailedError(f"{reason.rstrip('.')}. Transcribe it again.")
        for item in job.recordings:
            if item.call_id not in seen:
                yield Problem(item.source, unread.pop().error if unread else error, item.call_id)
        yield from unread
        if job.status == "Failed" and not job.recordings:
            yield Problem(self.name, error)

    def _files(self, job: Job) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """List a job's result files, and read its report; a job that failed or is gone may have none."""
        results: list[dict[str, Any]] = []
        report: dict[str, Any] = {}
        try:
            for file in self._client.pages(f"transcriptions/{job.id}/files"):
                if file.get("kind") == "Transcription":
                    results.append(file)
                elif file.get("kind") == "TranscriptionReport":
                    report = json.loads(self._download(file))
        except (NotFoundError, AccessDeniedError, ValueError) as error:
            log.info("job %s: its files or its report cannot be read: %s", job.id, error)
        return results, report

    def _download(self, file: dict[str, Any]) -> bytes:
        """Download a file, with a new link where its own has expired."""
        try:
            return self._client.download(file["links"]["contentUrl"])
        except AccessDeniedError:
            return self._client.download(self._client.get(file["self"])["links"]["contentUrl"])

    def _read(self, job: Job, file: dict[str, Any]) -> Transcript | Problem:
        """Download one result and find the recording it is of."""
        name, item = str(file.get("name", "")), None
        try:
            body = self._download(file)
            source = source_of(body)
            item = job.recording_of(source)
            if item is None and len(job.recordings) == 1:
                item = job.recordings[0]
            if item is None and job.recordings:
                what = strip_sas(source) or "nothing"
                raise TranscriptError(
                    f"{name} is the result of {what}, which was not sent. Transcribe it again."
                )
            return read_result(body, item or unplanned(source or name), "batch", self._client.engine)
        except SpeechkitError as error:
            return Problem(item.source if item else name, error, item.call_id if item else None)

    def delete(self) -> None:
        """Delete the jobs with their results, and what was published for them."""
        for job in self.jobs:
            self._client.delete(f"transcriptions/{job.id}")
        if self._storage:
            for name in self._published:
                self._storage.remove(name)
