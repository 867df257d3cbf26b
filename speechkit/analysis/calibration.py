"""What a confidence is worth: how far it is from the share of words that are right, and how well it finds the
wrong ones; and a map from confidence to that share, fitted on judged words and kept for new transcripts.

`right` comes from `analysis.correctness.judge`. Words without a confidence, or that do not count, are left out.

- `ece`, expected calibration error: mean distance of confidence and share right over bins, weighted by their
  words (Guo et al., On calibration of modern neural networks, ICML 2017), in bins that hold equally many words
  (Nguyen and O'Connor, Posterior calibration, EMNLP 2015): most words crowd above 0.9.
- `brier`: mean squared distance of confidence and right (Brier, Monthly Weather Review 78, 1950).
- `auc`: how often a wrong word has less confidence than a right one, ties by half; 0.5 is chance.
- `average_precision`: the precision of a list of words by rising confidence, averaged over the wrong ones;
  chance is the share of wrong words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from speechkit.analysis.significance import LEVEL, SEED
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["isotonic", "logistic"]
METHODS: Final[tuple[Method, ...]] = ("isotonic", "logistic")
BINS: Final = 15
RESAMPLES: Final = 500
LEAST_WORDS: Final = 200
"""Fewer judged words say too little for a map; and some of them must be wrong."""

_MOST_CELLS: Final = 2_000_000  # of a table of resamplings by confidences
_EDGE: Final = 1e-4  # as far as logistic looks towards 0 and 1: beyond, a float's confidence says nothing
_FORMAT: Final = "speechkit calibration"


# --- what a confidence is worth ---


MEASURES: Final = ("ece", "brier", "auc", "average_precision")
"""Of the first two less is better, of the others more."""


def measure(words: pd.DataFrame, confidence: str = "confidence", by: str = "call_id") -> pd.DataFrame:
    """Take the four measures of judged words, each with its 95 % interval by bootstrap over `by`.

    The answer has `measure`, `value`, `low` and `high`. Give as `by` what makes words alike: the dialogue,
    where the same was recognized several times.

    >>> words = pd.DataFrame({"call_id": list("aabb"), "confidence": [0.9, 0.3, 0.8, 0.6]})
    >>> measure(words.assign(right=[1.0, 0.0, 1.0, 0.0]))[["measure", "value"]].round(3)
                 measure  value
    0                ece  0.300
    1              brier  0.125
    2                auc  1.000
    3  average_precision  1.000
    """
    known = _judged(words, confidence)
    values = _measured(known, confidence, by)
    rows = [(name, values[i, 0], *_ends(values[i, 1:])) for i, name in enumerate(MEASURES)]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def gain(
    words: pd.DataFrame, before: str = "confidence", after: str = "calibrated", by: str = "call_id"
) -> pd.DataFrame:
    """Compare two confidences of the same judged words, measure by measure.

    The answer has `measure`, `before`, `after`, `gain` (positive where `after` is better), the ends `low` and
    `high` of its 95 % interval (paired bootstrap over `by`), and `certain`: the interval does not hold 0.
    """
    known = _judged(_judged(words, before), after)
    old, new = (_measured(known, column, by) for column in (before, after))
    won = (new - old) * np.array([[-1], [-1], [1], [1]])
    rows: list[tuple[Any, ...]] = []
    for i, name in enumerate(MEASURES):
        low, high = _ends(won[i, 1:])
        rows.append((name, old[i, 0], new[i, 0], won[i, 0], low, high, bool(low > 0 or high < 0)))
    return pd.DataFrame(rows, columns=["measure", "before", "after", "gain", "low", "high", "certain"])


def reliability(words: pd.DataFrame, confidence: str = "confidence", bins: int = 10) -> pd.DataFrame:
    """Compare confidence and share right in bins of equally many words.

    The answer has `words`, `confidence` (mean), `right` (share) and the ends `low` and `high` of its 95 %
    interval (Wilson, JASA 22, 1927), which takes the words of a bin as independent.

    >>> words = pd.DataFrame({"confidence": [0.2, 0.4, 0.8, 0.8], "right": [0.0, 1.0, 1.0, 1.0]})
    >>> reliability(words, bins=2).round(2)
       words  confidence  right   low  high
    0      2         0.3    0.5  0.09  0.91
    1      2         0.8    1.0  0.34  1.00
    """
    known = _judged(words, confidence)
    groups = known.groupby(_bins(known[confidence].to_numpy(), bins))
    table = groups.agg(words=("right", "size"), confidence=(confidence, "mean"), right=("right", "mean"))
    n, share, z = table["words"], table["right"], 1.959964
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    ends = {"low": np.minimum(middle - half, share), "high": np.maximum(middle + half, share)}  # rounding
    return table.assign(**ends).reset_index(drop=True)


# --- a map from confidence to share right ---


@dataclass(frozen=True)
class Calibration:
    """The share of words that are right at each confidence: straight lines between `knots` (confidence, share).

    `engine` is the recognizer whose words it was fitted on: it holds for no other. `words` says how many.
    """

    method: Method
    knots: tuple[tuple[float, float], ...]
    words: int
    engine: str | None = None

    def __repr__(self) -> str:
        return f"Calibration({self.method}, {self.words:,} words of {self.engine or 'an unknown engine'})"

    def of(self, confidence: Sequence[float] | Floats) -> Floats:
        """Return the calibrated confidence; what is missing stays missing."""
        at, share = np.array(self.knots).T
        answer: Floats = np.interp(np.asarray(confidence, np.float64), at, share)
        return answer

    def apply(self, transcript: Transcript) -> Transcript:
        """Add the column `calibrated` to the words, and to the phrases: the mean of their words.

        Raises TranscriptError for calls of another engine: their confidence means something else.
        """
        engines = set(transcript.calls["engine"].dropna())
        if self.engine and (strange := sorted(engines - {self.engine})):
            raise TranscriptError(
                f"the calibration was fitted on {self.engine}, and there are calls of {strange[0]}. Fit one on "
                "judged words of theirs, or filter them out."
            )
        words = transcript.words.assign(calibrated=self.of(transcript.words["confidence"].to_numpy(float)))
        mean = words.groupby("phrase_id")["calibrated"].mean()
        phrases = transcript.phrases.assign(
            calibrated=transcript.phrases["phrase_id"].map(mean).astype(float)
        )
        return Transcript(transcript.calls, phrases, words)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the calibration as JSON, whole or not at all."""
        from speechkit.transcripts.shards import write_text

        target = Path(path)
        write_text(target, json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n")
        return target


def read_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Read what `Calibration.save` wrote; raises TranscriptError for anything else."""
    try:
        held = json.loads(Path(path).read_text(encoding="utf-8"))
        if held.pop("format") != _FORMAT:
            raise ValueError("it is of another format")
        return Calibration(**held | {"knots": tuple((float(c), float(r)) for c, r in held["knots"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TranscriptError(
            f"{path} is no calibration: {error}. Fit one with speechkit.analysis.calibration.fit and save it."
        ) from error


def fit(words: pd.DataFrame, method: Method = "isotonic") -> Calibration:
    """Fit the share right to the confidence of judged words.

    `isotonic` takes the rising steps that come closest (Zadrozny and Elkan, KDD 2002); `logistic` a logistic
    curve over the log odds of the confidence (Platt, Advances in large margin classifiers, 1999). Raises
    TranscriptError for fewer than `LEAST_WORDS` words, or where all are right or all wrong.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r}: take one of {', '.join(METHODS)}.")
    known = _judged(words, "confidence").sort_values("confidence", kind="stable")
    confidence, right = _columns(known, "confidence")
    if len(known) < LEAST_WORDS or right.min() == right.max():
        raise TranscriptError(
            f"{len(known)} judged words, of which {int((1 - right).sum())} are wrong, are too few to fit to. Give "
            f"{LEAST_WORDS} or more, right and wrong ones."
        )
    engines = sorted(set(known["engine"].dropna())) if "engine" in known else []
    make = _isotonic if method == "isotonic" else _logistic
    knots = tuple((float(c), float(r)) for c, r in make(confidence, right))
    return Calibration(method, knots, len(known), engines[0] if len(engines) == 1 else None)


def cross_calibrated(
    words: pd.DataFrame,
    method: Method = "isotonic",
    apart: Sequence[str] = ("call_id", "said_by"),
    blocks: int = 5,
) -> pd.Series[float]:
    """Calibrate each judged word by a map that was fitted on words which share nothing with it.

    The values of each column of `apart` are put in `blocks` blocks (a column of fewer values in as many). The
    words of one block of every column are calibrated by words that stand in none of these blocks: so no call,
    no dialogue and no voice is on both sides. What cannot be calibrated so is missing.

    >>> draw = np.random.default_rng(1)
    >>> words = pd.DataFrame({"call_id": np.repeat(list("abcd"), 500), "said_by": ["x", "y"] * 1000,
    ...                       "confidence": draw.random(2000)})
    >>> words["right"] = (draw.random(2000) < words["confidence"] / 2).astype(float)
    >>> calibrated = cross_calibrated(words)
    >>> bool(abs(calibrated - words["confidence"] / 2).mean() < 0.05)
    True
    """
    known = _judged(words, "confidence")
    block = np.stack([_blocks(known[column], blocks) for column in apart])
    answer = pd.Series(np.nan, index=words.index, dtype=float)
    for cell in np.unique(block[:, (block >= 0).all(axis=0)], axis=1).T:
        same = block == cell[:, None]
        train, test = known[~same.any(axis=0) & (block >= 0).all(axis=0)], known[same.all(axis=0)]
        if len(train) >= LEAST_WORDS and train["right"].nunique() == 2:
            answer[test.index] = fit(train, method).of(test["confidence"].to_numpy())
    return answer


def _judged(words: pd.DataFrame, confidence: str) -> pd.DataFrame:
    known = words[words["right"].notna() & words[confidence].notna()]
    if known.empty:
        raise TranscriptError("no word has both a confidence and a judgement. Judge a batch transcript.")
    return known


def _columns(known: pd.DataFrame, confidence: str) -> tuple[Floats, Floats]:
    return known[confidence].to_numpy(np.float64), known["right"].to_numpy(np.float64)


def _bins(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """The number of each word's bin: as equal as words of one confidence allow, which stay together."""
    edges = np.unique(np.quantile(confidence, np.arange(1, bins) / bins, method="higher"))
    return np.searchsorted(edges, confidence, side="right")


def _measured(known: pd.DataFrame, confidence: str, by: str) -> Floats:
    """The four measures (4, 1 + resamplings): of all words, then of groups drawn with replacement."""
    value, right = _columns(known, confidence)
    group, found = pd.factorize(known[by])
    at, place = np.unique(value, return_inverse=True)
    count, size = len(found), len(at)
    counted = [
        np.bincount(group * size + place, kind, count * size).reshape(count, size)
        for kind in (1 - right, right)
    ]
    number = _bins(value, BINS)
    begins = np.flatnonzero(np.diff(np.append(-1, number[np.unique(place, return_index=True)[1]])))
    draw = np.random.default_rng(SEED)
    drawn = draw.multinomial(count, np.full(count, 1 / count), RESAMPLES if count > 1 else 0)
    weights = np.concatenate([np.ones((1, count)), drawn])
    answer = np.full((4, len(weights)), np.nan)
    step = max(1, _MOST_CELLS // size)
    for start in range(0, len(weights), step):
        wrong, good = (weights[start : start + step] @ table for table in counted)
        every = wrong + good
        total, bad, rest = (table.sum(axis=1) for table in (every, wrong, good))
        off = np.add.reduceat(every * at - good, begins, axis=1)
        above = rest[:, None] - np.cumsum(good, axis=1) + good / 2
        precision = np.cumsum(wrong, axis=1) / np.maximum(np.cumsum(every, axis=1), 1)
        with np.errstate(invalid="ignore"):  # 0 / 0 is missing: no wrong word, or no right one
            answer[:, start : start + step] = (
                np.abs(off).sum(axis=1) / total,
                (wrong @ np.square(at) + good @ np.square(1 - at)) / total,
                (wrong * above).sum(axis=1) / (bad * rest),
                (wrong * precision).sum(axis=1) / bad,
            )
    return answer


def _ends(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _blocks(values: pd.Series[Any], blocks: int) -> NDArray[np.int64]:
    """The block of each value: the most frequent are dealt out in turn; -1 where it is missing."""
    rank = {value: place % blocks for place, value in enumerate(values.value_counts().index)}
    return values.map(rank).fillna(-1).to_numpy(np.int64)


def _isotonic(confidence: Floats, right: Floats) -> Floats:
    """The ends of each step; equal confidences are one point."""
    from scipy.optimize import isotonic_regression

    at, place, count = np.unique(confidence, return_inverse=True, return_counts=True)
    steps = isotonic_regression(np.bincount(place, right) / count, weights=count)
    first, last = steps.blocks[:-1], steps.blocks[1:] - 1
    ends = np.unique(np.append(first, last))
    return np.stack([at[ends], steps.x[ends]], axis=1)


def _logistic(confidence: Floats, right: Floats) -> Floats:
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    score = logit(np.clip(confidence, _EDGE, 1 - _EDGE))
    # Platt's targets: a little less than 1, a little more than 0, so that few words do not make it steep
    good = right.sum()
    target = np.where(right > 0, (good + 1) / (good + 2), 1 / (len(right) - good + 2))

    def loss(by: Floats) -> float:
        margin = by[0] * score + by[1]
        return float(np.mean(np.logaddexp(0, margin) - target * margin))

    slope, shift = minimize(loss, np.array([1.0, 0.0])).x
    at = np.linspace(logit(_EDGE), logit(1 - _EDGE), 81)
    return np.stack([expit(at), expit(slope * at + shift)], axis=1)
