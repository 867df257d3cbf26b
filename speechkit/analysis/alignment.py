"""Two rows of words side by side with the fewest errors (Levenshtein 1966), at the speed of rapidfuzz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

HIT, SUBSTITUTION, DELETION, INSERTION, JOINED = range(5)
"""What a row of an alignment is. JOINED is a word of the hypothesis that makes up a compound with the hit
before it: it costs nothing."""

KINDS: Final = ("right", "substituted", "missing", "inserted", "joined")
"""The same in words, in the same order: the words of the reports."""

MOST_LETTERS: Final = 5
"""Single letters in a row that may be one word: "u s a" is "usa". Of other words two may make one."""

_MARGIN: Final = 6  # hits on each side of an error that a compound may reach into
_NEAR: Final = 12  # rows in which a compound is looked for on the other side
_LONGEST: Final = 60  # rows that are aligned anew together
_LAST_CODE_POINT: Final = 0x10FFFF


class Vocabulary(dict[str, int]):
    """Words numbered in the order in which they are met: rapidfuzz compares numbers faster than words.

    >>> vocabulary = Vocabulary()
    >>> vocabulary.ids(["to", "be", "or", "not", "to", "be"]).tolist()
    [0, 1, 2, 3, 0, 1]
    >>> vocabulary.words
    ['to', 'be', 'or', 'not']
    """

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number

    @property
    def words(self) -> list[str]:
        """The words, each at the place of its number."""
        return list(self)

    def ids(self, words: Sequence[str]) -> Ints:
        """Return the numbers of words; new words get the next ones."""
        return np.fromiter(map(self.__getitem__, words), np.int64, len(words))


@dataclass(frozen=True)
class Alignment:
    """The rows of an alignment: `kind`, and the places in both texts, -1 where there is no word."""

    kind: NDArray[np.uint8]
    reference: Ints
    hypothesis: Ints

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Hits, substitutions, deletions and insertions."""
        hits, substitutions, deletions, insertions = np.bincount(self.kind, minlength=5)[:4].tolist()
        return hits, substitutions, deletions, insertions


def align(reference: Ints, hypothesis: Ints, compounds: Compounds | None = None) -> Alignment:
    """Align two rows of word numbers with the fewest substitutions, deletions and insertions.

    With `compounds`, words that differ from those of the other side only in where the spaces stand are hits,
    where they stand near each other; every word of the reference in them counts as one.

    >>> vocabulary = Vocabulary()
    >>> said, heard = (vocabulary.ids(t.split()) for t in ("a new time out today", "a knew timeout to day"))
    >>> align(said, heard).counts
    (1, 4, 0, 0)
    >>> align(said, heard, Compounds(vocabulary.words)).counts
    (4, 1, 0, 0)
    """
    plain = _aligned(reference, hypothesis)
    return compounds.mend(plain, reference, hypothesis) if compounds else plain


def distance(reference: Ints, hypothesis: Ints) -> int:
    """Return the number of errors of the best alignment."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(*_sequences(reference, hypothesis))


def _sequences(reference: Ints, hypothesis: Ints) -> tuple[Any, Any]:
    """The numbers as what rapidfuzz reads fastest: text of which each letter is a word."""
    if max(reference.max(initial=0), hypothesis.max(initial=0)) > _LAST_CODE_POINT:
        return reference.tolist(), hypothesis.tolist()
    return _letters(reference), _letters(hypothesis)


def _letters(ids: Ints) -> str:
    return ids.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _aligned(reference: Ints, hypothesis: Ints) -> Alignment:
    from rapidfuzz.distance import Levenshtein

    size, other = len(reference), len(hypothesis)
    edits = Levenshtein.editops(*_sequences(reference, hypothesis)).as_list()
    replaced = np.array([source for tag, source, _ in edits if tag == "replace"], np.int64)
    deleted = np.array([source for tag, source, _ in edits if tag == "delete"], np.int64)
    inserts = [(source, place) for tag, source, place in edits if tag == "insert"]
    before, added = np.array(inserts, np.int64).reshape(-1, 2).T
    kind = np.full(size, HIT, np.uint8)
    kind[replaced], kind[deleted] = SUBSTITUTION, DELETION
    partner = np.full(size, -1, np.int64)
    is_new = np.zeros(other, bool)
    is_new[added] = True
    partner[kind != DELETION] = np.flatnonzero(~is_new)
    # an inserted word stands before the word of the reference at `before`
    own = np.arange(size) + np.cumsum(np.bincount(before, minlength=size))[:size]
    new = before + np.arange(len(before))
    rows = size + len(before)
    kinds = np.full(rows, INSERTION, np.uint8)
    places = np.full((2, rows), -1, np.int64)
    kinds[own], places[0, own], places[1, own] = kind, np.arange(size), partner
    places[1, new] = added
    return Alignment(kinds, places[0], places[1])


# --- compounds ---------------------------------------------------------------------------------------------


class Compounds:
    """Knows which neighbouring words of a vocabulary make another word of it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._index = {word: number for number, word in enumerate(words)}
        self._pairs: dict[int, int] = {}  # first * len(words) + second: the word that they make, or -1
        self._letters = np.array([len(word) == 1 and word.isalpha() for word in words], bool)

    def mend(self, plain: Alignment, reference: Ints, hypothesis: Ints) -> Alignment:
        """Align anew, with compounds, the places around errors where there is one, until nothing is won."""
        better = self._mended(plain, reference, hypothesis)
        while better is not None:
            plain, better = better, self._mended(better, reference, hypothesis)
        return plain

    def _mended(self, plain: Alignment, reference: Ints, hypothesis: Ints) -> Alignment | None:
        wrong = np.flatnonzero((plain.kind != HIT) & (plain.kind != JOINED))
        if not len(wrong):
            return None
        hopeful = self._hopeful(plain.reference, reference, plain.hypothesis, hypothesis)
        hopeful |= self._hopeful(plain.hypothesis, hypothesis, plain.reference, reference)
        if not hopeful:
            return None
        parts, done = [], 0
        table = np.stack([plain.kind.astype(np.int64), plain.reference, plain.hypothesis], axis=1)
        for start, end in _windows(wrong, hopeful, table):
            start = max(done, start)
            rows = table[start:end]
            own, other = (np.unique(places[places >= 0]) for places in (rows[:, 1], rows[:, 2]))
            left, right = reference[own], hypothesis[other]
            better = _least([self._words[i] for i in left], [self._words[i] for i in right])
            if _cost(better[:, 0]) < _cost(rows[:, 0]):
                for side, places in ((1, own), (2, other)):
                    better[:, side] = np.append(places, -1)[better[:, side]]
                parts += [table[done:start], better]
                done = end
        if not parts:
            return None
        mended = np.concatenate([*parts, table[done:]])
        return Alignment(mended[:, 0].astype(np.uint8), mended[:, 1], mended[:, 2])

    def _hopeful(self, places: Ints, ids: Ints, across: Ints, others: Ints) -> set[int]:
        """The rows at which neighbours of one side make a word that stands near on the other side."""
        row_of = np.zeros(len(ids), np.int64)
        row_of[places[places >= 0]] = np.flatnonzero(places >= 0)
        answer = set()
        for place, made in self._made(ids):
            row = int(row_of[place])
            near = across[max(0, row - _NEAR) : row + _NEAR]
            if made in others[near[near >= 0]]:
                answer.add(row)
        return answer

    def _made(self, ids: Ints) -> list[tuple[int, int]]:
        """The places at which neighbours make a word, and the word."""
        codes = ids[:-1] * len(self._words) + ids[1:]
        known = self._pairs
        for code in codes.tolist():
            if code not in known:
                first, second = divmod(code, len(self._words))
                known[code] = self._index.get(self._words[first] + self._words[second], -1)
        made = np.fromiter(map(known.__getitem__, codes.tolist()), np.int64, len(codes))
        answer = [(int(place), int(made[place])) for place in np.flatnonzero(made >= 0)]
        letters = self._letters[ids]
        for place in np.flatnonzero(letters[2:] & letters[1:-1] & letters[:-2]).tolist():
            for size in range(3, MOST_LETTERS + 1):
                word = "".join(self._words[i] for i in ids[place : place + size])
                if word in self._index and len(word) == size:
                    answer.append((place, self._index[word]))
        return answer


def _windows(wrong: Ints, hopeful: set[int], table: Ints) -> Iterator[tuple[int, int]]:
    """The stretches of rows around errors in which there may be a compound; none is cut in two."""
    shared = np.append(False, ((np.diff(table[:, 1:], axis=0) == 0) & (table[1:, 1:] >= 0)).any(axis=1))
    for block in np.split(wrong, np.flatnonzero(np.diff(wrong) > _MARGIN) + 1):
        first, last = int(block[0]) - _MARGIN, int(block[-1]) + _MARGIN
        for start in range(max(0, first), last + 1, _LONGEST):
            end = min(start + _LONGEST, last + 1, len(table))
            while start and shared[start]:
                start -= 1
            while end < len(table) and shared[end]:
                end += 1
            if any(start - _NEAR <= row < end + _NEAR for row in hopeful):
                yield start, end


def _cost(kinds: Ints) -> int:
    return int(np.isin(kinds, (SUBSTITUTION, DELETION, INSERTION)).sum())


def _least(left: list[str], right: list[str]) -> Ints:
    """Align a few words by dynamic programming in which a compound is a step without cost."""
    width = len(right) + 1
    cost = list(range(width))  # of the row above, then of all rows: one list, row after row
    steps: list[tuple[int, int]] = [(0, 1)] * width
    for i in range(1, len(left) + 1):
        cost.append(i)
        steps.append((1, 0))
        for j in range(1, width):
            here = i * width + j
            same = left[i - 1] == right[j - 1]
            choices = [
                (cost[here - width - 1] + (not same), 0, (1, 1)),
                (cost[here - width] + 1, 1, (1, 0)),
                (cost[here - 1] + 1, 2, (0, 1)),
            ]
            for size in range(2, MOST_LETTERS + 1):
                if size <= i and _joined(left[i - size : i]) == right[j - 1]:
                    choices.append((cost[here - size * width - 1], 3, (size, 1)))
                if size <= j and _joined(right[j - size : j]) == left[i - 1]:
                    choices.append((cost[here - width - size], 3, (1, size)))
            best = min(choices)
            cost.append(best[0])
            steps.append(best[2])
    rows: list[tuple[int, int, int]] = []
    i, j = len(left), len(right)
    while i or j:
        up, back = steps[i * width + j]
        i, j = i - up, j - back
        if (up, back) == (1, 1):
            rows.append((HIT if left[i] == right[j] else SUBSTITUTION, i, j))
        elif (up, back) == (1, 0):
            rows.append((DELETION, i, -1))
        elif (up, back) == (0, 1):
            rows.append((INSERTION, -1, j))
        elif back == 1:
            rows += [(HIT, i + k, j) for k in reversed(range(up))]
        else:
            rows += [*((JOINED, i, j + k) for k in reversed(range(1, back))), (HIT, i, j)]
    return np.array(rows[::-1], np.int64).reshape(-1, 3)


def _joined(words: list[str]) -> str | None:
    """The word that two words or a few letters make."""
    return "".join(words) if len(words) == 2 or all(len(word) == 1 for word in words) else None
