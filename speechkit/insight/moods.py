"""How the mood of the customer goes over a call: its trend, and the turn where it changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from speechkit.insight.schema import CallSummary
from speechkit.insight.turns import Turn

MOOD_DTYPES: Final = {
    "call_id": "str",
    "phrase_id": "str",
    "speaker": "str",
    "start_s": "float64",
    "end_s": "float64",
    "mood": "str",
}
"""The table of moods: a row for each turn of the customer, in time order."""

SCORES: Final = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
MIN_TURNS: Final = 4
"""Fewer judged turns have no trend."""
MIN_SIDE: Final = 2
"""Turns before and after a change: one alone is an exclamation."""
MIN_CHANGE: Final = 0.5
"""Half a step, on average, between what is before and after: less is the noise of single turns."""


def turn_moods(parts: Iterable[CallSummary], turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The moods of the turns that a model judged, each once; a turn that is not in the call is left out."""
    given = {mood.phrase_id.strip(): mood.value for part in parts for mood in getattr(part, "turn_moods", [])}
    return [
        {
            "phrase_id": turn.phrase_id,
            "speaker": turn.speaker,
            "start_s": turn.start_s,
            "end_s": turn.end_s,
            "mood": given[turn.ref],
        }
        for turn in turns
        if turn.ref in given
    ]


def mood_change(moods: Sequence[str]) -> tuple[str | None, int | None]:
    """The trend of some moods in time order, better, worse or same, and the place where they turn, if they do.

    The moods are cut in two where the means of both sides differ most, in units of the spread that the sides leave
    (the least squares of one change point); they turn there when the means differ by MIN_CHANGE or more, at the first
    turn behind the cut that shows it. Fewer than MIN_TURNS moods have no trend.

    >>> mood_change(["negative", "negative", "neutral", "negative", "neutral", "positive", "positive"])
    ('better', 5)
    >>> mood_change(["neutral"] * 6), mood_change(["negative"])
    (('same', None), (None, None))
    """
    scores = [SCORES[mood] for mood in moods]
    if len(scores) < MIN_TURNS:
        return None, None
    cut = max(range(MIN_SIDE, len(scores) - MIN_SIDE + 1), key=lambda at: _between(scores, at))
    before, after = _mean(scores[:cut]), _mean(scores[cut:])
    if abs(after - before) < MIN_CHANGE:
        return "same", None
    sign = 1 if after > before else -1
    return "better" if sign > 0 else "worse", next(
        at for at in range(cut, len(scores)) if sign * (scores[at] - before) > 0
    )


def mood_columns(rows: Sequence[dict[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
    """The columns of one call's row: mood_trend, and mood_turn with the phrase that shows it."""
    trend, at = mood_change([row["mood"] for row in rows])
    if at is None:
        return {} if trend is None else {"mood_trend": trend}
    turn = next(turn for turn in turns if turn.phrase_id == rows[at]["phrase_id"])
    proof = {
        "quote": turn.text,
        "phrase_id": turn.phrase_id,
        "start_s": turn.start_s,
        "confidence": turn.confidence,
    }
    return {"mood_trend": trend, "mood_turn": trend} | {
        f"mood_turn_{name}": value for name, value in proof.items()
    }


def _between(scores: Sequence[float], cut: int) -> float:
    difference = _mean(scores[cut:]) - _mean(scores[:cut])
    return cut * (len(scores) - cut) * difference * difference


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)
