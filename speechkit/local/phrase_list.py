"""Words and names to expect: where a hypothesis sounds like one of them, and when that is to be believed.

A recognizer that never read a name writes what sounds like it ("sore vein" for "Zorvane"). So each run of words whose
phones are near those of an expected phrase becomes a candidate; the model that heard the sound then judges both texts,
and the phrase is taken when it is not much less likely than what was written. How much less may be follows from how
alike they sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from speechkit.local.words import lexical

Phones = Callable[[str], Sequence[str]]

# Tuned on invented names in synthesized speech that is no demo call, where 24 listed names were never written for
# anything else in 20 minutes without them: the nearest was twice as unlikely as is tolerated.
TOLERANCE: Final = 14.0  # natural logarithm by which a phrase that sounds the same may be less likely
LESS: Final = 8.0  # of it, were no phone the same
FULL: Final = 8  # phones of a phrase that is tolerated so much; shorter ones are easily confused
FAR: Final = 0.5  # of a phrase's phones that may differ
MORE_WORDS: Final = 2  # that a phrase may have been heard as
MOST: Final = 15  # candidates of a segment that the model judges
MOST_PHRASES: Final = 1000  # more would take more time than the recognition itself
# Phones that are easily taken for each other; a change within a group counts half.
_GROUPS: Final = (
    "IY IH EH EY AE AY", "UW UH OW AO AA AH AW OY ER", "P B", "T D DH TH", "K G", "F V", "S Z SH ZH CH JH", "M N NG",
    "L R", "W", "HH", "Y",
)  # fmt: skip
_EACH: Final = {phone: chr(65 + i) for i, phone in enumerate(" ".join(_GROUPS).split())}
_GROUP: Final = {phone: chr(65 + i) for i, group in enumerate(_GROUPS) for phone in group.split()}


@dataclass(frozen=True)
class Candidate:
    """Words[start:end] of a hypothesis that may have been `text`.

    `tolerance` is by how much less likely than those words it may be, as a natural logarithm.
    """

    start: int
    end: int
    text: tuple[str, ...]
    tolerance: float

    def put_into(self, words: Sequence[str]) -> list[str]:
        """The words with the text in its place."""
        return [*words[: self.start], *self.text, *words[self.end :]]


class PhraseList:
    """Phrases to expect, compared by their phones with what was heard; false when it is empty.

    `phones` gives those of a lexical word, in the letters of the CMU dictionary. `weight` from 0 to 2 is how much the
    phrases are expected (Azure's biasingWeight). Of more than MOST_PHRASES the first are taken.
    """

    def __init__(self, phrases: Sequence[str], phones: Phones, weight: float = 1.0) -> None:
        self._phones = lru_cache(maxsize=4096)(phones)
        kept = [p for p in dict.fromkeys(" ".join(phrase.split()) for phrase in phrases) if self._sound(p)]
        self._phrases = kept[:MOST_PHRASES] if weight > 0 else []
        sounds = [self._sound(phrase) for phrase in self._phrases]
        self._each, self._groups = (_spelt(sounds, letters) for letters in (_EACH, _GROUP))
        self._lengths = np.array([len(sound) for sound in sounds])
        self._most_words = max((len(phrase.split()) for phrase in self._phrases), default=0) + MORE_WORDS
        self._tolerance = weight * np.minimum(1.0, self._lengths / FULL)

    def __bool__(self) -> bool:
        return bool(self._phrases)

    def candidates(self, words: Sequence[str]) -> list[Candidate]:
        """Where displayed words sound like a phrase, the most alike first.

        >>> letters = {"zorvane": "Z AO R V EY N", "sore": "S AO R", "vein": "V EY N", "my": "M AY"}
        >>> listed = PhraseList(["Zorvane"], lambda word: letters[word].split())
        >>> listed.candidates(["my", "sore", "vein."])[0].put_into(["my", "sore", "vein."])
        ['my', 'Zorvane.']
        """
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist

        sounds = [self._sound(word) for word in words]
        places = [
            (start, end)
            for start in range(len(words))
            for end in range(start + 1, min(len(words), start + self._most_words) + 1)
            if sounds[start] and sounds[end - 1]
        ]
        if not places or not self:
            return []
        heard = [[phone for sound in sounds[start:end] for phone in sound] for start, end in places]
        edits = sum(
            cdist(_spelt(heard, letters), listed, scorer=Levenshtein.distance)
            for letters, listed in ((_EACH, self._each), (_GROUP, self._groups))
        )
        distances = edits / 2 / self._lengths
        rows, columns = np.nonzero(distances <= FAR)
        nearest = np.argsort(distances[rows, columns], kind="stable")[:MOST].tolist()
        found: list[Candidate] = []
        same: list[tuple[int, int, int]] = []  # what sounds the same needs no neighbour more
        for row, column in ((int(rows[i]), int(columns[i])) for i in nearest):
            (start, end), phrase = places[row], self._phrases[column]
            if any(first < end and start < last and column == which for first, last, which in same):
                continue
            if distances[row, column] == 0:
                same.append((start, end, column))
            text = tuple((phrase + _marks(words[end - 1], phrase)).split())
            if text != tuple(words[start:end]):
                tolerance = (TOLERANCE - LESS * distances[row, column]) * self._tolerance[column]
                found.append(Candidate(start, end, text, float(tolerance)))
        return found

    def _sound(self, text: str) -> list[str]:
        return [phone for word in lexical(text).split() for phone in self._phones(word)]


def _spelt(sounds: Sequence[Sequence[str]], letters: dict[str, str]) -> list[str]:
    """A letter for each phone, so that edits can be counted in texts."""
    return ["".join(letters[phone] for phone in sound) for sound in sounds]


def _marks(word: str, phrase: str) -> str:
    """What follows the name in a displayed word: a genitive, and the marks at its end.

    >>> _marks("vein's,", "Zorvane"), _marks("vein", "Zorvane")
    ("'s,", '')
    """
    end = len(word.rstrip(".,?!;:"))
    owned = word[:end].endswith(("'s", "’s")) and not phrase.endswith(("'s", "’s"))
    return ("'s" if owned else "") + word[end:]
