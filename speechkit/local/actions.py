"""What somebody promises to do after the call: "I will email you a corrected invoice by Wednesday"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from speechkit.local.cues import HEDGED
from speechkit.local.sentences import AGENT, CUSTOMER, Sentence, clip

MAX_ACTIONS: Final = 6
_DAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH: Final = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+"
    r"(?:\d+(?:st|nd|rd|th)?|(?:twenty|thirty)[ -]\w+|\w+)"
)
_DUE: Final = re.compile(
    rf"\b(?:(?:by|before|until|on|within|at|in|after|not later than)\s+(?:the\s+)?"
    rf"(?:end of (?:the |this |next )?\w+|(?:next|this)\s+\w+|"
    rf"{_DAY}(?:\s+(?:morning|afternoon|evening|noon))?|{_MONTH}|"
    rf"tomorrow|tonight|noon|(?:\w+\s+){{1,3}}(?:minutes?|hours?|(?:business |working )?days?|weeks?))|"
    rf"tomorrow(?:\s+(?:morning|afternoon|evening|before noon|night))?|today|tonight|right away|right now|"
    rf"this (?:morning|afternoon|evening|week|weekend)|next (?:week|month|{_DAY}))\b",
    re.IGNORECASE,
)
_PROMISE: Final = re.compile(
    r"\b(?P<who>i|we|she|he|they|you|someone|somebody|"
    r"(?:my|our|the|a) (?:supervisor|manager|colleague|technician|team|specialist)) "
    r"will (?:also |then |now |just |definitely |personally )*(?P<deed>\w+)"
)
_VERBS = (
    "be have see not need know like find hear look love take that get feel understand hold help wait fall"
)
_NO_DEED: Final = frozenset(_VERBS.split())
"""Verbs that promise nothing that could be checked off: "I will be right back", "you will see it"."""
_DURING_CALL: Final = re.compile(
    r"\b(?:right back|one moment|hold on|on hold|let me|for you now|while you wait|transfer you)\b"
)


def find_actions(sentences: Sequence[Sentence]) -> list[dict[str, str]]:
    """Promises for after the call, in order, as the schema wants actions; at most MAX_ACTIONS, the last
    ones."""
    found = [action for sentence in sentences if (action := _action(sentence, sentences))]
    return found[-MAX_ACTIONS:]


def _action(sentence: Sentence, sentences: Sequence[Sentence]) -> dict[str, str] | None:
    match = _PROMISE.search(sentence.plain)
    if match is None or sentence.is_question or HEDGED.search(sentence.plain[: match.start()]):
        return None
    who, deed = match["who"], match["deed"]
    if deed in _NO_DEED or sentence.words < 5 or _DURING_CALL.search(sentence.plain) or sentence.place < 0.25:
        return None
    if who == "you" and sentence.role != CUSTOMER:
        return None
    quote = clip(sentence.text, lambda clause: float(bool(_PROMISE.search(clause))))
    due = _DUE.search(quote)
    return {
        "quote": quote,
        "phrase_id": sentence.phrase_id,
        "text": _imperative(sentence.plain[match.start("deed") :], sentence.role),
        "owner": _owner(who, sentence),
        "due": due.group() if due else "",
    }


def _owner(who: str, sentence: Sentence) -> str:
    if (
        "supervisor" in who
        or "manager" in who
        or re.search(r"supervisor|manager", sentence.speaker, re.IGNORECASE)
    ):
        return "supervisor"
    if who in ("i", "we"):
        return CUSTOMER if sentence.role == CUSTOMER else AGENT
    return AGENT if sentence.role in (AGENT, CUSTOMER) else "other"


def _imperative(deed: str, role: str) -> str:
    """The deed as an imperative sentence: "email you the list." becomes "Email the customer the list."."""
    if role != CUSTOMER:
        deed = re.sub(r"\byour\b", "the customer's", re.sub(r"\byou\b", "the customer", deed))
    words = deed.rstrip(" .,;!").split()[:20]
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}."
