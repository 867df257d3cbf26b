"""Real time through the official Speech SDK: a recording is streamed as if somebody were speaking."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit import audio
from speechkit.client.fast import one_recording, transcribe_each
from speechkit.client.options import Options
from speechkit.client.plan import Plan
from speechkit.client.recording import Problem, Recording
from speechkit.client.rest import SpeechClient
from speechkit.client.results import read_result
from speechkit.client.sessions import Session
from speechkit.errors import RequestRefusedError, ServiceError, UnreachableError
from speechkit.progress import Progress, ProgressCallback
from speechkit.transcripts.events import Event, to_table
from speechkit.transcripts.schema import TABLES, Transcript

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from speechkit.transcripts.corpus import Corpus

CHUNK_S: Final = 0.1  # what the SDK itself sends at once
AHEAD_S: Final = 30.0
"""So much sound may be under way without an answer: the SDK gives up when it has to keep a minute or so."""

STALL_S: Final = 120.0  # without a word from the service after the last sound: it will not come
AT_ONCE: Final = 20  # sessions on Azure, which takes 100
AT_ONCE_LOCAL: Final = 2  # the local service works with the cores of this machine

EventCallback = Callable[[Event], object]


class RealtimeTranscript(Transcript):
    """A Transcript with `events`: each hypothesis and final as it arrived, see `transcripts.events.EVENTS`.

    `results` are the finals as the service wrote them, n-best and all.
    """

    def __init__(
        self, transcript: Transcript, events: pd.DataFrame, results: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._tables = {name: transcript.table(name) for name in TABLES}
        self.events, self.results = events, list(results)


class Realtime:
    """Real-time recognition on one service; needs the extra `speechkit[realtime]`."""

    def __init__(self, client: SpeechClient) -> None:
        self._client = client

    def transcribe(
        self,
        recording: str | Path | Recording,
        *,
        pace: float | None = 1.0,
        on_event: EventCallback | None = None,
        progress: ProgressCallback | None = None,
        **options: Any,
    ) -> RealtimeTranscript:
        """Stream a recording and answer what a batch would, with the events beside it.

        `pace` is seconds of sound sent in a second: 1 is as it was spoken, and the only one at which latency
        means something; None is as fast as the service takes it. `on_event` is given each hypothesis and
        final when it arrives. `options` are those of `Options`; without `diarization` and `channels` a stereo
        recording gets a session a channel, a mono one speakers told apart (how many, the service decides).
        Any recording that `speechkit.audio` reads is converted on the way: 16-bit, 16 or 8 kHz. Raises the
        AudioError tree, RequestRefusedError, SettingsError without the SDK, and the ServiceError tree.
        """
        check_pace(pace)
        item = (
            recording if isinstance(recording, Recording) else one_recording(recording, "realtime", options)
        )
        info = item.info or audio.probe(item.address)
        rate = 8000 if info.rate == 8000 else 16000
        channels = item.options.channels or (None if info.channels > 1 else 0,)
        inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        sessions = [
            Session(
                self._client, inbox, item.call_id, item.options, channel=channel or 0, rate=rate, pace=pace
            )
            for channel in channels
        ]
        blocks = _pcm(audio.decode_blocks(info.path, rate, CHUNK_S), channels)
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            if on_event:
                on_event(event)
            if progress:
                progress(Progress("stream", min(event.end_s, info.duration_s), info.duration_s, item.file))

        _stream(sessions, inbox, blocks, rate, pace, note)
        if progress:
            progress(Progress("stream", info.duration_s, info.duration_s, item.file))
        return self._answer(item, sessions, events, info.duration_s, info.channels)

    def listen(
        self, duration_s: float | None = None, *, on_event: EventCallback | None = None, **options: Any
    ) -> RealtimeTranscript:
        """Transcribe what the default microphone hears, for so long or until the kernel is interrupted.

        `options` are those of `Options`; speakers are told apart with `diarization=2`. Raises AudioError
        where there is no microphone.
        """
        call_id = f"microphone-{datetime.now():%Y%m%d-%H%M%S}"
        chosen = Options.of(**options)
        chosen.check_realtime()
        inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        session = Session(self._client, inbox, call_id, chosen, microphone=True)
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            if on_event:
                on_event(event)

        try:
            session.start()
            begin = time.monotonic()
            with suppress(KeyboardInterrupt):
                while not session.ended.is_set() and time.monotonic() < begin + (duration_s or float("inf")):
                    _take(inbox, note, time.monotonic() + CHUNK_S)
        finally:
            session.stop()
        _take(inbox, note)
        session.check()
        item = Recording(call_id, "microphone", "microphone", chosen)
        return self._answer(item, [session], events, time.monotonic() - begin, 1)

    def transcribe_all(
        self, plan: Plan, progress: ProgressCallback | None = None, *, pace: float | None = None
    ) -> Iterator[Transcript | Problem]:
        """Stream the recordings of a plan, some at a time; yield each as it ends, as what it came to."""
        check_pace(pace)
        at_once = AT_ONCE_LOCAL if self._client.is_local else AT_ONCE
        return transcribe_each(lambda item: self.transcribe(item, pace=pace), plan, at_once, progress)

    def _answer(
        self,
        item: Recording,
        sessions: Sequence[Session],
        events: Sequence[Event],
        duration_s: float,
        channels: int,
    ) -> RealtimeTranscript:
        """Merge what the sessions of a call were told into one transcript."""
        finals = [
            result
            | {"Channel": session.channel, "Locale": (result.get("PrimaryLanguage") or {}).get("Language")}
            for session in sessions
            for result in session.results
        ]
        body = {"source": item.source, "durationInSeconds": duration_s, "recognizedPhrases": finals}
        engine = self._client.engine if self._client.is_local else "Azure Speech real time"
        made = read_result(body, item, "realtime", engine)
        calls = made.calls.assign(channels=channels)
        calls["locale"] = calls["locale"].fillna(item.options.locale)
        results = [result for session in sessions for result in session.results]
        return RealtimeTranscript(Transcript(calls, made.phrases, made.words), to_table(events), results)


def together(sessions: Sequence[RealtimeTranscript], kept: Corpus | None = None) -> RealtimeTranscript:
    """Join sessions of different calls, and those that a corpus keeps with its table `events`, into one.

    A call that is in both is taken from the sessions.
    """
    import pandas as pd

    parts: list[Transcript] = list(sessions)
    tables = [session.events for session in sessions]
    if kept is not None:
        new = {call_id for session in sessions for call_id in session.call_ids}
        rest = [call_id for call_id in kept.call_ids if call_id not in new]
        events = kept.table("events")
        parts.append(kept.filter(call_id=rest))
        tables.append(events[events["call_id"].isin(rest)])
    filled = [table for table in tables if len(table)] or [to_table([])]
    results = [result for session in sessions for result in session.results]
    return RealtimeTranscript(Transcript.concat(parts), pd.concat(filled, ignore_index=True), results)


def check_pace(pace: float | None) -> None:
    """Raise RequestRefusedError for a pace that is none.

    >>> check_pace(0)
    Traceback (most recent call last):
    speechkit.errors.RequestRefusedError: pace=0: give seconds of sound a second, 1.0 as spoken, or None.
    """
    if pace is not None and not 0 < pace < float("inf"):
        raise RequestRefusedError(f"pace={pace:g}: give seconds of sound a second, 1.0 as spoken, or None.")


def _pcm(blocks: Iterable[NDArray[np.float32]], channels: Sequence[int | None]) -> Iterator[list[bytes]]:
    """Turn blocks of samples into 16-bit samples of each channel, None standing for all of them mixed."""
    import numpy as np

    for block in blocks:
        rows = [
            audio.mix(block) if channel is None else block[min(channel, len(block) - 1)]
            for channel in channels
        ]
        yield [(np.clip(row, -1, 1) * 32767).astype("<i2").tobytes() for row in rows]


def _stream(
    sessions: Sequence[Session],
    inbox: queue.SimpleQueue[Event],
    blocks: Iterable[Sequence[bytes]],
    rate: int,
    pace: float | None,
    note: Callable[[Event], None],
) -> None:
    """Send blocks to sessions, each when it would have been spoken, and note what arrives meanwhile.

    A block is sent at the time of its end, as a microphone would: what arrives cannot be early.
    """
    try:
        for session in sessions:
            session.start()
        begin, sent_s = time.monotonic(), 0.0
        for session in sessions:
            session.begin(begin)
        for rows in blocks:
            sent_s += len(rows[0]) / 2 / rate
            if pace:
                _take(inbox, note, begin + sent_s / pace)
            else:
                _let_it_catch_up(sessions, inbox, note, sent_s)
            if any(session.ended.is_set() for session in sessions):
                break
            for session, samples in zip(sessions, rows, strict=True):
                session.write(samples)
        else:
            for session in sessions:
                session.close()
        _finish(sessions, inbox, note)
    finally:
        for session in sessions:
            session.stop()


def _let_it_catch_up(
    sessions: Sequence[Session], inbox: queue.SimpleQueue[Event], note: Callable[[Event], None], sent_s: float
) -> None:
    """Note what has arrived; where too much is under way, go on at the pace of speech at most."""
    until_s = time.monotonic() + CHUNK_S
    _take(inbox, note)
    while (
        sent_s - min(session.acknowledged_s for session in sessions) > AHEAD_S
        and time.monotonic() < until_s
        and not any(session.ended.is_set() for session in sessions)
    ):
        _take(inbox, note, time.monotonic() + 0.005)


def _finish(
    sessions: Sequence[Session], inbox: queue.SimpleQueue[Event], note: Callable[[Event], None]
) -> None:
    """Wait for the last words; raise what went wrong."""
    heard_s = time.monotonic()
    while not all(session.ended.is_set() for session in sessions):
        if _take(inbox, note, time.monotonic() + 0.02):
            heard_s = time.monotonic()
        for session in sessions:
            session.check()
            if session.ended.is_set() and not session.closed:
                raise ServiceError(
                    "the service ended the session before all sound was sent. Stream it again."
                )
        if time.monotonic() > heard_s + STALL_S:
            raise UnreachableError(
                f"no word from the service for {STALL_S:.0f} s. Stream the recording again."
            )
    _take(inbox, note)
    for session in sessions:
        session.check()


def _take(inbox: queue.SimpleQueue[Event], note: Callable[[Event], None], until_s: float = 0.0) -> int:
    """Note what has arrived, and what arrives until a moment of the monotonic clock."""
    count = 0
    for _ in repeat(None):
        wait_s = until_s - time.monotonic()
        try:
            event = inbox.get(timeout=wait_s) if wait_s > 0 else inbox.get_nowait()
        except queue.Empty:
            if wait_s <= 0 or time.monotonic() >= until_s:
                break
            continue
        note(event)
        count += 1
    return count
