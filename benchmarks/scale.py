"""The tables behind the insight report over many calls: seconds and memory.

    python benchmarks/scale.py [--calls 50000] [--corpus DIR]

The corpus is that of benchmarks/many_calls.py; it is made in DIR, and used again the next time, or in a folder that
is removed again. What is measured runs in a process of its own, which starts with Python itself; .pyc files are there.
Written to docs/measurements.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import py_compile
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sections import write_section

import speechkit

GATE_CALLS, GATE_S, GATE_MB = 50_000, 120, 2000


def main() -> None:
    """Measure, print, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--corpus", type=Path, help="where the corpus is or is to be")
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.add_argument("--step", choices=["make", "measure"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step == "make":
        from many_calls import large_corpus

        large_corpus(chosen.corpus, chosen.calls)
    elif chosen.step == "measure":
        print(json.dumps(_measured(chosen.corpus)))
    else:
        for path in Path(speechkit.__file__).parent.rglob("*.py"):
            py_compile.compile(str(path))
        with tempfile.TemporaryDirectory() as room:
            folder = chosen.corpus or Path(room) / "corpus"
            again = [sys.executable, __file__, "--corpus", str(folder), "--calls", str(chosen.calls)]
            subprocess.run([*again, "--step", "make"], check=True)
            started = time.perf_counter()
            run = subprocess.run([*again, "--step", "measure"], check=True, stdout=subprocess.PIPE, text=True)
            text = _section(json.loads(run.stdout), time.perf_counter() - started)
        print(text)
        if not chosen.dry:
            write_section("scale", text)


def _measured(folder: Path) -> dict[str, Any]:
    """Make the tables of insight_report as it does, and tell what they took."""
    took: dict[str, float] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal started
        took[name] = time.perf_counter() - started
        started = time.perf_counter()

    from speechkit import open_corpus
    from speechkit.analysis import confidence, selection, trends
    from speechkit.analysis.measures import measure
    from speechkit.analysis.outcomes import outcomes
    from speechkit.transcripts import masking

    lap("Python and its packages start")
    shelf = open_corpus(folder)
    calls = selection.among(shelf.calls, start="", queue="")
    summaries = selection.summaries_of(shelf, calls["call_id"].tolist())
    lap("the corpus is opened; calls and summaries")
    measured = measure(shelf, calls)
    lap("calls, parties, silences, confidence")
    doubtful = confidence.doubtful(masking.mask(shelf.read(measured.unsure))).nsmallest(12, "confidence")
    lap("the least sure passages, personal data masked")
    trends.volume(calls)
    trends.groups(measured.calls, "queue", ["duration_s", "silence_share", "words_per_minute"])
    trends.crossed(summaries)
    trends.counts(summaries, "reason")
    lap("counts by day, queue, reason and outcome")
    cpu_s, status = time.process_time(), Path("/proc/self/status")
    high = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    began = time.perf_counter()
    outcomes(shelf)
    return {
        "calls": len(measured.calls),
        "words": int(measured.calls["words"].sum()),
        "phrases": int(measured.calls["phrases"].sum()),
        "passages": len(doubtful),
        "took": took,
        "cpu_s": cpu_s,
        "peak_mb": int(high.group(1)) / 1024 if high else None,
        "outcomes_s": time.perf_counter() - began,
    }


def _section(found: dict[str, Any], wall_s: float) -> str:
    took = found["took"]
    total = sum(took.values())
    peak = "not known on this system" if found["peak_mb"] is None else f"{found['peak_mb']:,.0f} MB"
    lines = [f"| {name} | {seconds:.1f} |" for name, seconds in took.items()]
    gate = (
        f" Asked for at {GATE_CALLS:,} calls: {GATE_S} s and {GATE_MB:,} MB on 2 cores."
        if found["calls"] >= GATE_CALLS
        else ""
    )
    return "\n".join(
        [
            "## Many calls",
            "",
            f"The tables behind the insight report of {found['calls']:,} made-up calls: {found['words']:,} words in "
            f"{found['phrases']:,} phrases. One process, the corpus read in parts of a thousand calls.",
            "",
            "| step | s |",
            "| --- | --- |",
            *lines,
            f"| **all** | **{total:.1f}** |",
            "",
            f"{found['cpu_s']:.0f} s of them in CPU time; peak memory {peak}.{gate} The table of outcomes behind the "
            f"agent report and lesson 07, which needs no words: {found['outcomes_s']:.1f} s more.",
            "",
            f"`python benchmarks/scale.py --calls {found['calls']}`, {datetime.date.today().isoformat()}, "
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.",
        ]
    )


if __name__ == "__main__":
    main()
