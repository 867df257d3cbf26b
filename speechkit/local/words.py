"""How each word is spoken, and when it was: forced alignment of text with sound, by pocketsphinx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from speechkit import numerals
from speechkit.errors import ModelError
from speechkit.local.pronounce import pronounce

RATE: Final = 16000
FRAMES_PER_S: Final = 100
DOWNSAMPLING: Final = 2  # frames that share their acoustic scores: half the time, the same boundaries

# Where a word follows a pause, the alignment likes to begin it in the pause. So a start moves on to where the sound
# rises out of the silence; tuned on other voices and texts than the demo calls.
STEP_S: Final = 0.005
RISE: Final = 0.25  # of the way from the noise floor to the loud parts, in dB
LEAST_PAUSE_S: Final = 0.06  # shorter silences are closures of stops, which belong to the word
LEAD_S: Final = 0.03  # a word begins this much before its sound has risen

_SIGNS: Final = {"@": " at ", "&": " and ", "+": " plus ", "/": " ", "_": " underscore ", "#": " number "}
# The recognizer learned from old books, too, and hyphenates these at times.
_ONE_WORD: Final = frozenset(
    {"today", "tonight", "tomorrow", "goodbye", "email", "online", "offline", "website", "someone", "anyone"}
)

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """From when to when a word was said, in seconds; `aligned` is False where that was only estimated."""

    start_s: float
    end_s: float
    aligned: bool = True


def lexical(text: str) -> str:
    """A displayed word as it is spoken: lower case, no marks, numbers in words; may be several words, or none.

    >>> lexical("Hello,"), lexical("don't"), lexical("real-time"), lexical("to-day")
    ('hello', "don't", 'real time', 'today')
    >>> lexical("$25."), lexical("ann.lee@example.com."), lexical("...")
    ('twenty five dollars', 'ann dot lee at example dot com', '')
    """
    text = re.sub(r"(?<=\w)\.(?=[A-Za-z]{2,})", " dot ", text.replace("’", "'"))
    if any(c.isdigit() for c in text):
        text = numerals.to_words(text)
    for sign, spoken in _SIGNS.items():
        text = text.replace(sign, spoken)
    if any(c.isdigit() for c in text):  # a form that the grammar does not know loses its marks, and no digit
        text = numerals.to_words(re.sub(r"[^\w\s]|(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)", " ", text))
    words: list[str] = []
    for part in text.lower().split():
        word = re.sub(r"[^a-z'-]|^[-']+|[-']+$", "", part)
        joined = word.replace("-", "")
        words += [joined] if joined in _ONE_WORD else word.split("-")
    return " ".join(word for word in words if word)


class Aligner:
    """A pocketsphinx decoder that aligns; words that its dictionary lacks are added as they come."""

    def __init__(self) -> None:
        import pocketsphinx

        try:
            self._decoder: Any = pocketsphinx.Decoder(lm=None, ds=DOWNSAMPLING, loglevel="FATAL")
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the acoustic model in pocketsphinx's wheel cannot be opened: {error}. "
                "Install pocketsphinx again."
            ) from None

    def phones(self, word: str) -> list[str]:
        """The phones of a lexical word: the dictionary's, else by its letters."""
        lookup = self._decoder.lookup_word
        return str(lookup(word) or pronounce(word, lookup)).split()

    def align(
        self, samples: Samples, words: Sequence[str], speech: Sequence[tuple[float, float]] = ()
    ) -> list[Span]:
        """One span for each of `words` (lexical, each one or several spoken words), in order, none overlapping.

        `samples` (n,) float32 at 16 kHz; `speech` are the spans of speech in it. Where the text cannot be aligned
        with the sound, the words are spread over the speech by their length.
        """
        counts = [max(1, len(word.split())) for word in words]
        spoken = [part for word in words for part in word.split() or ["a"]]
        if not spoken:
            return []
        found = self._aligned(samples, spoken) if len(samples) else None
        if found is None:
            return spread(words, speech or [(0.0, len(samples) / RATE)])
        found = after_pauses(samples, found)
        lasts = np.cumsum(counts) - 1
        return [
            Span(found[last - count + 1][0], found[last][1])
            for last, count in zip(lasts, counts, strict=True)
        ]

    def _aligned(self, samples: Samples, words: Sequence[str]) -> list[tuple[float, float]] | None:
        decoder = self._decoder
        raw = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        try:
            for word in dict.fromkeys(words):
                if decoder.lookup_word(word) is None:
                    decoder.add_word(word, " ".join(self.phones(word)), False)
            decoder.reinit_feat()  # else the last text's sound moves some boundaries by a frame or two
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
        except RuntimeError:  # the sound is too short for the text, or no path through it was found
            return None
        return found if len(found) == len(words) else None


def after_pauses(samples: Samples, spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Move each start that lies in a pause to where the sound rises; `samples` (n,) at 16 kHz, spans in seconds."""
    size = round(STEP_S * RATE)
    count = len(samples) // size
    if count < 4:
        return list(spans)
    # The difference of neighbours weighs high frequencies more: fricatives are faint in the plain level.
    bright = np.diff(samples[: count * size], prepend=samples[0]).reshape(count, size)
    power = np.convolve(np.square(bright).mean(axis=1), np.ones(2) / 2, mode="same")
    level_db = 10 * np.log10(power + 1e-9)
    floor, loud = np.percentile(level_db, [5, 90])
    silent = level_db < floor + RISE * (loud - floor)
    moved = []
    for start_s, end_s in spans:
        first, last = round(start_s / STEP_S), round(end_s / STEP_S)
        rest = silent[first : last - 6]  # the word keeps 30 ms at least
        quiet = len(rest) if rest.all() else int(np.argmin(rest))
        if quiet * STEP_S >= LEAST_PAUSE_S:
            start_s = (first + quiet) * STEP_S - LEAD_S
        moved.append((float(start_s), float(end_s)))
    return moved


def spread(words: Sequence[str], speech: Sequence[tuple[float, float]]) -> list[Span]:
    """Give each word a share of the speech by its length in letters.

    >>> [(s.start_s, s.end_s) for s in spread(["ab", "ab"], [(0.0, 1.0), (3.0, 4.0)])]
    [(0.0, 1.0), (3.0, 4.0)]
    """
    lengths = np.array([max(1, len(word)) for word in words], float)
    total = sum(end - start for start, end in speech)
    bounds = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum() * total
    return [
        Span(_place(start, speech, begins=True), _place(end, speech, begins=False), aligned=False)
        for start, end in pairwise(bounds.tolist())
    ]


def _place(at: float, speech: Sequence[tuple[float, float]], begins: bool) -> float:
    """When `at` seconds of speech have passed; a word that begins at a pause begins after it."""
    for start, end in speech:
        length = end - start
        if at < length - 1e-9 or (not begins and at <= length + 1e-9):
            return start + max(at, 0.0)
        at -= length
    return speech[-1][1]
