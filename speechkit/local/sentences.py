"""The sentences of a call: exact pieces of its turns, who says them, and how central they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from speechkit.local.cues import OUTBOUND, plain, read_cues, weigh

AGENT: Final = "agent"
CUSTOMER: Final = "customer"
MAX_QUOTE_WORDS: Final = 24
_END = re.compile(r"(?<=[.?!])[\"')\]]*\s+(?=\S)")
# Recognizers write a comma where a speaker pauses, and run sentences together.
_SPLICE = re.compile(
    r"(?<=\w),\s+(?=(?:i|you|we|he|she|they|it|my|that|this|there|when|what|how|why|where|thank|please)\b)",
    re.IGNORECASE,
)
_LONG_SENTENCE: Final = 12
_MIN_PART: Final = 4
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=(?:and|but|because|so|then|which|when|if|or)\s)")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a turn, as it stands there: `plain` for cues, `place` in the call from 0 to 1.

    `order` counts the sentences of the call; `role` is agent or customer, empty where nothing tells.
    """

    phrase_id: str
    speaker: str
    text: str
    plain: str
    order: int
    place: float
    role: str = ""
    central: float = 0.0

    @property
    def words(self) -> int:
        """Its number of words."""
        return len(self.text.split())

    @property
    def is_question(self) -> bool:
        """Whether it ends as a question."""
        return self.text.rstrip().endswith("?")


def read_sentences(turns: Sequence[Mapping[str, str]]) -> list[Sentence]:
    """All sentences of the turns (phrase_id, speaker, text) in order, with roles and centrality."""
    found = [(turn, text) for turn in turns for text in _split(turn["text"])]
    last = max(1, len(found) - 1)
    sentences = [
        Sentence(str(turn["phrase_id"]), str(turn["speaker"]), text, plain(text), n, n / last)
        for n, (turn, text) in enumerate(found)
    ]
    roles = _roles(sentences)
    central = _centrality([sentence.plain for sentence in sentences])
    return [
        replace(sentence, role=roles[sentence.speaker], central=weight)
        for sentence, weight in zip(sentences, central, strict=True)
    ]


def is_outbound(sentences: Sequence[Sentence]) -> bool:
    """Whether the company made the call, by what its side says first."""
    opening = [s for s in sentences[:14] if s.role == AGENT][:6]
    return any(OUTBOUND.search(sentence.plain) for sentence in opening)


def clip(text: str, score: Callable[[str], float] = lambda clause: 0.0) -> str:
    """A piece of a sentence of at most MAX_QUOTE_WORDS words: whole clauses around the one that scores
    highest.

    >>> clip("Well, " * 30 + "it is broken, " + "you know, " * 30, lambda clause: "broken" in clause).count("broken")
    1
    """
    if len(text.split()) <= MAX_QUOTE_WORDS:
        return text
    cuts = [0, *(match.end() for match in _CLAUSE.finditer(text)), len(text)]
    scores = [score(plain(text[a:b])) for a, b in pairwise(cuts)]
    first = scores.index(max(scores))
    last = first + 1

    def fits(begin: int, end: int) -> bool:
        inside = begin >= 0 and end < len(cuts)
        return inside and len(text[cuts[begin] : cuts[end]].split()) <= MAX_QUOTE_WORDS

    while True:
        # To the right first: what follows explains more often than what stands before.
        if fits(first, last + 1):
            last += 1
        elif fits(first - 1, last):
            first -= 1
        else:
            break
    piece = text[cuts[first] : cuts[last]].strip()
    whole = re.match(rf"(?:\S+\s+){{0,{MAX_QUOTE_WORDS - 1}}}\S+", piece)
    return whole.group() if whole else piece


def _split(text: str) -> Iterator[str]:
    at = 0
    for match in [*_END.finditer(text), None]:
        end = match.start() if match else len(text)
        piece = text[at:end].strip()
        if re.search(r"\w", piece):
            yield from _parts(piece)
        at = match.end() if match else end


def _parts(sentence: str) -> Iterator[str]:
    """A long sentence at commas behind which another one begins: "my hub is dead, I need it today"."""
    at = 0
    for match in _SPLICE.finditer(sentence) if len(sentence.split()) > _LONG_SENTENCE else ():
        before, after = sentence[at : match.start()], sentence[match.end() :]
        if len(before.split()) >= _MIN_PART and len(after.split()) >= _MIN_PART:
            yield before.strip()
            at = match.end()
    yield sentence[at:].strip()


def _roles(sentences: Sequence[Sentence]) -> dict[str, str]:
    """agent or customer for each speaker, from names that say it or from what each of them says."""
    cues = read_cues("roles")
    speakers = list(dict.fromkeys(sentence.speaker for sentence in sentences))
    roles: dict[str, str] = {}
    lean: dict[str, float] = {}
    for speaker in speakers:
        if re.search(r"customer|caller|client", speaker, re.IGNORECASE):
            roles[speaker] = CUSTOMER
        elif re.search(r"agent|supervisor|manager|operator|advis", speaker, re.IGNORECASE):
            roles[speaker] = AGENT
        own = [sentence.plain for sentence in sentences if sentence.speaker == speaker]
        weights = [weigh(text, cues[AGENT]) - weigh(text, cues[CUSTOMER]) for text in own]
        lean[speaker] = sum(weights) / max(1, len(own))
    if speakers:
        lean[speakers[0]] += 0.5  # whoever answers the telephone of a company speaks first
    unknown = [speaker for speaker in speakers if speaker not in roles]
    if len(speakers) == 1 and unknown:
        return dict.fromkeys(speakers, "")
    if unknown and CUSTOMER not in roles.values():
        customer = min(unknown, key=lambda speaker: lean[speaker])
        roles[customer] = CUSTOMER
        unknown.remove(customer)
    if unknown and AGENT not in roles.values():
        agent = max(unknown, key=lambda speaker: lean[speaker])
        roles[agent] = AGENT
        unknown.remove(agent)
    for speaker in unknown:
        roles[speaker] = AGENT if lean[speaker] > 0 else CUSTOMER
    return roles


def _centrality(texts: Sequence[str]) -> list[float]:
    """How much each sentence has in common with all others, 0 to 1: TF-IDF cosine, the idea of LexRank.

    Degree instead of eigenvector centrality (Erkan and Radev, 2004, section 3.1): for a few dozen sentences
    the two order them alike.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        vectors = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(texts).toarray()
    except ValueError:  # nothing but stop words
        return [0.0] * len(texts)
    degrees = vectors @ vectors.sum(axis=0) - (vectors * vectors).sum(axis=1)
    most = float(degrees.max(initial=0.0))
    return [float(degree) / most if most > 0 else 0.0 for degree in degrees]
