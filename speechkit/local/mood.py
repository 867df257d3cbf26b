"""The mood of what a customer says, from a lexicon: it knows words, not tones of voice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from speechkit.local.cues import GREETING, plain, read_cues, weigh

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

POSITIVE: Final = 0.25
NEGATIVE: Final = -0.18
"""The level of a passage above or below which its mood is called positive or negative."""

# Words that the general lexicon rates by their dictionary meaning, and what they are worth in a service call.
_COURTESY = (
    "please help sure okay ok yes like care support security free credit share welcome well hello dear free"
)
_RATED: Final = {
    **dict.fromkeys(_COURTESY.split(), 0.0),
    "no": -0.2,
    "fine": 0.3,
    "thanks": 0.9,
    "thank": 0.9,
    "waiting": -1.3,
    "waited": -1.2,
    "twice": -0.6,
    "late": -1.4,
    "wrong": -1.8,
    "broken": -1.9,
    "stopped": -1.1,
    "mistake": -1.4,
    "overcharged": -2.2,
    "ridiculous": -2.8,
    "unacceptable": -3.2,
    "unbelievable": -2.5,
    "useless": -2.4,
    "nobody": -1.2,
    "sorry": -0.2,
    "cancel": -0.6,
    "alarm": 0.0,
    "perfect": 2.3,
    "lovely": 2.4,
    "relief": 2.2,
}


def valence(text: str) -> float:
    """How a sentence sounds, from -1 (bad) over 0 to 1 (good): the lexicon's rating and cue phrases,
    balanced.

    The lexicon is VADER's (Hutto and Gilbert, 2014) with the courtesy of service calls taken out.
    """
    said = GREETING.sub("", plain(text))
    cues = sum(weigh(said, cues) for cues in read_cues("moods").values())
    rated = float(_analyzer().polarity_scores(said)["compound"])
    return max(-1.0, min(1.0, 0.6 * rated + 0.3 * cues))


def mood(valences: Sequence[float]) -> str:
    """The mood of a passage from the valences of its sentences, the most telling one first.

    The first counts most; sentences that say nothing dilute little.

    >>> mood([0.0, -0.6, 0.0]), mood([]), mood([0.9, 0.1])
    ('negative', 'neutral', 'positive')
    """
    weights = [0.88**place for place in range(len(valences))]
    level = sum(w * v for w, v in zip(weights, valences, strict=True)) / max(1.0, sum(weights)) ** 0.5
    return "positive" if level > POSITIVE else "negative" if level < NEGATIVE else "neutral"


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(_RATED)
    return analyzer
