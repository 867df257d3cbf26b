"""When each word was said: forced alignment of the recognized text with its sound, by pocketsphinx."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from speechkit.errors import ModelError
from speechkit.local.pronounce import pronounce

RATE: Final = 16000
FRAMES_PER_S: Final = 100
DOWNSAMPLING: Final = 2  # frames of which the acoustic scores are shared: half the time, the same boundaries

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """From when to when a word was said, in seconds from the start of the sound; `aligned` is False for a guess."""

    start_s: float
    end_s: float
    aligned: bool = True


def lexical(text: str) -> str:
    """A displayed word as it is spoken: lower case, no marks, numbers in words; may be several words, or empty.

    >>> lexical("Hello,"), lexical("don't"), lexical("real-time"), lexical("...")
    ('hello', "don't", 'real-time', '')
    """
    if any(c.isdigit() for c in text):
        with contextlib.suppress(ImportError):  # until numerals.py is there
            from speechkit.numerals import to_words

            text = to_words(text)
    text = text.lower().replace("’", "'")
    return " ".join(w for w in (re.sub(r"^[^a-z]+|[^a-z]+$", "", p) for p in text.split()) if w)


class Aligner:
    """A pocketsphinx decoder that aligns; words that its dictionary lacks are added as they come."""

    def __init__(self) -> None:
        import pocketsphinx

        try:
            self._decoder: Any = pocketsphinx.Decoder(lm=None, ds=DOWNSAMPLING, loglevel="FATAL")
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the acoustic model in pocketsphinx's wheel cannot be opened: {error}. Install pocketsphinx again."
            ) from None

    def align(
        self, samples: Samples, words: Sequence[str], speech: Sequence[tuple[float, float]] = ()
    ) -> list[Span]:
        """One span for each spoken word (lower case), in order, never overlapping.

        `samples` (n,) float32 at 16 kHz; `speech` are the spans of speech in it. Where the text cannot be aligned
        with the sound, the words are spread over the speech by their length.
        """
        pieces = [re.split(r"[\s-]+", word) for word in words]
        pieces = [[p for p in parts if p] or ["a"] for parts in pieces]
        spoken = [p for parts in pieces for p in parts]
        if not spoken:
            return []
        spans = self._aligned(samples, spoken)
        if spans is None:
            whole = [(0.0, len(samples) / RATE)]
            return spread(words, speech or whole)
        joined: list[Span] = []
        at = 0
        for parts in pieces:
            first, last = spans[at], spans[at + len(parts) - 1]
            joined.append(Span(first[0], last[1]))
            at += len(parts)
        return joined

    def _aligned(self, samples: Samples, words: Sequence[str]) -> list[tuple[float, float]] | None:
        decoder = self._decoder
        raw = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        try:
            for word in dict.fromkeys(words):
                if decoder.lookup_word(word) is None:
                    decoder.add_word(word, pronounce(word, decoder.lookup_word), False)
            decoder.set_align_text(" ".join(words))
            decoder.start_utt()
            try:
                decoder.process_raw(raw, full_utt=True)
            finally:
                decoder.end_utt()
            found = [
                (s.start_frame / FRAMES_PER_S, (s.end_frame + 1) / FRAMES_PER_S)
                for s in decoder.seg() or ()
                if not s.word.startswith(("<", "["))
            ]
        except RuntimeError:
            return None
        return found if len(found) == len(words) else None


def spread(words: Sequence[str], speech: Sequence[tuple[float, float]]) -> list[Span]:
    """Give each word a share of the speech by its length in letters.

    >>> [(s.start_s, s.end_s) for s in spread(["ab", "ab"], [(0.0, 1.0), (3.0, 4.0)])]
    [(0.0, 1.0), (3.0, 4.0)]
    """
    lengths = np.array([max(1, len(word)) for word in words], float)
    total = sum(end - start for start, end in speech)
    bounds = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum() * total
    spans = []
    for start, end in zip(bounds[:-1], bounds[1:], strict=True):
        spans.append(
            Span(_place(start, speech, begins=True), _place(end, speech, begins=False), aligned=False)
        )
    return spans


def _place(at: float, speech: Sequence[tuple[float, float]], begins: bool) -> float:
    """When `at` seconds of speech have passed; a word that begins at a pause begins after it."""
    for start, end in speech:
        length = end - start
        if at < length - 1e-9 or (not begins and at <= length + 1e-9):
            return float(start + max(at, 0.0))
        at -= length
    return float(speech[-1][1])
