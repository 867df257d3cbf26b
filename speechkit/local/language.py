"""The local service's stand-in for a language model: `extractive`.

It answers speechkit's own summary request and nothing else. It has no idea of the call: it takes central
sentences, cue phrases of call centres and a lexicon's mood, and quotes what it found. What nobody says in
such words it misses.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from speechkit.local.actions import find_actions
from speechkit.local.cues import ABOUT_MACHINES, HEDGED, Cue, plain, read_cues, weigh
from speechkit.local.mood import mood, valence
from speechkit.local.sentences import AGENT, CUSTOMER, Sentence, clip, is_outbound, read_sentences

MODEL: Final = "extractive"
MAX_SUMMARY_WORDS: Final = 60
_MARKER: Final = re.compile(r"\s*speechkit (summary|merge) v1\b")
_LABELS: Final = re.compile(r"^- ([^:\n]+)(?:: (.*))?$", re.MULTILINE)
_FIELDS: Final = ("summary", "reason", "outcome", "resolved", "mood_start", "mood_end", "actions")


class NotServed(Exception):  # noqa: N818 - it is an answer, not a fault: the request is for a language model
    """A request that only a language model could answer; the message says what is served."""


@dataclass(frozen=True)
class Found:
    """A value with the sentence that tells it, and how strongly."""

    value: str
    sentence: Sentence
    quote: str
    weight: float = 0.0

    def label(self) -> dict[str, str]:
        """As the schema wants a label."""
        return {"quote": self.quote, "phrase_id": self.sentence.phrase_id, "value": self.value}


def answer(messages: list[dict[str, Any]], schema: dict[str, Any]) -> dict[str, Any]:
    """Answer speechkit's summary request: a dict that is valid by `schema`, with quotes that are pieces of
    turns.

    `messages` are a system message that begins with `speechkit summary v1` or `speechkit merge v1`, and a
    user message of JSON data: `turns` (phrase_id, speaker, text), or `parts` that were answered before.
    Raises NotServed for anything else, and for a call without words.
    """
    task, system, data = _read(messages)
    wanted = _wanted(schema)
    made = _merge(data) if task == "merge" else _summarize(data, system, wanted)
    return {field: made[field] for field in wanted}


def _read(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str, Mapping[str, Any]]:
    """The task, the system prompt and the data of the request."""
    by_role = {str(message.get("role")): str(message.get("content")) for message in messages}
    system = by_role.get("system", by_role.get("developer", ""))
    marker = _MARKER.match(system)
    if marker is None:
        raise NotServed(
            f"The model {MODEL} is no language model: it answers the summary request of speechkit, which "
            "begins with 'speechkit summary v1', and nothing else. Configure OPENAI_ENDPOINT for a language model."
        )
    try:
        data = json.loads(by_role.get("user", ""))
    except ValueError:
        data = None
    key = "parts" if marker[1] == "merge" else "turns"
    if not isinstance(data, dict) or not isinstance(data.get(key), list) or not data[key]:
        raise NotServed(f"The user message must be JSON data with a list of {key} that is not empty.")
    return marker[1], system, data


def _wanted(schema: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that the schema asks for, each with the values that it allows (none for lists of claims)."""
    properties = schema.get("properties")
    unknown = sorted(set(properties) - set(_FIELDS)) if isinstance(properties, dict) else ["no properties"]
    if unknown or not isinstance(properties, dict):
        raise NotServed(f"The schema asks for {', '.join(unknown)}; {MODEL} answers {', '.join(_FIELDS)}.")
    return {field: _values(properties[field], schema) for field in properties}


def _values(property_: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    name = str(property_.get("$ref", "")).rpartition("/")[2]
    definition = schema.get("$defs", {}).get(name, property_)
    value = definition.get("properties", {}).get("value", {})
    return [str(value["const"])] if "const" in value else [str(choice) for choice in value.get("enum", [])]


def _summarize(data: Mapping[str, Any], system: str, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
    try:
        turns = [
            {key: " ".join(str(turn[key]).split()) for key in ("phrase_id", "speaker", "text")}
            for turn in data["turns"]
        ]
    except (TypeError, KeyError):
        raise NotServed("Each turn must have phrase_id, speaker and text.") from None
    sentences = read_sentences(turns)
    if not sentences:
        raise NotServed("The turns hold no words, so there is nothing to summarize.")
    meanings = {match[1].strip(): match[2] or "" for match in _LABELS.finditer(system)}
    reason = _reason(sentences, _cues("reasons", wanted.get("reason", []), meanings))
    outcome = _outcome(sentences, _cues("outcomes", wanted.get("outcome", []), meanings), reason.value)
    resolved = _resolved(sentences, outcome, wanted.get("resolved", []))
    start, end = _mood(sentences, at_end=False), _mood(sentences, at_end=True)
    return {
        "summary": _story(sentences, reason, outcome, resolved),
        "reason": reason.label(),
        "outcome": outcome.label(),
        "resolved": resolved.label(),
        "mood_start": start.label(),
        "mood_end": end.label(),
        "actions": find_actions(sentences),
    }


def _cues(table: str, values: Sequence[str], meanings: Mapping[str, str]) -> dict[str, list[Cue]]:
    """Cues for each value: the known ones, or the words of a user's own label and its meaning."""
    known = read_cues(table)
    cues: dict[str, list[Cue]] = {}
    for value in values:
        own = re.findall(r"[a-z]{4,}", plain(f"{value.replace('_', ' ')} {meanings.get(value, '')}"))
        stems = [word[: max(4, len(word) - 2)] for word in dict.fromkeys(own)]
        mine = [(1.5, re.compile(rf"\b{re.escape(stem)}")) for stem in stems]
        cues[value] = list(known.get(value, () if value in ("other", "none") else mine))
    return cues


def _evidence(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences that may tell something: not those that speak to a machine."""
    return [s for s in sentences if not ABOUT_MACHINES.search(s.plain)] or list(sentences)


def _strongest(
    sentences: Sequence[Sentence],
    cues: Mapping[str, Sequence[Cue]],
    weight: Callable[[Sentence, str], float],
    deeds: bool,
) -> tuple[dict[str, float], dict[str, tuple[float, Sentence]]]:
    """The score of each value over all sentences, and the sentence that tells it most."""
    scores = dict.fromkeys(cues, 0.0)
    best: dict[str, tuple[float, Sentence]] = {}
    for sentence in sentences:
        for value, list_ in cues.items():
            told = weight(sentence, value) * weigh(sentence.plain, list_, deeds=deeds)
            scores[value] += told
            if told > best.get(value, (0.0, sentence))[0]:
                best[value] = (told, sentence)
    return scores, best


_DEPARTMENT: Final = 2.0
"""What the department counts that an agent names in the greeting: a hint, weaker than any clear cue."""


def _reason(sentences: Sequence[Sentence], cues: Mapping[str, Sequence[Cue]]) -> Found:
    """Why the call was made: cue phrases of the customer, the first ones most; the agent's where he
    called."""
    evidence = _evidence(sentences)
    told = [s.order for s in evidence if s.role != AGENT and s.words >= 4]
    rank = {order: n for n, order in enumerate(told)}
    outbound = is_outbound(sentences)

    def weight(sentence: Sentence, _: str) -> float:
        if sentence.role == AGENT:
            return 0.8 if outbound and sentence.order < 16 else 0.1 * (sentence.place < 0.4)
        return 0.1 + 0.9 * math.exp(-rank.get(sentence.order, len(told)) / 3)

    scores, best = _strongest(evidence, cues, weight, deeds=False)
    departments = read_cues("departments")
    for sentence in evidence[:2]:
        for value in best if sentence.role != CUSTOMER else ():
            scores[value] += _DEPARTMENT * weigh(sentence.plain, departments.get(value, ()))
    value = max(scores, key=lambda name: scores[name], default="")
    if not best.get(value):
        first = next((s for s in evidence if s.order in rank), evidence[0])
        return _found("other" if "other" in cues or not value else value, first, ())
    return _found(value, best[value][1], cues[value], scores[value])


_LIKELY: Final = {
    "billing": {"refund": 1.5, "account_updated": 1.1},
    "technical_fault": {"repair_scheduled": 1.3, "replacement": 1.3, "order_placed": 0.3, "cancelled": 0.5},
    "delivery": {"replacement": 1.3, "refund": 1.2, "order_placed": 0.4, "repair_scheduled": 0.6},
    "appointment": {"repair_scheduled": 1.6, "order_placed": 0.3, "cancelled": 0.7},
    "cancellation": {"cancelled": 2.0, "refund": 0.7, "order_placed": 0.4},
    "account_access": {"account_updated": 1.7, "order_placed": 0.3, "repair_scheduled": 0.3, "refund": 0.5},
    "purchase": {"order_placed": 1.8, "replacement": 0.4, "repair_scheduled": 0.6, "account_updated": 0.6},
    "information": {"information_given": 1.6, "order_placed": 0.7, "cancelled": 0.3, "repair_scheduled": 0.5},
}
"""How much likelier an outcome is for a reason: a refund is an aside of a cancellation, and the aim of a
complaint."""
_MOOD_SENTENCES: Final = 5
_TOLD_BY_CUSTOMERS: Final = frozenset(("information_given", "account_updated", "order_placed"))
_ENOUGH: Final = 1.6
"""Less weight than this is an aside, no outcome."""


def _outcome(sentences: Sequence[Sentence], cues: Mapping[str, Sequence[Cue]], reason: str) -> Found:
    """How it ended: deeds and promises, late ones most, agents' most; not questions and possibilities."""
    evidence = _evidence(sentences)

    def weight(sentence: Sentence, value: str) -> float:
        late = 0.2 + 0.8 * math.pow(sentence.place, 1.2)
        # What a customer demands is no deed; what works now or is bought he says himself.
        customer = 0.7 if value in _TOLD_BY_CUSTOMERS else 0.1
        if sentence.role == CUSTOMER and weigh(sentence.plain, read_cues("closings")["unclear"]):
            customer = 0.1
        role = {AGENT: 1.0, CUSTOMER: customer}.get(sentence.role, 0.8)
        doubt = (0.3 if sentence.is_question else 1.0) * (0.5 if HEDGED.search(sentence.plain) else 1.0)
        return late * role * doubt * (sentence.order > 1)

    scores, best = _strongest(evidence, cues, weight, deeds=True)
    likely = _LIKELY.get(reason, {})
    level = {
        value: (best[value][0] + 0.3 * (scores[value] - best[value][0])) * likely.get(value, 1.0)
        for value in scores
        if value in best
    }
    value = max(level, key=lambda name: level[name], default="")
    if value == "callback_promised" and level.get("escalated", 0.0) > level[value] / 2:
        value = "escalated"  # a supervisor who will call: the call back is how it goes on
    if value and level[value] >= _ENOUGH:
        return _found(value, best[value][1], cues[value], level[value])
    last = _closing(evidence)
    answered = [
        s for s in evidence if s.role != CUSTOMER and s.words >= 6 and s.order > 1 and not s.is_question
    ]
    content = weigh(last.plain, read_cues("closings")["no"]) == 0
    if "information_given" in cues and content and len(answered) >= 2:
        return _found("information_given", max(answered, key=lambda s: s.central), ())
    return _found("none" if "none" in cues else value or next(iter(cues), ""), last, ())


def _resolved(sentences: Sequence[Sentence], outcome: Found, values: Sequence[str]) -> Found:
    """Whether it was settled: from the outcome and from how the customer takes the end."""
    closings = read_cues("closings")
    ending = [s for s in _evidence(sentences) if s.role != AGENT and s.place >= 0.6][-6:]
    settled = {"escalated": -2.0, "callback_promised": -1.5, "none": -0.5}.get(outcome.value, 1.5)
    most = (
        0.2 if outcome.value in ("escalated", "callback_promised") else 2.0
    )  # thanks for a promise settle nothing
    doubt, told = 0.0, [(0.0, outcome.sentence)]
    for n, sentence in enumerate(reversed(ending)):
        late = 0.8**n
        good, bad = weigh(sentence.plain, closings["yes"], deeds=True), weigh(sentence.plain, closings["no"])
        settled += late * (min(good, most) * 0.6 - bad)
        doubt += late * weigh(sentence.plain, closings["unclear"])
        told.append((late * (good - bad), sentence))
    value = "yes" if settled >= 1.0 else "no" if settled <= -0.8 else "unclear"
    if value == "yes" and doubt > settled:
        value = "unclear"
    if value not in values and values:
        value = "unclear" if "unclear" in values else values[-1]
    sign = {"yes": 1, "no": -1}.get(value, 0)
    strongest = max(told, key=lambda pair: pair[0] * sign)
    sentence = strongest[1] if strongest[0] * sign > 0 else outcome.sentence
    return _found(value, sentence, closings.get(value, ()), abs(settled))


def _mood(sentences: Sequence[Sentence], *, at_end: bool) -> Found:
    """The customer's mood where the call begins or ends, with the sentence that shows it most."""
    spoken = [s for s in _evidence(sentences) if s.role != AGENT and s.words >= 2] or list(sentences)
    telling = [s for s in spoken if "[" not in s.text] or spoken  # who spells a name shows no mood
    few = min(_MOOD_SENTENCES, (len(telling) + 1) // 2)
    part = telling[::-1][:few] if at_end else telling[:few]
    rated = [(valence(sentence.text), sentence) for sentence in part]
    value = mood([level for level, _ in rated])
    sign = {"positive": 1, "negative": -1}.get(value, 0)
    if sign:
        return _found(value, max(rated, key=lambda pair: sign * pair[0])[1], ())
    return _found(value, min(rated, key=lambda pair: (abs(pair[0]), -pair[1].words))[1], ())


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


def _story(
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
    claims[-1] = (f"{claims[-1][0]} [{MODEL}]", claims[-1][1])
    return [
        {"quote": found.quote, "phrase_id": found.sentence.phrase_id, "text": text} for text, found in claims
    ]


def _best_telling(sentences: Sequence[Sentence], reason: Found) -> Found:
    """Of the sentences near the reason's own that tell the same, the most central one without personal
    data."""
    near = [
        s for s in sentences if abs(s.order - reason.sentence.order) <= 3 and s.role == reason.sentence.role
    ]
    cues = read_cues("reasons").get(reason.value, ())

    def worth(sentence: Sentence) -> float:
        told = min(weigh(sentence.plain, cues), 4.0) + sentence.central
        return (
            told - 2.0 * ("[" in sentence.text) - 1.0 * (sentence.words < 5) + (sentence == reason.sentence)
        )

    best = max(near, key=worth, default=reason.sentence)
    return _found(reason.value, best, cues)


def _quoted(quote: str) -> str:
    return f"“{quote.rstrip(' ,;:')}”" + ("" if quote.rstrip().endswith((".", "!", "?")) else ".")


def _closing(sentences: Sequence[Sentence]) -> Sentence:
    """The last thing that the customer says in more than a word or two."""
    said = [s for s in sentences if s.role != AGENT and s.words >= 3]
    return said[-1] if said else sentences[-1]


def _found(value: str, sentence: Sentence, cues: Sequence[Cue], weight: float = 0.0) -> Found:
    return Found(value, sentence, clip(sentence.text, lambda clause: weigh(clause, cues)), weight)


def _merge(data: Mapping[str, Any]) -> dict[str, Any]:
    """One answer of the answers about the parts of a long call: it begins with the first and ends with the
    last."""
    parts: list[Mapping[str, Any]] = data["parts"]
    try:
        reason = next((p["reason"] for p in parts if p["reason"]["value"] != "other"), parts[0]["reason"])
        outcome = next(
            (p["outcome"] for p in reversed(parts) if p["outcome"]["value"] != "none"), parts[-1]["outcome"]
        )
        ends = [parts[0]["summary"][0], *parts[-1]["summary"][-2:]]
        return {
            "summary": [claim for n, claim in enumerate(ends) if claim not in ends[:n]],
            "reason": reason,
            "outcome": outcome,
            "resolved": parts[-1]["resolved"],
            "mood_start": parts[0]["mood_start"],
            "mood_end": parts[-1]["mood_end"],
            "actions": [action for part in parts for action in part["actions"]][-12:],
        }
    except (KeyError, IndexError, TypeError):
        raise NotServed("Each part must be an answer to 'speechkit summary v1'.") from None
