"""Calls made for the tests of accuracy: transcripts from a few words, and strategies for random ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from speechkit.transcripts.schema import Transcript

# Few words, so that alignments have ties and repeats; none that normalization would change.
WORDS = ["alpha", "bravo", "delta", "echo", "golf", "hotel"]

texts = st.lists(st.sampled_from(WORDS), max_size=14)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=5).filter(lambda ps: any(r for r, _ in ps))
"""Calls: what was said and what was heard in each; at least one word was said."""

said_by = st.lists(st.tuples(st.sampled_from("abcd"), texts.filter(bool)), min_size=1, max_size=8)
"""A call: who said what, in order."""


def transcript(rows: Sequence[tuple[Any, ...]], columns: str, **calls: Any) -> Transcript:
    """Make a transcript of rows with the columns named: call, channel, speaker, start, end, text, display.

    Phrases without a start stand a second apart. `calls` are columns of the calls table, or one value for all.
    """
    names = {"call": "call_id", "start": "start_s", "end": "end_s", "text": "lexical"}
    frame = pd.DataFrame(rows, columns=[names.get(name, name) for name in columns.split()])
    number = frame.groupby("call_id").cumcount()
    if "start_s" not in frame:
        frame["start_s"] = number.astype(float)
        frame["end_s"] = frame["start_s"] + 0.9
    frame["phrase_id"] = [f"{c}:{n + 1:04d}" for c, n in zip(frame["call_id"], number, strict=True)]
    table = pd.DataFrame({"call_id": sorted(set(frame["call_id"]))}).assign(**calls)
    return Transcript(table, frame)


def calls_of(texts_of_calls: Sequence[Sequence[str]], **calls: Any) -> Transcript:
    """Make one transcript of calls with one phrase each."""
    rows = [(f"c{i:03d}", 0, " ".join(words)) for i, words in enumerate(texts_of_calls)]
    return transcript(rows, "call channel text", **calls)
