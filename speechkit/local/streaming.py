"""Speech that is recognized while it goes on: hypotheses meanwhile, and phrases as they end.

The sound goes the way that a recording's goes (segments, recognizer, word times, phrases) with the same settings. What
streaming forces is that a phrase ends when there was silence for long enough, and that nothing is heard twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from speechkit.local.phrases import LONG_S, PAUSE_S, SENTENCE_ENDS, HeardWord, Others, cut_phrases
from speechkit.local.recognition import Ended, Event, Listening, Quiet, Revised, Started
from speechkit.local.segments import JOIN_S, RATE, Segment, Segmenter, VoiceActivity
from speechkit.local.words import lexical

if TYPE_CHECKING:
    from speechkit.local.engine import Engine
    from speechkit.local.guests import Guests

# From one hypothesis to the next: at least the first of sound, or words jump about, and at most the second; between
# them COST times as long as a hypothesis takes, so that they become rarer when there are more sessions.
MIN_GAP_S: Final = 0.4
MAX_GAP_S: Final = 1.4
COST: Final = 3.0
LONGEST_S: Final = 30.0  # of a phrase without a pause [Speech_SegmentationMaximumTimeMs, SDK reference]
QUIET_S: Final = 10.0  # of silence after which the client is told how far was heard
BLOCK: Final = RATE // 4  # samples looked at together

Samples = NDArray[np.float32]


class PhraseStream:
    """One stream of mono sound at 16 kHz; holds no more of it than the segment that is growing."""

    def __init__(self, engine: Engine, asked: Listening, guests: Guests | None = None) -> None:
        self._engine, self._asked = engine, asked
        self._expected = engine.phrase_list(asked.phrases, asked.weight)
        self._guests = guests if asked.speakers else None
        self._pause_s = asked.silence_s or PAUSE_S
        self._segmenter = Segmenter(VoiceActivity(), join_s=asked.silence_s or JOIN_S, start_s=asked.start_s)
        self._words: list[HeardWord] = []  # of the phrase that goes on, as far as they are decided
        self._others: list[Others] = []
        self._deciding: tuple[Segment, list[str], Future[list[HeardWord]]] | None = None
        self._helper = ThreadPoolExecutor(1)
        self._draft: tuple[int, ...] = ()
        self._latest: deque[list[str]] = deque(maxlen=max(1, asked.stable))
        self._shown_s, self._gap_s = 0.0, MIN_GAP_S
        self._spoken_s = 0.0  # until when speech was, in the segments that are complete
        self._told_s = 0.0  # until when the client knows everything
        self._started = False
        self.heard_s = 0.0

    def feed(self, samples: Samples, behind: bool = False) -> Iterator[Event]:
        """Take the next samples (n,); `behind` says that more are waiting, so that hypotheses can wait, too."""
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK]
            self.heard_s += len(block) / RATE
            yield from self._take(self._segmenter.feed(block))
            yield from self._revise(behind or start + BLOCK < len(samples))
            yield from self._silence()

    def finish(self) -> Iterator[Event]:
        """Tell the rest at the end of the sound."""
        yield from self._take(self._segmenter.flush(), last=True)
        self.close()

    def close(self) -> None:
        """Let go of the stream, also in the middle."""
        self._helper.shutdown(wait=False, cancel_futures=True)

    def _take(self, segments: Sequence[Segment], last: bool = False) -> Iterator[Event]:
        """Recognize what is complete; where speech goes on after it, meanwhile."""
        begun_s = segments[0].speech[0][0] if segments else self._segmenter.spoken_from_s
        if begun_s is not None and not self._started:
            self._started = True
            yield Started(begun_s)
        for segment in segments:
            yield from self._decided(wait=True)
            if self._over(segment.speech[0][0]):
                yield from self._tell(over=True)
            shown = self._latest[-1] if self._latest else []
            self._deciding = segment, shown, self._helper.submit(self._recognize, segment)
            self._spoken_s = segment.speech[-1][1]
            self._draft = ()
            self._latest.clear()
        growing_s = self._segmenter.spoken_from_s
        over = last or self._over(self._segmenter.now_s if growing_s is None else growing_s)
        yield from self._decided(wait=over)
        if over:
            yield from self._tell(over=True)

    def _over(self, next_s: float) -> bool:
        """Whether the phrase has ended when the next speech is not before `next_s`."""
        return next_s - self._spoken_s > self._pause_s

    def _decided(self, wait: bool) -> Iterator[Event]:
        """Add the words of the segment that was being recognized, when they are there or have to be."""
        if self._deciding is None or not (wait or self._deciding[2].done()):
            return
        self._words += self._deciding[2].result()
        self._deciding = None
        yield from self._tell(over=False)

    def _recognize(self, segment: Segment) -> list[HeardWord]:
        (hypotheses,) = self._engine.recognizer.transcribe(
            [segment.samples], self._asked.nbest, self._expected
        )
        best = hypotheses[0]
        words = self._engine.timed(segment, [(w.text, w.confidence) for w in best.words])
        rest = tuple(hypotheses[1:]) if self._asked.nbest > 1 else ()
        number = len(self._others)
        self._others.append(Others(tuple(w.text for w in best.words) if rest else (), rest))
        heard = [HeardWord(word, number, place) for place, word in words]
        if self._guests is None:
            return heard
        speakers = self._guests.hear(segment, [h.word for h in heard])
        return [replace(h, speaker=speaker) for h, speaker in zip(heard, speakers, strict=True)]

    def _tell(self, over: bool) -> Iterator[Event]:
        """Tell the phrases that have ended: all of them when speech is over, else all but one that may go on."""
        phrases = (
            cut_phrases(self._words, self._others, self._asked.nbest, self._pause_s) if self._words else []
        )
        if phrases and not over:
            length_s = phrases[-1].end_s - phrases[-1].start_s
            long = length_s > LONG_S and phrases[-1].text.endswith(SENTENCE_ENDS)
            if not long and length_s <= (self._asked.longest_s or LONGEST_S):
                phrases.pop()
        for number, phrase in enumerate(phrases):
            whole = over and number == len(phrases) - 1
            self._told_s = max(phrase.end_s, self._spoken_s if whole else 0.0)
            yield Ended(phrase, self._told_s)
        del self._words[: sum(len(phrase.words) for phrase in phrases)]
        first = self._words[0].segment if self._words else len(self._others)
        if self._deciding is None:
            del self._others[:first]
            self._words = [replace(h, segment=h.segment - first) for h in self._words]

    def _revise(self, behind: bool) -> Iterator[Event]:
        """Tell a hypothesis when it is time for one and something was said since the last."""
        from_s, until_s = self._segmenter.spoken_from_s, self._segmenter.spoken_until_s
        if from_s is None or until_s is None:
            return
        if until_s - max(self._shown_s, from_s) < (MAX_GAP_S if behind else self._gap_s):
            return
        begun = time.monotonic()
        segment = self._segmenter.growing()
        found, self._draft = self._engine.recognizer.revise(segment.samples, self._draft, self._expected)
        self._shown_s = until_s
        said = [word for spoken in found.words for word in lexical(spoken.text).split()]
        self._latest.append(said)
        shown = _agreed(self._latest) if len(self._latest) == self._latest.maxlen else []
        decided = [w for heard in self._words for w in heard.word.lexical.split()]
        starts = [segment.speech[0][0]]
        if self._deciding:
            decided += self._deciding[1]
            starts.append(self._deciding[0].speech[0][0])
        starts += [heard.word.start_s for heard in self._words[:1]]
        speaker = None
        if self._guests is not None and self._asked.interim_speakers:
            speaker = self._guests.guess(segment)
        if decided or shown:
            yield Revised(min(starts), max(until_s, segment.end_s), decided + shown, speaker)
        self._gap_s = min(max(COST * (time.monotonic() - begun), MIN_GAP_S), MAX_GAP_S)

    def _silence(self) -> Iterator[Event]:
        """Tell how far was heard when nobody speaks."""
        if self._words or self._deciding or self._segmenter.spoken_from_s is not None:
            return
        now_s = self._segmenter.now_s
        if not self._started and self._asked.initial_silence_s and now_s >= self._asked.initial_silence_s:
            self._told_s = now_s
            yield Quiet(now_s, initial=True)
        elif now_s - self._told_s >= QUIET_S:
            self._told_s = now_s - self._pause_s  # speech may just be beginning
            yield Quiet(self._told_s)


def _agreed(several: Sequence[list[str]]) -> list[str]:
    """The words that several hypotheses begin with alike.

    >>> _agreed([["so", "i", "went"], ["so", "i", "want", "to"]])
    ['so', 'i']
    """
    agreed = []
    for words in zip(*several, strict=False):
        if len(set(words)) > 1:
            break
        agreed.append(words[0])
    return agreed
