"""Names of people in what was said, by what announces them: "my name is", "Mister", an answer to "your name?"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from rapidfuzz import fuzz

from speechkit.transcripts.slots import (
    ANYWHERE,
    NO_ANSWER,
    NO_NAME,
    RELATIVES,
    SLOTS,
    SPOKEN_TO,
    TITLES,
    TOLD,
    PLAIN,
    TOKEN,
    WILD,
    WANTED,
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
_RELATED: Final = (
    re.compile(rf"{_SOME}(?:,|\s+is)\s+{_MINE}(?!,? (?:is|was|will))", re.IGNORECASE),
    re.compile(rf"{_MINE},\s+{_SOME}(?=,)", re.IGNORECASE),
)
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
_LEADS: Final = "supervisor|manager|team leader|shift leader|specialist|colleague|technician|coworker"
_AGENT = re.compile(
    rf"\b(?i:this\s+is|i\s+am|i['’]m|my\s+name\s+is|name\s+is)\s+(?P<agent>{WORD})"
    rf"(?:\s+(?i:at|from|with|of)\s+[A-Z]|[.,]?\s+(?i:(?:i\s+am|i['’]m)\s+)?(?i:the|a|your)\s+(?i:\w+\s+)?(?i:{_LEADS})\b)|"
    rf"\b(?i:my|our|the|your)\s+(?i:{_LEADS}),?\s+(?P<other>{WORD})"
)
_OWN = re.compile(rf"\b(?i:(?:this|my\s+name)\s+is)\s+(?P<agent>{WORD})\b(?!\s+[A-Z])")
_OPENING = re.compile(rf"\b(?i:this\s+is)\s+(?P<agent>{WORD})\b(?!\s+[A-Z])")
_ASKED = re.compile(
    r"\b(?:your|full|first|last|whose|the|customer['’]?s?)\s+(?:\w+\s+){0,2}name\b|"
    r"\bwhom?\s+(?:am\s+)?i\s+(?:am\s+)?(?:speaking|talking)\b|\bmay i ask who\b|\bwho is (?:calling|this|speaking)\b|"
    r"\byou are\?|\band you are\W*$|\b(?:what|which|a|any)\s+name\b|\bsurname\b|\bpleasure of\b|\bwhom? do i have\b|"
    r"\b(?:should|may|can) i (?:call|address) you\b|"
    r"\bwho (?:signed|will be|should|shall)\b|\bwho is (?:the|your|at|there|that)\b|"
    r"\bwhat(?:['’]s|\s+(?:is|was))\s+(?:her|his|their)\s+name\b|\bwhat (?:is|was|are) (?:he|she|they) called\b|"
    r"\bname,?\s+please\b|\bname\s+and\b|\band\s+(?:\w+\s+)?name\b",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"\W*(?:(?:hi|hello|hey|yes|yeah|sure|of course|okay|ok|certainly|and|so|oh|uh|um|well|it is|it['’]s|this is|i am|i['’]m|"
    r"(?:it )?should be|under)\b"
    r"\W*)*",
    re.IGNORECASE,
)
"""What an answer may begin with before its name."""
_MISHEARD = re.compile(r"(?P<name>[A-Za-z'’-]+(?:\s+[A-Za-z'’-]+){1,3})(?=\s*[.,;!]|\s*$)")
_PART = re.compile(r"[.,;?!\d]|$")
_SURNAME = re.compile(r",\s+(?P<name>[^\W\d_]{3,})(?=\s*[.;?!]|\s*$)")
_SENTENCE = re.compile(r"[^.?!]+[.?!]*\s*")
_SPELLED = re.compile(r"\b[A-Z](?:[\s,.-]+(?:(?i:double|as\s+in\s+\w+)[\s,.-]+)?[A-Z]\b){2,}")
# A recognizer makes words of some letters: "K, O, W, a L. Ski". From the first to the last, when spelling is asked for.
_LETTERED = re.compile(r"\b[A-Za-z]\b(?:[\s,.-]+\w{1,4}\b){0,12}[\s,.-]+[B-HJ-Zb-hj-z]\b(?!['’])")
_SPELLING = re.compile(
    r"\bspell|\bhow (?:do|should|can) (?:i|you|we) write\b|\bwith an? [a-z]\b", re.IGNORECASE
)
_LETTERS = re.compile(r"\b[A-Za-z](?:[\s,.-]+[A-Za-z]\b){4,}(?![\s,.-]*\d)")
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
_OPENING_TEXTS: Final = 4
"""Phrases in which the company's side greets; a later "for calling" is said to the customer."""
_LONG: Final = 4
_SMALL_ALIKE: Final = 85
_ALIKE: Final = 80
"""How alike (0 to 100, rapidfuzz's ratio) two ways of writing one name are: "Whitfield" and "Witfield", not "Anna" and
"Andy"."""


class _Call(NamedTuple):
    """The phrases of a call, and what all rules ask of them; `greetings` are where those of the company end."""

    texts: Sequence[str]
    questions: Sequence[str]
    who: Sequence[str]
    doubted: Sequence[Mapping[int, float]]
    greetings: Sequence[int]
    company: str | None
    agents: frozenset[str]
    small: frozenset[str]
    said: Counter[str]


def find_names(
    texts: Sequence[str],
    questions: Sequence[str],
    keep: Sequence[str] = (),
    who: Sequence[str] = (),
    doubted: Sequence[Mapping[int, float]] = (),
) -> Iterator[Span]:
    """Each name as (index of the text, first character, end), and every later or earlier mention of it.

    `questions` is what another speaker said before each text, `who` its speaker, and `doubted` the confidence of its
    words that the recognizer doubted, by the place where they begin. A name that is common (given_names.txt,
    surnames.txt) needs nobody to announce it, unless it is an agent's: a first name in a greeting, or with a firm
    ("this is Ann from Larkfield"), is left everywhere, and so are the names of `keep`.

    >>> list(find_names(["Thank you, Mister Lang.", "Lang with an L."], ["", ""]))
    [(0, 18, 22), (1, 0, 4)]
    >>> list(find_names(["Thank you, Mister with me, Esky."], [""], doubted=[{18: 0.3, 27: 0.4}]))
    [(0, 18, 31)]
    """
    greetings = [_greeting(n, text) for n, text in enumerate(texts)]
    company = _company(texts, keep, who, greetings)
    agents = _agents(texts, keep, who, greetings, company)
    small = frozenset(re.findall(r"\b[a-z]+\b", " ".join(texts)))
    said = Counter(word for text in texts for word in re.findall(WORD, text))
    doubts = doubted or [{}] * len(texts)
    call = _Call(texts, questions, who, doubts, greetings, company, agents, small, said)
    firms = {match["name"] for text in texts for match in _FIRM.finditer(text)}
    announced = [span for n in range(len(texts)) for span in _in_text(n, call)]
    listed = [span for span in _listed_names(call) if not any(_meets(span, other) for other in announced)]
    found = [span for span in announced + listed if not _stays(span, call, firms)]
    yield from found
    yield from _mentions(call, found)


def _stays(span: Span, call: _Call, firms: set[str]) -> bool:
    """Whether a name is a firm's, or an agent's: a customer of that first name has a surname, and says it."""
    name = call.texts[span[0]][span[1] : span[2]]
    first, *others = re.split(r",?\s+", name)
    own = call.company is not None and call.who[span[0]] == call.company
    return name in firms or (
        first in call.agents and (own or not others or not others[0].istitle() or others[0] in call.agents)
    )


def _in_text(n: int, call: _Call) -> Iterator[Span]:
    text, question, greeting = call.texts[n], call.questions[n], call.greetings[n]
    asked = _ASKED.search(question)
    for slot in (*SLOTS, WANTED) if greeting else SLOTS:
        for lead in slot.lead.finditer(text, 0 if slot in (*TITLES, WANTED) else greeting):
            told = slot.least > 1 and bool(asked)
            end = _end(call, n, lead.end(), TOLD if told else slot)
            if slot.least > 1 and end and not _AFTER.match(text, end):
                continue
            if slot.least > 1 and n >= _OPENING_TEXTS and not asked and text[lead.end() : end].islower():
                continue
            if end:
                yield n, lead.end(), end
    yield from ((n, *match.span("name")) for match in _SPEAKING.finditer(text, greeting))
    for match in (match for pattern in _RELATED for match in pattern.finditer(text, greeting)):
        for token in TOKEN.finditer(text, *match.span("name")):
            if _end(call, n, token.start(), SPOKEN_TO):
                yield n, token.start(), match.end("name")
                break
    for match in _VOCATIVE.finditer(text, greeting) if n and not _of_customer(n, call) else ():
        if end := _end(call, n, match.start("name")):
            yield n, match.start("name"), end
    if asked:
        yield from _answered(n, 0, call)
    # Where question and answer stand in one phrase, or in two of a speaker that are two people's.
    before = call.texts[n - 1].rpartition(". ")[2] if n else ""
    for sentence in _SENTENCE.finditer(text):
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
    if (greeted := TOKEN.match(text, start)) and greeted.group() in call.agents:
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
    listed = _listed("given_names") | _listed("surnames")
    for n, text in enumerate(call.texts):
        # whom a customer thanks is the agent
        thanked = [match.start("name") for match in _VOCATIVE.finditer(text) if _of_customer(n, call)]
        for match in _GIVEN.finditer(text, call.greetings[n]):
            first, *others = match["name"].split()
            given = first.lower() in _listed("given_names")
            least = WILD / 2 if given or (others and first.lower() in listed) else WILD
            unsure = call.doubted[n].get(match.start(), 1.0) < least
            known = first.lower() in listed or (
                first not in NO_NAME
                and bool(others)
                and others[-1].lower() in listed
                and others[-1] not in call.agents
            )
            if (
                known
                and not ((unsure or text.startswith(("'s", "’s"), match.end())) and call.said[first] < 2)
                and match.start() not in thanked
                and first not in call.agents
                and (end := _end(call, n, match.start()))
            ):
                yield n, match.start(), end
        for start in call.doubted[n]:
            word = TOKEN.match(text, start)
            if (
                word
                and word.group() in _listed("given_names")
                and _set_off(text, *word.span(), listed)
                and word.group().capitalize() not in call.agents
            ):
                yield n, *word.span()


def _set_off(text: str, start: int, end: int, listed: frozenset[str]) -> bool:
    """Whether a word in small letters stands between commas, or beside another listed one."""
    before, after = re.split(r"\W+", text[:start].rstrip())[-1], re.match(r"\s*(\w*)", text[end:])[1]
    return (
        (text[:start].rstrip().endswith(",") and bool(re.match(r"[.,?!]|$", text[end:])))
        or before in listed
        or after in listed
    )


@cache
def _listed(kind: str) -> frozenset[str]:
    lines = Path(__file__).with_name(f"{kind}.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).lower().split())


def _mentions(call: _Call, found: Sequence[Span]) -> Iterator[Span]:
    """Where a name that was found is said again: as a whole, in part, written or heard in another way."""
    known = {call.texts[n][start:end] for n, start, end in found}
    parts = (
        {part for name in known for part in re.findall(WORD, name) if len(part) > 2} - NO_NAME - call.agents
    )
    if not known:
        return
    # The whole name before its parts, so that one finding covers it.
    said = {word for text in call.texts for word in re.findall(WORD, text)} - NO_NAME - call.agents
    said |= {
        word.group()
        for text, doubts in zip(call.texts, call.doubted, strict=True)
        for start in doubts
        if (word := TOKEN.match(text, start)) and len(word.group()) > _LONG and word.group().islower()
    } - PLAIN
    alike = {word for word in said if any(_alike(word, part) for part in parts)}
    words = sorted({name for name in known if not name.islower()} | parts | alike, key=len, reverse=True)
    mention = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in words)})\b{_NO_THING}")
    spans = list(found)
    for n, text in enumerate(call.texts if words else ()):
        for match in mention.finditer(text):
            span = (n, match.start(), max(match.end(), _end(call, n, match.start())))
            if not any(_meets(span, other) for other in spans):
                spans.append(span)
                yield span


def _alike(word: str, other: str) -> bool:
    """Whether two words with a capital may be one name, heard twice: of four letters and more, alike in most."""
    short = min(len(word), len(other)) < _LONG
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
    greeted = [_WHOM.sub("", text[:end]) for text, end in zip(texts, greetings, strict=True)]
    agents = {word for text in greeted for word in re.findall(WORD, text)}
    agents |= {match["agent"] or match["other"] for text in texts for match in _AGENT.finditer(text)}
    own = (
        [text for text, speaker in zip(texts, who, strict=True) if speaker == company]
        if company
        else texts[:2]
    )
    agents |= {match["agent"] for text in own for match in (_OWN if company else _OPENING).finditer(text)}
    agents |= {part for name in keep for part in name.split()}
    said = {word for text in texts for word in re.findall(WORD, text)}
    return frozenset(
        agents
        | {
            word
            for word in said
            if any(abs(len(word) - len(agent)) < 2 and _alike(word, agent) for agent in agents - NO_NAME)
        }
    )


def _greeting(n: int, text: str) -> int:
    """Where the words end with which the company's side begins the call: the name in them is an agent's."""
    if n >= _OPENING_TEXTS:
        return 0
    if offers := list(_OFFER.finditer(text)):
        return offers[-1].end()
    opens = n == 0 and len(text.split()) > 2 and _DESK.search(text)
    return len(text) if opens or _GREETING.search(text) else 0


def _company(
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
        elif n < _OPENING_TEXTS and known.intersection(re.findall(WORD, text)):
            votes[speaker] += 2
    best, second = sorted(votes.values(), reverse=True)[:2]
    return max(votes, key=votes.__getitem__) if best > second else None


def _of_customer(n: int, call: _Call) -> bool:
    return call.company is not None and call.who[n] != call.company


def _meets(span: Span, other: Span) -> bool:
    return span[0] == other[0] and span[1] < other[2] and other[1] < span[2]
