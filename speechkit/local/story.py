"""The summary: what was wanted and how it ended, in words of the call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from speechkit.local.cues import read_cues, weigh
from speechkit.local.judgement import Found, found
from speechkit.local.sentences import Sentence, is_outbound

MODEL: Final = "extractive"
MAX_SUMMARY_WORDS: Final = 60
_ABOUT: Final = {
    "billing": "about a bill or a payment",
    "technical_fault": "about a technical fault",
    "delivery": "about a delivery",
    "appointment": "about an appointment",
    "cancellation": "about a cancellation",
    "account_access": "about access to an account",
    "purchase": "about a purchase",
    "information": "with a question",
    "other": "",
}
_ENDED: Final = {
    "refund": "It ended with a refund",
    "replacement": "It ended with a replacement",
    "repair_scheduled": "It ended with a date for a visit",
    "information_given": "It ended with information",
    "account_updated": "It ended with a change of the account",
    "cancelled": "It ended with the cancellation",
    "order_placed": "It ended with an order",
    "escalated": "It was handed on",
    "callback_promised": "It ended with the promise to get back",
    "none": "It ended without a result",
}
_SETTLED: Final = {"yes": "The customer took it as settled.", "no": "It was not settled."}


def tell_story(
    sentences: Sequence[Sentence], reason: Found, outcome: Found, resolved: Found
) -> list[dict[str, str]]:
    """The summary: what was wanted and how it ended, in words of the call, and what kind of summary it is."""
    who = "The company called" if is_outbound(sentences) else "The customer called"
    topic = _ABOUT.get(reason.value, f"about {reason.value.replace('_', ' ')}")
    ended = _ENDED.get(outcome.value, f"It ended with {outcome.value.replace('_', ' ')}")
    wanted = _best_telling(sentences, reason)
    claims = [
        (f"{who}{f' {topic}' if topic else ''}: {_quoted(wanted.quote)}", wanted),
        (f"{ended}: {_quoted(outcome.quote)}", outcome),
    ]
    if outcome.sentence == wanted.sentence:
        claims = claims[:1]
    if resolved.value in _SETTLED:
        claims.append((_SETTLED[resolved.value], resolved))
    while sum(len(text.split()) for text, _ in claims) >= MAX_SUMMARY_WORDS and len(claims) > 1:
        claims.pop()
    claims[-1] = (f"{claims[-1][0]} ({MODEL})", claims[-1][1])
    return [
        {"quote": found.quote, "phrase_id": found.sentence.phrase_id, "text": text} for text, found in claims
    ]


def _best_telling(sentences: Sequence[Sentence], reason: Found) -> Found:
    """Of the sentences near the reason's own, the one that tells most and names nobody."""
    near = [
        s for s in sentences if abs(s.order - reason.sentence.order) <= 3 and s.role == reason.sentence.role
    ]
    cues = read_cues("reasons").get(reason.value, ())

    def worth(sentence: Sentence) -> float:
        told = min(weigh(sentence.plain, cues), 4.0) + sentence.central
        blamed = 2.0 * ("[" in sentence.text) + 1.5 * (sentence.words < 6)
        return told - blamed + (sentence == reason.sentence)

    best = max(near, key=worth, default=reason.sentence)
    return found(reason.value, best, cues)


def _quoted(quote: str) -> str:
    return f"“{quote.rstrip(' ,;:')}”" + ("" if quote.rstrip().endswith((".", "!", "?")) else ".")
