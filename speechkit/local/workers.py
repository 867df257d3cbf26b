"""Worker processes: each loads the recognizer once and works through recordings, one at a time.

They are spawned, never forked: a forked onnxruntime hangs. A worker knows nothing of jobs; it gets a task
through a pipe and sends the answer back. It ends with its parent, however that ends, because the pipe to the
parent closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from speechkit.errors import AudioError, LocalServiceError
from speechkit.local.recognition import Sound, Wanted

log = logging.getLogger("speechkit.local")

ENGINE: Final = "speechkit.local.engine:Engine"
WHISPER: Final = "speechkit.local.whisper:WhisperEngine"
STUB: Final = "speechkit.local.stub:NoRecognizer"
BATCH_PRIORITY: Final = 1  # a person waits for a fast request: 0
RELOAD_S: Final = 10.0  # between attempts to load an engine that would not load


class WorkerDiedError(LocalServiceError):
    """The process that recognized a recording died, twice."""


class EngineUnavailableError(LocalServiceError):
    """The recognizer could not be loaded."""


class UnusableAudioError(AudioError):
    """A recording that the worker could not read; `kind` is the name of the error that it met."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def about(self, path: Path, name: str) -> str:
        """The message under the name that the caller knows, instead of that of the file here."""
        return str(self).replace(str(path), name).replace(path.name, name.rpartition("/")[2])


@dataclass(frozen=True)
class Task:
    """One piece of work: look at the recording (`wanted` is None), or recognize it."""

    path: Path
    wanted: Wanted | None = None


class TaskRunner(Protocol):
    """What jobs and fast requests need of the workers; tests put something smaller in its place."""

    async def version(self) -> str:
        """The version of the engine; waits until one worker has loaded it."""

    async def run(self, task: Task, priority: int = BATCH_PRIORITY) -> bytes:
        """The JSON of the answer: a Sound, or a list of phrases."""


@dataclass(order=True)
class _Ticket:
    priority: int
    number: int
    task: Task = field(compare=False)
    answer: asyncio.Future[bytes] = field(compare=False)
    deaths: int = field(default=0, compare=False)


class Pool:
    """The workers of a service.

    `models` is the folder of the model files, `engine` MODULE:CLASS of the recognizer, and `prepare` what
    must be done before the first worker can load it; it raises LocalServiceError.
    """

    def __init__(
        self,
        count: int,
        models: Path,
        engine: str = ENGINE,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.count = count
        self._prepare = prepare
        self._arguments = (str(models), engine)
        self._tickets: asyncio.PriorityQueue[_Ticket] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._context = multiprocessing.get_context("spawn")
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._processes: set[Any] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._version: asyncio.Future[str] | None = None
        self._stopping = False
        self._ready = 0
        self.trouble: str | None = None

    def start(self) -> None:
        """Begin to spawn workers; they load their models while the service already listens."""
        self._version = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._begin())]

    async def stop(self) -> None:
        """End every worker at once."""
        self._stopping = True
        for process in list(self._processes):
            process.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False)

    @property
    def engine(self) -> str:
        """The name and version of the engine, or what it is doing instead."""
        if self._version is not None and self._version.done():
            return self._version.result()
        return f"not available: {self.trouble}" if self.trouble else "loading"

    async def version(self) -> str:
        """The name and version of the engine; waits until one worker has loaded it."""
        assert self._version is not None, "the pool was not started"
        self._raise_trouble()
        return await asyncio.shield(self._version)

    async def run(self, task: Task, priority: int = BATCH_PRIORITY) -> bytes:
        """Let the next free worker do a task.

        Raises UnusableAudioError, EngineUnavailableError, or WorkerDiedError when two workers died of it.
        """
        self._raise_trouble()
        ticket = _Ticket(priority, next(self._numbers), task, asyncio.get_running_loop().create_future())
        self._tickets.put_nowait(ticket)
        return await ticket.answer

    def _raise_trouble(self) -> None:
        if self.trouble and not self._ready:
            raise EngineUnavailableError(self.trouble)

    async def _begin(self) -> None:
        """Prepare, as often as it takes, then keep the workers."""
        while self._prepare is not None:
            try:
                await self._prepare()
                break
            except LocalServiceError as error:
                self._break(str(error))
                await asyncio.sleep(RELOAD_S)
        self._tasks += [asyncio.create_task(self._keep()) for _ in range(self.count)]

    async def _keep(self) -> None:
        """Keep one worker alive and busy."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            try:
                pipe, version = await loop.run_in_executor(self._threads, self._spawn)
            except LocalServiceError as error:
                self._break(str(error))
                await asyncio.sleep(RELOAD_S)
                continue
            self.trouble = None
            self._ready += 1
            if self._version is not None and not self._version.done():
                self._version.set_result(version)
            while True:
                ticket = await self._tickets.get()
                if ticket.answer.done():  # nobody waits any more
                    continue
                try:
                    answer = await loop.run_in_executor(self._threads, _ask, pipe, ticket.task)
                except (EOFError, OSError):
                    self._ready -= 1
                    self._died(ticket)
                    break
                if not ticket.answer.done():
                    _settle(ticket.answer, *answer)

    def _spawn(self) -> tuple[Any, str]:
        """Start a worker and wait until it has loaded the engine; one that dies of it gets a second try."""
        for _ in range(2):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
            process.start()
            self._processes.add(process)
            theirs.close()
            if self._stopping:
                process.kill()
            try:
                state, text = ours.recv()
            except (EOFError, OSError):
                continue
            if state == "ready":
                return ours, text
            process.kill()
            raise EngineUnavailableError(text)
        raise EngineUnavailableError("the process that loads the recognizer died twice")

    def _died(self, ticket: _Ticket) -> None:
        self._processes = {p for p in self._processes if p.is_alive()}
        ticket.deaths += 1
        log.warning(
            "a worker died on %s (%s)", ticket.task.path.name, "again" if ticket.deaths > 1 else "retried"
        )
        if self._stopping or ticket.answer.done():
            return
        if ticket.deaths > 1:
            ticket.answer.set_exception(WorkerDiedError("the recognizer died twice on this recording"))
        else:
            self._tickets.put_nowait(ticket)

    def _break(self, message: str) -> None:
        self.trouble = message
        log.error("the recognizer is not available: %s", message)
        while not self._tickets.empty():
            ticket = self._tickets.get_nowait()
            if not ticket.answer.done():
                ticket.answer.set_exception(EngineUnavailableError(message))


def _settle(answer: asyncio.Future[bytes], state: str, *values: Any) -> None:
    if state == "done":
        answer.set_result(values[0])
    elif state == "unusable":
        answer.set_exception(UnusableAudioError(*values))
    else:
        answer.set_exception(LocalServiceError(values[0]))


def _ask(pipe: Any, task: Task) -> tuple[Any, ...]:
    pipe.send(task)
    answer: tuple[Any, ...] = pipe.recv()
    return answer


# --- in the worker ------------------------------------------------------------------------------------------


def _work(pipe: Any, models: str, engine_name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the service
    end_with_parent()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # the workers share the processors
        os.environ.setdefault(variable, "1")
    try:
        module, _, name = engine_name.partition(":")
        engine = getattr(importlib.import_module(module), name).load(Path(models))
    except Exception as error:
        known = isinstance(error, LocalServiceError)
        pipe.send(("broken", str(error) if known else f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ready", f"{engine.name} {engine.version}"))
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            pipe.send(_answer(engine, task))


def _answer(engine: Any, task: Task) -> tuple[Any, ...]:
    try:
        if task.wanted is None:
            return ("done", msgspec.json.encode(_look(task.path)))
        phrases = _recognize(engine, task.path, task.wanted)
        return (
            "done",
            msgspec.json.encode(phrases, enc_hook=lambda number: number.item()),
        )  # numpy's numbers
    except AudioError as error:
        return ("unusable", type(error).__name__, str(error))
    except Exception as error:
        logging.getLogger("speechkit.local").exception("recognition failed")
        return ("failed", f"{type(error).__name__}: {error}")


def _look(path: Path) -> Sound:
    from speechkit import audio

    info = audio.probe(path)
    return Sound(info.channels, info.duration_s)


def _recognize(engine: Any, path: Path, wanted: Wanted) -> Any:
    """Hear one channel, or all of them mixed; the sound goes through in blocks, so memory stays flat."""
    from speechkit import audio

    blocks = audio.decode_blocks(path, 16000)
    if wanted.channel is None:
        samples = (audio.mix(block) for block in blocks)
    else:
        samples = (block[wanted.channel] for block in blocks)
    told = {"language": wanted.language} if wanted.language else {}
    return engine.recognize(
        samples,
        diarize=wanted.speakers,
        nbest=wanted.nbest,
        phrases=wanted.phrases,
        weight=wanted.weight,
        **told,
    )


def end_with_parent() -> None:
    """End this process when its parent has ended, also when that was killed meanwhile."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
