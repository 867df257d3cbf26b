"""The shapes that result files have had, decoded into one: the newest batch result, all of it optional.

A result in camelCase is decoded straight into the structs below, which is fast. Everything else (PascalCase
of the Speech SDK and of v2, lists of SDK results, numbers in quotes) is decoded loosely first, and its keys
are put into their camelCase form. What is no transcript is refused: what it is, and what to give instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from speechkit.errors import TranscriptError

Time: TypeAlias = float | str | None  # ticks, milliseconds or ISO 8601: the shape decides
Label: TypeAlias = int | float | str | None


class _Timed(msgspec.Struct, rename="camel", gc=False):
    offset: Time = None
    duration: Time = None
    offset_in_ticks: float | None = None
    duration_in_ticks: float | None = None
    offset_milliseconds: float | None = None
    duration_milliseconds: float | None = None
    offset_in_seconds: float | None = None
    duration_in_seconds: float | None = None


class Word(_Timed, rename="camel", gc=False):
    """A word: `word` is lexical; `text` (fast) and `displayText` are display forms."""

    word: str | None = None
    text: str | None = None
    display_text: str | None = None
    confidence: float | None = None


class Best(msgspec.Struct, rename="camel", gc=False):
    """One way to read a phrase; the first is the one to show."""

    confidence: float | None = None
    lexical: str | None = None
    itn: str | None = None
    masked_itn: str | None = msgspec.field(default=None, name="maskedITN")
    display: str | None = None
    words: list[Word] | None = None
    display_words: list[Word] | None = None

    @property
    def has_text(self) -> bool:
        """Whether it says anything: the first alternative may be empty."""
        return bool(self.display or self.lexical or self.itn)


class Phrase(_Timed, rename="camel", gc=False):
    """A phrase of a batch result, a fast result (`text`) or the Speech SDK (`displayText`)."""

    recognition_status: str | int | None = None
    channel: Label = None
    speaker: Label = None
    speaker_id: Label = None
    locale: str | None = None
    n_best: list[Best] | None = None
    text: str | None = None
    display_text: str | None = None
    words: list[Word] | None = None
    display_words: list[Word] | None = None
    confidence: float | None = None


class Combined(msgspec.Struct, rename="camel", gc=False):
    """All that was said on a channel, in one piece."""

    channel: Label = None
    text: str | None = None
    display: str | None = None


class Result(msgspec.Struct, rename="camel"):
    """A result file, whatever its shape was; `shape` is batch, fast, sdk, v2 or conversation."""

    source: str | None = None
    locale: str | None = None
    duration: Time = None
    duration_in_ticks: float | None = None
    duration_ticks: float | None = None
    duration_milliseconds: float | None = None
    duration_in_seconds: float | None = None
    recognized_phrases: list[Phrase] | None = None
    combined_recognized_phrases: list[Combined] | None = None
    phrases: list[Phrase] | None = None
    combined_phrases: list[Combined] | None = None
    shape: str = ""
    call_id: str | None = None

    @property
    def all_phrases(self) -> list[Phrase]:
        """The phrases, under whichever name they came."""
        return (self.recognized_phrases if self.phrases is None else self.phrases) or []

    @property
    def combined(self) -> list[Combined]:
        """The texts of the channels, under whichever name they came."""
        return (self.combined_phrases or self.combined_recognized_phrases) or []


_ALIASES: Final = {  # other names, in lower case, of keys of the structs
    "durationticks": "durationInTicks",
    "channelnumber": "channel",
    "segmentresults": "recognizedPhrases",
    "combinedresults": "combinedRecognizedPhrases",
    "audiofileurl": "source",
    "audiofilename": "source",
    "audiolengthinseconds": "durationInSeconds",
}
_KEYS: Final = _ALIASES | {
    field.encode_name.lower(): field.encode_name
    for struct in (Word, Best, Phrase, Combined, Result)
    for field in msgspec.structs.fields(struct)
}
_decode: Final[Callable[[bytes], Result]] = msgspec.json.Decoder(Result).decode


def decode(data: bytes, where: str) -> list[Result]:
    """Decode a result file: one Result, or one a recording for files that hold several."""
    text = _as_utf8(data)
    try:
        result = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):  # not JSON, or not this shape: see below
        return convert(_loose(text, where), where)
    phrases = result.all_phrases
    if (result.phrases is None and result.recognized_phrases is None) or (
        phrases and not any(p.n_best or p.text or p.recognition_status is not None for p in phrases)
    ):
        return convert(_loose(text, where), where)
    return [_with_shape(result)]


def convert(found: Any, where: str) -> list[Result]:
    """Convert what a JSON decoder gave into results."""
    found = _canonical(found)
    if isinstance(found, dict):
        if isinstance(parts := found.get("audiofileresults"), list) and parts:
            return [_struct(part, where, shape="v2") for part in parts]
        if "recognizedPhrases" in found or "phrases" in found:
            return [_with_shape(_struct(found, where))]
        asked = found.get("analysisinput")
        conversations = (asked if isinstance(asked, dict) else found).get("conversations")
        if isinstance(conversations, list) and conversations:
            return [_conversation(part, where) for part in conversations]
        found = [found] if _is_final(found) else found
    if not isinstance(found, list):
        raise TranscriptError(refusal(found, where))
    finals = [item for item in found if isinstance(item, dict) and _is_final(item)]
    if not finals:
        raise TranscriptError(refusal(found, where))
    result = _struct({"recognizedPhrases": finals}, where, shape="sdk")
    timed = [t for p in result.all_phrases for t in (p, *(w for b in p.n_best or [] for w in b.words or []))]
    if any(item.offset_in_seconds is not None for item in timed):
        result.shape = "v2"
    return [result]


def refusal(found: Any, where: str) -> str:
    """Say what a JSON document is instead of a transcript, and what to give."""
    what, instead = _described(found)
    return f"{where} is {what}, not a transcript. {instead}"


def _described(found: Any) -> tuple[str, str]:
    keys = {key.lower(): value for key, value in found.items()} if isinstance(found, dict) else {}
    error = keys.get("error") if isinstance(keys.get("error"), dict) else keys
    properties = keys.get("properties") if isinstance(keys.get("properties"), dict) else {}
    collect = "Give a result file of the job: one whose kind is Transcription."
    if "successfultranscriptionscount" in keys:
        return "the report of a batch job", collect
    if isinstance(keys.get("values"), list):
        return "a list of files or jobs", "Fetch the links.contentUrl of a file whose kind is Transcription."
    if isinstance(error, dict) and "code" in error and "message" in error:
        said = f"an error answer of the service ({error['code']}: {error['message']})"
        return said, "Mend what it names and transcribe again."
    if "weburl" in keys:
        return "a webhook", "Give a result file of a transcription."
    if isinstance(properties, dict) and {"features", "deprecationDates"} & set(properties):
        return "a speech model", "Give a result file of a transcription."
    if "kind" in keys and isinstance(keys.get("links"), dict):
        return "the entry of a result file", "Fetch its links.contentUrl and give what is there."
    if {"contenturls", "contentcontainerurl"} & set(keys) and "status" not in keys:
        return "the request for a batch job", "Submit it, and give a result file of the job."
    if "status" in keys and ("self" in keys or isinstance(keys.get("links"), dict)):
        return f"a batch job ({keys['status']})", f"Get its links.files. {collect}"
    if isinstance(found, list):
        if not found:
            return "an empty list", "Give a result file of a transcription."
        first = found[0] if isinstance(found[0], dict) else {}
        if {"recognizedPhrases", "phrases"} & set(first):
            return f"a list of {len(found)} results", "Give them one at a time."
        return "a list of something else than recognition results", "Give a result file of a transcription."
    if not isinstance(found, dict):
        return f"only {json.dumps(found)[:40]}", "Give a result file of a transcription."
    known = ", ".join(list(found)[:6]) or "none"
    return f"JSON of another kind (its keys: {known})", "Give a result file of a transcription."


def _as_utf8(data: bytes) -> bytes:
    """Take off a byte order mark, and turn UTF-16, as Windows tools write it, into UTF-8."""
    if data[:3] == b"\xef\xbb\xbf":
        return data[3:]
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data
    return data.decode(encoding, errors="replace").encode()


def _loose(data: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = _json_lines(data)
        if lines:
            return lines
        if "truncated" in str(error):
            raise TranscriptError(f"{where} ends too early: the JSON was cut off. Fetch it again.") from error
        raise TranscriptError(
            f"{where} is not JSON ({error}). Give a result file of a transcription."
        ) from error


def _json_lines(data: bytes) -> list[Any]:
    """Decode one JSON object a line, as scripts log the results of the SDK; empty where that fails."""
    try:
        return [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _canonical(found: Any) -> Any:
    """Give every key its camelCase form; keys that no struct has stay, in lower case."""
    if isinstance(found, str) and found[:1] == "{":  # lists of SDK results are often lists of their texts
        try:
            return _canonical(msgspec.json.decode(found))
        except msgspec.DecodeError:
            return found
    if isinstance(found, list):
        return [_canonical(item) for item in found]
    if not isinstance(found, dict):
        return found
    result: dict[str, Any] = {}
    for key, value in found.items():
        name = _KEYS.get(str(key).lower(), str(key).lower())
        if result.get(name) is None:
            result[name] = _canonical(value) if isinstance(value, dict | list | str) else value
    return result


def _is_final(item: dict[str, Any]) -> bool:
    return "nBest" in item or "displayText" in item or "recognitionStatus" in item


def _struct(found: Any, where: str, shape: str = "") -> Result:
    try:
        result = msgspec.convert(found, Result, strict=False)
    except msgspec.ValidationError as error:
        raise TranscriptError(
            f"{where} looks like a transcript, but a value in it is wrong: {error}. Fetch it again."
        ) from error
    result.shape = shape
    return result


def _with_shape(result: Result) -> Result:
    # The synchronous preview answered in the batch shape, but named no source.
    result.shape = "batch" if result.phrases is None and result.source is not None else "fast"
    return result


def _conversation(found: Any, where: str) -> Result:
    """Read a conversation as the Language service takes it: texts of participants, without times."""

    def phrases() -> Iterator[dict[str, Any]]:
        for item in filter(lambda item: isinstance(item, dict), found["conversationitems"]):
            best = {key: item.get(key) for key in ("lexical", "itn", "maskedITN")}
            speaker = item.get("participantid") or item.get("role")
            yield {"speaker": speaker, "nBest": [best | {"display": item.get("text")}]}

    if not isinstance(found, dict) or not isinstance(found.get("conversationitems"), list):
        raise TranscriptError(f"{where} has a conversation without conversationItems. Give one with them.")
    named = {"callId": found.get("id"), "locale": found.get("language")}
    return _struct({**named, "recognizedPhrases": list(phrases())}, where, shape="conversation")
