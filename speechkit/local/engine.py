"""The recognizer of the local service: sound in; phrases with words, times, confidence and speakers out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from speechkit.local.diarizer import Diarizer
from speechkit.local.guests import Guests
from speechkit.local.models import find_models
from speechkit.local.phrase_list import PhraseList
from speechkit.local.phrases import HeardWord, Others, cut_phrases
from speechkit.local.recognition import Alternative, Listening, Phrase, Word
from speechkit.local.recognizer import Recognizer
from speechkit.local.segments import Segment, VoiceActivity, find_segments
from speechkit.local.streaming import PhraseStream
from speechkit.local.trigrams import Trigrams
from speechkit.local.voices import VoiceEncoder
from speechkit.local.words import Aligner, lexical

__all__ = ["Alternative", "Engine", "Phrase", "Word"]

AHEAD: Final = 16  # segments in hand, of which those of like length are decoded together

Samples = NDArray[np.float32]


class Engine:
    """The networks of the local recognizer, loaded once.

    `version` changes whenever the same sound could give another answer: caches hold it in their key.
    """

    name: Final = "speechkit moonshine-tiny-en"
    version: Final = "8"

    def __init__(self, recognizer: Recognizer, aligner: Aligner, voices: VoiceEncoder) -> None:
        self.recognizer, self.voices, self._aligner = recognizer, voices, aligner
        self._activity = VoiceActivity()
        self._aligning = threading.Lock()  # live sessions share the aligner, which holds one text at a time

    @classmethod
    def load(cls, models_dir: Path) -> Engine:
        """Load the model files from the folder `models` of a home; a ModelError says what is missing."""
        models = find_models(Path(models_dir))
        return cls(Recognizer.load(models, Trigrams()), Aligner(), VoiceEncoder.load(models.speakers))

    def phrase_list(self, phrases: Sequence[str], weight: float = 1.0) -> PhraseList:
        """Phrases to expect, as `Recognizer.transcribe` takes them; `weight`, from 0 to 2, says how much."""
        return PhraseList(phrases, self._phones, weight)

    def recognize(
        self,
        samples: Samples | Iterable[Samples],
        *,
        diarize: int | None = None,
        nbest: int = 1,
        phrases: Sequence[str] = (),
        weight: float = 1.0,
        progress: Callable[[float], None] | None = None,
    ) -> list[Phrase]:
        """Recognize mono float32 sound at 16 kHz: (n,), or an iterable of blocks of it, which keeps memory flat.

        `diarize` is the most speakers to tell apart (None: do not), `nbest` how many hypotheses a phrase gets,
        `phrases` are names and words to expect and `weight`, from 0 to 2, how much; `progress` is told the seconds
        that are done. Phrases are in time order; speakers count from 1 in the order of their first word.
        """
        blocks = [samples] if isinstance(samples, np.ndarray) else samples
        expected = self.phrase_list(phrases, weight)
        diarizer = Diarizer(self.voices) if diarize else None
        heard: list[HeardWord] = []
        others: list[Others] = []
        for group in _grouped(find_segments(blocks, self._activity)):
            found = self.recognizer.transcribe([s.samples for s in group], nbest, expected)
            for segment, hypotheses in zip(group, found, strict=True):
                best = hypotheses[0]
                words = self.timed(segment, [(w.text, w.confidence) for w in best.words])
                heard += [HeardWord(word, len(others), place) for place, word in words]
                rest = tuple(hypotheses[1:]) if nbest > 1 else ()
                others.append(Others(tuple(w.text for w in best.words) if rest else (), rest))
                if diarizer:
                    diarizer.add(segment.samples, segment.start_s, segment.speech)
            if progress:
                progress(group[-1].end_s)
        if diarizer and diarize:
            speakers = diarizer.speakers([h.word for h in heard], diarize)
            heard = [replace(h, speaker=speaker) for h, speaker in zip(heard, speakers, strict=True)]
        return cut_phrases(heard, others, nbest)

    def stream(self, asked: Listening, guests: Guests | None = None) -> PhraseStream:
        """Begin to recognize speech that goes on; several streams may be fed from as many threads."""
        return PhraseStream(self, asked, guests)

    def guests(self) -> Guests:
        """The speakers of a conversation that goes on, of whom nobody has spoken yet."""
        return Guests(self.voices)

    def _phones(self, word: str) -> list[str]:
        with self._aligning:
            return self._aligner.phones(word)

    def timed(self, segment: Segment, spoken: Sequence[tuple[str, float]]) -> list[tuple[int, Word]]:
        """The words of a segment that can be spoken, each with its place, and its times in the recording."""
        forms = [lexical(text) for text, _ in spoken]
        places = [place for place, form in enumerate(forms) if form]
        at = segment.start_s
        speech = [(start - at, end - at) for start, end in segment.speech]
        with self._aligning:
            spans = self._aligner.align(segment.samples, [forms[p] for p in places], speech)
        return [
            (p, Word(spoken[p][0], forms[p], at + span.start_s, at + span.end_s, spoken[p][1]))
            for p, span in zip(places, spans, strict=True)
        ]


def _grouped(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    for segment in segments:
        group.append(segment)
        if len(group) == AHEAD:
            yield group
            group = []
    if group:
        yield group
