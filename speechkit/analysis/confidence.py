"""How sure the recognizer was of its words, and where a person should listen again.

A confidence is the recognizer's own estimate, 0 to 1, that a word is right. It is not a probability that has
been checked, and scales differ between engines: compare within one engine, and read a threshold as a choice.
Words without a confidence are counted as missing, never as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from speechkit.transcripts.tokens import written

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

BELOW = 0.5
"""Under it a word counts as doubtful: the recognizer itself gives it less than an even chance."""

WINDOW = 3
"""Words judged together: one unsure word among sure ones is common, two beside each other are worth a listen."""


def distribution(words: pd.DataFrame, width: float = 0.05) -> pd.DataFrame:
    """Count words by confidence, in bins of one width from 0 to 1.

    The answer has `lower`, `upper`, `words` and `share` (of the words that have a confidence). A bin holds
    its lower edge; the last one holds 1 too. ValueError when `width` does not divide 1.

    >>> distribution(pd.DataFrame({"confidence": [0.2, 0.6, 0.9, 1.0, None]}), width=0.5)
       lower  upper  words  share
    0    0.0    0.5      1   0.25
    1    0.5    1.0      3   0.75
    """
    bins = round(1 / width)
    if abs(bins * width - 1) > 1e-9:
        raise ValueError(f"width={width} does not divide 1 into equal bins; take 0.05, 0.1 or 0.2.")
    known = words["confidence"].dropna().to_numpy(dtype=float)
    # rounding first: 0.3 / 0.05 is 5.999..., and the word would fall into the bin below its own
    place = np.clip(np.floor(np.round(known * bins, 9)).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    edges = np.round(np.arange(bins + 1) * width, 9)
    share = count / len(known) if len(known) else np.zeros(bins)
    return pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], "words": count, "share": share})


def levels(words: pd.DataFrame, by: str | Sequence[str] = "call_id", below: float = BELOW) -> pd.DataFrame:
    """Sum up the confidence of the words of each group.

    `by` names one column or several. The answer has these columns, in their order, and `words`, `unknown`
    (words without a confidence), `mean`, `median`, `lower` and `upper` (the quartiles) and `doubtful_share`
    (of the words with a confidence, the part under `below`); what no confidence tells is missing.

    >>> words = pd.DataFrame({"call_id": ["a", "a", "b"], "confidence": [0.9, 0.3, None]})
    >>> levels(words)
      call_id  words  unknown  mean  median  lower  upper  doubtful_share
    0       a      2        0   0.6     0.6   0.45   0.75             0.5
    1       b      1        1   NaN     NaN    NaN    NaN             NaN
    """
    keys = [by] if isinstance(by, str) else list(by)
    marked = words[[*keys, "confidence"]].assign(
        doubtful=(words["confidence"] < below).astype(float).where(words["confidence"].notna())
    )
    groups = marked.groupby(keys, dropna=False)
    quartiles = groups["confidence"].quantile(np.array([0.25, 0.75])).unstack()
    table = groups.agg(
        words=("confidence", "size"),
        known=("confidence", "count"),
        mean=("confidence", "mean"),
        median=("confidence", "median"),
        doubtful_share=("doubtful", "mean"),
    )
    table.insert(1, "unknown", table["words"] - table.pop("known"))
    table.insert(4, "lower", quartiles[0.25])
    table.insert(5, "upper", quartiles[0.75])
    return table.reset_index()


def extremes(words: pd.DataFrame, columns: Sequence[str], at_least: int = 30) -> pd.DataFrame:
    """Tell by what the confidence differs: of each column the groups with the least and the highest mean.

    Groups of fewer than `at_least` words with a confidence are left out, and columns without two groups. The
    answer has `by`, `groups`, `lowest`, `its_mean`, `highest`, `and_its`, and `apart` (the difference), what
    tells most first.

    >>> words = pd.DataFrame({"channel": [0, 0, 1, 1], "confidence": [0.9, 0.8, 0.5, 0.4]})
    >>> extremes(words, ["channel"], at_least=2).round(2)
            by  groups lowest  its_mean highest  and_its  apart
    0  channel       2      1      0.45       0     0.85    0.4
    """
    rows = []
    for column in columns:
        table = words.groupby(column)["confidence"].agg(["count", "mean"])
        mean = table.loc[table["count"] >= at_least, "mean"].sort_values()
        if len(mean) > 1:
            low, high = mean.iloc[0], mean.iloc[-1]
            rows.append((column, len(mean), str(mean.index[0]), low, str(mean.index[-1]), high, high - low))
    names = ["by", "groups", "lowest", "its_mean", "highest", "and_its", "apart"]
    return pd.DataFrame(rows, columns=names).sort_values("apart", ascending=False, ignore_index=True)


def doubted(words: pd.DataFrame, times: int = 3) -> pd.DataFrame:
    """List the words that the recognizer doubts most, among those it wrote at least `times` times.

    The answer has `word`, `times`, `mean` and `lowest`, the least sure first: names of products and people
    that it has never heard come up here.

    >>> words = pd.DataFrame({"word": ["hub", "hub", "yes", "yes"], "confidence": [0.3, 0.5, 0.9, 1.0]})
    >>> doubted(words, times=2)
      word  times  mean  lowest
    0  hub      2  0.40     0.3
    1  yes      2  0.95     0.9
    """
    known = words.loc[words["confidence"].notna(), ["word", "confidence"]]
    table = known.groupby("word")["confidence"].agg(times="size", mean="mean", lowest="min").reset_index()
    table = table[table["times"] >= times]
    return table.sort_values(["mean", "word"], ignore_index=True)


def doubtful(
    transcript: Tables, below: float = BELOW, window: int = WINDOW, min_words: int = 2, context: int = 5
) -> pd.DataFrame:
    """Find the passages in which the recognizer was unsure of several words together.

    A word is in doubt when the mean confidence of the `window` words around it, within its phrase, is under
    `below`. A passage is a run of such words, at least `min_words` long, without the surer words at its edges
    (those that are not themselves under `below`). A phrase shorter than the window is judged as a whole.

    The answer is in time order, with `call_id`, `phrase_id`, `position`, `channel`, `speaker`, `start_s`,
    `end_s`, `words`, `confidence` (mean of the passage), `before`, `text` and `after` (up to `context` words of the
    phrase on each side). Text is the display form (`tokens.written`). Words without a confidence are
    read, but count for nothing.

    >>> from types import SimpleNamespace as T
    >>> text = "please take the boy a flex plan".split()
    >>> words = pd.DataFrame({
    ...     "call_id": "a", "phrase_id": "a:0001", "position": range(7), "channel": 0, "speaker": "1",
    ...     "word": text,
    ...     "start_s": [float(i) for i in range(7)], "end_s": [i + 0.9 for i in range(7)], "display": None,
    ...     "confidence": [0.9, 0.9, 0.9, 0.2, 0.1, 0.3, 0.9]})
    >>> doubtful(T(words=words), window=3)[["start_s", "end_s", "before", "text", "after"]]
       start_s  end_s           before        text after
    0      3.0    5.9  please take the  boy a flex  plan
    """
    order, starts, ends = _doubtful(transcript.words, below, window, min_words)
    answer = passages(transcript.words.iloc[order], starts, ends, context)
    return answer.sort_values(["call_id", "start_s"], ignore_index=True)


def least_sure(
    words: pd.DataFrame, most: int, below: float = BELOW, window: int = WINDOW, min_words: int = 2
) -> pd.DataFrame:
    """Tell in which calls the passages of `doubtful` with the least confidence are, without writing them out.

    One row for each of at most `most` passages: `call_id` and `confidence`, the least first. `words` needs the
    columns call_id, phrase_id and confidence.

    >>> words = pd.DataFrame({"call_id": ["a", "a", "b", "b"], "phrase_id": ["a:1", "a:1", "b:1", "b:1"],
    ...                       "confidence": [0.4, 0.3, 0.2, 0.1]})
    >>> least_sure(words, most=1)["call_id"].tolist()
    ['b']
    """
    order, starts, ends = _doubtful(words, below, window, min_words)
    known = words["confidence"].to_numpy(dtype=float, na_value=np.nan)[order]
    total = np.append(0.0, np.cumsum(np.nan_to_num(known)))
    number = np.append(0, np.cumsum(~np.isnan(known)))
    mean = (total[ends + 1] - total[starts]) / (number[ends + 1] - number[starts])
    if len(mean) > most > 0:  # which are about the least, then exactly
        near = mean <= np.partition(mean, most - 1)[most - 1] + 1e-6
        starts, ends = starts[near], ends[near]
    exact = [float(np.nanmean(known[a : b + 1])) for a, b in zip(starts, ends, strict=True)]
    found = pd.DataFrame({"call_id": words["call_id"].iloc[order[starts]].array, "confidence": exact})
    return found.sort_values(["confidence", "call_id"], ignore_index=True).head(most)


def _doubtful(words: pd.DataFrame, below: float, window: int, min_words: int) -> tuple[Any, Any, Any]:
    """The order `by_phrase`, and in it the places where each doubtful passage starts and ends."""
    phrase, _ = pd.factorize(words["phrase_id"])
    order = np.argsort(phrase, kind="stable")
    phrase, count = phrase[order], len(words)
    confidence = words["confidence"].to_numpy(dtype=float, na_value=np.nan)[order]
    first, last = _edges(phrase)
    # the margin is for sums of floats: a mean of just `below` is not under it
    low = _windowed_mean(confidence, first, last, window) < below - 1e-9
    starts, ends = _runs(low, phrase)
    unsure = confidence < below
    # from any place: the first unsure word at or after it, and the last one at or before it
    ahead = np.minimum.accumulate(np.where(unsure, np.arange(count), count)[::-1])[::-1]
    behind = np.maximum.accumulate(np.where(unsure, np.arange(count), -1))
    if len(starts):
        starts, ends = ahead[starts], behind[ends]
    keep = (ends - starts + 1) >= min_words
    return order, starts[keep], ends[keep]


def passages(words: pd.DataFrame, starts: Any, ends: Any, context: int = 5) -> pd.DataFrame:
    """Describe the passages from the places `starts` to `ends`, each within a phrase of words `by_phrase`.

    The columns are those of `doubtful`; `position` is that of the first word in its phrase.
    """
    spoken = written(words).to_numpy(dtype=object)
    confidence = words["confidence"].to_numpy(dtype=float, na_value=np.nan)
    first, last = _edges(pd.factorize(words["phrase_id"])[0])
    pieces = list(zip(starts, ends, strict=True))
    head, tail = words.iloc[starts], words.iloc[ends]
    columns = ["call_id", "phrase_id", "position", "channel", "speaker", "start_s"]
    answer: pd.DataFrame = head[columns].reset_index(drop=True)
    answer["end_s"] = tail["end_s"].to_numpy()
    answer["words"] = ends - starts + 1
    answer["confidence"] = [float(np.nanmean(confidence[a : b + 1])) for a, b in pieces]
    answer["before"] = [" ".join(filter(None, spoken[max(first[a], a - context) : a])) for a, b in pieces]
    answer["text"] = [" ".join(filter(None, spoken[a : b + 1])) for a, b in pieces]
    answer["after"] = [
        " ".join(filter(None, spoken[b + 1 : min(last[b], b + context) + 1])) for a, b in pieces
    ]
    types = dict.fromkeys(("call_id", "phrase_id", "speaker", "before", "text", "after"), "str")
    return answer.astype(types)


def _edges(group: Any) -> tuple[Any, Any]:
    """The places of the first and the last row of each row's group; groups stand together."""
    count = len(group)
    opens = np.append(True, group[1:] != group[:-1])[:count]
    begin = np.flatnonzero(opens)
    number = np.cumsum(opens) - 1
    end = np.append(begin[1:], count) - 1 if count else begin
    return begin[number], end[number]


def _windowed_mean(values: Any, first: Any, last: Any, window: int) -> Any:
    """Mean of the known values of up to `window` rows around each row, shifted to stay within its group."""
    here = np.arange(len(values))
    begin = np.clip(here - (window - 1) // 2, first, np.maximum(first, last - window + 1))
    end = np.minimum(begin + window - 1, last)
    known = ~np.isnan(values)
    total = np.append(0.0, np.cumsum(np.where(known, values, 0.0)))
    number = np.append(0, np.cumsum(known))
    summed, counted = total[end + 1] - total[begin], number[end + 1] - number[begin]
    answer = np.full(len(values), np.nan)
    np.divide(summed, counted, out=answer, where=counted > 0)
    return answer


def by_phrase(words: pd.DataFrame) -> pd.DataFrame:
    """Put the words of each phrase together: in time order those of people who speak at once are mixed."""
    phrase, _ = pd.factorize(words["phrase_id"])
    return words.iloc[np.argsort(phrase, kind="stable")]


def _runs(marked: Any, group: Any) -> tuple[Any, Any]:
    """First and last place of each run of marked rows of one group."""
    count = len(marked)
    if not count:
        return np.array([], dtype=int), np.array([], dtype=int)
    breaks = np.append(True, group[1:] != group[:-1])
    opens = marked & (breaks | ~np.append(False, marked[:-1]))
    closes = marked & (np.append(breaks[1:], True) | ~np.append(marked[1:], False))
    return np.flatnonzero(opens), np.flatnonzero(closes)
