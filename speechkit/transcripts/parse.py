"""Result files become transcripts: every mode and API version of the service, one model.

Typed decoding into structs, lists of columns, DataFrames: nothing is walked twice and no row is a dict.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np

from speechkit.audio import AUDIO_SUFFIXES
from speechkit.errors import TranscriptError
from speechkit.limits import TICKS_PER_SECOND
from speechkit.transcripts import shapes
from speechkit.transcripts.schema import Transcript, from_columns, in_time_order
from speechkit.transcripts.times import TICKS_PER_MILLISECOND, OddValueError, spans, to_ticks

_MODES: Final = {"batch": "batch", "v2": "batch", "fast": "fast", "sdk": "realtime", "conversation": None}
_TAG: Final = re.compile(r"</?\w+>")  # profanityFilterMode Tags: <profanity>damn</profanity>
_PHRASE_COLUMNS: Final = (
    *("phrase_id", "start", "length", "channel", "speaker", "locale"),
    *("confidence", "display", "lexical", "itn", "masked"),
)
_WORD_COLUMNS: Final = ("start", "length", "confidence", "word", "display")
_EDGES: Final = ".,;:!?¿¡…\"'“”‘’«»()[]{}<>-–—"


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
        except OddValueError as error:
            value, what = error.args
            raise TranscriptError(f"{where} has {value!r} for a {what}. Fetch it again.") from error
    return made[0] if len(made) == 1 else Transcript.concat(made)


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
    bare = TICKS_PER_MILLISECOND if result.shape == "fast" else 1  # ticks of a number without a unit
    spoken = sorted(_spoken(result, bare), key=_by_time)
    phrases: dict[str, Any] = {name: [] for name in _PHRASE_COLUMNS}
    words: dict[str, Any] = {name: [] for name in _WORD_COLUMNS}
    counts = []
    for number, phrase in enumerate(spoken, start=1):
        best = phrase.best
        display = best.display or best.itn or best.lexical or ""
        head = (f"{call_id}:{number:04d}", phrase.start, phrase.length, phrase.channel, phrase.speaker)
        texts = (display, best.lexical or None, best.itn or None, best.masked_itn or None)
        row = (*head, phrase.locale, best.confidence if display else None, *texts)
        for values, value in zip(phrases.values(), row, strict=True):
            values.append(value)
        for values, told in zip(words.values(), phrase.words, strict=True):
            values += told
        counts.append(len(phrase.words[0]))
    channels = {_channel(c.channel) for c in result.combined} | set(phrases["channel"])
    locales = Counter(filter(None, phrases["locale"]))
    for columns in (phrases, words):
        if not any(columns["confidence"]):  # 0 everywhere: the service gave none
            del columns["confidence"]
        start, length = (np.array(columns.pop(name), np.float64) for name in ("start", "length"))
        columns["start_s"] = start / TICKS_PER_SECOND
        columns["end_s"] = (start + np.maximum(length, 0)) / TICKS_PER_SECOND  # the schema allows -0.1 ms
    phrases["call_id"] = [call_id] * len(spoken)
    told_phrases = from_columns("phrases", phrases)
    own = np.repeat(np.arange(len(spoken)), counts)
    for name in ("call_id", "phrase_id", "channel", "speaker"):
        words[name] = told_phrases[name].array.take(own)
    words["position"] = np.arange(len(own)) - np.repeat(np.cumsum([0, *counts])[:-1], counts)
    call = {
        "call_id": call_id,
        "source": source,
        "mode": mode,
        "engine": engine,
        "locale": _locale(result.locale) or (locales.most_common(1)[0][0] if locales else None),
        "channels": len(channels - {None}) or None,
        "duration_s": _duration(result, bare) / TICKS_PER_SECOND,
    }
    tables = {
        "calls": from_columns("calls", {name: [value] for name, value in call.items()}),
        "phrases": told_phrases,
        "words": in_time_order(from_columns("words", words)),
    }
    return Transcript._trusted(tables)


_Words = tuple[list[float], list[float], list[float | None], list[str | None], list[str | None]]


class _Phrase(NamedTuple):
    """A phrase with its words as columns: start, length, confidence, word, display; times in ticks."""

    start: float
    length: float
    channel: int | None
    speaker: str | None
    locale: str | None
    best: shapes.Best
    words: _Words


def _by_time(phrase: _Phrase) -> tuple[float, int]:
    """Order by start, then channel; what has no time comes last, in the order of the file."""
    return (
        math.inf if math.isnan(phrase.start) else phrase.start,
        -1 if phrase.channel is None else phrase.channel,
    )


def _spoken(result: shapes.Result, bare: int) -> Iterator[_Phrase]:
    """Yield the phrases that say something, in the order of the file."""
    said = [(phrase, best) for phrase in result.all_phrases if (best := _best(phrase))]
    for (phrase, best), start, length in zip(said, *spans([phrase for phrase, _ in said], bare), strict=True):
        words = _words(best, bare)
        if words[0] and math.isnan(start):  # no time of its own: that of its words
            start, length = min(words[0]), math.nan
        if words[0] and math.isnan(length):
            length = max(s + n for s, n in zip(words[0], words[1], strict=True)) - start
        speaker = phrase.speaker if phrase.speaker is not None else phrase.speaker_id
        channel = _channel(phrase.channel)
        yield _Phrase(start, length, channel, _speaker(speaker), _locale(phrase.locale), best, words)
    if said:
        return
    for combined in result.combined:  # some models answer with the whole text only
        if display := combined.display or combined.text:
            channel, best = _channel(combined.channel), shapes.Best(display=display)
            yield _Phrase(0.0, _duration(result, bare), channel, None, None, best, ([], [], [], [], []))


def _best(phrase: shapes.Phrase) -> shapes.Best | None:
    """Return the alternative to show, or None for an event without text, such as silence at the start."""
    if phrase.n_best:
        best = next((b for b in phrase.n_best if b.has_text), phrase.n_best[0])
        if not best.display and phrase.display_text and best is phrase.n_best[0]:
            best.display = phrase.display_text
    else:
        best = shapes.Best(display=phrase.text or phrase.display_text, confidence=phrase.confidence)
    if best.words is None:
        best.words = phrase.words
    if best.display_words is None:
        best.display_words = phrase.display_words
    if best.has_text or phrase.recognition_status in ("Success", 0, "0", None):
        return best
    return None


def _words(best: shapes.Best, bare: int) -> _Words:
    """Return the words of a phrase as columns."""
    words, shown = best.words or [], best.display_words or []
    starts, lengths = spans(words or shown, bare)
    confidences = [word.confidence for word in words or shown]
    if not words or words[0].word is None:  # display forms only
        texts = [word.text or word.display_text or word.word or "" for word in words or shown]
        return starts, lengths, confidences, [_spoken_form(text) for text in texts], list(texts)
    display: list[str | None] = [None] * len(words)
    if shown:
        at, long = spans(shown, bare)
        if at == starts:
            display = [word.display_text for word in shown]
        else:
            forms = [(s, s + n, word.display_text or "") for s, n, word in zip(at, long, shown, strict=True)]
            display = align([(s, s + n) for s, n in zip(starts, lengths, strict=True)], forms)
    return starts, lengths, confidences, [word.word for word in words], display


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


def _duration(result: shapes.Result, bare: int) -> float:
    """Return the length of the recording in ticks, NaN where the result does not tell it."""
    ticks = result.duration_in_ticks if result.duration_in_ticks is not None else result.duration_ticks
    milliseconds, seconds = result.duration_milliseconds, result.duration_in_seconds
    return to_ticks(ticks, milliseconds, result.duration, seconds, bare)


def _spoken_form(text: str) -> str:
    """Return a display word as a lexical one, as near as can be: lower case, no punctuation around it."""
    if "<" in text:
        text = _TAG.sub("", text)
    return text.strip(_EDGES).lower() or text


def _channel(channel: shapes.Label) -> int | None:
    try:
        return None if channel is None or channel == "" else int(channel)
    except ValueError:
        raise OddValueError(channel, "channel") from None


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
