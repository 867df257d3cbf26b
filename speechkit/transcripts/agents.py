"""Who speaks for the company in a call, and the names of its people: those are not hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from rapidfuzz import fuzz

from speechkit.transcripts.slots import NO_NAME, WANTED, WORD

_LEADS: Final = "supervisor|manager|team leader|shift leader|specialist|colleague|technician|coworker"
_AGENT = re.compile(
    rf"\b(?i:this\s+is|i\s+am|i['’]m|my\s+name\s+is|name\s+is)\s+(?P<agent>{WORD})"
    rf"(?:\s+(?i:at|from|with|of)\s+[A-Z]|[.,]?\s+(?i:(?:i\s+am|i['’]m)\s+)?(?i:the|a|your)\s+(?i:\w+\s+)?(?i:{_LEADS})\b)|"
    rf"\b(?i:my|our|the|your)\s+(?i:{_LEADS}),?\s+(?P<other>{WORD})"
)
_OWN = re.compile(rf"\b(?i:(?:this|my\s+name)\s+is)\s+(?P<agent>{WORD})\b(?!\s+[A-Z])")
_OPENING = re.compile(rf"\b(?i:this\s+is)\s+(?P<agent>{WORD})\b(?!\s+[A-Z])")
_OFFER = re.compile(r"\b(?:(?:help|assist|do for) you|how (?:can|may) i help|what can i do)\b", re.IGNORECASE)
_GREETING = re.compile(
    r"\b(?:welcome to|for calling|calling from|you(?: are|['’]re) (?:talking|speaking) (?:to|with))\b",
    re.IGNORECASE,
)
_WHOM = re.compile(rf"(?i:{WANTED.lead.pattern}){WORD}(?:\s+{WORD})*")
_DESK: Final = re.compile(
    r"\b(?:customer|support|service|department|desk|line|accounts|sales|office|speaking)\b(?! (?:to|with))"
)
"""How the company's side names itself in the first phrase of a call."""

_SERVES = re.compile(
    r"\b(?:your (?:\w+ )?name|mister|missus|miss|mrs?|help you|anything else)\b", re.IGNORECASE
)
"""What people of a company say more often than their customers."""
_TO_AGENT = re.compile(rf"(?i:\W*(?:oh|okay|ok|no|hi|hello|hey|high|thanks|thank you)\W+)*(?P<agent>{WORD})")
OPENING_TEXTS: Final = 4
"""Phrases in which the company's side greets; a later "for calling" is said to the customer."""
LONG: Final = 4
_SMALL_ALIKE: Final = 85
_ALIKE: Final = 80
"""How alike (0 to 100, rapidfuzz's ratio) two ways of writing one name are: "Whitfield" and "Witfield", not "Anna" and
"Andy"."""


class Company(NamedTuple):
    """`speaker` is who speaks for the company, if that is known; `agents` are the names that stay.

    `greetings` are the ends of the words with which each phrase greets a customer, 0 where it does not.
    """

    speaker: str | None
    agents: frozenset[str]
    greetings: Sequence[int]


def find_company(texts: Sequence[str], keep: Sequence[str] = (), who: Sequence[str] = ()) -> Company:
    """Tell who speaks for the company in the phrases of a call, whose speakers are `who`; `keep` are names that stay.

    >>> company = find_company(["Larkfield Home, Ann speaking, how can I help?", "Hi Ann."], (), ["1", "2"])
    >>> company.speaker, "Ann" in company.agents
    ('1', True)
    """
    greetings = [_greeting(n, text) for n, text in enumerate(texts)]
    speaker = _speaker(texts, keep, who, greetings)
    return Company(speaker, _agents(texts, keep, who, greetings, speaker), greetings)


def alike(word: str, other: str) -> bool:
    """Whether two words with a capital may be one name, heard twice: of four letters and more, alike in most."""
    short = min(len(word), len(other)) < LONG
    least = _SMALL_ALIKE if word.islower() else _ALIKE
    return not short and fuzz.ratio(word.lower(), other.lower()) >= least


def _agents(
    texts: Sequence[str],
    keep: Sequence[str],
    who: Sequence[str],
    greetings: Sequence[int],
    company: str | None,
) -> frozenset[str]:
    """The names that stay: those of `keep`, and those with which the company's side introduces itself."""
    own = (
        [text for text, speaker in zip(texts, who, strict=True) if speaker == company]
        if company
        else texts[:2]
    )
    pairs = zip(texts, greetings, strict=True)
    agents = {word for text, end in pairs if end for word in re.findall(WORD, _WHOM.sub("", text[:end]))}
    agents |= {match["agent"] or match["other"] for text in texts for match in _AGENT.finditer(text)}
    agents |= {match["agent"] for text in own for match in (_OWN if company else _OPENING).finditer(text)}
    agents |= {part for name in keep for part in name.split()}
    names = agents - NO_NAME
    said = {word for text in texts for word in re.findall(WORD, text)} - agents
    heard = {
        word for word in said if any(abs(len(word) - len(name)) < 2 and alike(word, name) for name in names)
    }
    return frozenset(agents | heard)


def _greeting(n: int, text: str) -> int:
    """Where the words end with which the company's side begins the call: the name in them is an agent's."""
    if n >= OPENING_TEXTS:
        return 0
    if offers := list(_OFFER.finditer(text)):
        return offers[-1].end()
    opens = n == 0 and len(text.split()) > 2 and _DESK.search(text)
    return len(text) if opens or _GREETING.search(text) else 0


def _speaker(
    texts: Sequence[str], keep: Sequence[str], who: Sequence[str], greetings: Sequence[int]
) -> str | None:
    """Who of the speakers is the company's: who greets, says an agent's name first, and speaks as they do."""
    votes = dict.fromkeys(who, 0.0)
    if len(votes) < 2:
        return None
    known = {part for name in keep for part in name.split()}
    for n, (text, speaker) in enumerate(zip(texts, who, strict=True)):
        votes[speaker] += len(_SERVES.findall(text)) + (3 if greetings[n] else 0)
        if known and (said := _TO_AGENT.match(text)) and said["agent"] in known:
            votes[speaker] -= 3
        elif n < OPENING_TEXTS and known.intersection(re.findall(WORD, text)):
            votes[speaker] += 2
    best, second = sorted(votes.values(), reverse=True)[:2]
    return max(votes, key=votes.__getitem__) if best > second else None
