"""How long a search takes in 200,000 phrases, the index made and warm: python benchmarks/search.py [--corpus DIR]

The corpus is that of benchmarks/many_calls.py, made in DIR (or a folder that is removed again). Queries of six kinds
are drawn from what was said; each is asked once, answered with 20 passages and the phrases around them. Written to
docs/measurements.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from many_calls import large_corpus
from sections import write_section

from speechkit.insight.search import FILE, RANKED_HITS, search
from speechkit.transcripts.corpus import Corpus

PHRASES, CALLS = 200_000, 2150
EACH = 60  # queries of a kind
SEED = 7


def queries(texts: pd.Series[str]) -> Iterator[tuple[str, str]]:
    """Draw queries: their kind and their text."""
    rng = np.random.default_rng(SEED)
    words = texts.str.lower().str.findall(r"[^\W\d_]+")
    counts = words.explode().value_counts()
    seldom = counts[(counts >= 5) & (counts < RANKED_HITS)].index.to_numpy(object)
    frequent = counts.index[:EACH].to_numpy(object)
    said = [
        row for row in words.sample(8 * EACH, random_state=SEED) if len(set(row).difference(frequent)) > 3
    ]
    for number in range(EACH):
        row = said[number]
        at = int(rng.integers(0, len(row) - 3))
        yield "one word", str(rng.choice(seldom))
        yield (
            "two words of a phrase",
            " ".join(rng.choice(sorted(set(row).difference(frequent)), 2, replace=False)),
        )
        yield "three words in quotes", f'"{" ".join(row[at : at + 3])}"'
        yield "the beginning of a word", f"{str(rng.choice(seldom))[:4]}*"
        yield "a very frequent word", str(frequent[number])
        yield "a word and not another", f"{rng.choice(seldom)} -{frequent[number]}"
        yield "a word that nobody said", f"{''.join(rng.choice(list('qxzjwv'), 7))}"


def measure(corpus: Corpus) -> str:
    """Ask all queries and write the section."""
    (corpus.path / FILE).unlink(missing_ok=True)
    started = time.perf_counter()
    search(corpus, "anything")
    made_s = time.perf_counter() - started
    texts = corpus.table("phrases", ["display"])["display"]
    rows = []
    for kind, query in queries(texts):
        started = time.thread_time()
        found = search(corpus, query)
        rows.append((kind, 1000 * (time.thread_time() - started), len(found)))
    table = pd.DataFrame(rows, columns=["kind", "ms", "passages"])
    by_kind = table.groupby("kind", sort=False)
    lines = [
        f"| {kind} | {part['passages'].mean():.1f} | {part['ms'].median():.1f} | {part['ms'].quantile(0.95):.1f} |"
        for kind, part in by_kind
    ]
    lines.append(
        f"| all | {table['passages'].mean():.1f} | {table['ms'].median():.1f} | {table['ms'].quantile(0.95):.1f} |"
    )
    size = (corpus.path / FILE).stat().st_size
    return "\n".join(
        [
            "## Search",
            "",
            f"{len(texts):,} phrases of {len(corpus.call_ids):,} made-up calls, index on the disk and warm; each of "
            f"{len(table)} queries asked once, in CPU time, and answered with at most 20 passages and the phrases "
            "around them.",
            "",
            "| query | passages, mean | median, ms | 95%, ms |",
            "| --- | --- | --- | --- |",
            *lines,
            "",
            f"Making the index took {made_s:.0f} s; it has {size / 1e6:.0f} MB. `python benchmarks/search.py`, "
            f"{datetime.date.today().isoformat()}, {platform.machine()}, Python {platform.python_version()}.",
        ]
    )


def main() -> None:
    """Measure, print, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="where the corpus is or is to be")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        corpus = large_corpus(chosen.corpus or Path(room) / "corpus", CALLS)
        text = measure(corpus)
    print(text)
    if not chosen.dry:
        write_section("search", text)


if __name__ == "__main__":
    main()
