"""Who speaks in a conversation that goes on: Guest-1, Guest-2 and so on, decided as they speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from speechkit.limits import MAX_SPEAKERS
from speechkit.local.diarizer import Floats, Labels, cluster, cut_windows, nearest
from speechkit.local.recognition import Word
from speechkit.local.segments import Segment
from speechkit.local.voices import VoiceEncoder

KEPT: Final = 200  # windows of each guest, the latest: two minutes of speech
ALIKE: Final = 0.6  # cosine with the mean voice of a guest, below which nobody is guessed


class Guests:
    """The speakers of one conversation, numbered from 1 in the order in which they are told apart.

    With each segment all voices that are kept are clustered anew, as those of a recording are. Who a cluster is follows
    from what was told of its voices before; what was told once is not taken back.
    """

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._encoder = encoder
        self._voices: Floats = np.zeros((0, 256), np.float32)
        self._told: Labels = np.zeros(0, np.int64)  # the guest of each voice
        self._spans: Labels = np.zeros(0, np.int64)  # the stretch of speech that each lies in
        self._count = 0  # of guests

    def hear(self, segment: Segment, words: Sequence[Word]) -> list[int]:
        """The guest of each word of the next segment."""
        voices, middles_s, spans = self._listen(segment)
        if not len(voices):
            return [max(1, self._count)] * len(words)
        known = len(self._voices)
        self._voices = np.concatenate([self._voices, voices])
        self._spans = np.append(self._spans, spans + self._spans.max(initial=-1) + 1)
        follows = np.append(False, self._spans[1:] == self._spans[:-1])
        labels = cluster(self._voices, follows, MAX_SPEAKERS)
        fresh = self._named(labels, known)
        self._told = np.append(self._told, fresh)
        self._forget()
        times_s = np.array([(word.start_s + word.end_s) / 2 for word in words])
        return [int(fresh[i]) for i in nearest(middles_s, times_s)]

    def guess(self, segment: Segment) -> int | None:
        """Who seems to be speaking at the end of a segment that goes on; None where that is not clear."""
        voices, _, _ = self._listen(Segment(segment.start_s, segment.samples, segment.speech[-1:]), last=True)
        if not len(voices) or not self._count:
            return None
        means = np.stack([self._voices[self._told == guest].sum(axis=0) for guest in self._guests()])
        alike = means @ voices[-1] / np.linalg.norm(means, axis=1)
        return self._guests()[int(alike.argmax())] if alike.max() >= ALIKE else None

    def _listen(self, segment: Segment, last: bool = False) -> tuple[Floats, NDArray[np.float64], Labels]:
        """The voices (n, 256) of a segment, or the last of them, the middle of each and the number of its span."""
        cut = list(cut_windows(segment.samples, segment.start_s, segment.speech))[-1 if last else 0 :]
        voices = np.zeros((len(cut), 256), np.float32)
        for length in {len(window) for window, _, _ in cut}:
            rows = [i for i, (window, _, _) in enumerate(cut) if len(window) == length]
            voices[rows] = self._encoder.embed(np.stack([cut[i][0] for i in rows]))
        return voices, np.array([at_s for _, at_s, _ in cut]), np.array([n for _, _, n in cut], np.int64)

    def _named(self, labels: Labels, known: int) -> Labels:
        """The guest of each voice from `known` on: that of most voices of its cluster, each guest once."""
        pairs = Counter(zip(labels[:known].tolist(), self._told.tolist(), strict=True))
        names: dict[int, int] = {}
        for (label, guest), _ in pairs.most_common():
            if label not in names and guest not in names.values():
                names[label] = guest
        for label in labels[known:].tolist():
            if label not in names:
                self._count += 1
                names[label] = self._count
        return np.array([names[label] for label in labels[known:].tolist()], np.int64)

    def _forget(self) -> None:
        """Keep the latest voices of each guest."""
        keep = np.zeros(len(self._told), bool)
        for guest in self._guests():
            keep[np.flatnonzero(self._told == guest)[-KEPT:]] = True
        self._voices, self._told, self._spans = self._voices[keep], self._told[keep], self._spans[keep]

    def _guests(self) -> list[int]:
        return [int(guest) for guest in np.unique(self._told)]
