"""Names of people in what was said, by what announces them: "my name is", "Mister", an answer to "your
name?"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz

_WORD: Final = (
    r"(?:(?:Ma?c|[OD]['’]|De|La|Le|Van)(?=[A-Z]))?[A-ZÀ-Þ][a-zß-ÿ]+(?:['’-](?!s\b)[A-ZÀ-Þ]?[a-zß-ÿ]+)*"
)
_ONE_OR_TWO: Final = rf"(?P<name>{_WORD}(?:\s+(?:[A-Z]\.?\s+)?{_WORD}){{0,2}})"
_TWO: Final = rf"(?P<name>{_WORD}(?:\s+[A-Z]\.?)?\s+{_WORD})"

_RELATIVES: Final = (
    "husband|wife|spouse|son|daughter|mother|mom|father|dad|brother|sister|cousin|uncle|aunt|nephew|niece|partner|"
    "boyfriend|girlfriend|fiance|fiancee|friend|roommate|neighbou?r|landlord|landlady|tenant|boss|assistant|nurse"
)
_PAPERS: Final = (
    "reservation|appointment|package|parcel|order|delivery|visit|booking|letter|message|invoice|refund|bill"
)
_ANNOUNCED = re.compile(
    rf"\b(?i:(?:my|the|her|his|first|last|full|family|maiden|married|middle)\s+name(?:\s+is|['’]s|\s+was)|"
    rf"(?:first|last|family|maiden|married|middle)\s+name|name\s+(?:of|is)|surname(?:\s+is)?|"
    rf"(?:speaking|talking|speak|talk|spoke|talked)\s+(?:with|to)|is\s+(?:this|that)|call\s+me|(?:ask|as)\s+for|"
    rf"on\s+behalf\s+of|goes\s+by|named|(?:someone|somebody|man|woman|person|lady|guy)\s+called|"
    rf"under\s+the\s+name(?:\s+of)?|(?:registered|addressed|made\s+out|belongs)\s+to|signed(?:\s+for)?\s+by|"
    rf"(?:{_PAPERS})\s+(?:is\s+|was\s+)?(?:for|by)|account\s+holder(?:\s+is)?|"
    rf"(?:my|our|his|her|your)\s+(?:{_RELATIVES})(?:,|\s+is)?),?\s+{_ONE_OR_TWO}"
)
# Whom the company's side wants to speak to, in the greeting of a call of its own.
_WANTED = re.compile(
    rf"\b(?i:(?:am|may|can|could|to|might)\s+(?:i\s+)?(?:speak(?:ing)?|talk(?:ing)?)\s+(?:with|to)|is\s+(?:this|that)|"
    rf"(?:looking|calling)\s+for|trying\s+to\s+reach)\s+{_ONE_OR_TWO}"
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
# "Lang with a K", "Lang, spelled", "Ines's name".
_WITH_LETTER = re.compile(
    rf"(?P<name>{_WORD})(?:\s+with\s+(?:an?|one|two|double)\s+[A-Za-z]\b|,?\s+spelled\b|['’]s\s+(?:name|account)\b)"
)
_SIR = re.compile(r"\b(?i:mister|missus|mr|mrs)\b\.?\s+(?P<name>[a-z]{3,})\b")
_TITLED = re.compile(
    rf"\b(?i:mister|missus|misses|miss|madam|mrs|mr|ms|doctor|dr)\b\.?\s+(?P<name>{_WORD}(?:\s+{_WORD})?)"
)
_GIVEN = re.compile(rf"\b(?P<name>{_WORD}(?:\s+[A-Z]\.)?(?:\s+{_WORD})?)")
_LEADS: Final = "supervisor|manager|team leader|shift leader|specialist|colleague|technician|coworker"
_AGENT = re.compile(
    rf"\b(?i:this\s+is|i\s+am|i['’]m|my\s+name\s+is|name\s+is)\s+(?P<agent>{_WORD})"
    rf"(?:\s+(?i:at|from|with|of)\s+[A-Z]|[.,]?\s+(?i:(?:i\s+am|i['’]m)\s+)?(?i:the|a|your)\s+(?i:\w+\s+)?(?i:{_LEADS})\b)|"
    rf"\b(?i:my|our|the|your)\s+(?i:{_LEADS}),?\s+(?P<other>{_WORD})"
)
_OPENING = re.compile(rf"\b(?i:this\s+is)\s+(?P<agent>{_WORD})(?!\s+[A-Z])")
_ASKED = re.compile(
    r"\b(?:your|full|first|last|whose|the|customer['’]?s?)\s+(?:\w+\s+){0,2}name\b|"
    r"\bwhom?\s+(?:am\s+)?i\s+(?:am\s+)?(?:speaking|talking)\b|\bmay i ask who\b|\bwho is (?:calling|this|speaking)\b|"
    r"\byou are\?|\b(?:what|which|a|any)\s+name\b|\bsurname\b|\bpleasure of\b|"
    r"\b(?:should|may|can) i (?:call|address) you\b|"
    r"\bwho (?:signed|will be|should|shall)\b|\bwho is (?:the|your|at|there|that)\b|"
    r"\bname,?\s+please\b|\bname\s+and\b|\band\s+(?:\w+\s+)?name\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"\?\s*$|\b(?:may|can|could|would|what|who|tell|give|need)\b", re.IGNORECASE)
_ANSWER = re.compile(
    r"^\W*(?i:(?:yes|yeah|sure|of course|okay|ok|certainly|and|so|oh|uh|um|well|it is|it['’]s|this is|i am|i['’]m)\W+)*"
    + _ONE_OR_TWO
)
_MISHEARD = re.compile(
    r"^\W*(?i:(?:yes|yeah|sure|of course|okay|ok|certainly|oh|uh|um|well|it is|it['’]s|this is)\b\W*)*"
    r"(?P<name>[A-Za-z'’-]+(?:\s+[A-Za-z'’-]+){1,3})(?=\s*[.,;!]|\s*$)"
)
_NOTHING: Final = """
    i you he she it we they me my your his her our their this that these those the not no yes what why who how when
    where which is are was were am be do does did have has had can could will would should may might must need want
    know give hold wait let get go say said tell told please thank thanks sorry sure number account card order moment
    one two second minute again already here there on under same about because if course just right now
    correct fine good okay all nothing never always don't can't won't didn't isn't i'm it's that's what's
"""
_NO_ANSWER: Final = frozenset(_NOTHING.split())
"""Words of an answer that is no name: "hold on", "why do you ask"."""
_SENTENCE = re.compile(r"[^.?!]+[.?!]*\s*")
# Who is spoken to at the end of a sentence, with a comma or without: "Thank you for calling Angela."
_SPOKEN_TO = re.compile(
    rf"\b(?i:thank\s+you|thanks|for\s+(?:calling|waiting)|bye|hello|hi|hey|sorry|welcome),?\s+"
    rf"(?P<name>{_WORD})(?=\s*(?:[.,!?]|$))"
)
_SPELLED = re.compile(r"\b[A-Z](?:[\s,.-]+(?:(?i:double|as\s+in\s+\w+)[\s,.-]+)?[A-Z]\b){2,}")
# A recognizer makes words of some letters: "K, O, W, a L. Ski". From the first to the last, when spelling is asked for.
_LETTERED = re.compile(r"\b[A-Za-z]\b(?:[\s,.-]+\w{1,4}\b){0,12}[\s,.-]+[B-HJ-Zb-hj-z]\b(?!['’])")
_LETTERS = re.compile(r"\b[A-Za-z](?:[\s,.-]+[A-Za-z]\b){3,}(?![\s,.-]*\d)")
_LOWER = re.compile(
    r"\b(?i:(?:my|full|last|first)\s+name\s+is|(?:am|may|can|could)\s+i\s+speak(?:ing)?\s+(?:with|to))\s+"
    r"(?P<name>[a-z']+(?:\s+[a-z']+)?)"
)
_GREETING = re.compile(
    r"\b(?:help you|welcome to|for calling|calling from|assist you|do for you|"
    r"you are (?:talking|speaking) (?:to|with))\b",
    re.IGNORECASE,
)

_CAPITALS: Final = """
    I The My Your Our This That It Is Are Yes No Not Sure Hello Hi Good Great Thank Thanks Please Okay Ok
    And But So Well What When Where Which Who How Can Could Would Will May Let Just Then There Here Now
    Today Tomorrow Sir Madam Perfect Right Correct Customer Support Service Of Course If In On At For We
    You He She They Do Did Have Has Had Was Oh Ah Um Uh Born Speaking One Two Three Me Someone Somebody
    Nobody Everyone Everybody Hold Give Why Because Only Still Maybe Probably Actually Wait Look Listen
    Never Always Again Also Any All Some Every Both Neither Nothing Something Mister Missus Miss Mrs Mr Ms
    Dr Doctor Goodbye Bye Fine Wonderful Exactly Absolutely Certainly Alright English American Monday
    Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July August
    September October November December
"""
_DESK: Final = re.compile(
    r"\b(?:customer|support|service|department|desk|line|accounts|sales|office|speaking)\b(?! (?:to|with))"
)
"""How the company's side names itself in the first phrase of a call."""
_NO_NAME: Final = frozenset(_CAPITALS.split())
"""Words with a capital that are seldom a name."""
_OPENING_TEXTS: Final = 4
"""Phrases in which the company's side greets; a later "for calling" is said to the customer."""
_LONG: Final = 4
_ALIKE: Final = 80
"""How alike (0 to 100, rapidfuzz's ratio) two ways of writing one name are: "Whitfield" and "Witfield", not "Anna" and
"Andy"."""
_SMALL = (
    "account your our anyone someone somebody you him her them still about and the is not on in it a my so but i with "
    "for that under here what how when can could do please"
)
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
    agents = _agents(texts, keep)
    small = frozenset(re.findall(r"\b[a-z]+\b", " ".join(texts)))
    spans = [
        (n, *span) for n in range(len(texts)) for span in _in_text(n, texts, questions[n], agents, small)
    ]
    spans += [
        (n, *span) for n, span in _given(texts, agents) if not any(_meets(span, n, other) for other in spans)
    ]
    found = [(n, start, end) for n, start, end in spans if texts[n][start:end] not in firms]
    known = {texts[n][start:end] for n, start, end in found}
    parts = {part for name in known for part in re.findall(r"[\w'’-]{3,}", name) if part not in _NO_NAME}
    yield from found
    if not parts:
        return
    # A recognizer writes a name in several ways; the whole name before its parts, so that one finding covers it.
    said = {word for text in texts for word in re.findall(_WORD, text)} - _NO_NAME - agents
    alike = {word for word in said if any(_alike(word, part) for part in parts)}
    words = sorted(known | parts | alike, key=len, reverse=True)
    mention = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in words)})\b")
    for n, text in enumerate(texts):
        for match in mention.finditer(text):
            if not any(n == at and match.start() < end and start < match.end() for at, start, end in found):
                yield n, match.start(), match.end()


def _alike(word: str, other: str) -> bool:
    """Whether two words with a capital may be one name, heard twice: of four letters and more, alike in most."""
    short = min(len(word), len(other)) < _LONG
    return not short and fuzz.ratio(word.lower(), other.lower()) >= _ALIKE


def _agents(texts: Sequence[str], keep: Sequence[str]) -> frozenset[str]:
    """The names that stay: those of `keep`, and those with which the company's side introduces itself."""
    greetings = [_WANTED.sub("", text) for n, text in enumerate(texts[:_OPENING_TEXTS]) if _greets(n, text)]
    agents = {word for text in greetings for word in re.findall(_WORD, text)}
    agents |= {match["agent"] or match["other"] for text in texts for match in _AGENT.finditer(text)}
    agents |= {match["agent"] for text in texts[:2] for match in _OPENING.finditer(text)}
    agents |= {part for name in keep for part in name.split()}
    said = {word for text in texts for word in re.findall(_WORD, text)}
    return frozenset(
        agents | {word for word in said if any(_alike(word, agent) for agent in agents - _NO_NAME)}
    )


def _given(texts: Sequence[str], agents: frozenset[str]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Find common given names and surnames, each with the word with a capital that follows it."""
    listed = _listed("given_names") | _listed("surnames")
    for n, text in enumerate(texts):
        for match in _GIVEN.finditer(text):
            first, *others = match["name"].split()
            known = first.lower() in listed or (
                first not in _NO_NAME and bool(others) and others[-1].lower() in listed
            )
            if known and not (_greets(n, text) or first in agents):
                yield n, next(_cut(text, match.start("name"), match["name"]))


def _greets(n: int, text: str) -> bool:
    """Whether the company's side begins the call with this text: the name in it is an agent's."""
    opens = n == 0 and len(text.split()) > 2 and bool(_DESK.search(text))
    return opens or (n < _OPENING_TEXTS and bool(_GREETING.search(text)))


def _meets(span: tuple[int, int], n: int, other: tuple[int, int, int]) -> bool:
    return n == other[0] and span[0] < other[2] and other[1] < span[1]


@cache
def _listed(kind: str) -> frozenset[str]:
    lines = Path(__file__).with_name(f"{kind}.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).lower().split())


def _in_text(
    n: int, texts: Sequence[str], question: str, agents: frozenset[str], small: frozenset[str]
) -> Iterator[tuple[int, int]]:
    text = texts[n]
    patterns = [_TITLED, _WANTED] if _greets(n, text) else [_ANNOUNCED, _INTRODUCED, _SPEAKING, _TITLED]
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield from _cut(text, match.start("name"), match["name"])
    for pattern in () if _greets(n, text) or not n else (_WITH_LETTER, _SPOKEN_TO):
        yield from (m.span("name") for m in pattern.finditer(text) if m["name"] not in agents | _NO_NAME)
    asked = _ASKED.search(question)
    if asked:
        yield from _answered(text, 0, small)
    # Where question and answer stand in one phrase, or in two of a speaker that are two people's.
    before = texts[n - 1].rpartition(". ")[2] if n else ""
    for sentence in _SENTENCE.finditer(text):
        if _REQUEST.search(before) and _ASKED.search(before):
            yield from _answered(text, sentence.start(), small)
        before = sentence.group()
    spelling = re.search(r"\bspell", f"{question} {text}", re.IGNORECASE)
    if asked or spelling or re.search(r"\bname\b", text, re.IGNORECASE):
        yield from (match.span() for match in (_LETTERED if spelling else _SPELLED).finditer(text))
    else:  # four letters or more, one by one, and no digit after them: a name more often than a code
        yield from (match.span() for match in _LETTERS.finditer(text))
    for pattern in (_LOWER, _SIR):
        if lower := pattern.search(text):
            words = [word for word in lower["name"].split() if word not in _FILLER]
            if words and lower["name"].startswith(words[0]):
                yield lower.start("name"), lower.start("name") + len(" ".join(words))


def _answered(text: str, at: int, small: frozenset[str]) -> Iterator[tuple[int, int]]:
    """The name that an answer begins with; one word alone only where it ends there, and is not said small elsewhere.

    Where there is none, a few words that could be no other answer are the name as a recognizer heard it.
    """
    answer = _ANSWER.match(text[at:])
    for start, end in _cut(text, at + answer.start("name"), answer["name"]) if answer else ():
        alone = " " not in text[start:end]
        ends = re.match(r"\W*$|\s*[.,;!?]|\s+(?:here|speaking|and|with|is)\b", text[end:])
        if not alone or (ends and text[start:end].lower() not in small):
            yield start, end
            return
    heard = _MISHEARD.match(text[at:])
    if heard and not _NO_ANSWER.intersection(heard["name"].lower().split()):
        yield at + heard.start("name"), at + heard.end("name")


def _cut(text: str, start: int, name: str) -> Iterator[tuple[int, int]]:
    """The part of a match before the first word that no one is called: "Peter Lang Yes" is Peter Lang."""
    end = start
    for match in re.finditer(r"\S+", name):
        if match.group() in _NO_NAME:
            break
        end = start + match.end()
    if end > start:
        yield start, end
