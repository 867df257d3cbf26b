"""All scored texts laid side by side, word by word, as columns of numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from speechkit.analysis.alignment import HIT, Compounds, Vocabulary, align
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

    `reference` and `hypothesis` are places in `said_ids` and `heard_ids`, `said` and `heard` rows of the two
    phrases tables; -1 is nothing. `owner` is `said`, and for an inserted word that of the word before it.
    """

    words: list[str]  # the vocabulary
    said_ids: Ints
    heard_ids: Ints
    kind: Ints
    reference: Ints
    hypothesis: Ints
    said: Ints
    heard: Ints
    owner: Ints
    text: Ints  # the number of the text
    keys: list[Key]

    @property
    def rate(self) -> ErrorRate:
        """The error rate of all texts together."""
        return rate_of(np.bincount(self.kind, minlength=5).tolist())

    def errors_by_word(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Count the errors at each word of the reference, and say which words begin a text.

        An inserted word counts at the word before it, at the beginning of a text at the first one. Texts
        without a reference are left out.
        """
        sizes = np.bincount(self.text[self.reference >= 0], minlength=len(self.keys))
        begins = np.cumsum(sizes) - sizes  # the first word of each text
        known = np.maximum.accumulate(np.where(self.reference >= 0, self.reference, -1))
        known = np.maximum(known, begins[self.text])
        counted = (self.kind != HIT) & (self.kind <= 3) & (sizes[self.text] > 0)
        starts = np.zeros(len(self.said_ids), bool)
        starts[begins[sizes > 0]] = True
        return np.bincount(known[counted], minlength=len(self.said_ids)), starts


def lay_out(texts: Texts, *, compounds: bool) -> Rows:
    """Align each pair of texts; with `compounds`, words that differ in their spaces only are hits."""
    vocabulary = Vocabulary()
    numbers = [[vocabulary.ids(stream.words) for stream in pair] for pair in texts.values()]
    words = vocabulary.words
    joined = Compounds(words) if compounds else None
    parts: list[tuple[Ints, ...]] = []
    said_before = heard_before = 0
    for at, (pair, (left, right)) in enumerate(zip(texts.values(), numbers, strict=True)):
        result = align(left, right, joined)
        said, heard = (
            np.where(place >= 0, np.append(stream.phrase, -1)[place], -1)
            for stream, place in zip(pair, (result.reference, result.hypothesis), strict=True)
        )
        parts.append(
            (
                result.kind.astype(np.int64),
                np.where(result.reference >= 0, result.reference + said_before, -1),
                np.where(result.hypothesis >= 0, result.hypothesis + heard_before, -1),
                said,
                heard,
                _owners(said),
                np.full(len(said), at),
            )
        )
        said_before, heard_before = said_before + len(left), heard_before + len(right)
    none = np.zeros(0, np.int64)
    columns = [np.concatenate([none, *column]) for column in zip(*parts, strict=True)] or [none] * 7
    ids = [np.concatenate([none, *(pair[side] for pair in numbers)]) for side in (0, 1)]
    kind, reference, hypothesis, said, heard, owner, text = columns
    return Rows(words, ids[0], ids[1], kind, reference, hypothesis, said, heard, owner, text, list(texts))


def rate_of(counts: Sequence[int]) -> ErrorRate:
    """Make a rate of the numbers of rows of each kind, in the order of the kinds."""
    hits, substituted, missing, inserted = (int(n) for n in counts[:4])
    return ErrorRate(hits + substituted + missing, hits, substituted, missing, inserted)


def _owners(said: Ints) -> Ints:
    """For each row the phrase of the last word of the reference so far, at first that of the first."""
    if not len(said):
        return said
    known = np.maximum.accumulate(np.where(said >= 0, np.arange(len(said)), -1))
    first = said[said >= 0][:1].max(initial=-1)
    return np.where(known >= 0, said[known], first)


def channel_of(key: Hashable) -> int:
    """The channel of a text, -1 where it is not told apart by channels."""
    return key if isinstance(key, int) else -1
