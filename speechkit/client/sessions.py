"""One session of the official Speech SDK: sound goes in, hypotheses and finals come out with their time of arrival.

The SDK calls back from threads of its own. What it says is stamped there and put into an inbox; everything
else happens in the thread of whoever streams, so that an error of a callback is raised where it can be seen.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from speechkit.client.secrets import mask
from speechkit.errors import (
    AccessDeniedError,
    AudioError,
    InvalidRequestError,
    ServiceError,
    SettingsError,
    SpeechkitError,
    StatusError,
    ThrottledError,
    UnreachableError,
)
from speechkit.limits import TICKS_PER_SECOND
from speechkit.transcripts.events import FINAL, HYPOTHESIS, Event

if TYPE_CHECKING:
    from speechkit.client.options import Options
    from speechkit.client.rest import SpeechClient

CONNECT_S: Final = 20.0
"""So long a session may take to connect: the SDK tries five times by itself."""

_STOP_S: Final = 15.0  # the SDK gives up stopping after 10 s
_UNTHROTTLED: Final = ("SPEECH-TransmitLengthBeforThrottleMs", str(24 * 3600 * 1000))
# The SDK sends 5 s at once and then twice real time. This property of it, spelled so, lifts that: whoever
# writes sees to it that not too much is under way.
_PROFANITY: Final = {"None": "Raw", "Masked": "Masked", "Removed": "Removed"}
_ERRORS: Final[dict[str, tuple[type[StatusError], int]]] = {
    "AuthenticationFailure": (AccessDeniedError, 401),
    "Forbidden": (AccessDeniedError, 403),
    "BadRequest": (InvalidRequestError, 400),
    "TooManyRequests": (ThrottledError, 429),
}
_REMEDIES: Final = {
    "AuthenticationFailure": "Check SPEECH_KEY, and that SPEECH_ENDPOINT is the endpoint of the same resource.",
    "Forbidden": "Check the quota and the role of the resource.",
    "BadRequest": "Check the locale and the options.",
    "TooManyRequests": "Wait some minutes, and stream fewer recordings at once.",
    "ConnectionFailure": "Check SPEECH_ENDPOINT and the network: real time needs a websocket (wss, port 443).",
    "ServiceTimeout": "Stream it again; if it happens again, use batch mode.",
}


def load_sdk() -> Any:
    """Import the Speech SDK; SettingsError says how to install it, or what it lacks where it does not load."""
    try:
        import azure.cognitiveservices.speech as sdk
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"real time needs Microsoft's Speech SDK, and {error.name} is not installed. Install it with "
            "`pip install 'speechkit[realtime]'`, or use fast or batch mode."
        ) from None
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise _not_loading(error) from error
    return sdk


def _not_loading(error: Exception) -> SettingsError:
    return SettingsError(
        f"the Speech SDK is installed, but does not load here: {str(error).splitlines()[0]}. It needs Linux "
        "with glibc (not Alpine), OpenSSL 3 (Debian: libssl3) and libuuid, or Windows, or macOS. Install what "
        "is missing, or use fast or batch mode."
    )


class Session:
    """A session for one channel of a call; `write` takes 16-bit mono samples, the inbox gets what arrives.

    `results` holds the JSON of each final; times in it are ticks from the start of the sound. Until
    `acknowledged_s` the service has answered for good.
    """

    def __init__(
        self,
        client: SpeechClient,
        inbox: queue.SimpleQueue[Event],
        call_id: str,
        options: Options,
        *,
        channel: int = 0,
        rate: int = 16000,
        pace: float | None = 1.0,
        microphone: bool = False,
    ) -> None:
        self._sdk = sdk = load_sdk()
        self.call_id, self.channel, self.pace = call_id, channel, pace
        self.results: list[dict[str, Any]] = []
        self.error: SpeechkitError | None = None
        self.ended = threading.Event()
        self.sent_s = 0.0
        self.closed = False
        self.acknowledged_s = 0.0
        self._rate, self._began_s, self._inbox = rate, time.monotonic(), inbox
        self._secrets = client.signer.secrets
        self._stream: Any = None
        self._connection: Any = None
        try:
            config = _config(sdk, client, options, pace)
            if microphone:
                sound = sdk.audio.AudioConfig(use_default_microphone=True)
            else:
                self._stream = sdk.audio.PushAudioInputStream(sdk.audio.AudioStreamFormat(rate, 16, 1))
                sound = sdk.audio.AudioConfig(stream=self._stream)
            self._recognizer = _recognizer(sdk, config, sound, options)
        except RuntimeError as error:
            if microphone and "MIC" in str(error):
                raise AudioError(
                    "there is no microphone that can be used. Connect one (on Linux, install libasound2), or "
                    "give a recording."
                ) from error
            raise _not_loading(error) from error
        self._signals = _say(self._recognizer, options, self)

    def start(self) -> None:
        """Connect, and wait until the service has answered; raises the ServiceError tree."""
        self._connection = self._sdk.Connection.from_recognizer(self._recognizer)
        connected = threading.Event()
        self._connection.connected.connect(lambda _: connected.set())
        self._signals.append(self._connection.connected)
        self._call("start")
        until_s = time.monotonic() + CONNECT_S
        while not (connected.wait(0.02) or self.ended.is_set()):
            if time.monotonic() > until_s:
                raise UnreachableError(
                    f"the service did not answer within {CONNECT_S:.0f} s. {_REMEDIES['ConnectionFailure']}"
                )
        self.check()
        self.begin(time.monotonic())

    def begin(self, moment_s: float) -> None:
        """Count arrivals from a moment of the monotonic clock on."""
        self._began_s = moment_s

    def write(self, samples: bytes) -> None:
        """Send sound."""
        self._stream.write(samples)
        self.sent_s += len(samples) / 2 / self._rate

    def close(self) -> None:
        """Say that no more sound comes."""
        self._stream.close()
        self.closed = True

    def stop(self) -> None:
        """End the session, whatever it is doing.

        Nothing may call back later: a thread of the SDK in a Python that is ending aborts the process.
        """
        stopper = threading.Thread(target=self._call, args=("stop",), daemon=True)
        stopper.start()
        stopper.join(_STOP_S)
        for signal in self._signals:
            signal.disconnect_all()
        self._signals.clear()
        self._connection = self._recognizer = None

    def check(self) -> None:
        """Raise what went wrong, if anything."""
        if self.error:
            raise self.error

    def _call(self, verb: str) -> None:
        """Start or stop the recognizer, under the name that its class has for it."""
        names = (f"{verb}_transcribing_async", f"{verb}_continuous_recognition_async")
        next(getattr(self._recognizer, name) for name in names if hasattr(self._recognizer, name))().get()

    # --- what the SDK calls, in its threads ---

    def hear(self, kind: str, result: Any) -> None:
        """Note a hypothesis or a final with its time of arrival."""
        arrived_s, sent_s = time.monotonic() - self._began_s, self.sent_s
        start_s = result.offset / TICKS_PER_SECOND
        end_s = start_s + result.duration / TICKS_PER_SECOND
        if kind == FINAL:
            self.acknowledged_s = max(self.acknowledged_s, end_s)
        if not result.text:
            return  # silence: no words arrived
        if kind == FINAL:
            self.results.append(json.loads(result.json))
        speaker = getattr(result, "speaker_id", None) or None
        self._inbox.put(
            Event(self.call_id, self.channel, kind, result.text, speaker, start_s, end_s,
                  sent_s if self._stream else arrived_s, arrived_s, self.pace)
        )  # fmt: skip

    def cancel(self, details: Any) -> None:
        """Note why the service ended the session; the end of the sound is no error."""
        if details.reason == self._sdk.CancellationReason.Error:
            self.error = _error(details.code.name, mask(details.error_details or "", self._secrets))
        self.ended.set()


def _say(recognizer: Any, options: Options, session: Session) -> list[Any]:
    """Let a recognizer tell its session what it hears; answer the signals that are connected."""
    signals = (
        (recognizer.transcribing, recognizer.transcribed)
        if options.diarization
        else (recognizer.recognizing, recognizer.recognized)
    )
    for kind, signal in zip((HYPOTHESIS, FINAL), signals, strict=True):
        signal.connect(lambda event, kind=kind: session.hear(kind, event.result))
    recognizer.canceled.connect(lambda event: session.cancel(event.cancellation_details))
    recognizer.session_stopped.connect(lambda _: session.ended.set())
    return [*signals, recognizer.canceled, recognizer.session_stopped]


def _config(sdk: Any, client: SpeechClient, options: Options, pace: float | None) -> Any:
    config = sdk.SpeechConfig(endpoint=client.endpoint, **client.signer.for_sdk())
    if not options.candidate_locales:
        config.speech_recognition_language = options.locale
    config.output_format = sdk.OutputFormat.Detailed
    config.request_word_level_timestamps()
    config.set_profanity(getattr(sdk.ProfanityOption, _PROFANITY[options.profanity]))
    if options.diarization:
        config.set_property(sdk.PropertyId.SpeechServiceResponse_DiarizeIntermediateResults, "true")
    if options.candidate_locales:
        config.set_property(sdk.PropertyId.SpeechServiceConnection_LanguageIdMode, "Continuous")
    if pace != 1.0:
        config.set_property_by_name(*_UNTHROTTLED)
    return config


def _recognizer(sdk: Any, config: Any, sound: Any, options: Options) -> Any:
    languages: dict[str, Any] = {}
    if options.candidate_locales:
        languages["auto_detect_source_language_config"] = sdk.languageconfig.AutoDetectSourceLanguageConfig(
            languages=list(options.candidate_locales)
        )
    kind: Callable[..., Any] = (
        sdk.transcription.ConversationTranscriber if options.diarization else sdk.SpeechRecognizer
    )
    recognizer = kind(config, sound, **languages)
    if options.phrases:
        grammar = sdk.PhraseListGrammar.from_recognizer(recognizer)
        for phrase in options.phrases:
            grammar.addPhrase(phrase)
        if options.biasing_weight is not None:
            grammar.setWeight(options.biasing_weight)
    return recognizer


def _error(code: str, details: str) -> SpeechkitError:
    """The error for what the SDK says, with its words on one line and a remedy."""
    said = " ".join(details.split("SessionId:")[0].split()).rstrip(". ") or code
    text = f"real time ended ({code}): {said}. {_REMEDIES.get(code, 'Stream it again.')}"
    if code in _ERRORS:
        kind, status = _ERRORS[code]
        return kind(text, status=status)
    return UnreachableError(text) if code in ("ConnectionFailure", "ServiceTimeout") else ServiceError(text)
