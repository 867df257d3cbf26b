"""Result files become transcripts: every mode and API version of the service, one model.

Typed decoding into structs, lists of columns, DataFrames: nothing is walked twice and no row is a dict.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from speechkit.audio import AUDIO_SUFFIXES
from speechkit.errors import TranscriptError
from speechkit.limits import TICKS_PER_SECOND
from speechkit.transcripts import shapes
from speechkit.transcripts.schema import Transcript, from_columns, in_time_order

_MODES: Final = {"batch": "batch", "v2": "batch", "fast": "fast", "sdk": "realtime", "conversation": None}
_ISO: Final = re.compile(
    r"(-)?P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$", re.IGNORECASE
)
_TAG: Final = re.compile(r"</?\w+>")  # profanityFilterMode Tags: <profanity>damn</profanity>
_PHRASE_COLUMNS: Final = (
    *("phrase_id", "start_s", "end_s", "channel", "speaker", "locale"),
    *("confidence", "display", "lexical", "itn", "masked"),
)
_SAID_COLUMNS: Final = ("start_s", "end_s", "confidence", "word", "display")
_EDGES: Final = ".,;:!?¿¡…\"'“”‘’«»()[]{}<>-–—"
_NAN: Final = float("nan")


def read_transcript(
    source: str | os.PathLike[str] | bytes | dict[str, Any] | list[Any],
    *,
    call_id: str | None = None,
    mode: str | None = None,
    engine: str | None = None,
) -> Transcript:
    """Read a result file of the service, of any mode and API version, as a Transcript.

    `source` is a path, JSON text, bytes, or what a JSON decoder gave: a batch or fast result, a result of the
    Speech SDK or a list of them, a v2 result. The call's id is `call_id`, else the stem of the recording that
    the result names, else that of the file. `mode` (batch, fast, realtime) is told from the shape unless
    given, `engine` is kept as given. Raises TranscriptError for what is no transcript: the message says what
    it is and what to give instead.

    >>> fast = {"durationMilliseconds": 2000, "phrases": [
    ...     {"offsetMilliseconds": 40, "durationMilliseconds": 900, "text": "Hello, world.",
    ...      "words": [{"text": "Hello,", "offsetMilliseconds": 40, "durationMilliseconds": 400},
    ...                {"text": "world.", "offsetMilliseconds": 440, "durationMilliseconds": 500}]}]}
    >>> transcript = read_transcript(fast, call_id="c1")
    >>> transcript.words[["phrase_id", "start_s", "end_s", "word", "display"]]
      phrase_id  start_s  end_s   word display
    0   c1:0001     0.04   0.44  hello  Hello,
    1   c1:0001     0.44   0.94  world  world.
    """
    found, path = _load(source)
    where = str(path) if path else "this JSON"
    results = (shapes.decode if isinstance(found, bytes) else shapes.convert)(found, where)
    made = []
    for number, result in enumerate(results, start=1):
        name = call_id or result.call_id or _stem(result.source) or (path and _file_stem(path))
        if not name:
            data = found if isinstance(found, bytes) else msgspec.json.encode(found, order="deterministic")
            name = f"transcript-{hashlib.sha256(data).hexdigest()[:8]}"
        if len(results) > 1 and (call_id or not (result.call_id or _stem(result.source))):
            name = f"{name}-{number}"
        whence = _without_secrets(result.source) if result.source else (path.name if path else None)
        try:
            made.append(_transcript(result, str(name), whence, mode or _MODES[result.shape], engine))
        except _OddValueError as error:
            value, what = error.args
            raise TranscriptError(f"{where} has {value!r} for a {what}. Fetch it again.") from error
    return made[0] if len(made) == 1 else Transcript.concat(made)


class _OddValueError(ValueError):
    """A text stands where a time or a channel should be: the text, and what it should be."""


def _load(source: Any) -> tuple[Any, Path | None]:
    """Return the content (bytes, or decoded JSON) and the path, where there is one."""
    if isinstance(source, dict | list):
        return source, None
    if isinstance(source, bytes | bytearray):
        if not source.strip():
            raise TranscriptError("this JSON is empty. Give the content of a result file.")
        return bytes(source), None
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return source.encode(), None
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise TranscriptError(f"{_without_secrets(source)} is an address. Fetch it, and give its content.")
    path = Path(source)
    if path.suffix.lower() in AUDIO_SUFFIXES:
        raise TranscriptError(f"{path} is a recording. Transcribe it, and give the result.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TranscriptError(f"{path}: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise TranscriptError(
            f"{path} is a folder. Give a file in it; a corpus opens with open_corpus."
        ) from None
    except OSError as error:
        raise TranscriptError(f"{path} cannot be read: {error.strerror}. Give a readable file.") from error
    if not data.strip():
        raise TranscriptError(f"{path} is empty. Fetch the result again.")
    return data, path


def _transcript(
    result: shapes.Result, call_id: str, source: str | None, mode: str | None, engine: str | None
) -> Transcript:
    """Build the three tables of one recording."""
    bare = 1e-3 if result.shape == "fast" else 1 / TICKS_PER_SECOND  # seconds of a number without a unit
    spoken = _spoken(result, bare)
    phrases: dict[str, list[Any]] = {name: [] for name in _PHRASE_COLUMNS}
    words: dict[str, list[Any]] = {
        name: [] for name in ("phrase_id", "position", "channel", "speaker", *_SAID_COLUMNS)
    }
    for number, (start, end, channel, speaker, locale, best, said) in enumerate(spoken, start=1):
        phrase_id = f"{call_id}:{number:04d}"
        display = best.display or best.itn or best.lexical or ""
        row = (start, end, channel, speaker, locale, best.confidence if display else None, display)
        texts = (best.lexical or None, best.itn or None, best.masked_itn or None)
        for values, value in zip(phrases.values(), (phrase_id, *row, *texts), strict=True):
            values.append(value)
        count = len(said[0])
        for name, value in (("phrase_id", phrase_id), ("channel", channel), ("speaker", speaker)):
            words[name] += [value] * count
        words["position"] += range(count)
        for name, told in zip(_SAID_COLUMNS, said, strict=True):
            words[name].extend(told)  # type: ignore[arg-type]
    for columns in (phrases, words):
        if not any(columns["confidence"]):  # 0 everywhere: the service gave none
            columns["confidence"] = [None] * len(columns["confidence"])
        columns["call_id"] = [call_id] * len(columns["phrase_id"])
    channels = {_channel(c.channel) for c in result.combined} | set(phrases["channel"])
    locales = Counter(locale for locale in phrases["locale"] if locale)
    call = {
        "call_id": call_id,
        "source": source,
        "mode": mode,
        "engine": engine,
        "locale": _locale(result.locale) or (locales.most_common(1)[0][0] if locales else None),
        "channels": len(channels - {None}) or None,
        "duration_s": _duration_s(result, bare),
    }
    tables = {
        "calls": from_columns("calls", {name: [value] for name, value in call.items()}),
        "phrases": from_columns("phrases", phrases),
        "words": in_time_order(from_columns("words", words)),
    }
    return Transcript._trusted(tables)


_Said = tuple[list[float], list[float], list[float | None], list[str | None], list[str | None]]
_Spoken = tuple[float, float, int | None, str | None, str | None, shapes.Best, _Said]


def _spoken(result: shapes.Result, bare: float) -> list[_Spoken]:
    """Return the phrases in time order, each with its words as columns."""
    rows: list[_Spoken] = []
    for phrase in result.all_phrases:
        best = _best(phrase)
        if best is None:
            continue
        said = _said(best, bare)
        start, end = _span(phrase, bare)
        if start != start and said[0]:  # no time of its own: that of its words
            start, end = min(said[0]), max(said[1])
        if end != end and said[1]:
            end = max(said[1])
        speaker = phrase.speaker if phrase.speaker is not None else phrase.speaker_id
        locale = _locale(phrase.locale)
        rows.append((start, end, _channel(phrase.channel), _speaker(speaker), locale, best, said))
    if not rows:  # some models answer with the whole text only
        duration_s = _duration_s(result, bare)
        for combined in result.combined:
            if display := combined.display or combined.text:
                best = shapes.Best(display=display)
                end = _NAN if duration_s is None else duration_s
                rows.append((0.0, end, _channel(combined.channel), None, None, best, ([], [], [], [], [])))
    return sorted(rows, key=lambda row: (row[0] if row[0] == row[0] else float("inf"), row[2] or 0))


def _best(phrase: shapes.Phrase) -> shapes.Best | None:
    """Return the alternative to show, or None for an event without text, such as silence at the start."""
    if phrase.n_best:
        best = next((b for b in phrase.n_best if b.has_text), phrase.n_best[0])
        if not best.display and phrase.display_text and best is phrase.n_best[0]:
            best.display = phrase.display_text
    else:
        text = phrase.text or phrase.display_text
        best = shapes.Best(display=text, confidence=phrase.confidence)
    if best.words is None:
        best.words = phrase.words
    if best.display_words is None:
        best.display_words = phrase.display_words
    if best.has_text or phrase.recognition_status in ("Success", 0, "0", None):
        return best
    return None


def _said(best: shapes.Best, bare: float) -> _Said:
    """Return the words of a phrase as columns: start, end, confidence, word, display."""
    words, shown = best.words or [], best.display_words or []
    lexical = bool(words) and words[0].word is not None
    spans = [_span(word, bare) for word in words or shown]
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    confidences = [word.confidence for word in words or shown]
    if lexical:
        display: Sequence[str | None] = [None] * len(words)
        if shown:
            display = align(spans, [(*_span(word, bare), word.display_text or "") for word in shown])
        return starts, ends, confidences, [word.word for word in words], list(display)
    texts = [word.text or word.display_text or word.word or "" for word in words or shown]
    return starts, ends, confidences, [_spoken_form(text) for text in texts], list(texts)


def align(
    words: Sequence[tuple[float, float]], shown: Sequence[tuple[float, float, str]]
) -> list[str | None]:
    """Give each display word to the first lexical word whose middle lies in it; both lists in time order.

    "$22" stands for three lexical words and goes to the first; the others get None. Several display words of
    one lexical word are joined, so that the display words, read in order, are the display text.

    >>> align([(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 3, "$22"), (3, 3.4, "Wi"), (3.4, 4, "Fi.")])
    ['$22', None, None, 'Wi Fi.']
    """
    display: list[str | None] = [None] * len(words)
    middles = [(start + end) / 2 for start, end in words]
    at = 0
    for start, end, text in shown:
        while at < len(words) - 1 and middles[at] < start:
            nearer = abs(middles[at] - (start + end) / 2) < abs(middles[at + 1] - (start + end) / 2)
            if nearer and middles[at + 1] >= end:
                break
            at += 1
        if at < len(words):
            display[at] = text if display[at] is None else f"{display[at]} {text}"
    return display


def _span(item: Any, bare: float) -> tuple[float, float]:
    """Return start and end in seconds, NaN where missing; a negative duration (the schema has them) is 0."""
    ticks = item.offset_in_ticks
    if ticks is not None:
        start = ticks / TICKS_PER_SECOND
    else:
        start = _seconds(item.offset_milliseconds, item.offset, item.offset_in_seconds, bare)
    ticks = item.duration_in_ticks
    if ticks is not None:
        length = ticks / TICKS_PER_SECOND
    else:
        length = _seconds(item.duration_milliseconds, item.duration, item.duration_in_seconds, bare)
    return start, start + length if length > 0 else (start if length == length else length)


def _seconds(milliseconds: float | None, value: shapes.Time, seconds: float | None, bare: float) -> float:
    if milliseconds is not None:
        return milliseconds / 1e3
    if value is None:
        return _NAN if seconds is None else seconds
    if not isinstance(value, str):
        return value / TICKS_PER_SECOND if bare != 1e-3 else value / 1e3
    if match := _ISO.match(value):
        sign, *parts = match.groups()
        days, hours, minutes, rest = (float(part or 0) for part in parts)
        return (-1 if sign else 1) * (86400 * days + 3600 * hours + 60 * minutes + rest)
    try:
        return float(value) * bare
    except ValueError:
        raise _OddValueError(value, "time") from None


def _duration_s(result: shapes.Result, bare: float) -> float | None:
    ticks = result.duration_in_ticks if result.duration_in_ticks is not None else result.duration_ticks
    if ticks is not None:
        return ticks / TICKS_PER_SECOND
    milliseconds = result.duration_milliseconds
    seconds = _seconds(milliseconds, result.duration, result.duration_in_seconds, bare)
    return None if seconds != seconds else seconds


def _spoken_form(text: str) -> str:
    """Return a display word as a lexical one, as near as can be: lower case, no punctuation around it."""
    if "<" in text:
        text = _TAG.sub("", text)
    return text.strip(_EDGES).lower() or text


def _channel(channel: shapes.Label) -> int | None:
    try:
        return None if channel is None or channel == "" else int(channel)
    except ValueError:
        raise _OddValueError(channel, "channel") from None


def _speaker(speaker: shapes.Label) -> str | None:
    if isinstance(speaker, float) and speaker.is_integer():
        speaker = int(speaker)
    return None if speaker is None or speaker == "" else str(speaker)


def _locale(locale: str | None) -> str | None:
    """Write a locale as BCP 47 does: the service sometimes answers en-us."""
    if not locale:
        return None
    language, *rest = locale.split("-")
    return "-".join([language.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


def _stem(source: str | None) -> str | None:
    """Return the stem of the recording that a path or an address names, if it names one."""
    if not source:
        return None
    path = urlsplit(source).path if "://" in source else source.replace("\\", "/")
    return PurePosixPath(unquote(path) if "://" in source else path).stem or None


def _file_stem(path: Path) -> str:
    """Return the stem of a result file; `call.wav.json` is the result of `call`."""
    stem = path.stem
    return Path(stem).stem if Path(stem).suffix.lower() in AUDIO_SUFFIXES else stem


def _without_secrets(source: str) -> str:
    """Take query, fragment and password off an address: signatures stand there."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
