"""Email addresses in what was said: written, spoken, spelled, and misheard ("at exam pole dot calm")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

_TLD: Final = r"(?:com|org|net|edu|gov|info|biz|io|co|us|me|example)\b"
# A full stop of a sentence is no dot: what follows a dot is written at once, or small.
_DOT: Final = r"(?:\.(?=\S)|\s*\.\s+(?-i:(?=(?:com|org|net)\b))|\s+dot\s+)"
_AT: Final = r"(?P<at>\s*@\s*|,?\s+at(?:\s+sign)?,?\s+)"
_WRITTEN: Final = re.compile(
    rf"[A-Za-z0-9]{_AT}[A-Za-z0-9-]+(?:\s+(?:dash\s+|hyphen\s+)?[A-Za-z0-9-]+){{0,2}}?(?:{_DOT}[A-Za-z0-9-]+)*?{_DOT}{_TLD}",
    re.IGNORECASE,
)
# Nobody says "at ... dot ..." but of an address: then any ending will do, and "dotnet" in one word.
_SPOKEN: Final = re.compile(
    rf"[A-Za-z0-9]{_AT}(?!(?:the|a|an|this|that|my|your|our|his|her|their|all|least|once|home|work|night|first|last)\b)"
    r"[A-Za-z0-9-]+(?:\s+[A-Za-z0-9-]+){0,3}?(?:\s+dot\s+[A-Za-z0-9-]+)*?\s+dot[\s-]?"
    r"(?!(?:s|on|in|is|of|and|at|to|or|the|for|that|which)\b)[A-Za-z]{2,}",
    re.IGNORECASE,
)
# Where an address is spoken of, words before a domain will do: its "at" is easily lost.
_DOMAIN: Final = re.compile(
    rf"[A-Za-z0-9](?P<at>[\s,]+)[A-Za-z0-9][\w-]*(?:\s+dot[\s-]?[A-Za-z]{{2,}}|\.{_TLD})(?:{_DOT}[A-Za-z]{{2,}})*",
    re.IGNORECASE,
)
_UNDERSCORE: Final = re.compile(r"[A-Za-z0-9](?P<at>\s+)under\s?score\b[^.?!]*", re.IGNORECASE)
# An answer to "your email address?" that has an "at" and no dot that was heard.
_ANSWER: Final = re.compile(rf"[A-Za-z0-9]{_AT}[A-Za-z0-9-]+(?:\s+[A-Za-z0-9-]+){{0,4}}", re.IGNORECASE)
_CUE: Final = re.compile(
    r"\b[ea][- ]?(?:mail|male)|\bmail (?:address|it to|me at)|"
    r"\b(?:send|sent|sending|write|mail|forward)\b[\w' ]{0,30}\bto\b",
    re.IGNORECASE,
)
_ASKED: Final = re.compile(r"\b[ea][- ]?(?:mail|male)\b[^.?!]*(?:\?|$)", re.IGNORECASE)
# "look at example dot com" names a page, not a mailbox.
_VERBS = "look looking found find are us you see visit page site website online order shop go went"
_NO_MAILBOX: Final = frozenset(_VERBS.split())
_NO_PART = (
    "is its it's it to at email mail e address me the a that's that was as use yes yeah and under sure okay so still "
    "now send write my your his her our account name or mine would be it'd just please with on for by am i we they he "
    "she let repeat have here there better no correct right shall can could want bill invoice again"
)
_NO_LOCAL: Final = frozenset(_NO_PART.split())
_JOINTS: Final = frozenset(
    ["dot", "underscore", "under", "score", "dash", "hyphen", "minus", "period", "plus", "point"]
)
_SOUNDS: Final = frozenset(["to", "too", "for", "you", "i", "a", "the", "are", "see", "be", "why"])
"""What the last digit or letter of a mailbox is heard as: "four two at" becomes "for to at"."""
_MOST_WORDS: Final = 6
"""What a mailbox is made of, letters and joints apart: "daniel foster seventy one at"."""


def find_emails(texts: Sequence[str], questions: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Each address as (index of the text, first character, end); they may overlap.

    `questions` is what another speaker said before each text.

    >>> texts = ["It is jo dash b at exam pole dotnet.", "Look at example dot com."]
    >>> [texts[index][start:end] for index, start, end in find_emails(texts, ["", ""])]
    ['jo dash b at exam pole dotnet']
    """
    for index, text in enumerate(texts):
        patterns = [_WRITTEN, _SPOKEN, _UNDERSCORE]
        patterns += [_DOMAIN] if _CUE.search(f"{questions[index]} {text}") else []
        patterns += [_ANSWER] if _ASKED.search(questions[index]) else []
        for pattern in patterns:
            for match in pattern.finditer(text):
                joint = "underscore" if pattern is _UNDERSCORE else ""
                start = _mailbox(text[: match.start("at")], joint)
                if start is None and pattern is _DOMAIN and _ASKED.search(questions[index]):
                    start = match.end("at")
                if start is not None:
                    yield index, start, match.end()


def _mailbox(before: str, after: str) -> int | None:
    """Where the mailbox begins that a text ends with: behind the words of the sentence around it; None without one."""
    start, words = None, 0
    tokens = list(re.finditer(r"[\w'-]+", before))
    if len(tokens) > 3 and not after and tokens[-1].group().lower() in _SOUNDS:
        return tokens[-4].start()
    for token in reversed(tokens):
        word = token.group().lower()
        # Beside a joint everything belongs to it: "the underscore lang" is what a recognizer makes of a "v".
        joined = word in _JOINTS or after in _JOINTS
        words += not (joined or len(word) == 1)
        end = before[token.end() : start].strip() if start else ""
        if words > _MOST_WORDS or end in ("?", "!") or (word in _NO_LOCAL and not joined):
            break
        if word in _NO_MAILBOX and not joined:
            return start
        start, after = token.start(), word
    return start
