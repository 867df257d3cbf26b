"""Personal data in what was said: where it stands, and the same texts with [CARD] or [NAME] instead.

Rules over words, for American English, in the forms that people read (`4411`, `d.foster@example.com`) and in
those that are spoken (`four four one one`, `d dot foster at example dot com`). They find most of it and not
all: a name that nobody announces, a number that nobody calls a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from speechkit.transcripts.digits import TEENS, TENS, UNITS, Run, digit_runs
from speechkit.transcripts.emails import find_emails
from speechkit.transcripts.names import find_names

KINDS: Final = ("email", "card", "phone", "account", "dob", "address", "name")
"""What is looked for, the surest first: where two kinds overlap, the first one stands."""


@dataclass(frozen=True)
class Finding:
    """One piece of personal data: characters `start` to `end` of `texts[index]`."""

    kind: str
    index: int
    start: int
    end: int


def mask_texts(
    texts: Sequence[str],
    speakers: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    doubted: Sequence[Mapping[int, float]] = (),
) -> list[str]:
    """The phrases of one call, in time order, with every piece of personal data replaced by its kind.

    The arguments are those of `find_personal`.

    >>> mask_texts(["And your name?", "Peter Lang. Reach me at 555-010, zero one two nine."], ["1", "2"])
    ['And your name?', '[NAME]. Reach me at [PHONE].']
    """
    masked = list(texts)
    for found in reversed(find_personal(texts, speakers, keep, doubted)):
        text = masked[found.index]
        masked[found.index] = f"{text[: found.start]}[{found.kind.upper()}]{text[found.end :]}"
    return masked


def find_personal(
    texts: Sequence[str],
    speakers: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    doubted: Sequence[Mapping[int, float]] = (),
) -> list[Finding]:
    """Every piece of personal data in the phrases of one call, in their order; no two overlap.

    `speakers` names the speaker of each phrase: an answer is understood by the question before it, and a
    number may go on in the speaker's next phrase. `keep` are names that stay, such as the agent's. `doubted`
    is the confidence of the words of each phrase that the recognizer doubted, by the place where they begin:
    a name that it did not know is under them, and a digit that it misheard.
    """
    who = list(speakers) if speakers is not None else [""] * len(texts)
    questions = [_question(n, texts, who) for n in range(len(texts))]
    found = [
        *(Finding("email", *place) for place in find_emails(texts, questions)),
        *_numbers(digit_runs(texts, who), texts, questions),
        # the same with digits that were misheard: either reading may be the number
        *_numbers(digit_runs(texts, who, doubted or [{}] * len(texts)), texts, questions),
        *_births(texts, questions),
        *_addresses(texts, questions),
        *(Finding("name", *place) for place in find_names(texts, questions, keep, who, doubted)),
    ]
    kept: list[Finding] = []
    for one in sorted(found, key=lambda f: (KINDS.index(f.kind), f.start - f.end)):
        if one.kind == "name":  # what stands before a surer one is a name still: "Kevin March October 12"
            ends = [k.start for k in kept if k.index == one.index and one.start < k.start < one.end]
            before = texts[one.index][one.start : min(ends, default=one.end)].rstrip(" ,.-")
            one = replace(one, end=one.start + len(before))
        if not any(k.index == one.index and k.start < one.end and one.start < k.end for k in kept):
            kept.append(one)
    return sorted(kept, key=lambda f: (f.index, f.start))


def passes_luhn(digits: str) -> bool:
    """Whether digits end in the check digit of a payment card (ISO/IEC 7812-1, annex B).

    >>> passes_luhn("4111111111111111"), passes_luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return bool(digits) and sum(d - 9 * (d > 9) for d in doubled) % 10 == 0


def _question(index: int, texts: Sequence[str], who: Sequence[str]) -> str:
    """What another speaker said last before a phrase: up to two phrases in a row."""
    asked: list[str] = []
    for at in range(index - 1, -1, -1):
        if who[at] != who[index] or not who[index]:
            asked.insert(0, texts[at])
            if len(asked) == 2:
                break
        elif asked:
            break
    return " ".join(asked)


_CUES: Final = {
    "card": r"\bcards?\b|visa|master ?card|amex|american express|security code|\bcvv",
    "phone": r"phone|\bcell\b|mobile|\b(?:reach|text|ring) (?:you|me)|\bcall (?:you|me|him|her|us)\b|area code|"
    r"(?:best|contact|call ?back|daytime) number|number (?:to call|can (?:i|we)|you are calling)",
    "account": r"account|customer (?:number|id)|member|policy number|contract number|social security",
    "dob": r"birth|\bborn\b",
    "other": r"(?:order|tracking|ticket|case|confirmation|reference|serial|model|invoice|version)"
    r"(?: (?:number|id|code|is|ends)\b|\?)|(?<!security )\bcode\b|\bzip\b",
}
_SOME_NUMBER = re.compile(r"\b(?:my|your|a|new|old|right|this) number\b", re.IGNORECASE)
_CUE = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _CUES.items()), re.IGNORECASE)
_MEASURES = "dollars dollar cents cent percent % minutes days weeks months years hours degrees feet"
_AMOUNT = frozenset(_MEASURES.split())


def _numbers(runs: Sequence[Run], texts: Sequence[str], questions: Sequence[str]) -> Iterator[Finding]:
    kinds = [_number_kind(run, texts, questions) for run in runs]
    known = {run.digits: kind for run, kind in zip(runs, kinds, strict=True) if kind}
    for run, kind in zip(runs, kinds, strict=True):
        # A number that was read back or said again in part is what it was the first time.
        again = (known[digits] for digits in known if len(run.digits) >= 4 and run.digits in digits)
        same = kind or next(again, None)
        if same:
            yield from (Finding(same, *piece) for piece in run.pieces)


def _number_kind(run: Run, texts: Sequence[str], questions: Sequence[str]) -> str | None:
    """What a run of digits is, from its length and from the last cue before it."""
    size = len(run.digits)
    if 13 <= size <= 19 and passes_luhn(run.digits):
        return "card"
    if run.after in _AMOUNT or size < 3:
        return None
    index, start, _ = run.pieces[0]
    before = f"{questions[index]} {texts[index][:start]}"
    cues = list(_CUE.finditer(before))
    cue = cues[-1].lastgroup if cues else None
    if cue == "card":
        return "card" if size >= 4 or re.search(r"security code|\bcvv", before, re.IGNORECASE) else None
    if cue == "account" and size >= 4:
        return "account"
    if cue == "dob" and 4 <= size <= 8:
        return "dob"
    if size in (10, 11) and cue != "other":
        return "phone"
    if size == 7 and cue is None and _SOME_NUMBER.search(before):
        return "phone"
    if size >= 7 and (cue == "phone" or (size == 7 and run.groups == 2 and cue is None)):
        return "phone"
    return None


_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_ORDINALS = (
    r"first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w+teenth|\w+ieth"
)
_CARDINALS = "|".join([*UNITS, *TEENS, *TENS, "hundred", "thousand"])
_NUMBER = rf"(?i:\d+(?:st|nd|rd|th)?|{_ORDINALS}|{_CARDINALS})\b"
_DATE = re.compile(
    rf"(?:\b{_NUMBER}[\s,-]*){{0,3}}(?:\bof\s+)?\b(?:{_MONTH})\b(?:[\s,-]*(?:the\s+|of\s+|and\s+)?{_NUMBER})+"
    rf"|(?:\b{_NUMBER}[\s,-]*){{1,3}}(?:\bof\s+)?\b(?:{_MONTH})\b|\b\d{{1,4}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}\b",
    re.IGNORECASE,
)
_DATED = re.compile(rf"\b(?:{_MONTH})\b|\d[/.-]\d", re.IGNORECASE)
"""What every date has: it is looked for first, since most texts have none."""
_BIRTH = re.compile(_CUES["dob"], re.IGNORECASE)
_LONG_AGO = re.compile(r"\b19\d\d$")
"""The year of a full date that is a birth's, whatever was asked."""
_BORN = re.compile(r"(?:[^\W\d_]+\s+)?\b(?:19\d\d|20[01]\d)\b")
"""An answer to "your date of birth?" whose month was misheard."""


def _births(texts: Sequence[str], questions: Sequence[str]) -> Iterator[Finding]:
    for index, text in enumerate(texts):
        asked = _BIRTH.search(questions[index])
        dates = list(_DATE.finditer(text)) if _DATED.search(text) else []
        for match in dates or (_BORN.finditer(text) if asked else ()):
            near = text[max(0, match.start() - 60) : match.start()]
            if asked or _BIRTH.search(near) or _LONG_AGO.search(match.group()):
                yield Finding("dob", index, match.start(), match.end())


_STREET = (
    r"\b(?i:street|avenue|road|lane|court|drive|boulevard|way|place|terrace|circle|parkway|square|highway|trail|"
    r"alley|crescent|ave|rd|ln|blvd)\b"
)
_CAPITAL = r"[A-Z][A-Za-z'’-]+"
_ADDRESS = re.compile(
    rf"\b(?P<street>(?:{_NUMBER}[\s,-]*)+(?:[A-Za-z][A-Za-z'’]*,?[\s-]+){{1,3}}?{_STREET})"
    rf"(?:,?\s+(?i:apartment|apt|unit|suite)\.?\s+(?:{_NUMBER}|[A-Z]\b))?"
    rf"(?:(?:,\s*|\s+in\s+){_CAPITAL}(?:\s{_CAPITAL})?(?:,\s*{_CAPITAL}(?:\s{_CAPITAL})?)?(?:,?\s+\d{{5}}\b)?)?"
)
# Where an address is spoken of, a number before words and a town is one, whatever became of "Drive".
_PLACE = re.compile(rf"\b(?P<street>\d{{2,5}}\s+(?:[A-Za-z][\w'’-]*\s*){{1,3}}),\s*{_CAPITAL}")
_PLACE_CUE = re.compile(
    r"\baddress\b|\blives?\b|\bgo(?:es)? to\b|"
    r"\b(?:send|sent|ship|shipped|deliver|delivered|come) (?:it |them |that )?to\b",
    re.IGNORECASE,
)
# The answer to "your address?": from its number to the end of the sentence, or to what is another answer.
_HOME = re.compile(
    r"(?<!mail )\baddress\b[^.?!]*(?:\?|$)|"
    r"\bwhere (?:do|does|should|shall|can|may)\b[^.?!]*\b(?:live|send|ship|deliver)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    rf"\W*(?:\b(?i:yes|sure|okay|ok|it is|it['’]s|to|at)\b\W*)*"
    rf"(?P<street>{_NUMBER}[\s,]+(?:{_NUMBER}[\s,]+)*[A-Za-z][^.?!]*?)"
    r"(?=[.?!]|$|,? (?:and|my|is)\b)"
)
# "two more on the way", "one in each place": no street is called by these words.
_NO_STREET = re.compile(
    r"\b(?:the|a|an|on|in|at|of|to|my|your|one|this|that|each|every|and|is|was|for|days?|hours?|dollars?)\s+\S+$",
    re.IGNORECASE,
)


def _addresses(texts: Sequence[str], questions: Sequence[str]) -> Iterator[Finding]:
    for index, text in enumerate(texts):
        cued = _PLACE_CUE.search(f"{questions[index]} {text}")
        for match in [*_ADDRESS.finditer(text), *(_PLACE.finditer(text) if cued else ())]:
            if not _NO_STREET.search(match["street"]):
                yield Finding("address", index, match.start(), match.end())
        if _HOME.search(questions[index]) and (answer := _ANSWER.match(text)):
            yield Finding("address", index, *answer.span("street"))
