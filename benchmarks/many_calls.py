"""A corpus of as many calls as one likes, to measure with: made-up calls put together to about 900 words each.

Each call is two of the demo calls c01 to c08 and four of the written weeks, one after the other, a tenth of their
words exchanged for others, so that hardly a phrase is like another; half of the calls have a channel for each
party, half two speakers on one. Times, confidences, agents, queues and summaries are drawn. Deterministic for a
seed; written through the corpus itself.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from speechkit import demo_data, open_corpus
from speechkit.analysis.timed import who
from speechkit.transcripts.corpus import CALLS_PER_SHARD, Corpus
from speechkit.transcripts.schema import Transcript

SEED = 20_261_121
AGENTS, QUEUES, LOCALE = 200, ("billing", "delivery", "sales", "service", "technical"), "en-US"
REASONS = ("billing", "delivery", "technical", "appointment", "cancellation", "account")
OUTCOMES = ("refund", "visit booked", "information given", "handed over", "none")
FIRST_DAY, DAYS = pd.Timestamp("2026-01-05"), 300
EXCHANGED = 0.1
RARE_WORDS = 20_000


def large_corpus(folder: Path, calls: int, seed: int = SEED) -> Corpus:
    """Open the corpus of so many calls in a folder, and make it there where it is missing; takes minutes."""
    corpus = open_corpus(folder, create=True)
    source = _Source(np.random.default_rng(seed))
    started = time.perf_counter()
    for first in range(0, calls, CALLS_PER_SHARD):
        many = min(CALLS_PER_SHARD, calls - first)
        ids = [f"{FIRST_DAY:%Y}-{number:06d}" for number in range(first, first + many)]
        if ids[-1] not in corpus.call_ids:
            rng = np.random.default_rng([seed, first])
            part = source.calls(rng, ids)
            corpus.write_table("summaries", _summaries(rng, ids, part))
            corpus.add(part)
            print(
                f"{first + many:,} of {calls:,} calls written, {time.perf_counter() - started:.0f} s",
                flush=True,
            )
    return corpus


class _Source:
    """Words of made-up calls: what is put together."""

    def __init__(self, rng: np.random.Generator) -> None:
        demo = open_corpus(demo_data("corpus")).filter(call_id=[f"c{n:02d}" for n in range(1, 9)])
        weeks = open_corpus(demo_data("weeks"))
        phrases = pd.concat([demo.phrases, weeks.phrases], ignore_index=True)
        phrases = phrases[phrases["display"].fillna("") != ""]
        self.call, ids = pd.factorize(phrases["call_id"])
        self.demo = np.flatnonzero(pd.Index(ids).isin(demo.call_ids))
        self.weeks = np.setdiff1d(np.arange(len(ids)), self.demo)
        agent_first = (
            pd.Series(who(phrases)).groupby(self.call).transform(lambda names: pd.factorize(names)[0])
        )
        self.party = np.minimum(agent_first.to_numpy(), 1)
        tokens = [text.split() for text in phrases["display"]]
        self.size = np.array([len(words) for words in tokens])
        self.first = np.cumsum(self.size) - self.size
        self.opens = np.searchsorted(self.call, np.arange(len(ids)))
        self.phrases = np.bincount(self.call)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "el", "an")]
        rare = ["".join(rng.choice(syllables, 3)) for _ in range(RARE_WORDS)]
        self.token, shown = pd.factorize(
            np.array([word for words in tokens for word in words] + rare, object)
        )
        self.shown = np.asarray(shown, object)
        self.spoken = np.array([str(word).lower().strip(".,?!") or str(word) for word in shown], object)

    def calls(self, rng: np.random.Generator, ids: list[str]) -> Transcript:
        """Put calls together."""
        chosen = np.hstack(
            [rng.choice(self.demo, (len(ids), 2)), rng.choice(self.weeks, (len(ids), 4))]
        ).ravel()
        row = _spans(self.opens[chosen], self.phrases[chosen])  # the phrases, as rows of the source
        call = np.repeat(np.repeat(np.arange(len(ids)), 6), self.phrases[chosen])
        number = np.arange(len(call)) - np.searchsorted(call, call) + 1
        size = self.size[row]
        token = self.token[_spans(self.first[row], size)]
        other = rng.random(len(token)) < EXCHANGED
        token[other] = self.token[(rng.pareto(0.6, other.sum()) * 40).astype(np.int64) % len(self.token)]
        # times: words of some length, pauses between phrases, now and then an overlap or a hold
        lasts = rng.uniform(0.15, 0.5, len(token)).round(2)
        phrase = np.repeat(np.arange(len(row)), size)
        length = np.bincount(phrase, lasts)
        pause = rng.exponential(0.6, len(row)) - 0.3 + 30.0 * (rng.random(len(row)) < 0.01)
        pause[number == 1] = rng.uniform(0.3, 3.0, len(ids))
        until = np.cumsum(length + pause)
        before = np.append(0.0, until)[np.searchsorted(call, np.arange(len(ids)))]
        end = until - before[call]
        start = np.maximum(end - length, 0.0).round(2)
        inside = np.cumsum(lasts) - lasts
        word_start = (start[phrase] + inside - inside[np.cumsum(size) - size][phrase]).round(2)
        sure = np.clip(rng.beta(9, 1.2, len(token)) - 0.5 * (rng.random(len(row)) < 0.12)[phrase], 0.01, 1.0)
        stereo = (rng.random(len(ids)) < 0.5)[call]
        party = self.party[row]
        phrase_id = pd.Series([f"{ids[c]}:{n:04d}" for c, n in zip(call, number, strict=True)], dtype="str")
        names = pd.Series(ids, dtype="str")
        channel = np.where(stereo, party, 0)
        speaker = pd.Series(np.where(stereo, None, np.array(["1", "2"], object)[party]), dtype="str")
        places = list(zip(np.cumsum(size) - size, np.cumsum(size), strict=True))
        shown, spoken = self.shown[token], self.spoken[token]
        phrases = {
            "call_id": names.take(call).array,
            "phrase_id": phrase_id.array,
            "channel": channel,
            "speaker": speaker.array,
            "locale": LOCALE,
            "start_s": start,
            "end_s": (start + length).round(2),
            "confidence": (np.bincount(phrase, sure) / size).round(4),
            "display": [" ".join(shown[a:b]) for a, b in places],
            "lexical": [" ".join(spoken[a:b]) for a, b in places],
        }
        words = {
            "call_id": names.take(call[phrase]).array,
            "phrase_id": phrase_id.take(phrase).array,
            "position": np.arange(len(token)) - (np.cumsum(size) - size)[phrase],
            "channel": channel[phrase],
            "speaker": speaker.take(phrase).array,
            "start_s": word_start,
            "end_s": (word_start + lasts).round(2),
            "confidence": sure.round(6),
            "word": spoken,
            "display": shown,
        }
        at = rng.integers(0, DAYS * 36_000, len(ids))
        about = {
            "call_id": ids,
            "mode": "batch",
            "engine": "written by benchmarks/many_calls.py",
            "locale": LOCALE,
            "channels": np.where(stereo[np.searchsorted(call, np.arange(len(ids)))], 2, 1),
            "duration_s": (np.maximum.reduceat(end, np.searchsorted(call, np.arange(len(ids)))) + 1.5).round(
                2
            ),
            "recorded_at": FIRST_DAY
            + pd.to_timedelta(at // 36_000, "D")
            + pd.to_timedelta(28_800 + at % 36_000, "s"),
            "agent": [f"agent {n:03d}" for n in rng.integers(0, AGENTS, len(ids))],
            "queue": rng.choice(QUEUES, len(ids)),
            "caller_number": [f"customer {n:06d}" for n in rng.integers(0, 30_000, len(ids))],
        }
        return Transcript(pd.DataFrame(about), pd.DataFrame(phrases), pd.DataFrame(words))


def _spans(first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The places first, first + 1, ... of each span, one span after the other."""
    return np.repeat(first - (np.cumsum(size) - size), size) + np.arange(size.sum())


def _summaries(rng: np.random.Generator, ids: list[str], calls: Transcript) -> pd.DataFrame:
    quotes = calls.phrases.drop_duplicates("call_id").set_index("call_id").reindex(ids)
    names = {"quote": "display", "phrase_id": "phrase_id", "start_s": "start_s"}
    parts = [(part, *pair) for part in ("summary", "reason", "outcome") for pair in names.items()]
    quote = {f"{part}_{name}": quotes[column].to_numpy() for part, name, column in parts}
    return pd.DataFrame(
        {
            "call_id": ids,
            "status": "ok",
            "summary": quotes["display"].to_numpy(),
            "reason": rng.choice(REASONS, len(ids)),
            "outcome": rng.choice(OUTCOMES, len(ids)),
            "resolved": rng.choice(["yes", "no", "unclear"], len(ids), p=[0.6, 0.3, 0.1]),
            **quote,
        }
    )
