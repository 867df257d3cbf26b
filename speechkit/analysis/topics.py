"""What calls are about when nobody gave categories: groups of calls that use the same words.

TF-IDF of words and word pairs, reduced to a few dimensions (latent semantic analysis), grouped by k-means, all of it
scikit-learn's. The number of groups is where the silhouette bends: more groups always fit a little better, since
every turn of phrase can be a group of its own (the knee of Satopaa et al., Finding a "Kneedle" in a Haystack,
ICDCSW 2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.transcripts.corpus import Corpus

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

MIN_CALLS: Final = 20
"""Fewer calls with words are one topic: groups of two or three calls are chance."""
MIN_SILHOUETTE: Final = 0.05
"""Below this, calls of one group are no nearer to each other than to others: they are one topic."""
MOST_TOPICS: Final = 12
_DIMENSIONS: Final = 20
_FITTED_CALLS: Final = 5000  # groups are found in so many calls; the others join the nearest
_SILHOUETTE_CALLS: Final = 1500
_SEED: Final = 20_261_121


@dataclass(frozen=True)
class Topics:
    """Groups of calls by their words.

    `calls`: call_id, topic (the label of the group; missing for a call without words), nearness (0 to 1: cosine
    to the middle of the group). `topics`: topic, calls, share, words (the most telling ones), call_ids, most
    typical first; the largest group first. `silhouette` says how well the groups are apart, -1 to 1; missing
    for one group.
    """

    calls: pd.DataFrame
    topics: pd.DataFrame
    silhouette: float

    def __repr__(self) -> str:
        return f"Topics({len(self.topics)} topics of {int(self.topics['calls'].sum())} calls)"


def call_texts(transcript: Transcript, channel: int | None = None) -> pd.Series[str]:
    """Return what was said in each call as one text, by call_id; only of a channel where one is given.

    The lexical form, or the display form where there is none. A call without words is left out.
    """
    columns = ["call_id", "channel", "lexical", "display"]
    if isinstance(transcript, Corpus) and transcript.call_ids:  # a large one fits in memory in parts
        parts = [_texts(part, channel) for part in transcript.parts("phrases", columns)]
    else:
        parts = [_texts(transcript.table("phrases", columns), channel)]
    return pd.concat(parts).sort_index()


def _texts(phrases: pd.DataFrame, channel: int | None) -> pd.Series[str]:
    if channel is not None:
        phrases = phrases[phrases["channel"] == channel]
    said = phrases["lexical"].fillna(phrases["display"]).fillna("")
    texts: pd.Series[str] = said.groupby(phrases["call_id"]).agg(" ".join)
    return texts[texts.str.strip() != ""]


def find_topics(texts: pd.Series[str], count: int | None = None) -> Topics:
    """Group calls by the words of their texts (`call_texts`), in `count` groups or as many as fit best.

    The label of a topic is its three most telling words. The same texts give the same topics.

    >>> parcel, bill = "my parcel is late where is the courier", "the invoice is wrong i paid the bill twice"
    >>> texts = pd.Series([parcel, bill] * 20, index=[f"c{n:02d}" for n in range(40)])
    >>> found = find_topics(texts)
    >>> found
    Topics(2 topics of 40 calls)
    >>> found.calls["topic"].nunique(), len(found.topics["call_ids"][0])
    (2, 20)
    """
    names = pd.Index(texts.index.astype("str"), name="call_id")
    vectors, terms = _weighted(texts)
    if vectors is None or (count is None and len(names) < MIN_CALLS) or count == 1:
        return _one(names)
    reduced = _reduced(vectors)
    group, silhouette = _grouped(reduced, count)
    if group is None:
        return _one(names)
    return _described(names, vectors, reduced, terms, group, silhouette)


def _weighted(texts: pd.Series[str]) -> tuple[Any, Any]:
    """Weigh the words of each call: a sparse matrix, and its words; nothing where no word is left."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    rare = 2 if len(texts) < 200 else 4
    vectorizer = TfidfVectorizer(
        sublinear_tf=True,
        min_df=min(rare, max(len(texts), 1)),
        max_df=0.6 if len(texts) >= MIN_CALLS else 1.0,
        stop_words=sorted(ENGLISH_STOP_WORDS | _TALK),
        token_pattern=r"(?u)\b[^\W\d_][^\W\d_]+\b",
        ngram_range=(1, 2),
        max_features=20_000,
        dtype=np.float32,
    )
    try:
        return vectorizer.fit_transform(texts), np.asarray(vectorizer.get_feature_names_out())
    except ValueError:  # nothing but stop words
        return None, None


def _reduced(vectors: Any) -> Any:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    most = min(vectors.shape) - 1
    if most < 2:
        return normalize(vectors.toarray())
    return normalize(TruncatedSVD(min(_DIMENSIONS, most), random_state=_SEED).fit_transform(vectors))


def _grouped(reduced: Any, count: int | None) -> tuple[Any, float]:
    """Group the calls; None where they do not fall into groups."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(_SEED)
    fitted = (
        reduced if len(reduced) <= _FITTED_CALLS else reduced[rng.choice(len(reduced), _FITTED_CALLS, False)]
    )
    distinct = len(np.unique(fitted.round(6), axis=0))
    most = min(MOST_TOPICS, distinct, len(fitted) - 1)
    sizes = [min(count, most)] if count else list(range(2, most + 1))
    if not sizes or sizes[0] < 2:
        return None, math.nan
    sample = min(_SILHOUETTE_CALLS, len(fitted))
    models = [KMeans(size, n_init=5, random_state=_SEED).fit(fitted) for size in sizes]
    scores = [
        float(silhouette_score(fitted, model.labels_, sample_size=sample, random_state=_SEED))
        for model in models
    ]
    chosen = _knee(scores)
    if count is None and scores[chosen] < MIN_SILHOUETTE:
        return None, math.nan
    return models[chosen].predict(reduced), scores[chosen]


def _knee(scores: Sequence[float]) -> int:
    """Find where scores stop to rise steeply: the place farthest above the line from the first to the best.

    >>> _knee([0.2, 0.4, 0.6, 0.62, 0.64]), _knee([0.7, 0.5, 0.3])
    (2, 0)
    """
    best = int(np.argmax(scores))
    if best == 0:
        return 0
    line = np.linspace(scores[0], scores[best], best + 1)
    return int(np.argmax(np.asarray(scores[: best + 1]) - line)) if best > 1 else best


def _described(
    names: pd.Index, vectors: Any, reduced: Any, terms: Any, group: Any, silhouette: float
) -> Topics:
    sizes = np.bincount(group)
    means = np.vstack(
        [np.asarray(vectors[group == number].mean(axis=0)).ravel() for number in range(len(sizes))]
    )
    telling = means - means.mean(axis=0)
    middle = np.vstack([reduced[group == number].mean(axis=0) for number in range(len(sizes))])
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    near = np.clip((reduced * middle[group]).sum(axis=1), 0.0, 1.0)
    calls = pd.DataFrame({"call_id": names, "group": group, "nearness": near})
    rows = []
    for number in np.argsort(-sizes, kind="stable"):
        words = distinct_words(terms[np.argsort(-telling[number], kind="stable")], 8)
        of_group = calls[calls["group"] == number].sort_values(
            ["nearness", "call_id"], ascending=[False, True]
        )
        rows.append((number, ", ".join(words[:3]), len(of_group), words, of_group["call_id"].tolist()))
    topics = pd.DataFrame(rows, columns=["group", "topic", "calls", "words", "call_ids"])
    topics.insert(3, "share", topics["calls"] / len(names))
    calls.insert(1, "topic", calls["group"].map(topics.set_index("group")["topic"]).astype("str"))
    return Topics(
        calls.drop(columns="group").sort_values("call_id", ignore_index=True),
        topics.drop(columns="group"),
        silhouette,
    )


def distinct_words(ranked: Any, most: int) -> list[str]:
    """Take the first words and pairs that say something new: no pair beside its own words."""
    taken: list[str] = []
    for term in ranked:
        if not any(set(term.split()) & set(other.split()) for other in taken):
            taken.append(str(term))
        if len(taken) == most:
            break
    return taken


def _one(names: pd.Index) -> Topics:
    label = "all calls"
    calls = pd.DataFrame({"call_id": names, "topic": label, "nearness": 1.0})
    row = {"topic": label, "calls": len(names), "share": 1.0, "words": [], "call_ids": list(names)}
    topics = pd.DataFrame([row] if len(names) else [], columns=list(row))
    return Topics(calls.sort_values("call_id", ignore_index=True), topics, math.nan)


# fmt: off
_TALK: Final = frozenset((
    "hello", "hi", "yes", "no", "okay", "ok", "sure", "fine", "thank", "thanks", "please", "sorry", "good", "great",
    "day", "bye", "goodbye", "calling", "call", "help", "speaking", "mr", "mrs", "like", "just", "know", "let",
    "look", "say", "says", "said", "don", "got", "want", "need", "going", "did", "does", "doesn", "ll", "ve", "re",
))
# fmt: on
"""Words of any call, beside scikit-learn's list of English stop words."""
