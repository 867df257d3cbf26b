"""The recognizer of the local service: sound in, phrases with words, times, confidence and speakers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from speechkit.local.diarizer import Diarizer, cluster, speakers_at
from speechkit.local.models import find_models
from speechkit.local.recognition import Alternative, Phrase, Word
from speechkit.local.recognizer import Hypothesis, Recognizer
from speechkit.local.segments import RATE, Segment, VoiceActivity, find_segments
from speechkit.local.voices import VoiceEncoder
from speechkit.local.words import Aligner, lexical

__all__ = ["Alternative", "Engine", "Phrase", "Word"]

PAUSE_S: Final = 0.6  # a longer pause ends a phrase
MAX_PHRASE_S: Final = 20.0  # a phrase ends at the next sentence after this
GROUP: Final = 8  # segments decoded together
SENTENCE_ENDS: Final = (".", "?", "!")

Samples = NDArray[np.float32]


class Engine:
    """The networks of the local recognizer, loaded once.

    `version` changes whenever the same sound could give another answer: caches hold it in their key.
    """

    name: Final = "speechkit moonshine-tiny-en"
    version: Final = "1"

    def __init__(self, recognizer: Recognizer, aligner: Aligner, voices: VoiceEncoder) -> None:
        self._recognizer, self._aligner, self._voices = recognizer, aligner, voices
        self._activity = VoiceActivity()

    @classmethod
    def load(cls, models_dir: Path) -> Engine:
        """Load the model files from the folder `models` of a home; raises ModelError that says what is missing."""
        models = find_models(Path(models_dir))
        return cls(Recognizer.load(models), Aligner(), VoiceEncoder.load(models.speakers))

    def recognize(
        self,
        samples: Samples | Iterable[Samples],
        *,
        diarize: int | None = None,
        nbest: int = 1,
        phrases: Sequence[str] = (),
        progress: Callable[[float], None] | None = None,
    ) -> list[Phrase]:
        """Recognize mono float32 sound at 16 kHz: (n,), or an iterable of blocks of it, which keeps memory flat.

        `diarize` is the most speakers to tell apart (None: do not), `nbest` how many hypotheses a phrase gets,
        `phrases` are words to expect, and `progress` is told the seconds that are done. Phrases are in time order;
        speakers count from 1 in the order of their first word.
        """
        blocks = [samples] if isinstance(samples, np.ndarray) else samples
        diarizer = Diarizer(self._voices) if diarize else None
        words: list[Word] = []
        for group in _grouped(find_segments(blocks, self._activity)):
            hypotheses = self._recognizer.transcribe([s.samples for s in group])
            for segment, hypothesis in zip(group, hypotheses, strict=True):
                words += self._timed(segment, hypothesis)
                if diarizer:
                    diarizer.add(segment.samples, segment.start_s, segment.speech)
            if progress:
                progress(group[-1].end_s)
        speakers: list[int] | None = None
        if diarizer and diarize:
            windows = diarizer.windows()
            labels = cluster(windows.embeddings, diarize)
            middles = np.array([(w.start_s + w.end_s) / 2 for w in words])
            speakers = _renumbered(speakers_at(windows, labels, middles).tolist())
        return _phrases(words, speakers)

    def _timed(self, segment: Segment, hypothesis: Hypothesis) -> list[Word]:
        """The words of a segment with their times in the recording."""
        spoken = [(w, form) for w in hypothesis.words if (form := lexical(w.text))]
        speech = [(a - segment.start_s, b - segment.start_s) for a, b in segment.speech]
        spans = self._aligner.align(segment.samples, [form for _, form in spoken], speech)
        at = segment.start_s
        return [
            Word(w.text, form, at + span.start_s, at + span.end_s, w.confidence)
            for (w, form), span in zip(spoken, spans, strict=True)
        ]


def _grouped(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    for segment in segments:
        group.append(segment)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _renumbered(labels: Sequence[int]) -> list[int]:
    """Numbers from 1 in the order in which they first occur.

    >>> _renumbered([4, 4, 0, 4, 7])
    [1, 1, 2, 1, 3]
    """
    numbers = {label: i + 1 for i, label in enumerate(dict.fromkeys(labels))}
    return [numbers[label] for label in labels]


def _phrases(words: Sequence[Word], speakers: Sequence[int] | None) -> list[Phrase]:
    """Cut words into phrases: at long pauses, at changes of speaker, and at a sentence's end when they grow long."""
    groups: list[list[int]] = []
    for index, word in enumerate(words):
        if groups:
            last = words[index - 1]
            turn = speakers is not None and speakers[index] != speakers[index - 1]
            ended = last.text.endswith(SENTENCE_ENDS)
            length_s = word.end_s - words[groups[-1][0]].start_s
            if not (turn or word.start_s - last.end_s > PAUSE_S or (ended and length_s > MAX_PHRASE_S)):
                groups[-1].append(index)
                continue
        groups.append([index])
    return [_phrase([words[i] for i in group], speakers[group[0]] if speakers else None) for group in groups]


def _phrase(words: list[Word], speaker: int | None) -> Phrase:
    first = words[0].text
    words = [replace(words[0], text=first[:1].upper() + first[1:]), *words[1:]]
    confidence = float(np.mean([w.confidence for w in words]))
    text = " ".join(w.text for w in words)
    return Phrase(words[0].start_s, words[-1].end_s, confidence, text, words, speaker)
