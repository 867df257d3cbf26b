"""A speech service of a few lines on loopback that the real Speech SDK talks to; it hears what it is told to hear.

Each websocket is one session. Words come out when the sound that they lie in has arrived, so what the client
sees depends on its pace. The protocol: one text or binary message a frame, headers first.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

TICKS = 10_000_000
WORD_S = 0.2
SILENCE_S = 10.0


@dataclass
class Script:
    """What is heard: phrases as (start in seconds, words, speaker), each word 0.2 s long.

    `status` refuses the connection, `close` ends the first so many sessions with this code after their first
    phrase; `asked` keeps what the client asked for and `sound` how many bytes of it came.
    """

    phrases: Sequence[tuple[float, str, str]] = ()
    status: int = 0
    close: int = 0
    key: str = "k"
    asked: list[dict[str, Any]] = field(default_factory=list)
    formats: list[bytes] = field(default_factory=list)
    sound: list[int] = field(default_factory=list)
    url: str = ""


@contextmanager
def scripted(script: Script) -> Iterator[Script]:
    """Serve a script; its `url` is where."""

    def admit(connection: ServerConnection, request: Request) -> Response | None:
        script.asked.append({"path": urlsplit(request.path).path})
        if request.headers.get("Ocp-Apim-Subscription-Key") != script.key:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "wrong key\n")
        return connection.respond(HTTPStatus(script.status), "no\n") if script.status else None

    def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            _Turn(script, connection).run()

    server: Server = serve(handle, "127.0.0.1", 0, process_request=admit, max_size=None, close_timeout=0.2)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()


class _Turn:
    """One session with one turn, from its first sound to its end."""

    def __init__(self, script: Script, connection: ServerConnection) -> None:
        self.script, self.connection = script, connection
        self.request, self.rate, self.received, self.header = "", 16000, 0, False
        self.left = [list(phrase) for phrase in script.phrases]
        self.shown, self.answered_s = 0, 0.0

    def run(self) -> None:
        """Read messages until the sound ends."""
        for message in self.connection:
            if isinstance(message, str):
                head, _, body = message.partition("\r\n\r\n")
                if "path:speech.context" in head.lower():
                    self.script.asked.append(json.loads(body))
                continue
            size = int.from_bytes(message[:2], "big")
            headers, sound = message[2 : 2 + size].decode(), message[2 + size :]
            self.request = headers.partition("X-RequestId:")[2].partition("\r\n")[0]
            if not self.header:
                self.header, self.rate = True, int.from_bytes(sound[24:28], "little")
                self.script.formats.append(sound[20:36])
                self.say("turn.start", {"context": {"serviceTag": "0" * 32}})
                continue
            self.received += len(sound)
            self.hear(math.inf if not sound else self.received / 2 / self.rate)
            if not sound:
                self.script.sound.append(self.received)
                end = math.ceil(1000 * self.received / 2 / self.rate) * TICKS // 1000
                self.say(
                    "speech.phrase", {"RecognitionStatus": "EndOfDictation", "Offset": end, "Duration": 0}
                )
                self.say("speech.endDetected", {"Offset": end})
                self.say("turn.end", {})
                return self.drain()

    def drain(self) -> None:
        """Let the client close."""
        for _ in self.connection:
            pass

    def hear(self, until_s: float) -> None:
        """Tell of the words that lie before a moment: hypotheses, then the final; answer for long silence."""
        next_s = min([until_s, *(start_s for start_s, *_ in self.left[:1])])
        if SILENCE_S < next_s - self.answered_s < math.inf:
            silence = {"Offset": round(self.answered_s * TICKS), "Duration": round(SILENCE_S * TICKS)}
            self.say("speech.phrase", {"RecognitionStatus": "InitialSilenceTimeout", **silence})
            self.answered_s += SILENCE_S
        while self.left:
            start_s, text, speaker = self.left[0]
            words = text.split()
            whole = [w for i, w in enumerate(words) if start_s + (i + 1) * WORD_S <= until_s]
            ticks = {"Offset": round(start_s * TICKS), "Duration": round(len(whole) * WORD_S * TICKS)}
            known = {"SpeakerId": speaker} if speaker else {}
            if len(whole) > self.shown:
                self.shown = len(whole)
                self.say(
                    "speech.hypothesis", {"Id": "h", "Text": " ".join(whole), "Channel": 0, **ticks, **known}
                )
            if len(whole) < len(words) or until_s < start_s + len(words) * WORD_S + 0.3:
                return
            timed = [
                {"Word": w, "Offset": round((start_s + i * WORD_S) * TICKS), "Duration": int(WORD_S * TICKS),
                 "Confidence": 0.9}
                for i, w in enumerate(words)
            ]  # fmt: skip
            shown = text.capitalize() + "."
            best = {
                "Confidence": 0.9,
                "Lexical": text,
                "ITN": text,
                "MaskedITN": text,
                "Display": shown,
                "Words": timed,
            }
            self.say("speech.phrase", {"Id": "p", "RecognitionStatus": "Success", "Channel": 0, "DisplayText": shown,
                                       "NBest": [best], **ticks, **known})  # fmt: skip
            self.left.pop(0)
            self.answered_s = start_s + len(words) * WORD_S
            self.shown = 0
            if self.script.close:
                self.connection.close(self.script.close, "told to")

    def say(self, path: str, body: dict[str, Any]) -> None:
        head = f"X-RequestId:{self.request}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}\r\n\r\n"
        self.connection.send(head + json.dumps(body))
