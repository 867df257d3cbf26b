"""All scored texts laid side by side, word by word, as columns of numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from speechkit.analysis.alignment import HIT, JOINED, Compounds, Vocabulary, align
from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.streams import Key, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Texts = Mapping[Key, tuple[Stream, Stream]]
"""What is compared: by call and key (channel, party), the reference's words and the hypothesis's."""


@dataclass(frozen=True)
class Rows:
    """One entry a row of the alignment, through all texts.

    `reference` and `hypothesis` are places among the words of all texts, -1 where there is no word;
    `said_ids` and `heard_ids` number those words in `words`, `said_phrase` and `heard_phrase` are their rows in
    the two phrases tables.
    """

    words: list[str]  # the vocabulary
    keys: list[Key]  # the texts
    said_ids: Ints
    heard_ids: Ints
    said_phrase: Ints
    heard_phrase: Ints
    kind: Ints
    reference: Ints
    hypothesis: Ints
    text: Ints  # the number of the text

    @cached_property
    def said(self) -> Ints:
        """The row of the reference's phrases in which each word stands, -1 for an inserted word."""
        return np.append(self.said_phrase, -1)[self.reference]

    @cached_property
    def heard(self) -> Ints:
        """The row of the transcript's phrases in which each word stands, -1 for a missing word."""
        return np.append(self.heard_phrase, -1)[self.hypothesis]

    @cached_property
    def owner(self) -> Ints:
        """As `said`, but an inserted word has the phrase of the word before it, at the start of the one behind."""
        return np.append(self.said_phrase, -1)[np.where(self._nearest >= 0, self._nearest, -1)]

    @cached_property
    def _nearest(self) -> Ints:
        """The word of the reference in each row, else the one before it in its text, else its first; or -1."""
        sizes = np.bincount(self.text[self.reference >= 0], minlength=len(self.keys))
        begins = np.cumsum(sizes) - sizes
        known = np.maximum.accumulate(self.reference) if len(self.reference) else self.reference
        return np.where(sizes[self.text] > 0, np.maximum(known, begins[self.text]), -1)

    @property
    def rate(self) -> ErrorRate:
        """The error rate of all texts together."""
        return rate_of(np.bincount(self.kind, minlength=5).tolist())

    def errors_by_word(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Count the errors at each word of the reference, and say which words begin a text.

        An inserted word counts at the word before it, at the beginning of a text at the first one. Texts
        without a reference are left out.
        """
        counted = (self.kind != HIT) & (self.kind < JOINED) & (self._nearest >= 0)
        own = self.reference >= 0
        starts = np.append(True, np.diff(self.text[own]) > 0)[: int(own.sum())]
        return np.bincount(self._nearest[counted], minlength=len(self.said_ids)), starts


def lay_out(texts: Texts, *, compounds: bool) -> Rows:
    """Align each pair of texts; with `compounds`, words that differ in their spaces only are hits."""
    vocabulary = Vocabulary()
    numbers = [[vocabulary.ids(stream.words) for stream in pair] for pair in texts.values()]
    words = vocabulary.words
    joined = Compounds(words) if compounds else None
    kinds: list[Any] = []
    places: tuple[list[Any], list[Any]] = ([], [])
    before = np.zeros(2, np.int64)
    for pair in numbers:
        result = align(pair[0], pair[1], joined)
        kinds.append(result.kind)
        for side, place in enumerate((result.reference, result.hypothesis)):
            places[side].append(np.where(place >= 0, place + before[side], -1) if before[side] else place)
        before += [len(ids) for ids in pair]
    return Rows(
        words=words,
        keys=list(texts),
        said_ids=_stacked([pair[0] for pair in numbers]),
        heard_ids=_stacked([pair[1] for pair in numbers]),
        said_phrase=_stacked([pair[0].phrase for pair in texts.values()]),
        heard_phrase=_stacked([pair[1].phrase for pair in texts.values()]),
        kind=_stacked(kinds),
        reference=_stacked(places[0]),
        hypothesis=_stacked(places[1]),
        text=np.repeat(np.arange(len(kinds)), [len(kind) for kind in kinds]),
    )


def _stacked(columns: list[Any]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *columns])


def rate_of(counts: Sequence[int]) -> ErrorRate:
    """Make a rate of the numbers of rows of each kind, in the order of the kinds."""
    hits, substituted, missing, inserted = (int(n) for n in counts[:4])
    return ErrorRate(hits + substituted + missing, hits, substituted, missing, inserted)


def channel_of(key: Hashable) -> int:
    """The channel of a text, -1 where it is not told apart by channels."""
    return key if isinstance(key, int) else -1
