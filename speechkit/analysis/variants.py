"""Words that may be written in several ways, brought to one: contractions, British spelling, fillers.

English only. The forms chosen are American, as the recognizers write en-US.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

FILLERS: Final = frozenset({"uh", "uhh", "um", "umm", "uhm", "er", "erm", "ehm", "hm", "hmm", "mm", "mmm"})
"""Sounds of hesitation. Answers such as "uh-huh" are no fillers: they mean yes."""

ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {"uh-huh": "mhm", "uh-hu": "mhm", "mm-hmm": "mhm", "mm-hm": "mhm", "mhmm": "mhm", "mmhmm": "mhm"}
)
"""Listener's sounds that mean yes; read before hyphens are opened."""

FULL_HOUR: Final = "oclock"  # codespell:ignore oclock

CONTRACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ain't": "is not",
        "can't": "can not",
        "cannot": "can not",
        "gimme": "give me",
        "gonna": "going to",
        "gotta": "got to",
        "i'ma": "i am going to",
        "kinda": "kind of",
        "lemme": "let me",
        "let's": "let us",
        "ma'am": "maam",
        "o'clock": FULL_HOUR,
        "shan't": "shall not",
        "sorta": "sort of",
        "wanna": "want to",
        "won't": "will not",
        "y'all": "you all",
        "'cause": "because",
        "'em": "them",
        "'til": "until",
    }
)
_ENDINGS: Final = (
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'m", " am"),
    ("'d", " would"),
)
# Behind these, 's is "is"; behind a name or a thing it is a genitive as a rule.
_IS: Final = frozenset(
    {"he", "she", "it", "that", "this", "there", "here", "what", "who", "where", "when", "how", "why"}
    | {"everything", "something", "nothing"}
)

ABBREVIATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"dr": "doctor", "mr": "mister", "mrs": "missus", "ok": "okay", "k": "okay", "vs": "versus"}
    | {"&": "and", "etc": "et cetera", "alright": "all right", "thankyou": "thank you"}
)

_SINGLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "acknowledgement": "acknowledgment",
        "ageing": "aging",
        "aluminium": "aluminum",
        "analyse": "analyze",
        "analysed": "analyzed",
        "analysing": "analyzing",
        "burnt": "burned",
        "calibre": "caliber",
        "cheque": "check",
        "cheques": "checks",
        "defence": "defense",
        "dreamt": "dreamed",
        "enrol": "enroll",
        "enrolment": "enrollment",
        "fibre": "fiber",
        "fulfil": "fulfill",
        "grey": "gray",
        "instalment": "installment",
        "instalments": "installments",
        "jewellery": "jewelry",
        "judgement": "judgment",
        "kerb": "curb",
        "learnt": "learned",
        "licence": "license",
        "licences": "licenses",
        "manoeuvre": "maneuver",
        "mould": "mold",
        "mum": "mom",
        "offence": "offense",
        "paralyse": "paralyze",
        "plough": "plow",
        "practise": "practice",
        "practised": "practiced",
        "practising": "practicing",
        "programme": "program",
        "programmes": "programs",
        "pyjamas": "pajamas",
        "sceptical": "skeptical",
        "skilful": "skillful",
        "speciality": "specialty",
        "spelt": "spelled",
        "tyre": "tire",
        "tyres": "tires",
        "wilful": "willful",
    }
)
# American spellings; what the British write differently in each family is in the rules below.
_IZE: Final = """
agonize apologize authorize capitalize categorize centralize characterize civilize colonize commercialize
criticize crystallize customize digitize economize emphasize energize equalize familiarize fertilize
finalize formalize generalize globalize harmonize hospitalize hypnotize hypothesize idealize immunize
initialize itemize jeopardize legalize liberalize localize materialize maximize mechanize memorize minimize
mobilize modernize monetize monopolize nationalize neutralize normalize optimize organize patronize penalize
personalize popularize prioritize privatize publicize rationalize realize recognize reorganize revolutionize
scrutinize sensitize socialize specialize stabilize standardize sterilize subsidize summarize symbolize
sympathize synchronize terrorize utilize vandalize verbalize visualize
"""
_OR: Final = """
armor behavior candor clamor color demeanor discolor dishonor endeavor favor fervor flavor harbor honor
humor labor misbehavior neighbor odor parlor rancor rigor rumor savor splendor tumor valor vapor vigor
"""
_TER: Final = """
center centimeter kilometer liter luster meter millimeter scepter specter theater
"""
_L: Final = """
cancel channel counsel dial equal fuel funnel grovel label level marvel model panel pedal quarrel signal
total travel tunnel
"""


def _any(words: str, cut: int) -> str:
    """A pattern for the words of a list, without their last letters."""
    return "|".join(word[: len(word) - cut] for word in words.split())


_RULES: Final = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (rf"^({_any(_IZE, 3)})is(e|es|ed|er|ers|ing|able|ation|ations)$", r"\1iz\2"),
        (rf"^({_any(_OR, 2)})our(s|ed|ing|able|ably|ful|hood|hoods|ite|ites|ly|er|ers|al|less)?$", r"\1or\2"),
        (rf"^({_any(_TER, 2)})re(s|d)?$", r"\1er\2"),
        (rf"^({_any(_L, 0)})l(ed|ing|er|ers|or|ors)$", r"\1\2"),
        (r"^(anal|catal|dial|monol|prol)ogue(s|d)?$", r"\1og\2"),
    )
)


def expand(word: str) -> str:
    """Open a contraction, given in lower case with a straight apostrophe; other words stay.

    >>> expand("don't"), expand("it's"), expand("foster's"), expand("gonna")
    ('do not', 'it is', "foster's", 'going to')
    """
    if word in CONTRACTIONS:
        return CONTRACTIONS[word]
    for ending, full in _ENDINGS:
        if len(word) > len(ending) and word.endswith(ending):
            return expand(word[: -len(ending)]) + full
    if word.endswith("'s") and word[:-2] in _IS:
        return f"{word[:-2]} is"
    return word


@cache
def american(word: str) -> str:
    """Spell a word as Americans do.

    >>> [american(w) for w in ("organised", "favourite", "centre", "cancelled", "advise", "grey")]
    ['organized', 'favorite', 'center', 'canceled', 'advise', 'gray']
    """
    if word in _SINGLE:
        return _SINGLE[word]
    for pattern, form in _RULES:
        if pattern.match(word):
            return pattern.sub(form, word)
    return word
