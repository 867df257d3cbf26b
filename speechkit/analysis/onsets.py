"""What began on a day: words that calls have from some day on and had seldom before.

For every word and pair of words, and every day, the calls before and from that day are compared by the likelihood
ratio of two binomial rates against one (a scan over onsets). The largest ratio of all words and days is compared
with the largest in shuffled calendars (calls keep their words and exchange their days), so that thousands of
words do not make one of them a discovery by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.topics import distinct_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL: Final = 0.05
SHUFFLES: Final = 299
EDGE_DAYS: Final = 3
"""An onset leaves at least so many days with calls on each side."""
MIN_SHARE: Final = 0.004
"""A word of fewer calls than this share, and of fewer than five, is not looked at."""
SAME_CALLS: Final = 0.6
"""Words are told as one finding where so much of the calls of the rarer one is the same."""
MOST_WORDS: Final = 6
COLUMNS: Final = (
    *("words", "since", "before", "after", "calls_before", "calls_after", "p_value", "call_ids"),
)
_SEED: Final = 20_261_121


def onsets(texts: pd.Series[str], recorded_at: pd.Series[pd.Timestamp], level: float = LEVEL) -> pd.DataFrame:
    """Find words that became more frequent on some day and stayed so.

    `texts` are the texts of calls and `recorded_at` their times, both by call_id (`topics.call_texts`). The
    answer has COLUMNS, the surest first, only what is found at `level`: `words` (a list: those that stand in
    the same calls), `since` (the first day), the share of calls with the first of the words `before` and
    `after`, the numbers of those calls, the `p_value` adjusted for all words and days, and the ids of all
    calls with that word. No rows where nothing began, and where there are fewer than two weeks of calls.

    >>> days = pd.date_range("2026-08-03", periods=40).repeat(4)
    >>> ids = [f"c{n:03d}" for n in range(160)]
    >>> said = ["the lamp flickers" if n >= 100 and n % 4 == 0 else "a question about opening hours"
    ...         for n in range(160)]
    >>> found = onsets(pd.Series(said, ids), pd.Series(days, ids))
    >>> str(found["since"][0].date()), found["words"][0][0]
    ('2026-08-28', 'flickers')
    """
    when = recorded_at.reindex(texts.index).dt.normalize()
    texts, when = texts[when.notna()], when[when.notna()]
    days, day = np.unique(when.to_numpy(), return_inverse=True)
    empty = pd.DataFrame(columns=list(COLUMNS))
    if len(days) < 14:
        return empty
    words, has = _occurrences(texts)
    if not len(words):
        return empty
    scan = _Scan(day, len(days), has)
    best = scan.best(day)
    rng = np.random.default_rng(_SEED)
    largest = np.array([scan.best(rng.permutation(day))[0].max() for _ in range(SHUFFLES)])
    p_values = ((largest[None, :] >= best[0][:, None] - 1e-9).sum(axis=1) + 1) / (SHUFFLES + 1)
    found = np.flatnonzero(p_values <= level)
    found = found[np.argsort(-best[0][found], kind="stable")]
    rows: list[dict[str, Any]] = []
    held: list[NDArray[np.bool_]] = []
    ids = texts.index.to_numpy()
    for number in found:
        calls = has[:, [number]].toarray().ravel() > 0
        same = next((n for n, other in enumerate(held) if _overlap(calls, other) >= SAME_CALLS), None)
        if same is not None:
            rows[same]["words"].append(str(words[number]))
            continue
        late = day >= best[1][number]
        held.append(calls)
        rows.append(
            {
                "words": [str(words[number])],
                "since": pd.Timestamp(days[best[1][number]]),
                "before": float(calls[~late].mean()),
                "after": float(calls[late].mean()),
                "calls_before": int(calls[~late].sum()),
                "calls_after": int(calls[late].sum()),
                "p_value": float(p_values[number]),
                "call_ids": ids[calls].tolist(),
            }
        )
    for row in rows:
        row["words"] = distinct_words(row["words"], MOST_WORDS)
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Scan:
    """The likelihood ratios of all words and onsets, for one assignment of calls to days."""

    def __init__(self, day: NDArray[np.int64], days: int, has: Any) -> None:
        self.has = has.T.tocsr()
        self.days = days
        self.total = float(len(day))
        self.count = np.asarray(has.sum(axis=0), np.float64).ravel()
        before = np.cumsum(np.bincount(day, minlength=days)).astype(float)
        self.onset = np.arange(EDGE_DAYS, days - EDGE_DAYS)
        self.calls_before = before[self.onset - 1]
        self.constant = _entropy(self.count, self.total)

    def best(self, day: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
        """Return for each word the largest ratio of a rise, and the day it belongs to."""
        from scipy.sparse import csr_matrix

        placed = csr_matrix((np.ones(len(day)), (np.arange(len(day)), day)), (len(day), self.days))
        by_day = np.cumsum((self.has @ placed).toarray(), axis=1)
        early = by_day[:, self.onset - 1]
        late = self.count[:, None] - early
        calls_late = self.total - self.calls_before
        ratio = _entropy(early, self.calls_before) + _entropy(late, calls_late) - self.constant[:, None]
        ratio = np.where(late / calls_late > early / self.calls_before, ratio, 0.0)
        at = np.argmax(ratio, axis=1)
        return ratio[np.arange(len(ratio)), at], self.onset[at]


def _entropy(hits: Any, total: Any) -> Any:
    """Return the log likelihood of `hits` of `total` at their own rate."""
    from scipy.special import xlogy

    missed = total - hits
    return xlogy(hits, hits / total) + xlogy(missed, missed / total)


def _occurrences(texts: pd.Series[str]) -> tuple[Any, Any]:
    """Tell which words and pairs stand in which calls: the words, and a sparse matrix calls x words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    least = max(5, round(MIN_SHARE * len(texts)))
    vectorizer = CountVectorizer(
        binary=True,
        min_df=least,
        max_df=0.8,
        ngram_range=(1, 2),
        stop_words=sorted(ENGLISH_STOP_WORDS),
        token_pattern=r"(?u)\b[^\W\d_][^\W\d_]+\b",
        max_features=5000,
    )
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # no word is frequent enough
        return np.array([]), None
    return vectorizer.get_feature_names_out(), matrix


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(min(one.sum(), other.sum()), 1))
