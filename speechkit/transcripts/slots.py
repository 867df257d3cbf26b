"""Places where a name is said ("my name is", "Mister"), and how far the name goes that begins there.

A recognizer that does not know a name writes words that sound like it ("Mr. with me, Esky"), and doubts them. So in
such a place a doubted word belongs to the name, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

WORD: Final = (
    r"(?:(?:Ma?c|[OD]['’]|De|La|Le|Van)(?=[A-Z]))?[A-ZÀ-Þ][a-zß-ÿ]+(?:['’-](?!s\b)[A-ZÀ-Þ]?[a-zß-ÿ]+)*"
)
"""The pattern of a word of a name, as it is written."""
TOKEN: Final = re.compile(r"[^\W\d_]+\**(?:['’-][^\W\d_]+)*")
"""Any word without digits; a recognizer writes a coarse one with stars."""
_NAMED: Final = re.compile(rf"{WORD}(?:['’]s)?")
_INITIAL: Final = re.compile("[A-HJ-Z]")
_GAP: Final = re.compile(r",?\s+|-|(?<=\b[A-Z])\.\s+")
_MOST: Final = 3
"""Words of a name that were heard well; those that were not are more ("with me, Esky")."""
WILD: Final = 0.5
"""Confidence below which a word after a name that was heard well is a part of it, too: "Tom daily"."""
_PARTICLES: Final = frozenset(
    ["van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "la", "le", "el", "al", "bin"]
)
_CAPITALS: Final = """
    I The My Your Our This That It Is Are Yes No Not Sure Hello Hi Hey Good Great Thank Thanks Please Okay Ok
    And But So Well What When Where Which Who How Can Could Would Will May Let Just Then There Here Now
    Today Tomorrow Sir Madam Perfect Right Correct Customer Support Service Of Course If In On At For We To
    You He She They Do Did Have Has Had Was Oh Ah Um Uh Born Speaking One Two Three Me Someone Somebody
    Nobody Everyone Everybody Hold Give Why Because Only Still Maybe Probably Actually Wait Look Listen
    God Never Always Again Also Any All Some Every Both Neither Nothing Something Mister Missus Miss Mrs Mr Ms
    Dr Doctor Goodbye Bye Fine Wonderful Exactly Absolutely Certainly Alright English American Monday
    Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July August
    September October November December
"""
NO_NAME: Final = frozenset(_CAPITALS.split())
"""Words with a capital that are seldom a name."""
_NOTHING: Final = """
    i you he she it we they me my your his her our their this that these those the not no yes what why who how when
    where which is was are were am be do does did have has had can could will would should may might must need want
    know give hold wait let get go say said tell told please thank thanks sorry sure number account card order moment
    one two second minute again already here there on under same about because if course just right now
    correct fine good okay all nothing never always don't can't won't didn't isn't i'm it's that's what's
"""
NO_ANSWER: Final = frozenset(_NOTHING.split())
"""Words of an answer that is no name: "hold on", "why do you ask"."""
_MORE: Final = (
    "a an and of in to at by from or as up out us its very too back so but with for anyone him them called"
)
PLAIN: Final = NO_ANSWER | frozenset(_MORE.split()) | frozenset(word.lower() for word in NO_NAME)
"""Words in small letters that are no part of a name, however much they were doubted, but stand within one."""
_ARTICLES: Final = frozenset(["the", "a", "an", "my", "your", "our", "his", "her", "their", "this", "that"])
_ENDS: Final = frozenset(["from", "with", "at", "in", "on", "here", "speaking", "calling", "and", "is"])
"""Words that end a name, if they were heard well."""
RELATIVES: Final = (
    "husband|wife|spouse|(?:grand|step)?(?:son|daughter|mother|father)|mom|dad|grandma|grandpa|brother|sister|cousin|uncle|aunt|nephew|niece|partner|"
    "boyfriend|girlfriend|fiance|fiancee|friend|roommate|neighbou?r|landlord|landlady|tenant|boss|assistant|nurse|"
    "secretary|witness|account holder"
)
_PAPERS: Final = (
    "reservation|appointment|package|parcel|order|delivery|visit|booking|letter|message|invoice|refund|bill|note"
)  # fmt: skip


class Slot(NamedTuple):
    """What stands before a name, and what is taken for one after it.

    `least`: so many words it must have. `sure`: somebody is named here, so doubted words alone are the name, too.
    `any_words`: so many words in small letters are the name even if they were heard well ("mr lang").
    """

    lead: re.Pattern[str]
    least: int = 1
    sure: bool = False
    any_words: int = 0


def _slot(lead: str, least: int = 1, *, sure: bool = False, any_words: int = 0) -> Slot:
    return Slot(re.compile(rf"\b(?:{lead})\s+", re.IGNORECASE), least, sure, any_words)


ANYWHERE: Final = _slot("")
TOLD: Final = _slot("", least=2, sure=True)
SPOKEN_TO: Final = _slot("", sure=True)
TITLES: Final = (
    _slot(r"(?:mister|mistress|missus|mrs|mr)\b\.?", sure=True, any_words=1),
    _slot(r"(?:misses|missy|miss|madam|ms|doctor|dr)\b\.?", sure=True),
)
WANTED: Final = _slot(
    r"(?:am|may|can|could|to|might|and)\s+(?:i\s+)?(?:speak(?:ing)?|talk(?:ing)?)\s+(?:with|to)|is\s+(?:this|that)|"
    r"(?:looking|calling)\s+for|trying\s+to\s+reach"
)
"""Whom the company's side wants to speak to, in the greeting of a call of its own."""
SLOTS: Final = (
    *TITLES,
    _slot(
        r"(?:my|full|last|first)\s+name\s+is(?:\s+an?)?|(?:am|may|can|could)\s+i\s+speak(?:ing)?\s+(?:with|to)",
        sure=True,
        any_words=2,
    ),
    _slot(r"my\s+(?:\w+\s+)?name(?:\s+(?:has|was)|['’]s)|name\s+(?:is|was)", sure=True),
    _slot(r"ask(?:ed)?\s+for|as\s+for", sure=True),
    _slot(
        r"(?:name(?:['’]s|\s+(?:is|was|of))|(?:first|last|family|maiden|married|middle|sur) ?name(?:\s+is)?|"
        r"(?:speak|talk)(?:ing|ed)?\s+(?:with|to)|spoke\s+(?:with|to)|is\s+(?:this|that)|on\s+behalf\s+of|"
        r"tell|met|thank|ask|who(?:\s+is|['’]s)|calls?\s+(?:me|him|her)|hello\s+to|regards\s+to|remind|invite|noted|says|known\s+as|"
        r"(?:he|she)\s+(?:is|was)\s+called|(?:it|that)\s+(?:will|must|should|would)\s+(?:be|have\s+been)|"
        r"how\s+old\s+is|when\s+(?:is|was)|goes\s+by|named|(?:someone|somebody|man|woman|person|lady|guy)\s+called|"
        r"under\s+the\s+name|(?:registered|addressed|made\s+out|belongs)\s+to|signed(?:\s+for)?\s+by|"
        rf"(?:{_PAPERS})\s+(?:is\s+|was\s+)?(?:for|of)|"
        rf"(?:my|our|his|her|your|the|a)\s+(?:{RELATIVES})(?:\s+is)?),?"
    ),
    # One word after these can be anything ("this is Monday"); two are a name, and so is one that was doubted.
    _slot(r"it\s+is|it['’]s|here\s+is", least=2),
    _slot(r"this\s+is|i\s+am|i['’]m", least=2, sure=True),
)


def name_end(text: str, start: int, doubted: Mapping[int, float], slot: Slot = ANYWHERE) -> int:
    """Where the name ends that begins at `start` of a text, 0 if none does.

    It is of words with a capital, and of doubted ones after a doubted one, with one between that was heard well.
    `doubted` is the confidence of the doubted words, 0 to 1, by the place where they begin.

    >>> name_end("Mr. Peter Lang has it.", 4, {})
    14
    >>> text = "Mr. with me, Esky. Let me see."
    >>> text[4 : name_end(text, 4, {4: 0.3, 13: 0.4}, TITLES[0])]
    'with me, Esky'
    """
    at = end = reach = start
    named = small = 0
    passed, unsure = False, True
    for match in TOKEN.finditer(text, start):
        word, comma, first = match.group(), "," in text[at : match.start()], match.start() == start
        if not first and not _GAP.fullmatch(text, at, match.start()):
            break
        low, at = word.lower(), match.end()
        # over a comma only what was heard badly goes on
        doubt = doubted.get(match.start(), 1.0) < (WILD if comma else 1.0) and len(word) > 1
        plain = low.replace("-", "") in PLAIN
        unsure = unsure or (doubt and doubted[match.start()] < WILD and not comma)
        joined = not comma and not passed and named < _MOST
        if word not in NO_NAME and _NAMED.fullmatch(word) and (joined or (doubt and unsure)):
            named, end, passed = named + 1 + (doubt and first and slot.sure), at, False
        elif joined and (not first or slot.sure) and (low in _PARTICLES or _INITIAL.fullmatch(word)):
            continue
        elif doubt and unsure and not (first and plain and (not slot.sure or low in _ARTICLES)):
            reach = at
            if not plain:
                small, end, passed = small + 1, at, False
        elif end == reach and named < slot.any_words and joined and not plain and len(word) > 2:
            named, end, reach = named + 1, at, at
        elif first or passed or comma or not unsure or low in _ENDS:
            break
        else:
            passed = True
            continue
        unsure = doubt
    if not named and not small and slot.any_words:
        return reach if reach > start else 0
    return end if named + small >= slot.least and (named or slot.sure) else 0
