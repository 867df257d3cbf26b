"""Lists about a call, from cue phrases: turns and their moods, what was assured, products, a user's checklist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from speechkit.local.cues import ABOUT_MACHINES, HEDGED, plain
from speechkit.local.mood import mood, valence
from speechkit.local.sentences import AGENT, CUSTOMER, Sentence, clip

MAX_PROMISES: Final = 4
MAX_PRODUCTS: Final = 5
COVERED: Final = 0.6
"""The share of an item's content words that a sentence must hold to count as saying it."""

_ASSURED: Final = re.compile(
    r"\b(?:guarantee|i (?:can )?(?:promise|assure)|you will (?:not be (?:charged|billed)|get|receive|have|hear)|"
    r"(?:no|without) (?:any )?(?:extra|further|additional|more) (?:charge|cost|fee)|(?:at no|free of) (?:charge|cost)|"
    r"(?:visit|shipping|delivery|repair|replacement|return) is free|"
    r"within (?:[\w-]+ ){1,5}(?:hours|days|weeks)\b|"
    r"(?:it|they|that) (?:takes?|will take) (?:[\w-]+ ){1,4}(?:minutes|hours|days|weeks)\b|"
    r"(?:it|they) will (?:be there|be with you|arrive|come|be delivered)|"
    r"by (?:mon|tues|wednes|thurs|fri|satur|sun)day, |"
    r"will not happen again|price (?:stays|holds|is locked)|is covered by)\b"
)
_NOUNS = (
    "plan|subscription|membership|warranty|insurance|thermostat|router|modem|hub|camera|sensor|doorbell|smart lock|"
    "app|phone|tablet|laptop|computer|printer|speaker|bulb|lamp|heater|boiler|fridge|freezer|oven|dishwasher|washer|"
    "dryer|vacuum|television|monitor|headset|charger|battery|filter|kit|adapter"
)
_PRODUCT: Final = re.compile(rf"\b(?:(?P<name>[A-Za-z][\w-]+)\s+)?(?P<noun>{_NOUNS})\b")
_BEFORE = (
    "a an the my your our his her their this that these those any some new old other another one same each every and "
    "or of to for on in with is was it no which what whole second first two per by from at as if but so i you we"
)
_NO_NAME: Final = frozenset(_BEFORE.split())


def turn_moods(sentences: Sequence[Sentence]) -> list[dict[str, str]]:
    """The mood of each turn of the customer, in order; of every turn where nothing tells who is who."""
    told = [sentence for sentence in sentences if sentence.role != AGENT]
    moods = []
    for phrase_id, said in groupby(told, key=lambda sentence: sentence.phrase_id):
        levels = [valence(s.text) for s in said if not ABOUT_MACHINES.search(s.plain)]
        moods.append({"phrase_id": phrase_id, "value": mood(sorted(levels, key=abs, reverse=True))})
    return moods


def find_promises(sentences: Sequence[Sentence]) -> list[dict[str, str]]:
    """What the company's side assures, the last ones, in words of the call."""
    found = []
    for sentence in sentences:
        match = _ASSURED.search(sentence.plain)
        if not match or sentence.role == CUSTOMER or sentence.is_question:
            continue
        if HEDGED.search(sentence.plain[: match.start()]):
            continue
        quote = clip(sentence.text, lambda clause: float(bool(_ASSURED.search(clause))))
        found.append({"quote": quote, "phrase_id": sentence.phrase_id, "text": quote})
    return found[-MAX_PROMISES:]


def find_products(sentences: Sequence[Sentence]) -> list[dict[str, str]]:
    """Products by the nouns that name their kind, the most often named first, with the word before."""
    places: dict[str, list[tuple[str, Sentence]]] = {}
    for sentence in sentences:
        for match in _PRODUCT.finditer(sentence.text):
            name = match["name"] or ""
            whole = match["noun"] if name.lower() in _NO_NAME else match.group()
            places.setdefault(match["noun"], []).append((whole, sentence))
    most = sorted(places, key=lambda noun: -len(places[noun]))[:MAX_PRODUCTS]
    found = []
    for noun in most:
        text = Counter(whole for whole, _ in places[noun]).most_common(1)[0][0]
        sentence = next(s for whole, s in places[noun] if whole == text)
        quote = clip(sentence.text, lambda clause, noun=noun: float(noun in clause))  # type: ignore[misc]
        found.append({"quote": quote, "phrase_id": sentence.phrase_id, "text": text})
    return found


def find_checks(
    sentences: Sequence[Sentence], items: Sequence[str], meanings: Mapping[str, str]
) -> list[dict[str, str]]:
    """Each item as said, with the sentence that holds most of its content words, or as missed.

    An item's meaning may hold several wordings with a semicolon between them: one of them is enough.
    """
    spoken = [s for s in sentences if s.role != CUSTOMER and not ABOUT_MACHINES.search(s.plain)]
    return [_check(item, meanings.get(item, ""), spoken) for item in items]


def _check(item: str, meaning: str, sentences: Sequence[Sentence]) -> dict[str, str]:
    wordings = [_stems(wording) for wording in meaning.split(";") if _stems(wording)]
    wordings = wordings or [_stems(item.replace("_", " "))]
    best, told = 0.0, None
    for sentence in sentences:
        said = _stems(sentence.text)
        share = max(len(stems & said) / len(stems) if stems else 0.0 for stems in wordings)
        if share > best:
            best, told = share, sentence
    if told is None or best < COVERED:
        return {"quote": "", "phrase_id": "", "item": item, "value": "missed"}
    wanted = set().union(*wordings)
    quote = clip(told.text, lambda clause: float(len(_stems(clause) & wanted)))
    return {"quote": quote, "phrase_id": told.phrase_id, "item": item, "value": "said"}


def _stems(text: str) -> set[str]:
    """The beginnings of the words of four letters and more."""
    return {word[: max(4, len(word) - 2)] for word in re.findall(r"[a-z]{4,}", plain(text))}
