"""Names of people in what was said, by what announces them: "my name is", "Mister", an answer to "your
name?"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

_WORD: Final = r"[A-Z][a-z]+(?:['’-][A-Z]?[a-z]+)*"
_ONE_OR_TWO: Final = rf"(?P<name>{_WORD}(?:\s+(?:[A-Z]\.?\s+)?{_WORD}){{0,2}})"
_TWO: Final = rf"(?P<name>{_WORD}(?:\s+[A-Z]\.?)?\s+{_WORD})"

_ANNOUNCED = re.compile(
    rf"\b(?i:(?:my|the|her|his|full|last|first|family|maiden)\s+name(?:\s+is|['’]s|\s+was)|name\s+of|name\s+is|"
    rf"(?:speaking|talking|speak|talk)\s+(?:with|to)|is\s+this|call\s+me|ask\s+for|account\s+holder(?:\s+is)?|"
    rf"(?:my|his|her)\s+(?:husband|wife|son|daughter|mother|father|brother|sister|partner|neighbor)|under\s+the\s+name(?:\s+of)?)\s+{_ONE_OR_TWO}"
)
# One capital word after these can be anything ("this is Monday"); two are a name.
_INTRODUCED = re.compile(
    rf"\b(?i:this\s+is|it\s+is|it['’]s|i\s+am|i['’]m|here\s+is)\s+{_TWO}"
    rf"(?=\W*(?:$|[,.;?!]|\b(?i:speaking|here|calling|again|from|and|at|with|in|on)\b))"
)
_FIRM = re.compile(
    rf"\b(?i:for\s+calling|welcome\s+to|you\s+have\s+reached|(?:is|am)\s+\w+\s+(?:from|with|at))\s+{_TWO}"
)
_SPEAKING = re.compile(rf"{_TWO}\s+(?i:speaking|here)\b")
_TITLED = re.compile(
    rf"\b(?i:mister|missus|misses|miss|madam|mrs|mr|ms|doctor|dr)\b\.?\s+(?P<name>{_WORD}(?:\s+{_WORD})?)"
)
_GIVEN = re.compile(rf"\b(?P<name>{_WORD}(?:\s+[A-Z]\.)?(?:\s+{_WORD})?)")
_AGENT = re.compile(
    rf"\b(?i:this\s+is|i\s+am|i['’]m|my\s+name\s+is|name\s+is)\s+(?P<agent>{_WORD})\s+(?i:at|from|with|of)\s+[A-Z]"
)
_OPENING = re.compile(rf"\b(?i:this\s+is)\s+(?P<agent>{_WORD})(?!\s+[A-Z])")
_ASKED = re.compile(
    r"\b(?:your|full|first|last|whose|the|customer['’]?s?)\s+(?:\w+\s+){0,2}name\b|"
    r"\bwho\s+am\s+i\s+(?:speaking|talking)\b|\bmay i ask who\b|\bwho is (?:calling|this|speaking)\b|\byou are\?|"
    r"\bname,?\s+please\b|\bname\s+and\b|\band\s+(?:\w+\s+)?name\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"^\W*(?i:(?:yes|yeah|sure|of course|okay|ok|certainly|uh|um|well|it is|it['’]s|this is|i am|i['’]m)\W+)*"
    + _ONE_OR_TWO
)
_SPELLED = re.compile(r"\b[A-Z](?:[\s,.-]+[A-Z]\b){2,}")
_LETTERS = re.compile(r"\b[A-Za-z](?:[\s,.-]+[A-Za-z]\b){3,}(?![\s,.-]*\d)")
_LOWER = re.compile(r"\b(?:my|full|last|first)\s+name\s+is\s+(?P<name>[a-z']+(?:\s+[a-z']+)?)")
_GREETING = re.compile(
    r"\b(?:help you|welcome to|for calling|calling from|assist you|do for you|"
    r"you are (?:talking|speaking) (?:to|with))\b",
    re.IGNORECASE,
)

_CAPITALS = """
    I The My Your Our This That It Is Are Yes No Not Sure Hello Hi Good Great Thank Thanks Please Okay Ok And
    But So Well What When Where Which Who How Can Could Would Will May Let Just Then There Here Now Today
    Tomorrow Sir Madam Perfect Right Correct Customer Support Service Of Course If In On At For We You He She
    They Do Did Have Has Had Was Oh Ah Um Uh Born Speaking One Two Monday Tuesday Wednesday Thursday Friday
    Saturday Sunday January February March April June July August September October November December
"""
_NO_NAME: Final = frozenset(_CAPITALS.split())
"""Words with a capital that are seldom a name."""
_SMALL = "and the is not on in it a my so but i with for that under here"
_FILLER: Final = frozenset(_SMALL.split())


def find_names(
    texts: Sequence[str], questions: Sequence[str], keep: Sequence[str] = ()
) -> Iterator[tuple[int, int, int]]:
    """Each name as (index of the text, first character, end), and every later or earlier mention of it.

    `questions` is what another speaker said before each text. A name that is common (given_names.txt, surnames.txt)
    needs nobody to announce it, unless it is an agent's: a first name in a greeting, or with a firm ("this is Ann from
    Larkfield"), is left everywhere, and so are the names of `keep`.

    >>> list(find_names(["Thank you, Mister Lang.", "Lang with an L."], ["", ""]))
    [(0, 18, 22), (1, 0, 4)]
    """
    firms = {match["name"] for text in texts for match in _FIRM.finditer(text)}
    spans = [(n, *span) for n, text in enumerate(texts) for span in _in_text(text, questions[n])]
    spans += [
        (n, *span) for n, span in _given(texts, keep) if not any(_meets(span, n, other) for other in spans)
    ]
    found = [(n, start, end) for n, start, end in spans if texts[n][start:end] not in firms]
    known = {texts[n][start:end] for n, start, end in found}
    parts = {part for name in known for part in name.split() if len(part) > 2 and part not in _NO_NAME}
    yield from found
    if not parts:
        return
    # The whole name before its parts, so that one finding covers it.
    words = sorted(known | parts, key=len, reverse=True)
    mention = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in words)})\b")
    for n, text in enumerate(texts):
        for match in mention.finditer(text):
            if not any(n == at and match.start() < end and start < match.end() for at, start, end in found):
                yield n, match.start(), match.end()


def _given(texts: Sequence[str], keep: Sequence[str]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Find common given names and surnames, each with the word with a capital that follows it."""
    agents = {word for text in texts if _GREETING.search(text) for word in re.findall(_WORD, text)}
    agents |= {match["agent"] for text in texts for match in _AGENT.finditer(text)}
    agents |= {match["agent"] for text in texts[:2] for match in _OPENING.finditer(text)}
    agents |= {part for name in keep for part in name.split()}
    for n, text in enumerate(texts):
        for match in _GIVEN.finditer(text):
            first = match["name"].split()[0]
            known = first.lower() in _listed("given_names") or first.lower() in _listed("surnames")
            if known and not (_GREETING.search(text) or first in agents):
                yield n, next(_cut(text, match.start("name"), match["name"]))


def _meets(span: tuple[int, int], n: int, other: tuple[int, int, int]) -> bool:
    return n == other[0] and span[0] < other[2] and other[1] < span[1]


@cache
def _listed(kind: str) -> frozenset[str]:
    lines = Path(__file__).with_name(f"{kind}.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).lower().split())


def _in_text(text: str, question: str) -> Iterator[tuple[int, int]]:
    greeting = bool(_GREETING.search(text))
    patterns = [_TITLED] if greeting else [_ANNOUNCED, _INTRODUCED, _SPEAKING, _TITLED]
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield from _cut(text, match.start("name"), match["name"])
    asked = _ASKED.search(question)
    if asked and (answer := _ANSWER.search(text)):
        yield from _cut(text, answer.start("name"), answer["name"])
    if asked or re.search(r"\bspell|\bname\b", text, re.IGNORECASE):
        yield from ((match.start(), match.end()) for match in _SPELLED.finditer(text))
    else:  # four letters or more, one by one, and no digit after them: a name more often than a code
        yield from ((match.start(), match.end()) for match in _LETTERS.finditer(text))
    if lower := _LOWER.search(text):
        words = [word for word in lower["name"].split() if word not in _FILLER]
        if words and lower["name"].startswith(words[0]):
            yield lower.start("name"), lower.start("name") + len(" ".join(words))


def _cut(text: str, start: int, name: str) -> Iterator[tuple[int, int]]:
    """The part of a match before the first word that no one is called: "Peter Lang Yes" is Peter Lang."""
    end = start
    for match in re.finditer(r"\S+", name):
        if match.group() in _NO_NAME:
            break
        end = start + match.end()
    if end > start:
        yield start, end
