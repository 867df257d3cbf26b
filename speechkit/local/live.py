"""Live sessions: processes that recognize speech as it comes, apart from those that work through recordings.

They are spawned when the first session begins. For each turn of a conversation the service hands a process one end of a
pair of sockets, and a thread serves that turn. It reads no more sound than it has recognized, so that a client that
sends faster is held back, and nothing piles up. A process that dies ends its turns; the Speech SDK then connects again
by itself and sends once more what was not acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import multiprocessing
import os
import select
import signal
import socket
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from speechkit.errors import AudioError, LocalServiceError
from speechkit.local.recognition import Event, Finished, Listening, Unusable
from speechkit.local.workers import ENGINE, EngineUnavailableError, end_with_parent

log = logging.getLogger("speechkit.local")

REMEMBERED: Final = 64  # conversations whose speakers are still known when the client connects again
_SIZE: Final = 4  # bytes that say how long a frame is
_SOUND, _END = b"S", b"E"


Answer = Event | Unusable | Finished
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class TurnLostError(LocalServiceError):
    """The process that recognized a turn died."""


class LiveTurn:
    """One turn of a conversation: sound in, answers out."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_close: Callable[[], None]
    ) -> None:
        self._reader, self._writer, self._on_close = reader, writer, on_close

    async def send(self, sound: bytes) -> None:
        """Hand on bytes of a WAVE stream; waits while the recognizer is behind."""
        await self.write(_SOUND + sound)

    async def end(self) -> None:
        """Say that there is no more sound."""
        await self.write(_END)

    async def answers(self) -> AsyncIterator[Answer]:
        """What is heard, up to Finished or Unusable; raises TurnLostError."""
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(_SIZE), "big")
                answer = _ANSWERS.decode(await self._reader.readexactly(size))
                yield answer
                if isinstance(answer, Finished | Unusable):
                    return
        except (asyncio.IncompleteReadError, OSError):
            raise TurnLostError("the process that recognized this session died") from None

    def close(self) -> None:
        """Let go of the turn."""
        if not self._writer.is_closing():
            self._writer.close()
            self._on_close()

    async def write(self, frame: bytes) -> None:
        """Send a frame."""
        self._writer.write(len(frame).to_bytes(_SIZE, "big") + frame)
        with contextlib.suppress(OSError):  # the answers tell that it died
            await self._writer.drain()


class Live:
    """The processes for live sessions, of which at most `most` are served at a time.

    `models` and `engine` are as for the workers' Pool; `prepare` is waited for before a process is spawned.
    """

    def __init__(
        self,
        models: Path,
        engine: str = ENGINE,
        *,
        processes: int = 1,
        most: int = 4,
        prepare: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self.most, self.sessions = most, 0
        self._prepare = prepare
        self._arguments = (str(models), engine)
        self._slots: list[_Process | None] = [None] * max(1, processes)
        self._turns = [0] * len(self._slots)
        self._spawning = asyncio.Lock()
        self._places: OrderedDict[str, int] = OrderedDict()  # of conversations, the latest last

    async def turn(self, conversation: str, asked: Listening) -> LiveTurn:
        """Begin a turn; those of one conversation go to one process, which knows its speakers.

        Raises EngineUnavailableError.
        """
        number = self._place(conversation)
        self._turns[number] += 1
        try:
            slot = await self._slot(number)
            ours, theirs = socket.socketpair()
            with theirs:
                slot.hand_over(theirs)
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            self._turns[number] -= 1
            raise
        turn = LiveTurn(reader, writer, on_close=functools.partial(self._forget, number))
        await turn.write(msgspec.msgpack.encode((conversation, asked)))
        return turn

    def stop(self) -> None:
        """End every process at once."""
        for slot in self._slots:
            if slot is not None:
                slot.process.kill()

    async def _slot(self, number: int) -> _Process:
        async with self._spawning:
            slot = self._slots[number]
            if slot is None or not slot.process.is_alive():
                if self._prepare is not None:
                    await self._prepare()
                slot = await asyncio.to_thread(_Process, number, *self._arguments)
                self._slots[number] = slot
            return slot

    def _place(self, conversation: str) -> int:
        """The process for a conversation: where it was before, else the one with the fewest turns."""
        number = self._places.pop(conversation, self._turns.index(min(self._turns)))
        self._places[conversation] = number
        while len(self._places) > REMEMBERED:
            self._places.popitem(last=False)
        return number

    def _forget(self, number: int) -> None:
        self._turns[number] -= 1


class _Process:
    """A spawned process, ready to take turns."""

    def __init__(self, number: int, models: str, engine: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._control, theirs = socket.socketpair()
        ours, pipe = context.Pipe()
        self.process = context.Process(
            target=_work, args=(theirs, pipe, models, engine), name=f"live-{number}", daemon=True
        )
        self.process.start()
        theirs.close()
        pipe.close()
        try:
            state, text = ours.recv()
        except (EOFError, OSError):
            state, text = "broken", "the process that loads the recognizer died"
        if state != "ready":
            self.process.kill()
            raise EngineUnavailableError(text)

    def hand_over(self, sock: socket.socket) -> None:
        """Give it the socket of a turn."""
        with contextlib.suppress(OSError):  # it died: the socket says so as well
            socket.send_fds(self._control, [b"t"], [sock.fileno()])


# --- in the process -----------------------------------------------------------------------------------------


def _work(control: socket.socket, pipe: Any, models: str, engine_name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the service
    end_with_parent()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # the sessions share the processors
        os.environ.setdefault(variable, "1")
    try:
        module, _, name = engine_name.partition(":")
        kind = getattr(importlib.import_module(module), name)
        if not hasattr(kind, "stream"):
            raise EngineUnavailableError(f"the recognizer {name} does not work in real time")
        engine = kind.load(Path(models))
    except Exception as error:
        known = isinstance(error, LocalServiceError)
        pipe.send(("broken", str(error) if known else f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ready", f"{engine.name} {engine.version}"))
    guests: OrderedDict[str, Any] = OrderedDict()
    while True:
        message, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        turn = socket.socket(fileno=handles[0])
        threading.Thread(target=_serve, args=(engine, turn, guests), daemon=True).start()


def _serve(engine: Any, turn: socket.socket, known: OrderedDict[str, Any]) -> None:
    """Serve one turn to its end."""
    with turn, contextlib.suppress(OSError, EOFError):
        conversation, asked = msgspec.msgpack.decode(_receive(turn), type=tuple[str, Listening])
        guests = known.pop(conversation, None) or engine.guests() if asked.speakers else None
        if guests is not None:
            known[conversation] = guests
            while len(known) > REMEMBERED:
                known.popitem(last=False)
        stream = engine.stream(asked, guests)
        try:
            _listen(stream, turn)
        finally:
            stream.close()


def _listen(stream: Any, turn: socket.socket) -> None:
    from speechkit.local.wave_stream import WaveReader

    reader = WaveReader()
    while True:
        frame = _receive(turn)
        last = frame[:1] == _END
        try:
            samples = reader.finish() if last else reader.feed(frame[1:])
        except AudioError as error:
            _answer(turn, [Unusable(str(error))])
            return
        behind = bool(select.select([turn], [], [], 0)[0])
        _answer(turn, stream.feed(samples, behind))
        if last:
            _answer(turn, stream.finish())
            _answer(turn, [Finished(stream.heard_s)])
            return


def _answer(turn: socket.socket, answers: Iterable[Event | Unusable | Finished]) -> None:
    for answer in answers:
        data = msgspec.msgpack.encode(answer)
        turn.sendall(len(data).to_bytes(_SIZE, "big") + data)


def _receive(turn: socket.socket) -> bytes:
    return _exactly(turn, int.from_bytes(_exactly(turn, _SIZE), "big"))


def _exactly(turn: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = turn.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)
