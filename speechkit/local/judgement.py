"""What a call is about and how it ended, from cue phrases: a value, the sentence that tells it, and how strongly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from speechkit.local.cues import ABOUT_MACHINES, GREETING, HEDGED, Cue, plain, read_cues, weigh
from speechkit.local.mood import mood, valence
from speechkit.local.sentences import AGENT, CUSTOMER, Sentence, clip, is_outbound


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


def found(value: str, sentence: Sentence, cues: Sequence[Cue], weight: float = 0.0) -> Found:
    """A value with its sentence, quoted around the clause that holds most of the cues."""
    return Found(value, sentence, clip(sentence.text, lambda clause: weigh(clause, cues)), weight)


def cues_for(table: str, values: Sequence[str], meanings: Mapping[str, str]) -> dict[str, list[Cue]]:
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
        said = GREETING.sub("", sentence.plain)
        for value, list_ in cues.items():
            told = weight(sentence, value) * weigh(said, list_, deeds=deeds)
            scores[value] += told
            if told > best.get(value, (0.0, sentence))[0]:
                best[value] = (told, sentence)
    return scores, best


_HINT: Final = 0.6
"""Less than this tells no reason: a word or two that the agent says by the way."""
_DEPARTMENT: Final = 2.0
"""What the department counts that an agent names in the greeting: a hint, weaker than any clear cue."""


def find_reason(sentences: Sequence[Sentence], cues: Mapping[str, Sequence[Cue]]) -> Found:
    """Why the call was made: cue phrases of the customer, the first ones most; the agent's where he
    called."""
    evidence = _evidence(sentences)
    told = [s.order for s in evidence if s.role != AGENT and s.words >= 4]
    rank = {order: n for n, order in enumerate(told)}
    outbound = is_outbound(sentences)

    def weight(sentence: Sentence, _: str) -> float:
        if sentence.role == AGENT:
            return 0.9 * math.exp(-sentence.order / 8) if outbound else 0.25 * (sentence.place < 0.6)
        return 0.1 + 0.9 * math.exp(-rank.get(sentence.order, len(told)) / 3)

    scores, best = _strongest(evidence, cues, weight, deeds=False)
    departments = read_cues("departments")
    for sentence in evidence[:2]:
        for value in best if sentence.role != CUSTOMER else ():
            scores[value] += _DEPARTMENT * weigh(sentence.plain, departments.get(value, ()))
    value = max(scores, key=lambda name: scores[name], default="")
    if scores.get(value, 0.0) < _HINT or value not in best:
        first = next((s for s in evidence if s.order in rank), evidence[0])
        return found("other" if "other" in cues or not value else value, first, ())
    return found(value, best[value][1], cues[value], scores[value])


_LIKELY: Final = {
    "billing": {"refund": 1.5, "account_updated": 1.1, "order_placed": 0.4, "cancelled": 0.6},
    "technical_fault": {"repair_scheduled": 1.3, "replacement": 1.3, "order_placed": 0.3, "cancelled": 0.4},
    "delivery": {
        "replacement": 1.3,
        "refund": 1.2,
        "order_placed": 0.4,
        "repair_scheduled": 0.6,
        "cancelled": 0.6,
    },
    "appointment": {"repair_scheduled": 1.6, "order_placed": 0.3, "cancelled": 0.7, "account_updated": 0.6},
    "cancellation": {"cancelled": 2.0, "refund": 0.7, "order_placed": 0.4, "repair_scheduled": 0.6},
    "account_access": {"account_updated": 1.7, "order_placed": 0.3, "repair_scheduled": 0.3, "refund": 0.5},
    "purchase": {
        "order_placed": 1.8,
        "replacement": 0.4,
        "repair_scheduled": 0.6,
        "account_updated": 0.6,
        "cancelled": 0.4,
    },
    "information": {"information_given": 1.6, "order_placed": 0.7, "cancelled": 0.3, "repair_scheduled": 0.5},
}
"""How much likelier an outcome is for a reason: a refund is an aside of a cancellation, and the aim of a
complaint."""
_MOOD_SENTENCES: Final = 5
_TOLD_BY_CUSTOMERS: Final = frozenset(("information_given", "account_updated", "order_placed"))
_ENOUGH: Final = 1.6
"""Less weight than this is an aside, no outcome."""


def find_outcome(sentences: Sequence[Sentence], cues: Mapping[str, Sequence[Cue]], reason: str) -> Found:
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
    if _is_content(evidence):
        signs = {value: read_cues("signs").get(value, ()) for value in cues}
        hints, telling = _strongest(evidence, signs, lambda s, _: 0.3 + 0.5 * s.place, deeds=False)
        for value, (told, sentence) in telling.items():
            scores[value] += min(hints[value], 4.0)
            best.setdefault(value, (0.3 * told, sentence))
    likely = _LIKELY.get(reason, {})
    level = {
        value: (best[value][0] + 0.3 * (scores[value] - best[value][0])) * likely.get(value, 1.0)
        for value in scores
        if value in best
    }
    value = max(level, key=lambda name: level[name], default="")
    if value == "callback_promised" and level.get("escalated", 0.0) > level[value] / 3:
        value = "escalated"  # a supervisor who will call: the call back is how it goes on
    if value and level[value] >= _ENOUGH:
        return found(value, best[value][1], cues[value], level[value])
    last = _closing(evidence)
    answered = [
        s for s in evidence if s.role != CUSTOMER and s.words >= 6 and s.order > 1 and not s.is_question
    ]
    if "information_given" in cues and _is_content(evidence) and answered:
        return found("information_given", max(answered, key=lambda s: s.central), ())
    return found("none" if "none" in cues else value or next(iter(cues), ""), last, ())


def _is_content(sentences: Sequence[Sentence]) -> bool:
    """Whether the customer does not complain when the call ends."""
    closings = read_cues("closings")
    last = [s.plain for s in sentences if s.role != AGENT][-3:]
    return (
        sum(weigh(text, closings["no"]) - 0.5 * weigh(text, closings["yes"], deeds=True) for text in last)
        < 1.5
    )


def find_resolved(sentences: Sequence[Sentence], outcome: Found, values: Sequence[str]) -> Found:
    """Whether it was settled: from the outcome and from how the customer takes the end."""
    closings = read_cues("closings")
    ending = [s for s in _evidence(sentences) if s.role != AGENT and s.place >= 0.6][-6:]
    # Thanks for a promise settle little, but who leaves delighted has more than a promise.
    settled = {"escalated": -1.2, "callback_promised": -1.2, "none": -0.6}.get(outcome.value, 0.7)
    settled = settled if outcome.weight else min(settled, 0.3)
    doubt, told = 0.0, [(0.0, outcome.sentence)]
    for n, sentence in enumerate(reversed(ending)):
        late = 0.8**n
        good, bad = weigh(sentence.plain, closings["yes"], deeds=True), weigh(sentence.plain, closings["no"])
        settled += late * (min(good, 2.0) - bad)
        doubt += late * weigh(sentence.plain, closings["unclear"])
        told.append((late * (good - bad), sentence))
    value = "yes" if settled >= 0.6 else "no" if settled <= -0.6 else "unclear"
    if value == "yes" and doubt > max(1.2, settled):
        value = "unclear"
    if value not in values and values:
        value = "unclear" if "unclear" in values else values[-1]
    sign = {"yes": 1, "no": -1}.get(value, 0)
    strongest = max(told, key=lambda pair: pair[0] * sign)
    sentence = strongest[1] if strongest[0] * sign > 0 else outcome.sentence
    return found(value, sentence, closings.get(value, ()), abs(settled))


def find_mood(sentences: Sequence[Sentence], *, at_end: bool) -> Found:
    """The customer's mood where the call begins or ends, with the sentence that shows it most."""
    spoken = [s for s in _evidence(sentences) if s.role != AGENT and s.words >= 2] or list(sentences)
    telling = [s for s in spoken if "[" not in s.text] or spoken  # who spells a name shows no mood
    few = min(_MOOD_SENTENCES, (len(telling) + 1) // 2)
    part = telling[::-1][:few] if at_end else telling[:few]
    rated = [(valence(sentence.text), sentence) for sentence in part]
    value = mood([level for level, _ in rated])
    sign = {"positive": 1, "negative": -1}.get(value, 0)
    if sign:
        return found(value, max(rated, key=lambda pair: sign * pair[0])[1], ())
    return found(value, min(rated, key=lambda pair: (abs(pair[0]), -pair[1].words))[1], ())


def _closing(sentences: Sequence[Sentence]) -> Sentence:
    """The last thing that the customer says in more than a word or two."""
    said = [s for s in sentences if s.role != AGENT and s.words >= 3]
    return said[-1] if said else sentences[-1]
