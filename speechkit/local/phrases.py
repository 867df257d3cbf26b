"""From words to phrases: where one ends, its marks and capitals, and what else may have been said."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from speechkit.local.recognition import Alternative, Phrase, Word
from speechkit.local.recognizer import Hypothesis

PAUSE_S: Final = 0.6  # a longer pause ends a phrase
LONG_S: Final = 14.0  # a phrase that has become this long ends with its sentence
SENTENCE_ENDS: Final = (".", "?", "!")

_ABBREVIATION: Final = re.compile(r"(?:mr|mrs|ms|dr|st|no|vs|[a-z](?:\.[a-z])+)\.$", re.IGNORECASE)
_REPEATED_MARK: Final = re.compile(r"([,.?!;:])[,.;:]+$")
# Words that begin with a capital only where a sentence begins.
_ALWAYS_LOWER: Final = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "get",
        "had",
        "has",
        "have",
        "he",
        "her",
        "here",
        "him",
        "his",
        "how",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "like",
        "me",
        "more",
        "my",
        "no",
        "not",
        "now",
        "of",
        "on",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "please",
        "she",
        "should",
        "so",
        "some",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "two",
        "up",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "why",
        "will",
        "with",
        "would",
        "yes",
        "you",
        "your",
    ]
)


@dataclass(frozen=True)
class HeardWord:
    """A word of a recording: its segment's number and its place among the words of the segment's hypothesis."""

    word: Word
    segment: int
    place: int
    speaker: int | None = None


@dataclass(frozen=True)
class Others:
    """The hypotheses of one segment after the best one, with that one's words to compare them with."""

    best: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...] = field(default_factory=tuple)


def cut_phrases(
    words: Sequence[HeardWord],
    others: Sequence[Others] = (),
    nbest: int = 1,
    pause_s: float = PAUSE_S,
) -> list[Phrase]:
    """Cut the words of a recording, in time order, into phrases.

    A phrase ends at a pause of more than `pause_s`, where another speaker begins, and, once it is LONG_S, at the end
    of a sentence. With `nbest` over 1 each gets up to that many hypotheses, the first included.
    """
    groups: list[list[HeardWord]] = []
    for heard in words:
        if groups:
            last = groups[-1][-1]
            gap_s = heard.word.start_s - last.word.end_s
            length_s = last.word.end_s - groups[-1][0].word.start_s
            ended = length_s > LONG_S and _ends_sentence(last.word.text)
            if heard.speaker == last.speaker and gap_s <= pause_s and not ended:
                groups[-1].append(heard)
                continue
        groups.append([heard])
    return [_phrase(group, others, nbest) for group in groups]


def _phrase(group: Sequence[HeardWord], others: Sequence[Others], nbest: int) -> Phrase:
    words = mend(group)
    text = " ".join(word.text for word in words)
    alternatives = _alternatives(group, words, others)[: nbest - 1] if nbest > 1 else []
    return Phrase(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        confidence=sum(word.confidence for word in words) / len(words),
        text=text,
        words=words,
        speaker=group[0].speaker,
        alternatives=alternatives,
    )


def mend(group: Sequence[HeardWord]) -> list[Word]:
    """The words of a phrase with marks and capitals as they belong: each segment was written by itself.

    A sentence begins with a capital, one that goes on over a cut does not, and the phrase ends with a full stop
    where the recognizer put a comma or nothing.
    """
    mended: list[Word] = []
    for index, heard in enumerate(group):
        text = _REPEATED_MARK.sub(r"\1", heard.word.text)
        begins = not mended or _ends_sentence(mended[-1].text)
        bare = text.rstrip(".,?!;:").lower()
        if begins:
            text = text[:1].upper() + text[1:]
        elif heard.segment != group[index - 1].segment and bare in _ALWAYS_LOWER:
            text = text[:1].lower() + text[1:]
        mended.append(replace(heard.word, text=text))
    last = mended[-1].text
    if not last.endswith(SENTENCE_ENDS):
        mended[-1] = replace(mended[-1], text=last.rstrip(",;:-") + ".")
    return mended


def _ends_sentence(text: str) -> bool:
    return text.endswith(SENTENCE_ENDS) and not _ABBREVIATION.search(text)


def _alternatives(
    group: Sequence[HeardWord], words: Sequence[Word], others: Sequence[Others]
) -> list[Alternative]:
    """What the other hypotheses of each segment make of the phrase, the likeliest first."""
    best = " ".join(word.text for word in words)
    found: dict[str, tuple[float, Alternative]] = {}
    for number in dict.fromkeys(heard.segment for heard in group):
        places = [i for i, heard in enumerate(group) if heard.segment == number]
        first, last = group[places[0]].place, group[places[-1]].place + 1
        for hypothesis in others[number].hypotheses:
            said = [spoken.text for spoken in hypothesis.words]
            start, end = _corresponding(others[number].best, said, first, last)
            here = hypothesis.words[start:end]
            before, after = words[: places[0]], words[places[-1] + 1 :]
            text = " ".join([*(w.text for w in before), *(w.text for w in here), *(w.text for w in after)])
            sure = [
                *(w.confidence for w in before),
                *(w.confidence for w in here),
                *(w.confidence for w in after),
            ]
            key = _bare(text)
            if key and key != _bare(best) and (key not in found or found[key][0] < hypothesis.score):
                found[key] = (hypothesis.score, Alternative(text, sum(sure) / len(sure)))
    return [alternative for _, alternative in sorted(found.values(), key=lambda pair: -pair[0])]


def _corresponding(best: Sequence[str], other: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """The part of `other` that stands where best[first:last] stands.

    >>> _corresponding("so I sent it by mail".split(), "so I send that to you by mail".split(), 2, 4)
    (2, 6)
    """
    starts = {0: 0, len(best): len(other)}
    matcher = difflib.SequenceMatcher(None, best, other, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        starts[i1], starts[i2] = j1, j2
        for offset in range(1, i2 - i1):
            starts[i1 + offset] = j1 + round(offset * (j2 - j1) / (i2 - i1))
    return starts[first], starts[last]


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9' ]+", "", text.lower())
