"""Real time: the websocket that the Speech SDK opens to recognize speech and to transcribe conversations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from speechkit.local import locales
from speechkit.local.checks import canonical_locale
from speechkit.local.envelope import RefusalError
from speechkit.local.live import Live, LiveTurn, TurnLostError
from speechkit.local.recognition import Ended, Finished, Listening, Quiet, Revised, Started, Unusable
from speechkit.local.service import Service
from speechkit.local.speech_protocol import (
    Message,
    ProtocolError,
    TurnOptions,
    read_binary,
    read_text,
    read_turn,
    ticks,
    write_text,
)
from speechkit.local.speech_results import hypothesis_text, phrase_result
from speechkit.local.workers import EngineUnavailableError

log = logging.getLogger("speechkit.local")

INVALID, BROKEN = (
    1007,
    1011,
)  # codes of closing: the SDK gives up after the first, and connects again after the other
_REASON_BYTES: Final = 120  # of a reason, says RFC 6455
_BYTE_RATE: Final = slice(28, 32)  # of a WAV header


class _ClosedError(Exception):
    """The connection is to be closed, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Conversation:
    """One connection of the SDK: a turn at a time."""

    def __init__(self, socket: WebSocket, service: Service, mode: str | None) -> None:
        self._socket, self._service, self._mode = socket, service, mode
        self._id = socket.headers.get("x-connectionid") or uuid.uuid4().hex
        self._turn: _Turn | None = None
        self._order, self._break = socket.scope.get("speechkit.order", (None, None))
        self._heard_bytes = self._byte_rate = 0

    async def serve(self) -> None:
        """Answer messages until the client goes; raises _ClosedError."""
        receiving = asyncio.ensure_future(self._socket.receive())
        try:
            while True:
                waiting = {receiving, *([self._turn.task] if self._turn and self._turn.task else [])}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._turn and self._turn.task in done:
                    self._turn.task.result()
                    self._turn.task = None
                if receiving in done:
                    message = receiving.result()
                    if message["type"] == "websocket.disconnect":
                        return
                    await self._take(message)
                    receiving = asyncio.ensure_future(self._socket.receive())
        except ProtocolError as error:
            raise _ClosedError(INVALID, str(error)) from None
        finally:
            receiving.cancel()
            if self._turn:
                self._turn.close()

    async def _take(self, frame: MutableMapping[str, Any]) -> None:
        text = frame.get("text")
        message = read_text(text) if text is not None else read_binary(frame["bytes"])
        if message.path == "speech.context":
            self._begin(message)
        elif message.path == "audio":
            if self._turn is None or (not self._turn.request_id and message.request_id):
                self._begin(message)
            assert self._turn is not None
            if message.request_id == self._turn.request_id:  # else late sound of a turn that has ended
                self._misbehave(message.body)
                await self._turn.hear(message.body)

    def _misbehave(self, sound: bytes) -> None:
        if self._order is None or self._order.kind == "lost":
            return
        self._byte_rate = self._byte_rate or int.from_bytes(sound[_BYTE_RATE], "little")
        self._heard_bytes += len(sound)
        if self._heard_bytes > self._order.seconds * self._byte_rate:
            self._break()

    def _begin(self, message: Message) -> None:
        context = message.json() if message.path == "speech.context" else {}
        options = read_turn(self._mode, self._socket.query_params, context)
        locale = canonical_locale(options.locale or "en-US")
        if locale not in locales.served():
            raise _ClosedError(INVALID, locales.not_served([locale]))
        if self._turn:
            self._turn.close()
        self._turn = _Turn(self._socket, self._service.live, self._id, message.request_id, options, locale)
        if self._order and self._order.kind == "lost":
            self._turn.after_phrase = self._break


class _Turn:
    """From a speech.context to its turn.end."""

    def __init__(
        self,
        socket: WebSocket,
        live: Live,
        conversation: str,
        request_id: str,
        options: TurnOptions,
        locale: str,
    ) -> None:
        self._socket, self._live, self._conversation = socket, live, conversation
        self.request_id, self._options, self._locale = request_id, options, locale
        self._stream: LiveTurn | None = None
        self._over = False
        self.after_phrase: Callable[[], None] = lambda: None
        self.task: asyncio.Task[None] | None = None

    async def hear(self, sound: bytes) -> None:
        """Take sound; none at all is its end."""
        if self._over:
            return
        if self._stream is None:
            await self._send("turn.start", {"context": {"serviceTag": uuid.uuid4().hex}})
            asked = self._options
            listening = Listening(
                nbest=asked.nbest,
                phrases=asked.phrases,
                weight=asked.weight,
                silence_s=asked.silence_s,
                longest_s=asked.longest_s,
                initial_silence_s=asked.initial_silence_s,
                speakers=asked.speakers,
                interim_speakers=asked.interim_speakers,
                stable=asked.stable,
                start_s=asked.start_s,
            )
            try:
                self._stream = await self._live.turn(self._conversation, listening)
            except EngineUnavailableError as error:
                raise _ClosedError(INVALID, str(error)) from None
            self.task = asyncio.create_task(self._answer(self._stream))
        await (self._stream.send(sound) if sound else self._stream.end())

    def close(self) -> None:
        """Let go of it."""
        self._over = True
        if self.task:
            self.task.cancel()
        if self._stream:
            self._stream.close()

    async def _answer(self, stream: LiveTurn) -> None:
        """Send on what is heard."""
        once = self._options.mode == "interactive"
        try:
            async for answer in stream.answers():
                match answer:
                    case Started(start_s):
                        await self._send("speech.startDetected", {"Offset": ticks(start_s)})
                    case Revised():
                        await self._send("speech.hypothesis", self._hypothesis(answer))
                    case Ended(phrase, until_s):
                        result = phrase_result(
                            phrase,
                            detailed=self._options.detailed,
                            words=self._options.words,
                            profanity=self._options.profanity,
                            punctuation=self._options.punctuation,
                            until_s=until_s,
                        )
                        await self._phrase(result | self._spoken_by(phrase.speaker))
                        self.after_phrase()
                        if once:
                            return await self._end(until_s)
                    case Quiet(until_s, initial):
                        if initial:
                            await self._status("InitialSilenceTimeout", until_s)
                            return await self._end(until_s)
                        # So the SDK keeps no silence for a replay; of this status it tells nobody.
                        await self._status("EndOfDictation", until_s)
                    case Finished(until_s):
                        if once:
                            await self._status("NoMatch", until_s)
                        else:
                            await self._status("EndOfDictation", until_s)
                        return await self._end(until_s)
                    case Unusable(message):
                        raise _ClosedError(INVALID, message)
        except TurnLostError as error:
            raise _ClosedError(BROKEN, str(error)) from None
        finally:
            stream.close()

    async def _end(self, at_s: float) -> None:
        self._over = True
        await self._send("speech.endDetected", {"Offset": ticks(at_s)})
        await self._send("turn.end", {})

    async def _status(self, status: str, at_s: float) -> None:
        """A phrase without words: it tells the SDK how far was heard."""
        await self._phrase({"RecognitionStatus": status, "Offset": ticks(at_s, up=True), "Duration": 0})

    async def _phrase(self, body: dict[str, Any]) -> None:
        await self._send("speech.phrase", {"Id": uuid.uuid4().hex, "Channel": 0} | body)

    def _hypothesis(self, heard: Revised) -> dict[str, Any]:
        start = ticks(heard.start_s)
        body = {
            "Id": uuid.uuid4().hex,
            "Text": hypothesis_text(heard.words, self._options.profanity),
            "Offset": start,
            "Duration": ticks(heard.end_s) - start,
            "Channel": 0,
        }
        return body | self._spoken_by(heard.speaker)

    def _spoken_by(self, speaker: int | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._options.speakers:
            found["SpeakerId"] = f"Guest-{speaker}" if speaker else "Unknown"
        if self._options.identify_language:
            found["PrimaryLanguage"] = {"Language": self._locale, "Confidence": "Unknown"}
        return found

    async def _send(self, path: str, body: dict[str, Any]) -> None:
        await self._socket.send_text(write_text(path, self.request_id, body))


async def recognize(socket: WebSocket) -> None:
    """The endpoint of every real-time route."""
    service: Service = socket.app.state.service
    locale = canonical_locale(socket.query_params.get("language") or "en-US")
    if locale not in locales.served():
        await deny(
            socket, RefusalError("InvalidRequest", locales.not_served([locale]), inner="InvalidLocale")
        )
        return
    live = service.live
    if live.sessions >= live.most:
        message = f"{live.most} live sessions are being recognized, and no more are at a time."
        await deny(socket, RefusalError("TooManyRequests", message, retry_after_s=1))
        return
    live.sessions += 1
    try:
        await socket.accept()
        await Conversation(socket, service, socket.path_params.get("mode")).serve()
    except _ClosedError as closed:
        reason = str(closed).encode()[:_REASON_BYTES].decode(errors="ignore")
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(closed.code, reason)
    except WebSocketDisconnect:
        pass
    finally:
        live.sessions -= 1


async def deny(socket: WebSocket, refusal: RefusalError) -> None:
    """Refuse the connection, with the body that a request would get."""
    await socket.receive()
    await socket.send_denial_response(refusal.response())


_MODES: Final = "/speech/recognition/{mode}/cognitiveservices/v1"
_UNIVERSAL: Final = "/speech/universal/v2"
ROUTES: Final = [
    WebSocketRoute(prefix + path, recognize) for prefix in ("", "/stt") for path in (_MODES, _UNIVERSAL)
]
