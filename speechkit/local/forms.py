"""The forms of a phrase: lexical, ITN, masked ITN and display, as profanity and punctuation ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from speechkit import numerals
from speechkit.local.recognition import Phrase, Word

Profanity = Literal["None", "Removed", "Tags", "Masked"]
Punctuation = Literal["None", "Dictated", "Automatic", "DictatedAndAutomatic"]

_AROUND: Final = re.compile(r"^([\"'(\[¿¡“‘]*)(.*?)([\"')\].,?!;:…”’]*)$", re.DOTALL)
_ABBREVIATION: Final = re.compile(r"(?:[A-Za-z]\.){2,}$")  # a.m., U.S.: these full stops are part of the word

_DIGITS: Final = frozenset(
    ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
_LONG_RUN: Final = 4  # digits: a shorter run with commas may be counting

# Spoken names of marks. The first can be said of nothing else in a call; the others ("the billing period")
# are only taken for marks where the caller asks for dictation alone.
_ALWAYS_MARKS: Final[dict[tuple[str, ...], str]] = {
    ("question", "mark"): "?",
    ("exclamation", "mark"): "!",
    ("exclamation", "point"): "!",
    ("full", "stop"): ".",
}
_DICTATED_MARKS: Final[dict[tuple[str, ...], str]] = _ALWAYS_MARKS | {
    ("comma",): ",",
    ("period",): ".",
    ("colon",): ":",
    ("semicolon",): ";",
}
_WORDS: Final = "a an the this that these those my your our his her their each every one no"
_DETERMINERS: Final = frozenset(_WORDS.split())

_PROFANE_STEMS: Final = (
    "fuck shit cunt bitch bastard asshole arsehole motherfucker bullshit dick prick piss wank twat"
)
_PROFANE_ENDINGS: Final = ("", "s", "es", "ed", "er", "ers", "ing", "in", "y", "ty", "head", "heads")
PROFANE: Final = frozenset(
    stem + end for stem in _PROFANE_STEMS.split() for end in _PROFANE_ENDINGS
) | frozenset(["damn", "damned", "goddamn", "crap", "crappy", "ass", "asses", "bitchy", "shitting", "pissed"])


@dataclass(frozen=True)
class Forms:
    """A phrase in its four forms, and its words: `words` lexical, `display_words` as displayed."""

    lexical: str
    itn: str
    masked_itn: str
    display: str
    words: list[Word]
    display_words: list[Word]


def forms(
    phrase: Phrase, profanity: Profanity = "Masked", punctuation: Punctuation = "DictatedAndAutomatic"
) -> Forms:
    """Write a phrase in every form.

    >>> said = [("Damn,", "damn"), ("twenty", "twenty"), ("two.", "two")]
    >>> words = [Word(text, lexical, i, i + 1, 0.9) for i, (text, lexical) in enumerate(said)]
    >>> made = forms(Phrase(0, 3, 0.9, "Damn, twenty two.", words))
    >>> made.lexical, made.itn, made.masked_itn, made.display
    ('damn twenty two', 'damn 22', 'd*** 22', 'D***, 22.')
    """
    tokens, owners = _tokens(phrase.words)
    spans = numerals.to_digits(_one_number([t.text for t in tokens], [t.lexical for t in tokens]))
    itn = _inverse(tokens, spans)
    shown = _display(phrase.words, owners, spans)
    shown = _filter_words(_punctuate(shown, punctuation), profanity)
    return Forms(
        lexical=" ".join(t.lexical for t in tokens),
        itn=" ".join(itn),
        masked_itn=" ".join(filter_text(itn, profanity)),
        display=" ".join(w.text for w in shown),
        words=tokens,
        display_words=shown,
    )


def filter_text(words: Sequence[str], profanity: Profanity) -> list[str]:
    """Mask, tag or leave out the profane ones of some words.

    >>> filter_text(["what", "crap"], "Masked"), filter_text(["what", "crap"], "Tags")
    (['what', 'c***'], ['what', '<profanity>crap</profanity>'])
    """
    return [shown for word in words if (shown := _filtered(word, profanity)) is not None]


def _filtered(word: str, profanity: Profanity) -> str | None:
    """The word as it may be shown; None where it is left out."""
    before, core, after = _parts(word)
    if profanity == "None" or core.lower().removesuffix("'s") not in PROFANE:
        return word
    if profanity == "Removed":
        return None
    shown = f"<profanity>{core}</profanity>" if profanity == "Tags" else core[0] + "*" * (len(core) - 1)
    return before + shown + after


def _filter_words(words: list[Word], profanity: Profanity) -> list[Word]:
    kept: list[Word] = []
    for word in words:
        shown = _filtered(word.text, profanity)
        if shown is not None:
            kept.append(replace(word, text=shown))
            continue
        mark = _parts(word.text)[2]
        if kept and mark and not _parts(kept[-1].text)[2]:  # the sentence still ends where it ended
            kept[-1] = replace(kept[-1], text=kept[-1].text + mark)
    return kept


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before a word, the word, and the marks after it."""
    match = _AROUND.match(text)
    assert match is not None
    before, core, after = match.groups()
    if after.startswith(".") and _ABBREVIATION.search(core + "."):
        return before, core + ".", after[1:]
    return before, core, after


def _tokens(words: Sequence[Word]) -> tuple[list[Word], list[int]]:
    """One entry a spoken word with the marks around it, and which word of the phrase each belongs to.

    Where the recognizer wrote several spoken words as one ("22"), they share its time by their length.
    """
    tokens: list[Word] = []
    owners: list[int] = []
    for index, word in enumerate(words):
        spoken = word.lexical.split()
        marked = list(spoken)
        if len(spoken) == 1 and not _has_digit(word.text):
            marked = [word.text]
        elif spoken:
            before, _, after = _parts(word.text)
            marked[0], marked[-1] = before + marked[0], marked[-1] + after
        lengths = [0, *(sum(len(s) for s in spoken[: i + 1]) for i in range(len(spoken)))]
        times = [word.start_s + (word.end_s - word.start_s) * n / max(1, lengths[-1]) for n in lengths]
        for text, lexical, (start_s, end_s) in zip(marked, spoken, pairwise(times), strict=True):
            tokens.append(Word(text, lexical, start_s, end_s, word.confidence))
            owners.append(index)
    return tokens, owners


def _one_number(texts: list[str], spoken: Sequence[str]) -> list[str]:
    """Take the commas out of a long run of spoken digits: recognizers strew them into account numbers.

    >>> _one_number(["Four,", "four,", "one", "eight."], ["four", "four", "one", "eight"])
    ['Four', 'four', 'one', 'eight.']
    >>> _one_number(["one,", "two,", "three"], ["one", "two", "three"])
    ['one,', 'two,', 'three']
    """
    start = 0
    while start < len(spoken):
        end = start
        while end < len(spoken) and spoken[end] in _DIGITS:
            end += 1
            if not texts[end - 1].endswith(",") and _parts(texts[end - 1])[2]:
                break  # another mark ends the number
        if end - start >= _LONG_RUN:
            texts[start : end - 1] = [text.removesuffix(",") for text in texts[start : end - 1]]
        start = max(end, start + 1)
    return texts


def _inverse(tokens: Sequence[Word], spans: Sequence[numerals.Span]) -> list[str]:
    """The spoken words with numbers and the like as they are written, without marks."""
    written: list[str] = []
    done = 0
    for span in spans:
        written += [t.lexical for t in tokens[done : span.start]]
        written.append(_parts(span.text)[1])
        done = span.end
    return written + [t.lexical for t in tokens[done:]]


def _display(words: Sequence[Word], owners: Sequence[int], spans: Sequence[numerals.Span]) -> list[Word]:
    """The words as the recognizer wrote them, with numbers and the like as they are written."""
    shown: list[Word] = []
    done = 0
    for span in spans:
        first, last = owners[span.start], owners[span.end - 1]
        cut_before = span.start > 0 and owners[span.start - 1] == first
        cut_after = span.end < len(owners) and owners[span.end] == last
        alone = first == last and _has_digit(words[first].text)
        if cut_before or cut_after or alone:  # the recognizer wrote a number of its own: that stands
            continue
        shown += words[done:first]
        sure = min(w.confidence for w in words[first : last + 1])
        lexical = " ".join(w.lexical for w in words[first : last + 1])
        shown.append(Word(span.text, lexical, words[first].start_s, words[last].end_s, sure))
        done = last + 1
    return [w for w in [*shown, *words[done:]] if w.text]


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


def _punctuate(words: list[Word], mode: Punctuation) -> list[Word]:
    if mode in ("None", "Dictated"):
        words = [replace(w, text="".join(_parts(w.text)[:2]).lstrip("¿¡")) for w in words]
        words = [w for w in words if w.text]
    if mode in ("Dictated", "DictatedAndAutomatic"):
        words = _dictate(words, _DICTATED_MARKS if mode == "Dictated" else _ALWAYS_MARKS)
    return words


def _dictate(words: list[Word], marks: dict[tuple[str, ...], str]) -> list[Word]:
    """Turn spoken marks into marks, unless they are spoken of ("a question mark")."""
    shown: list[Word] = []
    index = 0
    while index < len(words):
        for length in (2, 1):
            names = tuple(_parts(w.text)[1].lower() for w in words[index : index + length])
            spoken_of = not shown or _parts(shown[-1].text)[1].lower() in _DETERMINERS
            if names in marks and not spoken_of:
                shown[-1] = replace(shown[-1], text="".join(_parts(shown[-1].text)[:2]) + marks[names])
                index += length
                break
        else:
            shown.append(words[index])
            index += 1
    return shown
