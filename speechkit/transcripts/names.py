"""Names of people in what was said, by what announces them: "my name is", "Mister", an answer to "your name?"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from speechkit.census import given_names, names
from speechkit.transcripts.agents import LONG, OPENING_TEXTS, Company, alike, find_company
from speechkit.transcripts.slots import (
    ANYWHERE,
    NO_ANSWER,
    NO_NAME,
    PLAIN,
    RELATIVES,
    SLOTS,
    SPOKEN_TO,
    TITLES,
    TOKEN,
    TOLD,
    WANTED,
    WILD,
    WORD,
    Slot,
    name_end,
)

Span = tuple[int, int, int]
"""Index of a text, first character, end."""

_TWO: Final = rf"(?P<name>{WORD}(?:\s+[A-Z]\.?)?\s+{WORD})"
_AFTER = re.compile(
    r"\W*(?:$|[,.;?!]|\b(?:speaking|here|calling|again|from|and|at|with|in|on)\b)", re.IGNORECASE
)
"""What follows a name that somebody says as their own: "I am Ann Lee from Ohio"."""
_FIRM = re.compile(
    rf"\b(?i:for\s+calling|welcome\s+to|you\s+have\s+reached|(?:is|am)\s+\w+\s+(?:from|with|at))\s+{_TWO}"
)
_SPEAKING = re.compile(rf"{_TWO}\s+(?i:speaking|here)\b")
_SOME: Final = r"(?P<name>[^\W\d_]+(?:\s+[^\W\d_]+)?)"
_MINE: Final = rf"(?:my|our|his|her)\s+(?:{RELATIVES})\b"
_RELATED = re.compile(rf"{_SOME}(?:,|\s+is)\s+{_MINE}(?!,? (?:is|was|will))", re.IGNORECASE)
# Who is spoken to: "Thank you for calling, Angela, and goodbye", or at the end of a sentence: "I see, Angela."
_VOCATIVE = re.compile(
    r"(?:\b(thank\s+you|thanks|for\s+(?:calling|waiting)|bye|hello|hi|hey|sorry|welcome),?\s+|"
    r"(?:^|[.?!])[^\d.?!]*\b(?!(?:on|in|at|to|of|from|for|the|a)\b)[a-z]+,\s)(?P<name>[a-z'’-]+)(?=\s*(?:(?(1)[.,!?]|[.!?])|$))",
    re.IGNORECASE,
)
_NO_THING: Final = (
    r"(?!\s+(?:Street|Avenue|Road|Drive|Lane|Court|School|Park|Hospital|Airport|County|Bank|Station|"
    r"and\s+(?:Sons?|Company|Co|Brothers|Associates|Partners))\b)"
)
"""What follows a name that is a street's or a firm's."""
_GIVEN = re.compile(rf"\b(?P<name>{WORD}\b{_NO_THING}(?:\s+[A-Z]\.)?(?:\s+{WORD})?)\b{_NO_THING}")
_ASKED = re.compile(
    r"\b(?:your|full|first|last|whose|the|customer['’]?s?)\s+(?:\w+\s+){0,2}name\b|"
    r"\bwhom?\s+(?:am\s+)?i\s+(?:am\s+)?(?:speaking|talking)\b|\bmay i ask who\b|"
    r"\bwho is (?:calling|this|speaking)\b|"
    r"\byou are\?|\band you are(?=\W*$|[.?])|\b(?:what|which|a|any)\s+name\b|\bsurname\b|\bpleasure of\b|"
    r"\bwhom? do i have\b|"
    r"\b(?:should|may|can) i (?:call|address) you\b|"
    r"\bwho (?:signed|will be|should|shall)\b|\bwho is (?:the|your|at|there|that)\b|"
    r"\bwhat(?:['’]s|\s+(?:is|was))\s+(?:her|his|their)\s+name\b|\bwhat (?:is|was|are) (?:he|she|they) called\b|"
    r"\bname,?\s+please\b|\bname\s+and\b|\band\s+(?:\w+\s+)?name\b",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\W*(?:(?:hi|hello|hey|yes|yeah|sure|of course|okay|ok|certainly|and|so|oh|uh|um|well|it is|it['’]s|this is|"
    r"i am|i['’]m|(?:it )?should be|under)\b\W*)*",
    re.IGNORECASE,
)
"""What an answer may begin with before its name."""
_MISHEARD = re.compile(r"(?P<name>[A-Za-z'’-]+(?:\s+[A-Za-z'’-]+){1,3})(?=\s*[.,;!]|\s*$)")
_BEFORE = re.compile(rf"(?P<word>{TOKEN.pattern})\s+$")
_PART = re.compile(r"[.,;?!\d]|$")
_SURNAME = re.compile(r",\s+(?P<name>[^\W\d_]{3,})(?=\s*[.;?!]|\s*$)")
_SENTENCE = re.compile(r"[^.?!]+[.?!]*\s*")
_SPELLED = re.compile(r"\b[A-Z](?:[\s,.-]+(?:(?i:double|as\s+in\s+\w+)[\s,.-]+)?[A-Z]\b){2,}")
# A recognizer makes words of some letters: "K, O, W, a L. Ski". From the first to the last, when spelling is asked for.
_LETTERED = re.compile(
    r"\b[A-Za-z]\b(?:[\s,.-]+\w{1,4}\b){0,12}[\s,.-]+(?:[B-HJ-Zb-hj-z]\b(?!['’])|[AI]\b(?=\s*(?:[.,;?!]|$)))"
)
_SPELLING = re.compile(
    r"\bspell|\bhow (?:do|should|can) (?:i|you|we) write\b|\bwith an? [a-z]\b", re.IGNORECASE
)
_LETTERS = re.compile(r"\b[A-Za-z](?:[\s,.-]+[A-Za-z]\b){4,}(?![\s,.-]*\d)")


class _Call(NamedTuple):
    """The phrases of a call, and what all rules ask of them."""

    texts: Sequence[str]
    questions: Sequence[str]
    who: Sequence[str]
    doubted: Sequence[Mapping[int, float]]
    company: Company
    small: frozenset[str]
    said: Counter[str]

    def of_company(self, n: int) -> bool:
        """Whether the company's side says a phrase, as far as is known."""
        return self.company.speaker is not None and self.who[n] == self.company.speaker

    def of_customer(self, n: int) -> bool:
        """Whether another than the company's side says a phrase, as far as is known."""
        return self.company.speaker is not None and self.who[n] != self.company.speaker


def find_names(
    texts: Sequence[str],
    questions: Sequence[str],
    keep: Sequence[str] = (),
    who: Sequence[str] = (),
    doubted: Sequence[Mapping[int, float]] = (),
) -> Iterator[Span]:
    """Each name as (index of the text, first character, end), and every later or earlier mention of it.

    `questions` is what another speaker said before each text, `who` its speaker, and `doubted` the confidence of its
    words that the recognizer doubted, by the place where they begin. A name that is common (`speechkit.census`) needs
    nobody to announce it, unless it is an agent's: a first name in a greeting, or with a firm ("this is Ann from
    Larkfield"), is left everywhere, and so are the names of `keep`.

    >>> list(find_names(["Thank you, Mister Lang.", "Lang with an L."], ["", ""]))
    [(0, 18, 22), (1, 0, 4)]
    >>> list(find_names(["Thank you, Mister with me, Esky."], [""], doubted=[{18: 0.3, 27: 0.4}]))
    [(0, 18, 31)]
    """
    company = find_company(texts, keep, who)
    small = frozenset(re.findall(r"\b[a-z]+\b", " ".join(texts)))
    said = Counter(word for text in texts for word in re.findall(WORD, text))
    doubts = doubted or [{}] * len(texts)
    call = _Call(texts, questions, who, doubts, company, small, said)
    firms = {match["name"] for text in texts for match in _FIRM.finditer(text)}
    announced = [span for n in range(len(texts)) for span in _in_text(n, call)]
    listed = [span for span in _listed_names(call) if not any(_meets(span, other) for other in announced)]
    found = [span for span in announced + listed if not _stays(span, call, firms)]
    for span in (*found, *_mentions(call, found)):
        yield _whole(span, call)


def _stays(span: Span, call: _Call, firms: set[str]) -> bool:
    """Whether a name is a firm's, or an agent's: a customer of that first name has a surname, and says it."""
    name, agents = call.texts[span[0]][span[1] : span[2]], call.company.agents
    first, *others = re.split(r",?\s+", name)
    surname = others and others[0].istitle() and others[0] not in agents and not call.of_company(span[0])
    return name in firms or (first in agents and not surname)


def _whole(span: Span, call: _Call) -> Span:
    """A name with the word before it, where that was hardly heard: "for Clurie's Mars" is for Clarice Mars."""
    n, start, end = span
    before = _BEFORE.search(call.texts[n][:start])
    if before and call.doubted[n].get(before.start(), 1.0) < WILD:
        word = before["word"]
        leads = any(
            match.end() == start for slot in SLOTS for match in slot.lead.finditer(call.texts[n], 0, start)
        )
        if not (leads or word.lower() in PLAIN or word in call.company.agents):
            return n, before.start(), end
    return span


def _in_text(n: int, call: _Call) -> Iterator[Span]:
    text, question, greeting = call.texts[n], call.questions[n], call.company.greetings[n]
    asked = _ASKED.search(question)
    for slot in (*SLOTS, WANTED) if greeting else SLOTS:
        for lead in slot.lead.finditer(text, 0 if slot in (*TITLES, WANTED) else greeting):
            weak = slot.least > 1
            end = _end(call, n, lead.end(), TOLD if weak and asked else slot)
            late = n >= OPENING_TEXTS and not asked and text[lead.end() : end].islower()
            if end and not (weak and (late or not _AFTER.match(text, end))):
                yield n, lead.end(), end
    yield from ((n, *match.span("name")) for match in _SPEAKING.finditer(text, greeting))
    for match in _RELATED.finditer(text, greeting):
        for token in TOKEN.finditer(text, *match.span("name")):
            if _end(call, n, token.start(), SPOKEN_TO):
                yield n, token.start(), match.end("name")
                break
    for match in _VOCATIVE.finditer(text, greeting) if n and not call.of_customer(n) else ():
        if end := _end(call, n, match.start("name")):
            yield n, match.start("name"), end
    if asked:
        yield from _answered(n, 0, call)
    # Where question and answer stand in one phrase, or in two of a speaker that are two people's.
    before = call.texts[n - 1].rpartition(". ")[2] if n else ""
    for sentence in _SENTENCE.finditer(text) if _ASKED.search(before) or _ASKED.search(text) else ():
        if _ASKED.search(before):
            yield from _answered(n, sentence.start(), call)
        before = sentence.group()
    spelling = _SPELLING.search(f"{question} {text}")
    if asked or spelling or re.search(r"\bname\b", text, re.IGNORECASE):
        yield from (
            (n, *match.span()) for match in (_LETTERED if spelling else _SPELLED).finditer(text, greeting)
        )
    else:  # five letters or more, one by one, and no digit after them: a name more often than a code
        yield from ((n, *match.span()) for match in _LETTERS.finditer(text, greeting))


def _end(call: _Call, n: int, start: int, slot: Slot = ANYWHERE) -> int:
    return name_end(call.texts[n], start, call.doubted[n], slot)


def _answered(n: int, at: int, call: _Call) -> Iterator[Span]:
    """The name that an answer begins with; one word alone only where it ends there, and is not said small elsewhere.

    Where there is none, a few words that could be no other answer are the name as a recognizer heard it.
    """
    text = call.texts[n]
    start = _FIRST.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
    if (greeted := TOKEN.match(text, start)) and greeted.group() in call.company.agents:
        start = _FIRST.match(text, greeted.end()).end()  # type: ignore[union-attr]
    end = _end(call, n, start)
    alone = " " not in text[start:end]
    if end and alone and (rest := _SURNAME.match(text, end)) and rest.start("name") in call.doubted[n]:
        end, alone = rest.end("name"), False
    ends = re.match(r"\W*$|\s*[.,;!?]|\s+(?:here|speaking|and|with|is)\b", text[end:])
    if end and (not alone or (ends and text[start:end].lower() not in call.small)):
        yield n, start, end
        return
    end = 0
    for part in _PART.finditer(text, start):
        words = list(TOKEN.finditer(text, start, part.start()))
        unsure = [word for word in words if word.start() in call.doubted[n]]
        if len(words) > 6:
            break
        named = any(word.group().lower() not in PLAIN for word in unsure)
        if len(words) > 1 and named and len(unsure) * 3 >= len(words) * 2:
            end = words[-1].end()
        if part.group() in ".?":
            break
    if end:
        yield n, start, end
        return
    heard = _MISHEARD.match(text, start)
    if heard and not NO_ANSWER.intersection(heard["name"].lower().split()):
        yield n, *heard.span("name")


def _listed_names(call: _Call) -> Iterator[Span]:
    """Common given names and surnames, each with the words of a name that follow it; doubted ones in small letters."""
    listed = names()
    for n, text in enumerate(call.texts):
        # whom a customer thanks is the agent
        thanked = {match.start("name") for match in _VOCATIVE.finditer(text)} if call.of_customer(n) else ()
        for match in _GIVEN.finditer(text, call.company.greetings[n]):
            first, *others = match["name"].split()
            given = first.lower() in given_names()
            least = WILD / 2 if given or (others and first.lower() in listed) else WILD
            unsure = call.doubted[n].get(match.start(), 1.0) < least
            known = first.lower() in listed or (
                first not in NO_NAME
                and bool(others)
                and others[-1].lower() in listed
                and others[-1] not in call.company.agents
            )
            if (
                known
                and not ((unsure or text.startswith(("'s", "’s"), match.end())) and call.said[first] < 2)
                and match.start() not in thanked
                and first not in call.company.agents
                and (end := _end(call, n, match.start()))
            ):
                yield n, match.start(), end
        for start in call.doubted[n]:
            word = TOKEN.match(text, start)
            if (
                word
                and word.group() in listed
                and _set_off(text, *word.span(), listed)
                and word.group().capitalize() not in call.company.agents
            ):
                yield n, *word.span()


def _set_off(text: str, start: int, end: int, listed: frozenset[str]) -> bool:
    """Whether a name in small letters is a given name between commas, or stands beside another name."""
    beside = {*text[:start].split()[-1:], *text[end:].split()[:1]}
    commas = text[:start].rstrip().endswith(",") and (end == len(text) or text[end] in ".,?!")
    return (commas and text[start:end] in given_names()) or any(
        word.strip(".,?!") in listed for word in beside
    )


def _mentions(call: _Call, found: Sequence[Span]) -> Iterator[Span]:
    """Where a name that was found is said again: as a whole, in part, written or heard in another way."""
    known = {call.texts[n][start:end] for n, start, end in found}
    parts = (
        {part for name in known for part in re.findall(WORD, name) if len(part) > 2}
        - NO_NAME
        - call.company.agents
    )
    if not known:
        return
    # The whole name before its parts, so that one finding covers it.
    said = {word for text in call.texts for word in re.findall(WORD, text)} - NO_NAME - call.company.agents
    said |= {
        word.group()
        for text, doubts in zip(call.texts, call.doubted, strict=True)
        for start in doubts
        if (word := TOKEN.match(text, start)) and len(word.group()) > LONG and word.group().islower()
    } - PLAIN
    others = {word for word in said if any(alike(word, part) for part in parts)}
    words = sorted({name for name in known if not name.islower()} | parts | others, key=len, reverse=True)
    mention = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in words)})\b{_NO_THING}")
    spans = list(found)
    for n, text in enumerate(call.texts if words else ()):
        for match in mention.finditer(text):
            span = (n, match.start(), max(match.end(), _end(call, n, match.start())))
            if not any(_meets(span, other) for other in spans):
                spans.append(span)
                yield span


def _meets(span: Span, other: Span) -> bool:
    return span[0] == other[0] and span[1] < other[2] and other[1] < span[2]
