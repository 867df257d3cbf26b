"""The protocol that the Speech SDK speaks over a websocket: its frames, and what a turn asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from speechkit import limits
from speechkit.limits import TICKS_PER_SECOND
from speechkit.local.forms import Profanity, Punctuation
from speechkit.local.requests import MAX_BIASING_WEIGHT

Mode = Literal["interactive", "conversation", "dictation"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

DETAILED_NBEST: Final = 4  # hypotheses of a final that is asked for in detail: as many as are weighed anyway
INTERACTIVE_SILENCE_S: Final = 5.0  # how long recognize_once waits for speech where nothing else is said

PROFANITY: Final[dict[str, Profanity]] = {"raw": "None", "removed": "Removed", "masked": "Masked"}
_PUNCTUATION: Final[dict[str, Punctuation]] = {
    "none": "None",
    "explicit": "Dictated",
    "dictated": "Dictated",
    "implicit": "Automatic",
    "intelligent": "Automatic",
    "automatic": "Automatic",
    "dictatedandautomatic": "DictatedAndAutomatic",
}


class ProtocolError(ValueError):
    """A frame, or a wish in it, that cannot be understood or met; the message is for the user of the SDK."""


@dataclass(frozen=True)
class Message:
    """One message of the client: where it goes (`path`, in lower case), the turn that it belongs to, its body.

    The body of an audio message is sound in bytes, of any other one JSON.
    """

    path: str
    request_id: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body of a message that is not sound."""
        try:
            body = json.loads(self.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ProtocolError(f"The body of {self.path} is not a JSON object.")
        return body


def read_text(frame: str) -> Message:
    """Read a text frame: header lines, an empty one, the body.

    >>> read_text("Path:speech.config\\r\\nX-RequestId:ab\\r\\n\\r\\n{}")
    Message(path='speech.config', request_id='ab', body=b'{}')
    """
    head, separator, body = frame.partition("\r\n\r\n")
    if not separator:
        raise ProtocolError("A text message has no empty line between its headers and its body.")
    return _message(head, body.encode())


def read_binary(frame: bytes) -> Message:
    """Read a binary frame: the length of the headers in two bytes, the headers, the sound.

    >>> read_binary(b"\\x00\\x0cPath:audio\\r\\nRIFF")
    Message(path='audio', request_id='', body=b'RIFF')
    """
    length = int.from_bytes(frame[:2], "big")
    if len(frame) < 2 + length:
        raise ProtocolError("A binary message is shorter than its headers say.")
    return _message(frame[2 : 2 + length].decode("latin-1"), frame[2 + length :])


def write_text(path: str, request_id: str, body: Mapping[str, Any]) -> str:
    """A message of the service, as the SDK wants it: CRLF, and the request id byte for byte as it came."""
    head = f"X-RequestId:{request_id}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}\r\n\r\n"
    return head + json.dumps(body, ensure_ascii=False)


def ticks(seconds: float, up: bool = False) -> int:
    """Seconds in ticks of 100 ns, to the millisecond, which is all that the SDK counts when it replays.

    >>> ticks(1.0004), ticks(1.0004, up=True)
    (10000000, 10010000)
    """
    milliseconds = -int(-seconds * 1000 // 1) if up else round(seconds * 1000)
    return max(0, milliseconds) * (TICKS_PER_SECOND // 1000)


@dataclass(frozen=True)
class TurnOptions:
    """What a turn asks for, from the query of the connection and the `speech.context` of the turn.

    Durations are seconds; `start_s` is where the turn begins in the client's sound, after the first turn or a
    reconnection.
    """

    mode: Mode = "conversation"
    locale: str = ""
    detailed: bool = False
    words: bool = False
    profanity: Profanity = "Masked"
    punctuation: Punctuation = "DictatedAndAutomatic"
    phrases: tuple[str, ...] = ()
    weight: float = 1.0
    silence_s: float | None = None
    longest_s: float | None = None
    initial_silence_s: float | None = None
    stable: int = 1
    speakers: bool = False
    interim_speakers: bool = False
    identify_language: bool = False
    start_s: float = 0.0

    @property
    def nbest(self) -> int:
        """How many hypotheses a final has."""
        return DETAILED_NBEST if self.detailed else 1


def read_turn(mode: str | None, query: Mapping[str, str], context: Mapping[str, Any]) -> TurnOptions:
    """The options of a turn; where query and context both say something, the context does.

    `mode` is that of the path, which only a context without one falls back on. Raises ProtocolError.

    >>> read_turn("interactive", {"language": "en-US", "format": "detailed"}, {}).nbest
    4
    >>> read_turn(None, {}, {"phraseDetection": {"mode": "DICTATION", "language": "en-us"}}).mode
    'dictation'
    """
    if "translation" in context:
        raise ProtocolError("The local service does not translate. Use a SpeechRecognizer.")
    detection = _part(context, "phraseDetection")
    spoken = (_text(detection, "mode") or mode or "conversation").lower()
    found = next((known for known in MODES if known == spoken), None)
    if found is None:
        raise ProtocolError(f"There is no recognition mode {spoken}.")
    own = _part(detection, spoken) or _part(detection, spoken.upper()) or _part(detection, spoken.title())
    segmentation = _part(own, "segmentation")
    enrichment = _part(detection, "enrichment")
    output = _part(context, "phraseOutput")
    detailed = (_text(output, "format") or query.get("format", "")).lower() == "detailed"
    asked = _part(output, "detailed").get("options")
    options = {str(o).lower() for o in asked} if isinstance(asked, list) else set()
    diarization = _part(detection, "speakerDiarization")
    language = _part(context, "languageId")
    named = language.get("languages") or query.get("lidEnabled", "").split(",")
    candidates = [str(c) for c in named if c] if isinstance(named, list) else []
    profanity = (_text(enrichment, "profanity") or query.get("profanity", "")).lower()
    punctuation = _text(_part(enrichment, spoken), "punctuationMode") or query.get("postprocessing", "")
    default: Punctuation = "Dictated" if spoken == "dictation" else "DictatedAndAutomatic"
    initial = _milliseconds(detection.get("initialSilenceTimeout", query.get("initialSilenceTimeoutMs")))
    trailing = _milliseconds(detection.get("trailingSilenceTimeout", query.get("endSilenceTimeoutMs")))
    silence = _milliseconds(segmentation.get("segmentationSilenceTimeoutMs"), *limits.SEGMENTATION_SILENCE_MS)
    if silence is None and spoken == "interactive":
        silence = trailing
    if initial is None and spoken == "interactive":
        initial = INTERACTIVE_SILENCE_S
    return TurnOptions(
        mode=found,
        locale=_locale(_text(detection, "language") or query.get("language", ""), candidates),
        detailed=detailed,
        words="wordtimings" in options or query.get("wordLevelTimestamps", "").lower() == "true",
        profanity=PROFANITY.get(profanity, "Masked"),
        punctuation=_PUNCTUATION.get(punctuation.lower(), default),
        phrases=_phrases(_part(context, "dgi")),
        weight=_weight(_part(context, "dgi")),
        silence_s=silence,
        longest_s=_milliseconds(
            segmentation.get("segmentationForcedTimeoutMs"), *limits.SEGMENTATION_MAXIMUM_MS
        ),
        initial_silence_s=initial,
        stable=_stable(_part(output, "interimResults"), query),
        speakers=bool(diarization),
        interim_speakers=str(diarization.get("diarizeIntermediates", "")).lower() == "true",
        identify_language=bool(candidates),
        start_s=_start_s(context),
    )


def _message(head: str, body: str | bytes) -> Message:
    headers = {}
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if "path" not in headers:
        raise ProtocolError("A message has no header Path.")
    content = body.encode() if isinstance(body, str) else body
    return Message(headers["path"].lower(), headers.get("x-requestid", ""), content)


def _part(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _parts(of: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = of.get(name)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def _text(of: Mapping[str, Any], name: str) -> str:
    found = of.get(name)
    return found if isinstance(found, str) else ""


def _milliseconds(value: Any, low: float = 0, high: float = 3_600_000) -> float | None:
    """A number of milliseconds in seconds, brought into its range; None where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return min(max(number, low), high) / 1000 if number > 0 else None


def _stable(interim: Mapping[str, Any], query: Mapping[str, str]) -> int:
    given = str(interim.get("stableThreshold", query.get("stableIntermediateThreshold", "1")))
    return min(max(int(given), 1), 100) if given.isdigit() else 1


def _locale(language: str, candidates: Sequence[str]) -> str:
    """The locale to recognize; of several candidates one that begins as English does."""
    english = [c for c in candidates if c.lower().startswith("en")]
    return (english or list(candidates) or [language])[0]


def _phrases(dgi: Mapping[str, Any]) -> tuple[str, ...]:
    """The phrases of a PhraseListGrammar."""
    items = [item for group in _parts(dgi, "Groups") for item in _parts(group, "Items")]
    phrases = [_text(item, "Text").strip() for item in items]
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))


def _weight(dgi: Mapping[str, Any]) -> float:
    bias = dgi.get("bias")
    return min(max(float(bias), 0.0), MAX_BIASING_WEIGHT) if isinstance(bias, int | float) else 1.0


def _start_s(context: Mapping[str, Any]) -> float:
    streams = _part(_part(_part(context, "continuation"), "audio"), "streams")
    for stream in streams.values():
        offset = str(stream.get("offset", "")) if isinstance(stream, dict) else ""
        if offset.isdigit():
            return int(offset) / TICKS_PER_SECOND
    return 0.0
