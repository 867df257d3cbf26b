"""Texts made comparable: what two people would write down differently for the same speech costs nothing.

The steps, in their order (`Rules.describe` states those that a set of rules takes):

1. Notes in brackets such as [noise] or <unk> are left out, letters become small, accents go.
2. Punctuation goes; hyphens and slashes become spaces; an address is said: `a.b@c.com` is "a dot b at c dot
   com".
3. Numbers are written as they are spoken, each in one way (`speechkit.numerals.to_words`).
4. Contractions are opened, abbreviations written out.
5. British spelling becomes American.
6. Hesitations (um, uh) are left out.

Numbers are read in the whole row of words, across the ends of phrases: where a recognizer cuts its phrases
changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import Final

from speechkit.analysis.variants import ABBREVIATIONS, ANSWERS, FILLERS, FULL_HOUR, american, expand
from speechkit.numerals import to_words
from speechkit.numerals.lexicon import DECADES, ORDINALS, SCALES, SMALL


@dataclass(frozen=True)
class Rules:
    """What counts as the same when texts are compared.

    `numbers`, `contractions`, `spelling` and `drop_fillers` switch steps on or off. `compounds` lets words
    that differ in their spaces only ("time out", "timeout") cost nothing when texts are aligned. `variants`
    are pairs of your own, in small letters: a word as it may be written, and what it is to become.

    >>> normalize("The Brio-Flex plan", Rules(variants=(("brio-flex", "brioflex"),)))
    ['the', 'brioflex', 'plan']
    """

    numbers: bool = True
    contractions: bool = True
    spelling: bool = True
    drop_fillers: bool = True
    compounds: bool = True
    variants: tuple[tuple[str, str], ...] = ()

    def describe(self) -> list[str]:
        """Say in sentences, for a report, what is done to the texts before they are compared.

        >>> print(*PLAIN.describe(), sep="\\n")
        Capital letters, accents, punctuation and notes in brackets do not count; hyphens are spaces.
        Numbers are compared as they are written: 22 and twenty two differ.
        Hesitations (um, uh) count as words.
        """
        pairs = ", ".join(f"{old} = {new}" for old, new in self.variants)
        spoken, written = "as they are spoken: 22 and twenty two are the same", "as they are written"
        said = [
            "Capital letters, accents, punctuation and notes in brackets do not count; hyphens are spaces.",
            f"Numbers are compared {spoken if self.numbers else f'{written}: 22 and twenty two differ'}.",
            "Contractions and abbreviations are written out: don't is do not, Mr. is mister."
            if self.contractions
            else "",
            "British and American spelling are the same: colour is color." if self.spelling else "",
            f"Hesitations (um, uh) {'are left out' if self.drop_fillers else 'count as words'}.",
            "Compounds cost nothing: time out and timeout are the same." if self.compounds else "",
            f"Spellings taken as the same: {pairs}." if pairs else "",
        ]
        return [sentence for sentence in said if sentence]


ENGLISH: Final = Rules()
"""Every step: for English."""

PLAIN: Final = Rules(numbers=False, contractions=False, spelling=False, drop_fillers=False, compounds=False)
"""Capital letters, accents and punctuation only: for every language that has spaces."""


@dataclass(frozen=True)
class Normalized:
    """The words of a text in their normal form, and for each the place of the word that it was made of."""

    words: list[str]
    origins: list[int]


def normalize(text: str, rules: Rules = ENGLISH) -> list[str]:
    """Return the words of a text in their normal form.

    >>> normalize("Mr. Foster, you'll get $22.50 at 3:30, um, that's the favourite.")
    ... # doctest: +NORMALIZE_WHITESPACE
    ['mister', 'foster', 'you', 'will', 'get', 'twenty', 'two', 'dollars', 'and', 'fifty', 'cents', 'at',
     'three', 'thirty', 'that', 'is', 'the', 'favorite']
    >>> normalize("twenty-two, um") == normalize("22")
    True
    """
    return normalize_words(text.split(), rules).words


def normalize_words(words: Sequence[str], rules: Rules = ENGLISH) -> Normalized:
    """Bring a row of words to its normal form; `origins` tells of which of `words` each result was made.

    A word may become several or none, and a number of several words may become other words.

    >>> normalize_words(["Don't", "um", "pay", "$22."])
    Normalized(words=['do', 'not', 'pay', 'twenty', 'two', 'dollars'], origins=[0, 0, 2, 3, 3, 3])
    """
    pieces = _lexicon(rules)
    made = [pieces[word] for word in words]
    if not pieces.notes.isdisjoint(words):
        made = [pieces[word] for word in _without_notes(words)]
    found = list(chain.from_iterable(made))
    origins = [place for place, piece in enumerate(made) for _ in piece]
    if rules.numbers:
        found, origins = _with_numbers(found, origins, pieces)
    if rules.drop_fillers and not FILLERS.isdisjoint(found):
        kept = [i for i, word in enumerate(found) if word not in FILLERS]
        found, origins = [found[i] for i in kept], [origins[i] for i in kept]
    return Normalized(found, origins)


class _Lexicon(dict[str, tuple[str, ...]]):
    """What each word becomes by itself, worked out once; numbers that hold digits stay as they are."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules
        self._variants = dict(rules.variants)
        self.numerals = set(_NUMBER_WORDS)  # grows by the pieces with digits that were met
        self.notes: set[str] = set()  # the words with brackets that were met

    def __missing__(self, word: str) -> tuple[str, ...]:
        pieces = tuple(self._pieces(word))
        if "[" in word or "<" in word:
            self.notes.add(word)
        self.numerals.update(p for p in pieces if any(c.isdigit() for c in p))
        self[word] = pieces
        return pieces

    def _pieces(self, word: str) -> Iterable[str]:
        word = _plain(word)
        if word in self._variants:
            yield from self._variants[word].split()
            return
        if self._rules.contractions and (answer := ANSWERS.get(word)):
            yield answer
            return
        if _ADDRESS.search(word):
            word = _SAID.sub(lambda sign: f" {_SIGNS[sign[0]]} ", word)
        for part in _parts("percent" if word == "%" else word):
            if any(c.isdigit() for c in part):
                yield part
                continue
            for form in self._opened(part):
                bare = form.replace("'", "")
                if bare:
                    bare = self._variants.get(bare, bare)
                    yield from (american(bare) if self._rules.spelling else bare).split()

    def _opened(self, word: str) -> list[str]:
        if not self._rules.contractions:
            return [word]
        word = expand(word)
        return [piece for part in word.split() for piece in ABBREVIATIONS.get(part, part).split()]


@cache
def _lexicon(rules: Rules) -> _Lexicon:
    return _Lexicon(rules)


# --- single words ------------------------------------------------------------------------------------------

_QUOTES: Final = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-"}
)
_ADDRESS: Final = re.compile(
    r"[a-z0-9]@[a-z0-9]|[a-z0-9]\.(?:com|org|net|edu|gov|io|info|co)(?:[./]|$)|^www\."
)
_SAID: Final = re.compile(r"[.@_/-]|://")
_SIGNS: Final[Mapping[str, str]] = {
    "@": "at",
    ".": "dot",
    "-": "dash",
    "_": "underscore",
    "/": "slash",
    "://": "",
}
_DOTTED: Final = re.compile(r"(?:[a-z]\.)+[a-z]?")
_APART: Final = re.compile(r"[-/_…]+|\.{2,}|(?<=[^\W\d])[.,:;!?](?=[^\W\d])")
_LETTER_DIGIT: Final = re.compile(r"(?<=[^\W\d])[-/_](?=\d)|(?<=\d)[-/_](?=[^\W\d])")
_KEPT: Final = re.compile(r"[^\w']+")
_NUMERIC: Final = re.compile(r"[^\w.,:/$€£%°'-]+")


def _plain(word: str) -> str:
    """Small letters without accents and with straight signs, without punctuation around the word."""
    if not word.isascii():
        word = unicodedata.normalize("NFKD", word.translate(_QUOTES))
        word = unicodedata.normalize("NFC", "".join(c for c in word if not unicodedata.combining(c)))
    word = word.lower().strip('.,;:!?"()[]{}<>*~=|\\…«»“”„¿¡')
    if word.startswith(("-", "+")) and not word[1:2].isdigit():
        word = word.lstrip("-+")
    return word.rstrip("-+")


def _parts(word: str) -> Iterable[str]:
    """Split what hyphens, slashes and dots join; what holds digits keeps the signs of numbers."""
    for piece in word.replace("&", " and ").split():
        if _DOTTED.fullmatch(piece):  # p.m, u.s.a
            yield piece.replace(".", "")
            continue
        if not any(c.isdigit() for c in piece):
            for part in _APART.split(piece):
                if bare := _KEPT.sub("", part).strip():
                    yield bare
            continue
        for part in _LETTER_DIGIT.split(piece):  # covid-19, 2-year
            if bare := _NUMERIC.sub("", part).strip(".,:/'"):
                yield bare


def _without_notes(words: Sequence[str]) -> Sequence[str]:
    """Blank the words that stand in [brackets] or <angles>."""
    kept, closing = [], ""
    for word in words:
        out = ""
        for sign in word:
            if closing:
                closing = "" if sign == closing else closing
            elif sign in "[<":
                closing = "]" if sign == "[" else ">"
            else:
                out += sign
        kept.append(out)
    return kept if not closing else words  # never closed: no note


# --- numbers -----------------------------------------------------------------------------------------------

_NUMBER_WORDS: Final = frozenset(
    {*SMALL, *SCALES, *ORDINALS, *DECADES, "hundred", "oh", "o", "double", "triple"}
)
_SIGNALS: Final = frozenset({"a", "p", "am", "pm", "per", "o", FULL_HOUR, "clock", "point", "minus"})
_CONTEXT: Final = 2  # words on each side that can make a number another one: "at three thirty", "three p m"


def _with_numbers(words: list[str], origins: list[int], pieces: _Lexicon) -> tuple[list[str], list[int]]:
    """Write the numbers in a row of words as they are spoken."""
    numerals = pieces.numerals
    if numerals.isdisjoint(words):
        return words, origins
    answer: list[str] = []
    sources: list[int] = []
    done = 0
    for first, last in _zones([i for i, word in enumerate(words) if word in numerals], words):
        start, end = max(done, first - _CONTEXT), min(len(words), last + 1 + _CONTEXT)
        zone = words[start:end]
        spoken = _spoken(" ".join(zone))
        answer += words[done:start]
        sources += origins[done:start]
        if list(spoken) == zone:
            answer += zone
            sources += origins[start:end]
        else:
            for word, place in _traced(zone, spoken, pieces):
                answer.append(word)
                sources.append(origins[start + place])
        done = end
    return answer + words[done:], sources + origins[done:]


def _zones(places: list[int], words: list[str]) -> list[tuple[int, int]]:
    """The stretches in which numbers stand close together and may be said in another way."""
    zones: list[list[int]] = []
    for place in places:
        if zones and place - zones[-1][-1] <= 2 * _CONTEXT + 1:
            zones[-1].append(place)
        else:
            zones.append([place])
    return [(zone[0], zone[-1]) for zone in zones if _is_open(zone, words)]


def _is_open(zone: list[int], words: list[str]) -> bool:
    """Say whether there is anything to decide; number words that stand alone are in their form already."""
    if any(b - a == 1 or (b - a == 2 and words[a + 1] == "and") for a, b in pairwise(zone)):
        return True
    return any(
        words[place] not in _NUMBER_WORDS
        or not _SIGNALS.isdisjoint(words[max(0, place - 1) : place] + words[place + 1 : place + 3])
        for place in zone
    )


@lru_cache(maxsize=100_000)
def _spoken(text: str) -> tuple[str, ...]:
    said = to_words(text.replace(FULL_HOUR, "o'clock"))
    if "/" in said:  # "24/7" is no date
        said = to_words(said.replace("/", " "))
    return tuple(said.lower().replace("-", " ").split())


def _traced(before: list[str], after: Sequence[str], pieces: _Lexicon) -> list[tuple[str, int]]:
    """Pair each word of a rewritten stretch with the place of the word that it was written for."""
    from rapidfuzz.distance import Levenshtein

    answer = []
    for op in Levenshtein.opcodes(before, after):
        size, wide = max(1, op.dest_end - op.dest_start), op.src_end - op.src_start
        for j in range(op.dest_start, op.dest_end):
            place = min(op.src_start + (j - op.dest_start) * wide // size, len(before) - 1)
            answer += [(piece, place) for piece in pieces[after[j]]]
    return answer
