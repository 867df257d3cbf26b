"""What kind of word an error befell: a name, a number, a function word, or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from speechkit.analysis.normalize import ENGLISH, Rules, normalize
from speechkit.numerals.lexicon import DECADES, ORDINALS, SCALES, SMALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBER, FUNCTION, REST = "number", "function word", "other"

Names = Mapping[str, Sequence[str]] | Sequence[str]
"""Names to look for: a list (their class is `name`), or lists by class: {"product": [...], ...}."""

_CLOSED: Final = """
a an the this that these those each every some any no all both either neither such i me my mine myself
you your yours yourself he him his himself she her hers herself it its itself we us our ours ourselves
they them their theirs themselves who whom whose which what there am is are was were be been being have
has had having do does did doing done will would shall should can could may might must ought not about
above across after against along among around as at before behind below beneath beside between beyond by
down during except for from in inside into near of off on onto out outside over past per since through
throughout till to toward towards under until up upon with within without and but or nor so yet if
because although though while whereas whether than unless when where why how then
"""
FUNCTION_WORDS: Final = frozenset(_CLOSED.split())
"""The closed classes of English: determiners, pronouns, auxiliaries, prepositions, conjunctions, and not."""

_NUMBERS: Final = frozenset({*SMALL, *SCALES, *ORDINALS, *DECADES, "hundred", "percent", "double", "triple"})
_DOUBTFUL: Final = frozenset({"one", "first", "second", "oh", "o"})  # numbers only beside other numbers


def classify(
    ids: NDArray[np.int64], words: Sequence[str], names: Names = (), rules: Rules = ENGLISH
) -> tuple[NDArray[np.int64], list[str]]:
    """Give each word of a text its class.

    `ids` number the words of `words`; -1 stands between texts. The answer holds for each the place of its
    class in the list of classes: those of `names` in their order, `number`, `function word`, `other`. A name
    of several words is found where they follow one another, or written as one; "one", "first" and "second"
    are numbers only beside another number.

    >>> words = ["brio", "flex", "is", "twenty", "one", "each", "please"]
    >>> codes, classes = classify(np.arange(7), words, ["Brio Flex"])
    >>> [classes[code] for code in codes]
    ['name', 'name', 'function word', 'number', 'number', 'function word', 'other']
    """
    lists = names if isinstance(names, Mapping) else ({"name": names} if names else {})
    classes = [*lists, NUMBER, FUNCTION, REST]
    number, function, rest = (len(classes) - 3 + k for k in range(3))
    of_word = np.array([_class(word, number, function, rest) for word in [*words, ""]], np.int64)
    codes = of_word[ids]
    doubtful = np.array([word in _DOUBTFUL for word in [*words, ""]])[ids]
    around = np.zeros(len(ids) + 2, bool)
    around[1:-1] = (codes == number) & ~doubtful
    for _ in range(2):  # "oh one two": the second from the right counts once the first does
        around[1:-1] |= doubtful & (around[:-2] | around[2:])
    codes[doubtful & ~around[1:-1]] = rest
    place = {word: i for i, word in enumerate(words)}
    for code, given in enumerate(lists.values()):
        for name in given:
            pieces = normalize(name, rules)
            for form in {tuple(pieces), ("".join(pieces),)}:
                _mark(codes, ids, [place.get(piece, -2) for piece in form], code)
    return codes, classes


def _class(word: str, number: int, function: int, rest: int) -> int:
    if word in _NUMBERS or word in _DOUBTFUL or any(c.isdigit() for c in word):
        return number
    return function if word in FUNCTION_WORDS else rest


def _mark(codes: NDArray[np.int64], ids: NDArray[np.int64], wanted: list[int], code: int) -> None:
    """Write a class where words follow one another as wanted."""
    size = len(wanted)
    if not size or -2 in wanted or size > len(ids):
        return
    starts = np.ones(len(ids) - size + 1, bool)
    for offset, word in enumerate(wanted):
        starts &= ids[offset : len(ids) - size + 1 + offset] == word
    for offset in range(size):
        codes[np.flatnonzero(starts) + offset] = code
