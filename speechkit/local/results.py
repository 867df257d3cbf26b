"""From what was heard to what the API answers: the batch result file and the fast result."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from speechkit.limits import TICKS_PER_SECOND
from speechkit.local.forms import Forms, Profanity, Punctuation, filter_text, forms
from speechkit.local.recognition import Heard, Phrase, Word
from speechkit.local.signatures import iso

PROFANITY_MODES = get_args(Profanity)
PUNCTUATION_MODES = get_args(Punctuation)


def batch_result(
    heard: Heard,
    *,
    source: str,
    properties: Mapping[str, Any],
    locale: str | None = None,
    now_s: float | None = None,
) -> dict[str, Any]:
    """The result file of a recording, as the schema of 2024-11-15 wants it.

    `properties` are those of the job, with every default filled in; `locale` is written to each phrase, as
    the API does when languages were to be identified. Phrases stand by channel, in time order within it.
    """
    combined, recognized = [], []
    for channel, phrases in heard.channels.items():
        written = [
            (p, forms(p, properties["profanityFilterMode"], properties["punctuationMode"])) for p in phrases
        ]
        combined.append({"channel": channel or 0} | _join(form for _, form in written))
        recognized += [
            _recognized(phrase, form, channel or 0, properties, locale) for phrase, form in written
        ]
    ticks = _ticks(heard.duration_s)
    return {
        "source": source,
        "timestamp": iso(time.time() if now_s is None else now_s),
        "durationInTicks": ticks,
        "durationMilliseconds": _milliseconds(ticks),
        "duration": duration_iso(ticks),
        "combinedRecognizedPhrases": combined,
        "recognizedPhrases": recognized,
    }


def fast_result(
    heard: Heard, *, profanity: Profanity = "Masked", locale: str | None = "en-US", first_speaker: int = 1
) -> dict[str, Any]:
    """The TranscribeResult of a recording: display form only, phrases by channel.

    A channel is named where channels were asked for (its key in `heard` is not None). `first_speaker` is the
    number of the first speaker: 0 in the examples of 2024-11-15, 1 in those of 2025-10-15. `locale` is None
    where it is not known.
    """
    combined: list[dict[str, Any]] = []
    recognized: list[dict[str, Any]] = []
    for channel, phrases in heard.channels.items():
        named = {} if channel is None else {"channel": channel}
        written = [(phrase, forms(phrase, profanity)) for phrase in phrases]
        combined.append(named | {"text": " ".join(form.display for _, form in written if form.display)})
        for phrase, form in written:
            entry: dict[str, Any] = dict(named)
            if phrase.speaker is not None:
                entry["speaker"] = phrase.speaker - 1 + first_speaker
            entry |= _span_ms(phrase.start_s, phrase.end_s) | {"text": form.display}
            entry["words"] = [{"text": w.text} | _span_ms(w.start_s, w.end_s) for w in form.display_words]
            if locale:
                entry["locale"] = locale
            recognized.append(entry | {"confidence": sure(phrase.confidence)})
    return {
        "durationMilliseconds": round(heard.duration_s * 1000),
        "combinedPhrases": combined,
        "phrases": recognized,
    }


def report(inputs: Iterable[tuple[str, str | None, str | None]]) -> dict[str, Any]:
    """The report of a job from (source, kind of error or None, message) of each recording.

    >>> report([("a.wav", None, None), ("b.wav", "InvalidUri", "Gone.")])["details"][1]
    {'source': 'b.wav', 'status': 'Failed', 'errorKind': 'InvalidUri', 'errorMessage': 'Gone.'}
    """
    details = []
    for source, kind, message in inputs:
        detail = {"source": source, "status": "Failed" if kind else "Succeeded"}
        details.append(detail | ({"errorKind": kind, "errorMessage": message or ""} if kind else {}))
    failed = sum(detail["status"] == "Failed" for detail in details)
    return {
        "successfulTranscriptionsCount": len(details) - failed,
        "failedTranscriptionsCount": failed,
        "details": details,
    }


def duration_iso(ticks: int) -> str:
    """A number of ticks as an ISO 8601 duration.

    >>> duration_iso(25_800_000), duration_iso(1_798_800_000), duration_iso(36_610_000_000), duration_iso(0)
    ('PT2.58S', 'PT2M59.88S', 'PT1H1M1S', 'PT0S')
    """
    minutes, rest = divmod(ticks, 60 * TICKS_PER_SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    text = f"{seconds}.{fraction:07d}".rstrip("0").rstrip(".")
    shown = "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return shown + (f"{text}S" if rest or shown == "PT" else "")


def _recognized(
    phrase: Phrase, form: Forms, channel: int, properties: Mapping[str, Any], locale: str | None
) -> dict[str, Any]:
    entry: dict[str, Any] = {"recognitionStatus": "Success", "channel": channel}
    if phrase.speaker is not None:
        entry["speaker"] = phrase.speaker
    if locale:
        entry["locale"] = locale
    entry |= _span(phrase.start_s, phrase.end_s)
    best: dict[str, Any] = {
        "confidence": sure(phrase.confidence),
        "lexical": form.lexical,
        "itn": form.itn,
        "maskedITN": form.masked_itn,
        "display": form.display,
    }
    if properties.get("wordLevelTimestampsEnabled"):
        best["words"] = [
            {"word": w.lexical} | _span(w.start_s, w.end_s) | {"confidence": sure(w.confidence)}
            for w in form.words
        ]
    if properties.get("displayFormWordLevelTimestampsEnabled"):
        best["displayWords"] = [
            {"displayText": w.text} | _span(w.start_s, w.end_s) for w in form.display_words
        ]
    others = [
        other_form(a.text, a.confidence, properties["profanityFilterMode"]) for a in phrase.alternatives
    ]
    return entry | {"nBest": [best, *others]}


def other_form(text: str, confidence: float, profanity: Profanity) -> dict[str, Any]:
    """Another hypothesis; as in the API, only the first is capitalised and punctuated."""
    bare = [w.strip("\"'()[].,?!;:…") for w in text.lower().split()]
    form = forms(Phrase(0, 0, confidence, text, [Word(w, w, 0, 0, confidence) for w in bare if w]), "None")
    masked = " ".join(filter_text(form.itn.split(), profanity))
    return {
        "confidence": sure(confidence),
        "lexical": form.lexical,
        "itn": form.itn,
        "maskedITN": masked,
        "display": masked,
    }


def _join(written: Iterable[Forms]) -> dict[str, str]:
    rows = [(f.lexical, f.itn, f.masked_itn, f.display) for f in written]
    names = ("lexical", "itn", "maskedITN", "display")
    return {name: " ".join(row[i] for row in rows if row[i]) for i, name in enumerate(names)}


def _span(start_s: float, end_s: float) -> dict[str, Any]:
    offset, end = _ticks(start_s), _ticks(end_s)
    length = max(0, end - offset)
    return {
        "offset": duration_iso(offset),
        "duration": duration_iso(length),
        "offsetInTicks": offset,
        "durationInTicks": length,
        "offsetMilliseconds": _milliseconds(offset),
        "durationMilliseconds": _milliseconds(length),
    }


def _span_ms(start_s: float, end_s: float) -> dict[str, int]:
    offset = max(0, round(start_s * 1000))
    return {"offsetMilliseconds": offset, "durationMilliseconds": max(0, round(end_s * 1000) - offset)}


def _ticks(seconds: float) -> int:
    """Whole milliseconds as ticks: finer than any word boundary is known."""
    return max(0, round(seconds * 1000)) * (TICKS_PER_SECOND // 1000)


def _milliseconds(ticks: int) -> int:
    return ticks // (TICKS_PER_SECOND // 1000)


def sure(value: float) -> float:
    """A confidence as it is written: between 0 and 1."""
    return round(min(1.0, max(0.0, float(value))), 7)
