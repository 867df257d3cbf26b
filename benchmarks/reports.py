"""How many call reports a minute: a fleet with forked kernels against a loop over papermill in one process.

    python benchmarks/reports.py

Both make a notebook and its HTML page of the same demo calls, by turns in one run; .pyc files are there. The loop is
`papermill.execute_notebook` with its defaults and ordinary kernels, and the exporter of the fleet. Written to
docs/measurements.md.
"""

from __future__ import annotations

import os
import platform
import py_compile
import sys
import tempfile
import time
from pathlib import Path

import papermill
from sections import write_section

import speechkit
from speechkit import demo_data, open_corpus
from speechkit.reports.fleet import run_reports
from speechkit.reports.page import write_page
from speechkit.reports.parameters import find_report

REPORT = "call_report"
LOOPED = 4  # reports of the loop in each round
ROUNDS = 4  # of each way; in each the fleet makes every demo call twice


def main() -> None:
    """Measure, print and, unless --dry is given, write."""
    for path in Path(speechkit.__file__).parent.rglob("*.py"):
        py_compile.compile(str(path))
    corpus = demo_data("corpus")
    calls = open_corpus(corpus).call_ids
    reports, spent_s = {"loop": 0, "fleet": 0}, {"loop": 0.0, "fleet": 0.0}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as room:
        loop(corpus, calls[:1], Path(room))  # what is read for the first time is read by neither
        for turn in range(ROUNDS):
            started = time.perf_counter()
            loop(corpus, [calls[(turn * LOOPED + n) % len(calls)] for n in range(LOOPED)], Path(room))
            spent_s["loop"] += time.perf_counter() - started
            reports["loop"] += LOOPED
            for again in range(2):
                started = time.perf_counter()
                table = run_reports(REPORT, corpus=corpus, out=Path(room) / f"fleet{again}", again=True)
                spent_s["fleet"] += time.perf_counter() - started
                reports["fleet"] += int((table["status"] == "made").sum())
            print({way: round(60 * reports[way] / spent_s[way], 1) for way in reports}, file=sys.stderr)
    a_minute = {way: 60 * reports[way] / spent_s[way] for way in reports}
    text = (
        "## Reports\n\n"
        f"`python benchmarks/reports.py`, {os.cpu_count()} cores, load {load:.1f} before, {platform.machine()}, Python "
        f"{platform.python_version()}, .pyc files present. {REPORT} of the demo calls, HTML included: by turns "
        f"{reports['loop']} reports of the loop and {reports['fleet']} of {2 * ROUNDS} fleets, whose start and end "
        "count.\n\n"
        "| way | reports a minute |\n| --- | --- |\n"
        f"| papermill in a loop, one process | {a_minute['loop']:.1f} |\n"
        f"| `speechkit reports` | {a_minute['fleet']:.1f} |\n\n"
        f"Ratio {a_minute['fleet'] / a_minute['loop']:.1f}."
    )
    print(text)
    if "--dry" not in sys.argv:
        write_section("reports", text)


def loop(corpus: Path, calls: list[str], folder: Path) -> None:
    """Make reports as a script of ten lines would."""
    for call in calls:
        node = papermill.execute_notebook(
            find_report(REPORT),
            folder / f"{call}.ipynb",
            parameters={"corpus": str(corpus), "call": call},
            progress_bar=False,
        )
        (folder / f"{call}.html").write_text(write_page(node, REPORT), encoding="utf-8")


if __name__ == "__main__":
    main()
