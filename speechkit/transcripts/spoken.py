"""One call as people read it: its phrases in time order, each with its party and its timed tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speechkit.errors import TranscriptError
from speechkit.transcripts.parties import parties
from speechkit.transcripts.tokens import Token, clean, hear, tokenize

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that has text; times in seconds, `confidence` 0 to 1 or NaN, `locale` empty where unknown."""

    phrase_id: str
    party: str
    locale: str
    start_s: float
    end_s: float
    confidence: float
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The display form on one line."""
        return clean("".join(" " * t.spaced + t.text for t in self.tokens))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call: how long it lasts, at least to the end of its last phrase, and its phrases in time order.

    `calibrated` says whether the confidences are calibrated ones, `timed` whether any phrase has a time.
    """

    call_id: str
    duration_s: float
    phrases: tuple[Phrase, ...]
    calibrated: bool = False
    timed: bool = True


def read_call(transcript: Transcript, call_id: str | None = None) -> Spoken:
    """Read one call of a transcript for people's eyes; `call_id` may be left out where there is only one.

    The text is the display form, else ITN, else lexical; phrases without text are left out; a phrase without
    times stands where the one before it ends. Raises TranscriptError for an unknown call, or where it must be
    named.
    """
    if call_id is None and len(transcript.call_ids) != 1:
        some = ", ".join(transcript.call_ids[:3]) + ", ..." * (len(transcript.call_ids) > 3)
        raise TranscriptError(
            f"the transcript has {len(transcript.call_ids)} calls ({some}): name one of them with call_id=."
            if some
            else "the transcript has no calls. Read one that has."
        )
    call = transcript.call(call_id or transcript.call_ids[0])
    table = call.phrases
    spoken = call.words.sort_values("position")
    calibrated = "calibrated" in spoken.columns and bool(spoken["calibrated"].notna().any())
    if not calibrated:
        spoken = spoken.drop(columns="calibrated", errors="ignore")
    heard = hear(spoken)
    sure = table["calibrated" if calibrated and "calibrated" in table.columns else "confidence"]
    text = _written(table)
    keys = (table[name] for name in ("phrase_id", "locale", "start_s", "end_s"))
    phrases, at = [], 0.0
    for (phrase_id, locale, start, end), party, confidence, written in zip(
        zip(*keys, strict=True), parties(table), sure, text, strict=True
    ):
        start_s = at if math.isnan(start) else max(0.0, start)
        end_s = start_s if math.isnan(end) else max(start_s, end)
        tokens = tokenize(written, start_s, end_s, heard.get(phrase_id, ()))
        if tokens:
            at = end_s
            language = locale if isinstance(locale, str) else ""
            phrases.append(
                Phrase(phrase_id, party, language, start_s, end_s, float(confidence), tuple(tokens))
            )
    phrases.sort(key=lambda p: p.start_s)
    stated = call.calls["duration_s"].fillna(0.0).max()
    ends = [max(p.end_s, p.tokens[-1].end_s) for p in phrases]
    duration_s = max([0.0, float(stated), *ends])
    timed = not phrases or bool(table["start_s"].notna().any())
    return Spoken(call.call_ids[0], duration_s, tuple(phrases), calibrated, timed)


def read_text(phrases: pd.DataFrame) -> list[str]:
    """The text of each phrase as `read_call` reads it, on one line: its display form, else ITN, else lexical.

    >>> import pandas as pd
    >>> read_text(pd.DataFrame({"display": [" Yes,  no.", None], "itn": None, "lexical": ["yes no", "so"]}))
    ['Yes, no.', 'so']
    """
    return [clean(text) for text in _written(phrases)]


def _written(phrases: pd.DataFrame) -> pd.Series[str]:
    return phrases["display"].fillna(phrases["itn"]).fillna(phrases["lexical"]).fillna("")
