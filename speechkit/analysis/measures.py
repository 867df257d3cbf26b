"""What is measured of many calls: part by part, so that a thousand calls are in memory, however many there are.

Each part of a corpus is reduced to its rows by the pure functions of `selection`, `speakers` and `confidence`. The
rows of all parts, in the order of the calls, are what these functions answer for the whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from speechkit.analysis import confidence, selection, speakers
from speechkit.each import each
from speechkit.progress import Progress, ProgressCallback
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.transcripts.schema import empty

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

PHRASES: Final = ("call_id", "phrase_id", "channel", "speaker", "start_s", "end_s", "lexical", "display")
WORDS: Final = ("call_id", "phrase_id", "confidence")
"""The columns that are read; the table of words is by far the largest of a corpus."""
CALLS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Measures:
    """The tables behind the figures of many calls.

    `calls` is what `selection.whole_calls` answers, `parties` what `selection.parties` answers, `silences` what
    `speakers.silences` answers, and `confidence` the `confidence.distribution` of all words. `doubtful_share` is
    the part, 0 to 1, of the words with a confidence that is under a limit, NaN where no word has one; `unsure`
    lists the calls in which the passages of least confidence are, to be read and shown.
    """

    calls: pd.DataFrame
    parties: pd.DataFrame
    silences: pd.DataFrame
    confidence: pd.DataFrame
    doubtful_share: float
    unsure: list[str]

    def __repr__(self) -> str:
        return f"Measures({len(self.calls):,} calls, {len(self.parties):,} parties)"


@dataclass(frozen=True)
class Part:
    """Some calls of a transcript, with the columns that are measured."""

    calls: pd.DataFrame
    phrases: pd.DataFrame
    words: pd.DataFrame


@dataclass(frozen=True)
class _Asked:
    """What `measure` was asked for."""

    agent_channel: int | None
    min_silence_s: float
    below: float | None
    passages: int


@dataclass(frozen=True)
class _Rows:
    """What a part comes down to."""

    calls: pd.DataFrame
    parties: pd.DataFrame
    silences: pd.DataFrame
    confidence: pd.DataFrame
    doubtful: int
    least: pd.DataFrame


def measure(
    transcript: Transcript,
    calls: pd.DataFrame | None = None,
    *,
    agent_channel: int | None = 0,
    min_silence_s: float = speakers.MIN_SILENCE_S,
    below: float | None = confidence.BELOW,
    passages: int = 12,
    workers: int = 1,
    scheduler: str | None = None,
    progress: ProgressCallback | None = None,
) -> Measures:
    """Measure calls, all or those of the rows `calls`: who talks how much, where nobody does, how sure the words are.

    A corpus is read part by part, with few of its columns; the answer is the same as of all in memory. With
    `below` None the words are not read. `passages` is how many of least confidence `unsure` leads to. With more
    `workers`, or the address of a Dask `scheduler`, parts are measured in other processes (`speechkit.each`): it
    pays from some thousand calls on. Progress is told of a corpus of more than one part. CorpusError where calls
    are taken away meanwhile, or cannot be read.

    >>> from speechkit.transcripts.schema import Transcript
    >>> said = pd.DataFrame({"call_id": ["a", "a"], "phrase_id": ["a:1", "a:2"], "speaker": ["1", "2"],
    ...                      "start_s": [0.0, 8.0], "end_s": [3.0, 9.0], "lexical": ["hello there", "hi"]})
    >>> measured = measure(Transcript(pd.DataFrame({"call_id": ["a"], "duration_s": [10.0]}), said))
    >>> measured, measured.silences["duration_s"].tolist()
    (Measures(1 calls, 2 parties), [5.0])
    """
    about = transcript.calls if calls is None else calls.reset_index(drop=True)
    ids = about["call_id"].tolist()
    lists = transcript.split(ids, CALLS_AT_ONCE) if isinstance(transcript, Corpus) else [ids]
    asked = _Asked(agent_channel, min_silence_s, below, passages)
    parts = [about[about["call_id"].isin(own)].reset_index(drop=True) for own in lists or [[]]]
    rows: list[_Rows] = []
    started = time.monotonic()
    for row in _reduced(transcript, parts, asked, workers, scheduler):
        rows.append(row)
        if progress and len(parts) > 1:
            left_s = (time.monotonic() - started) / len(rows) * (len(parts) - len(rows))
            progress(Progress("measure", len(rows), len(parts), f"{len(ids):,} calls", left_s))
    words = rows[0].confidence[["lower", "upper"]].assign(words=sum(row.confidence["words"] for row in rows))
    known = int(words["words"].sum())
    least = pd.concat([row.least for row in rows]).sort_values(["confidence", "call_id"], kind="stable")
    return Measures(
        calls=_stacked([row.calls for row in rows]),
        parties=_stacked([row.parties for row in rows]),
        silences=_stacked([row.silences for row in rows]),
        confidence=words.assign(share=words["words"] / max(known, 1)),
        doubtful_share=sum(row.doubtful for row in rows) / known if known else math.nan,
        unsure=sorted(set(least["call_id"].head(passages))),
    )


def _reduced(
    transcript: Transcript, parts: Sequence[pd.DataFrame], asked: _Asked, workers: int, scheduler: str | None
) -> Iterator[_Rows]:
    """Reduce each part, here or in other processes, in any order; a part is the rows of its calls."""
    if isinstance(transcript, Corpus) and len(parts) > 1 and (workers > 1 or scheduler):
        items = [(transcript.path.absolute(), about, asked) for about in parts]
        done = each(_elsewhere, items, workers=workers, scheduler=scheduler, preload=[__name__])
        yield from (rows for _, rows in done)
    else:
        yield from (_rows(transcript, about, asked) for about in parts)


def _elsewhere(item: tuple[Path, pd.DataFrame, _Asked]) -> _Rows:
    """Reduce a part of a corpus in a process that has not opened it yet."""
    path, about, asked = item
    return _rows(_opened(path), about, asked)


_opened = lru_cache(maxsize=1)(open_corpus)  # for all parts that a process gets


def _rows(transcript: Transcript, about: pd.DataFrame, asked: _Asked) -> _Rows:
    """Read the calls `about` and reduce them; their rows are given, so that a column has one type in all parts."""
    ids, sure = about["call_id"].tolist(), asked.below is not None
    if isinstance(transcript, Corpus):
        read = transcript.read(ids, {"phrases": PHRASES, **({"words": WORDS} if sure else {})})
    else:
        read = transcript.filter(call_id=ids)
    part = Part(about, read.phrases, read.words if sure else empty("words"))
    below = asked.below or 0.0
    return _Rows(
        selection.whole_calls(part),
        selection.parties(part, asked.agent_channel),
        speakers.silences(part, asked.min_silence_s),
        confidence.distribution(part.words),
        int((part.words["confidence"] < below).sum()),
        confidence.least_sure(part.words, asked.passages, below),
    )


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put rows of parts under each other, in the order of the calls; those of a call stay as they are."""
    frames = [frame for frame in frames if len(frame)] or list(frames[:1])
    return pd.concat(frames, ignore_index=True).sort_values("call_id", kind="stable", ignore_index=True)
