"""The life of jobs: from NotStarted to their report, also across a service that was killed in between."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from speechkit import limits
from speechkit.errors import LocalServiceError
from speechkit.local import locales
from speechkit.local.fetch import Fetched, Fetcher, FetchError, without_sas
from speechkit.local.recognition import Heard, Phrase, Sound, Wanted, decode_phrases
from speechkit.local.results import batch_result, report
from speechkit.local.store import Input, Job, Store, is_full
from speechkit.local.workers import BATCH_PRIORITY, Task, TaskRunner, UnusableAudioError

log = logging.getLogger("speechkit.local")

WAIT_S: Final = 5.0  # before a job whose state cannot be written is tried again
SWEEP_S: Final = 30.0  # between looks for jobs whose time to live is over
AHEAD: Final = 2  # recordings fetched beyond those that are being recognized, for each worker
FRESH: Final = ContextVar("FRESH", default=False)
"""Whether the request at hand, and the job that it starts, is to be recognized anew: for measuring."""

_DATA: Final = "The recordings URI contains invalid data."


class Listener:
    """Recognizes recordings through the workers, and remembers what was heard.

    `use_cache` False makes every recognition a fresh one, for measuring, and keeps none.
    """

    def __init__(self, store: Store, recognizer: TaskRunner, *, use_cache: bool = True) -> None:
        self._store = store
        self._recognizer = recognizer
        self._use_cache = use_cache

    async def look(self, recording: Fetched, priority: int = BATCH_PRIORITY) -> Sound:
        """How many channels a recording has and how long it is; raises UnusableAudioError."""
        data = await self._remembered(f"{recording.hash}:sound", Task(recording.path), priority)
        return msgspec.json.decode(data, type=Sound)

    async def hear(self, recording: Fetched, wanted: Wanted, priority: int = BATCH_PRIORITY) -> list[Phrase]:
        """What is said in one channel of a recording, or in all of them mixed."""
        key = wanted.key(recording.hash, await self._recognizer.version())
        return decode_phrases(await self._remembered(key, Task(recording.path, wanted), priority))

    async def _remembered(self, key: str, task: Task, priority: int) -> bytes:
        kept = self._store.recognition(key) if self._use_cache and not FRESH.get() else None
        if kept is None:
            kept = await self._recognizer.run(task, priority)
            if self._use_cache:
                self._store.add_recognition(key, kept)
        return kept


class Jobs:
    """Runs the jobs of a service, oldest first, several recordings at a time.

    `on_event(job id, what)` is told of each Creation, Processing, Completion and Deletion; it must not raise.
    `on_fetch(path)` may raise FetchError before a recording is fetched.
    """

    def __init__(
        self, store: Store, fetcher: Fetcher, listener: Listener, *, workers: int, nbest: int = 1
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._listener = listener
        self._nbest = nbest
        self.on_event: Callable[[str, str], None] = lambda job_id, what: None
        self.on_fetch: Callable[[str], None] = lambda path: None
        self._places = asyncio.Semaphore(workers * AHEAD)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with what an earlier service of this state left unfinished."""
        for job in self._store.jobs():
            if not job.finished:
                log.info("going on with job %s (%s)", job.id, job.display_name)
                self._begin(job, None)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Leave the jobs as they are; the next service goes on with them."""
        tasks = [*self._running.values(), *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether any job is unfinished."""
        return bool(self._running)

    def submit(self, job: Job, hold: asyncio.Event | None = None) -> None:
        """Begin with a new job; with `hold` it stays Running until that is set."""
        self.on_event(job.id, "Creation")
        self._begin(job, hold)

    def _begin(self, job: Job, hold: asyncio.Event | None) -> None:
        task = asyncio.create_task(self._run(job, hold))
        self._running[job.id] = task
        task.add_done_callback(lambda _: self._running.pop(job.id, None))

    def delete(self, job_id: str) -> bool:
        """Stop a job and remove it with its results; False when there is none."""
        task = self._running.get(job_id)
        if task:
            task.cancel()
        deleted = self._store.delete_job(job_id)
        if deleted:
            self.on_event(job_id, "Deletion")
        return deleted

    def remove_expired(self) -> None:
        """Remove jobs whose time to live is over, and uploads that nobody removed."""
        now = time.time()
        for job_id in self._store.expired_jobs(now):
            log.info("the time to live of job %s is over", job_id)
            if self._store.delete_job(job_id):
                self.on_event(job_id, "Deletion")
        self._store.forget_old(now)
        self._fetcher.sweep_uploads()

    async def _sweep(self) -> None:
        while True:
            try:
                self.remove_expired()
            except (sqlite3.Error, OSError) as error:
                log.error("cannot remove what has expired: %s", error)
            await asyncio.sleep(SWEEP_S)

    async def _run(self, job: Job, hold: asyncio.Event | None) -> None:
        if hold is not None:
            self._start_job(job)
            await hold.wait()
        while True:
            try:
                await self._work(job)
                return
            except sqlite3.OperationalError as error:  # as a rule because the disk is full
                log.error("job %s waits: %s", job.id, error)
                await asyncio.sleep(WAIT_S)

    async def _work(self, job: Job) -> None:
        """Transcribe what of a job is not done yet, then close it."""
        try:
            inputs = await self._inputs(job)
        except FetchError as error:
            failure = {"code": _job_code(error.kind), "message": str(error)}
            self._store.finish_job(job.id, "Failed", error=failure)
            self.on_event(job.id, "Completion")
            return
        todo = [self._transcribe(job, item) for item in inputs if item.status is None]
        for problem in await asyncio.gather(*todo, return_exceptions=True):
            if problem is not None:
                raise problem
        await self._finish(job)

    async def _inputs(self, job: Job) -> list[Input]:
        """The recordings of a job; a container is listed when its job starts."""
        inputs = self._store.inputs(job.id)
        container = job.definition.get("contentContainerUrl")
        if inputs or not container:
            return inputs
        self._start_job(job)
        blobs = await self._fetcher.list_container(container)
        if not blobs:
            raise FetchError("InvalidUri", "The recordings URI is invalid. The container is empty.")
        self._store.set_inputs(job.id, [(url, f"{name}.json") for url, name in blobs])
        return self._store.inputs(job.id)

    async def _transcribe(self, job: Job, item: Input) -> None:
        """Transcribe one recording of a job; whatever goes wrong with it goes into the report."""
        async with self._places:
            self._start_job(job)
            recording = None
            try:
                locale = job_locale(job.definition)
                self.on_fetch(urlsplit(item.url).path)
                recording = await self._fetcher.fetch(item.url)
                heard = await self._hear(recording, job.definition["properties"], locale)
                result = batch_result(
                    heard,
                    source=without_sas(item.url),
                    properties=job.definition["properties"],
                    locale=locale if job.definition["properties"].get("languageIdentification") else None,
                )
                content = json.dumps(result, ensure_ascii=False).encode()
                await self._deliver(job, item.name, content)
                self._store.succeed_input(job.id, item, content, heard.duration_s)
            except FetchError as error:
                self._store.fail_input(job.id, item.position, error.kind, str(error))
            except UnusableAudioError as error:
                assert recording is not None
                message = error.about(recording.path, without_sas(item.url))
                self._store.fail_input(job.id, item.position, "InvalidData", f"{_DATA} {message}")
            except (LocalServiceError, OSError, sqlite3.Error) as error:
                log.error("%s of job %s: %s", item.name, job.id, error)
                self._store.fail_input(job.id, item.position, "Internal", _plain(error))
            except Exception as error:  # a mistake of ours: it fails this recording, and is in the log
                log.exception("%s of job %s", item.name, job.id)
                self._store.fail_input(job.id, item.position, "Internal", _plain(error))
            finally:
                if recording:
                    recording.release()

    async def _hear(self, recording: Fetched, properties: Mapping[str, Any], locale: str | None) -> Heard:
        sound = await self._listener.look(recording)
        channels = [c for c in sorted(properties["channels"]) if c < sound.channels]
        if not channels:
            raise FetchError(
                "InvalidData",
                f"{_DATA} None of the channels {properties['channels']} is in the recording, which has "
                f"{sound.channels}.",
            )
        diarization = properties.get("diarization") or {}
        speakers = diarization.get("maxSpeakers") if diarization.get("enabled") else None
        if speakers:
            _check_diarization(sound)
        told = locales.language_of(locale)
        listed = properties.get("phraseList") or {"phrases": [], "biasingWeight": 1.0}
        expected = tuple(listed["phrases"]), listed["biasingWeight"]
        wanted = [Wanted(c, speakers, self._nbest, *expected, told) for c in channels]
        phrases = await asyncio.gather(*(self._listener.hear(recording, w) for w in wanted))
        return Heard(sound.duration_s, dict(zip(channels, phrases, strict=True)))

    async def _deliver(self, job: Job, name: str, content: bytes) -> None:
        """Write a result to the caller's own container, where one was given."""
        container = job.definition["properties"].get("destinationContainerUrl")
        if not container:
            return
        try:
            await self._fetcher.write(container, f"{job.id}/{name}", content)
        except FetchError as error:
            raise FetchError(error.kind, f"The destination container cannot be written: {error}") from None

    async def _finish(self, job: Job) -> None:
        inputs = self._store.inputs(job.id)
        made = report((without_sas(i.url), i.error_kind, i.error_message) for i in inputs)
        failed = [i for i in inputs if i.status == "Failed"]
        error = None
        if len(failed) == len(inputs):
            error = {"code": _job_code(failed[0].error_kind), "message": failed[0].error_message or ""}
        content = json.dumps(made, ensure_ascii=False).encode()
        try:
            await self._deliver(job, "report.json", content)
        except FetchError as failure:
            error = error or {"code": _job_code(failure.kind), "message": str(failure)}
        self._store.finish_job(job.id, "Failed" if error else "Succeeded", report=content, error=error)
        self.on_event(job.id, "Completion")

    def _start_job(self, job: Job) -> None:
        if self._store.start_job(job.id):
            self.on_event(job.id, "Processing")


def job_locale(definition: Mapping[str, Any]) -> str | None:
    """The locale of a job, None where its candidates are of several languages; FetchError when none is served."""
    identification = definition["properties"].get("languageIdentification") or {}
    candidates: Sequence[str] = [definition["locale"], *identification.get("candidateLocales", [])]
    found = locales.among(candidates)
    if not found:
        kind = "NoLanguageIdentified" if identification else "InvalidLocale"
        raise FetchError(kind, locales.not_served(list(dict.fromkeys(candidates))))
    return found[0] if len(found) == 1 else None


def _check_diarization(sound: Sound) -> None:
    if sound.channels > 1:
        raise FetchError(
            "InvalidData",
            f"{_DATA} Diarization works on mono recordings, and this one has {sound.channels} channels. Turn "
            "diarization off, or split the channels into files of their own.",
        )
    if sound.duration_s > limits.MAX_DIARIZATION_S:
        raise FetchError(
            "InvalidData",
            f"{_DATA} Diarization works on recordings of at most {limits.MAX_DIARIZATION_S / 60:.0f} "
            f"minutes, and this one has {sound.duration_s / 60:.0f}.",
        )


def _job_code(kind: str | None) -> str:
    """The code of a failed job, from the kind of error of its recordings."""
    return "InternalServerError" if kind in (None, "Internal") else kind


def _plain(error: BaseException) -> str:
    if is_full(error):
        return "There is no space left on the service's disk. Free some and submit again."
    return str(error)
