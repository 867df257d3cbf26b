"""The official Speech SDK against a service: what it reports, as plain records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure.cognitiveservices.speech as sdk
import numpy as np
from numpy.typing import NDArray

from tests.local.service_fixture import KEY, Running

TICKS = 10_000_000
AT_ONCE = "SPEECH-TransmitLengthBeforThrottleMs"  # the SDK's own spelling; sends without waiting


@dataclass
class Heard:
    """What a session reported: finals and hypotheses as the SDK's JSON, and how it ended."""

    finals: list[dict[str, Any]] = field(default_factory=list)
    hypotheses: list[dict[str, Any]] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)  # of hypotheses and finals, since the start
    nothing: list[dict[str, Any]] = field(default_factory=list)  # results without a match
    canceled: list[Any] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All finals."""
        return " ".join(final["DisplayText"] for final in self.finals)

    @property
    def error(self) -> str:
        """Why it was canceled; empty at the end of the sound."""
        return " ".join(c.error_details for c in self.canceled if c.reason == sdk.CancellationReason.Error)


def config(service: Running, key: str = KEY, at_once: bool = True) -> sdk.SpeechConfig:
    """How the SDK reaches the service."""
    made = sdk.SpeechConfig(host=service.endpoint.replace("http", "ws"), subscription=key)
    made.speech_recognition_language = "en-US"
    if at_once:
        made.set_property_by_name(AT_ONCE, "600000")
    return made


def sound(of: Path | sdk.audio.AudioInputStream) -> sdk.audio.AudioConfig:
    """A recording, or a stream, as the SDK takes it."""
    return (
        sdk.audio.AudioConfig(filename=str(of)) if isinstance(of, Path) else sdk.audio.AudioConfig(stream=of)
    )


def once(made: sdk.SpeechConfig, recording: Path | sdk.audio.AudioInputStream) -> Any:
    """recognize_once."""
    return sdk.SpeechRecognizer(made, sound(recording)).recognize_once()


def listen(
    made: sdk.SpeechConfig,
    recording: Path | sdk.audio.AudioInputStream,
    *,
    speakers: bool = False,
    phrases: tuple[str, ...] = (),
    meanwhile: Callable[[], None] = lambda: None,
    seconds: float = 90.0,
) -> Heard:
    """Recognize to the end of the sound, with a SpeechRecognizer or a ConversationTranscriber."""
    heard, over, begun = Heard(), threading.Event(), time.monotonic()
    recognizer: Any
    if speakers:
        recognizer = sdk.transcription.ConversationTranscriber(made, sound(recording))
        hypothesis, final = recognizer.transcribing, recognizer.transcribed
        start, stop = recognizer.start_transcribing_async, recognizer.stop_transcribing_async
    else:
        recognizer = sdk.SpeechRecognizer(made, sound(recording))
        hypothesis, final = recognizer.recognizing, recognizer.recognized
        start, stop = (
            recognizer.start_continuous_recognition_async,
            recognizer.stop_continuous_recognition_async,
        )
    if phrases:
        grammar = sdk.PhraseListGrammar.from_recognizer(recognizer)
        for phrase in phrases:
            grammar.addPhrase(phrase)

    def take(event: Any, into: list[dict[str, Any]]) -> None:
        heard.arrivals_s.append(time.monotonic() - begun)
        found = event.result.reason != sdk.ResultReason.NoMatch
        (into if found else heard.nothing).append(json.loads(event.result.json))

    hypothesis.connect(lambda event: take(event, heard.hypotheses))
    final.connect(lambda event: take(event, heard.finals))
    recognizer.canceled.connect(lambda event: heard.canceled.append(event.cancellation_details))
    recognizer.session_stopped.connect(lambda event: over.set())
    connection = sdk.Connection.from_recognizer(recognizer)
    connection.connected.connect(lambda event: heard.connections.append("connected"))
    connection.disconnected.connect(lambda event: heard.connections.append("disconnected"))
    start().get()
    meanwhile()
    assert over.wait(seconds), "the session did not end"
    stop().get()
    return heard


def pushed(samples: NDArray[np.int16], rate: int) -> sdk.audio.PushAudioInputStream:
    """A stream that holds some sound, and ends."""
    stream = sdk.audio.PushAudioInputStream(sdk.audio.AudioStreamFormat(rate, 16, 1))
    stream.write(samples.tobytes())
    stream.close()
    return stream


def paced(samples: NDArray[np.int16], rate: int) -> sdk.audio.PushAudioInputStream:
    """A stream that is spoken into at the pace of speech, in a thread of its own."""
    stream = sdk.audio.PushAudioInputStream(sdk.audio.AudioStreamFormat(rate, 16, 1))

    def speak() -> None:
        begun_s, step = time.monotonic(), rate // 10
        for start in range(0, len(samples), step):
            stream.write(samples[start : start + step].tobytes())
            time.sleep(max(0.0, begun_s + (start + step) / rate - time.monotonic()))
        stream.close()

    threading.Thread(target=speak, daemon=True).start()
    return stream
