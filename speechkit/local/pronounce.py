"""How a word is said that no dictionary holds: letters to the phones of the CMU dictionary.

Only the alignment of words with sound reads this, and it asks for little: about the right number of phones of about
the right kind. So a table of spellings suffices, longest first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Lookup = Callable[[str], str | None]

_SPELLINGS: Final = {
    "a": "AE", "aa": "AA", "ae": "IY", "ai": "EY", "air": "EH R", "al": "AA L", "ar": "AA R", "au": "AO", "aw": "AO",
    "ay": "EY", "b": "B", "bb": "B", "c": "K", "cc": "K", "ce": "S EH", "ch": "CH", "ci": "S IH", "cia": "SH AH",
    "ck": "K", "cqu": "K W", "cy": "S IY", "d": "D", "dd": "D", "dge": "JH", "e": "EH", "ea": "IY", "ear": "IH R",
    "ee": "IY", "eer": "IH R", "ei": "EY", "er": "ER", "eu": "Y UW", "ew": "UW", "ey": "IY", "f": "F", "ff": "F",
    "g": "G", "ge": "JH EH", "gg": "G", "gh": "G", "gi": "JH IH", "gn": "N", "gu": "G", "gy": "JH IY", "h": "HH",
    "i": "IH", "ie": "IY", "igh": "AY", "ing": "IH NG", "io": "IY OW", "ir": "ER", "ium": "IY AH M", "j": "JH",
    "k": "K", "kk": "K", "kn": "N", "l": "L", "ll": "L", "m": "M", "mm": "M", "n": "N", "ng": "NG", "nk": "NG K",
    "nn": "N", "o": "AA", "oa": "OW", "oi": "OY", "oo": "UW", "or": "AO R", "ou": "AW", "ough": "AO", "our": "AO R",
    "ow": "OW", "oy": "OY", "p": "P", "ph": "F", "pp": "P", "ps": "S", "qu": "K W", "q": "K", "r": "R", "rh": "R",
    "rr": "R", "s": "S", "sc": "S K", "sch": "S K", "sh": "SH", "sion": "ZH AH N", "ss": "S", "t": "T",
    "tch": "CH", "th": "TH", "tia": "SH AH", "tion": "SH AH N", "tt": "T", "ture": "CH ER", "u": "AH", "ue": "UW",
    "ui": "UW", "ur": "ER", "v": "V", "vv": "V", "w": "W", "wh": "W", "wr": "R", "x": "K S", "y": "IY", "z": "Z",
    "zz": "Z",
}  # fmt: skip
_LETTERS: Final = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip
_LONG: Final = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
_VOWELS: Final = frozenset("aeiouy")
_LONGEST: Final = max(map(len, _SPELLINGS))
_VOICELESS: Final = frozenset(["P", "T", "K", "F", "TH"])
_HISSING: Final = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
MIN_PART: Final = 3  # letters of a part of a compound


def pronounce(word: str, lookup: Lookup) -> str:
    """Phones of a word in lower case that `lookup` (word to phones, or None) does not hold; never empty.

    >>> known = {"call": "K AO L", "back": "B AE K"}.get
    >>> pronounce("callback", known), pronounce("zephyrix", known), pronounce("nvqz", known)
    ('K AO L B AE K', 'Z EH F IY R IH K S', 'EH N V IY K Y UW Z IY')
    """
    letters = "".join(c for c in word if c in _LETTERS or c == "'")
    if letters.endswith("'s"):
        return _with_s(lookup(letters[:-2]) or pronounce(letters[:-2], lookup))
    letters = letters.replace("'", "")
    if not letters:
        return "AH"
    if known := lookup(letters):
        return known
    if not _VOWELS & set(letters) or len(letters) == 1:
        return " ".join(_LETTERS[c] for c in letters)
    if letters.endswith("s") and (known := lookup(letters[:-1])):
        return _with_s(known)
    return _compound(letters, lookup) or " ".join(_by_spelling(letters))


def _compound(letters: str, lookup: Lookup) -> str | None:
    """Two known words written as one."""
    for cut in range(len(letters) - MIN_PART, MIN_PART - 1, -1):
        first, second = lookup(letters[:cut]), lookup(letters[cut:])
        if first and second:
            return f"{first} {second}"
    return None


def _by_spelling(letters: str) -> list[str]:
    phones: list[str] = []
    at = 0
    while at < len(letters):
        silent_e = at == len(letters) - 1 and letters[at] == "e" and at > 1
        if silent_e:
            break
        magic = letters[at:]
        if len(magic) == 3 and magic[0] in _LONG and magic[1] not in _VOWELS and magic[2] == "e":
            phones.append(_LONG[magic[0]])  # as in home, type, plate
            at += 1
            continue
        if magic in ("a", "ia"):
            phones += ["IY", "AH"] if magic == "ia" else ["AH"]
            break
        if magic == "o":
            phones.append("OW")
            break
        for length in range(min(_LONGEST, len(magic)), 0, -1):
            if magic[:length] in _SPELLINGS:
                first_y = magic[0] == "y" and at == 0 and length == 1
                phones += ["Y"] if first_y else _SPELLINGS[magic[:length]].split()
                at += length
                break
        else:
            at += 1
    return phones or ["AH"]


def _with_s(phones: str) -> str:
    last = phones.split()[-1]
    return phones + (" IH Z" if last in _HISSING else " S" if last in _VOICELESS else " Z")
