"""What people of a support line say: phrases that tell why they call, how it ends and who they are.

General English of call centres, as lists of weights and patterns in cue_lists/. They are matched against
plain text: lower case, short forms written out ("I am", "did not").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

Cue = tuple[float, re.Pattern[str]]
Cues = Mapping[str, Sequence[Cue]]

OUTBOUND: Final = re.compile(
    r"\b(?:am i speaking (?:with|to)|is this (?:mister|miss|mr|mrs|ms)|"
    r"i am calling (?:you )?(?:from|about your|to confirm|because you|regarding your|back)|"
    r"(?:this is|it is) \w+ (?:calling )?from|calling (?:you )?back about|you asked us|is this a good time)"
)
"""What an agent says who has made the call."""

GREETING: Final = re.compile(
    r"\b(?:good (?:morning|afternoon|evening|night|day)|good ?bye|hi|hello|hey|what can i do for you(?: today)?|"
    r"how (?:can|may) i (?:help|assist)(?: you)?(?: today)?)\b"
)
"""What is said in every call and tells nothing: a good morning is no appointment."""

HEDGED: Final = re.compile(
    r"\b(?:if|would|could|might|maybe|perhaps|usually|normally|in case|unless|do you want|should i|shall i|"
    r"can i|may i|possible|next time|you (?:just |only )?(?:need to|have to|should|must))\b"
)
"""Words that make a deed a possibility."""

NEGATED: Final = re.compile(
    r"\b(?:not|never|no longer|cannot|unable to|nobody|without|instead of|before i|refuse|no)\b(?: \w+){0,4}$"
)
"""Words before a deed that say it is not done."""
_NOT: Final = re.compile(r"\b(?:not|never)\b")

ABOUT_MACHINES: Final = re.compile(
    r"\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:instructions?|prompts?|rules|above)|"
    r"\b(?:language model|system prompt|as an ai|you are an? (?:ai|assistant|model|bot)|"
    r"(?:summary of|summarize) (?:this|the) call)\b"
)
"""Sentences that speak to a machine; what they name is no evidence of anything."""

_SHORT: Final = (
    (r"\$(\d[\d,]*(?:\.\d+)?)", r"\1 dollars"),
    (r"\bto-(day|night|morrow)\b", r"to\1"),
    (r"won't\b", "will not"),
    (r"can't\b|\bcan not\b", "cannot"),
    (r"n't\b", " not"),
    (r"\b(i)'m\b", r"\1 am"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"\b(i|you|he|she|we|they)'d\b", r"\1 would"),
    (r"\b(it|that|he|she|there|what|who|where|here|everything|nobody)'s\b", r"\1 is"),
    (r"\blet's\b", "let us"),
    (r"\bcanceled\b", "cancelled"),
    (r"\bcanceling\b", "cancelling"),
)
_SHORT_FORMS: Final = tuple((re.compile(pattern), full) for pattern, full in _SHORT)


def plain(text: str) -> str:
    """The text as the patterns want it.

    >>> plain("I’m sure that $5 WON'T do.")
    'i am sure that 5 dollars will not do.'
    """
    text = " ".join(text.lower().replace("’", "'").split())
    for pattern, full in _SHORT_FORMS:
        text = pattern.sub(full, text)
    return text


def weigh(text: str, cues: Sequence[Cue], *, deeds: bool = False) -> float:
    """The weights of all cues that a plain text holds, each counted once.

    With `deeds` a cue does not count behind a negation: "I cannot refund it" is no refund.
    """
    total = 0.0
    for weight, pattern in cues:
        match = pattern.search(text)
        if match and not (deeds and _is_negated(match, text)):
            total += weight
    return total


def _is_negated(match: re.Match[str], text: str) -> bool:
    inside = _NOT.search(match.group()) and not _NOT.search(match.re.pattern)
    return bool(inside or NEGATED.search(text[: match.start()]))


def _read(name: str) -> dict[str, list[Cue]]:
    """The cues of a file in cue_lists/: `NAME = list` lines, then `[label]` lines, each with its cues
    below."""
    names: dict[str, str] = {}
    table: dict[str, list[Cue]] = {}
    text = files("speechkit.local").joinpath("cue_lists", f"{name}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            cues = table.setdefault(line.strip("[]"), [])
        elif match := re.match(r"([A-Z]+) = (.+)", line):
            names[f"<{match[1]}>"] = match[2]
        elif line and not line.startswith("#"):
            weight, pattern = line.split(maxsplit=1)
            for key, full in names.items():
                pattern = pattern.replace(key, full)
            cues.append((float(weight), re.compile(rf"\b(?:{pattern})", re.ASCII)))
    return table


@cache
def read_cues(name: str) -> Cues:
    """A table of cues by its file: reasons, outcomes, closings or roles.

    >>> weigh(plain("I'd like to cancel my plan."), read_cues("reasons")["cancellation"]) > 5
    True
    """
    return _read(name)
