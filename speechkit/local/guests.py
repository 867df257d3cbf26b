"""Who speaks in a conversation that goes on: Guest-1, Guest-2 and so on, decided as they speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from speechkit.limits import MAX_SPEAKERS
from speechkit.local.diarizer import Diarizer
from speechkit.local.recognition import Word
from speechkit.local.segments import Segment
from speechkit.local.voices import VoiceEncoder

UNKNOWN: Final = 0


class Guests:
    """The speakers of one conversation, numbered from 1 in the order in which they were first told apart."""

    def __init__(self, encoder: VoiceEncoder) -> None:
        self._diarizer = Diarizer(encoder)
        self._words: list[Word] = []
        self._numbers: list[int] = []

    def hear(self, segment: Segment, words: Sequence[Word]) -> list[int]:
        """The guest of each word of the next segment."""
        self._diarizer.add(segment.samples, segment.start_s, segment.speech)
        self._words += words
        found = self._diarizer.speakers(self._words, MAX_SPEAKERS)
        votes: dict[int, dict[int, int]] = {}
        for label, number in zip(found, self._numbers, strict=False):
            of = votes.setdefault(label, {})
            of[number] = of.get(number, 0) + 1
        named: dict[int, int] = {}
        pairs = sorted(((n, label, g) for label, of in votes.items() for g, n in of.items()), reverse=True)
        for _, label, guest in pairs:
            if label not in named and guest not in named.values():
                named[label] = guest
        for label in found:
            if label not in named:
                named[label] = max([0, *self._numbers, *named.values()]) + 1
        fresh = [named[label] for label in found[len(self._numbers) :]]
        self._numbers += fresh
        return fresh

    def guess(self, segment: Segment) -> int | None:
        """Who seems to speak in a segment that goes on."""
        return self._numbers[-1] if self._numbers else None
