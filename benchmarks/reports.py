"""How many call reports a minute: a fleet with forked kernels against a loop over papermill in one process.

    python benchmarks/reports.py

Both make HTML and see the same demo calls in one run; .pyc files are there. Written to docs/measurements.md.
"""

from __future__ import annotations

import os
import platform
import py_compile
import shutil
import tempfile
import time
from pathlib import Path

from sections import write_section

import speechkit
from speechkit import demo_data, open_corpus
from speechkit.reports import run_report
from speechkit.reports.fleet import run_reports

LOOPED = 5
ROUNDS = 3  # fleets over the demo calls, under other titles


def main() -> None:
    """Measure, print and write."""
    for path in Path(speechkit.__file__).parent.rglob("*.py"):
        py_compile.compile(str(path))
    corpus = demo_data("corpus")
    calls = open_corpus(corpus).call_ids
    with tempfile.TemporaryDirectory() as room:
        out = Path(room)
        run_report("call_report", corpus=corpus, out=out / "warm.html", parameters={"call": calls[0]})
        started = time.perf_counter()
        for call in calls[:LOOPED]:
            run_report("call_report", corpus=corpus, out=out / f"{call}.html", parameters={"call": call})
        loop = 60 * LOOPED / (time.perf_counter() - started)
        started = time.perf_counter()
        made = 0
        for number in range(ROUNDS):
            table = run_reports(
                "call_report", corpus=corpus, out=out / "fleet", again=True, parameters={"most": number + 2}
            )
            made += int((table["status"] == "made").sum())
        fleet = 60 * made / (time.perf_counter() - started)
        shutil.rmtree(out / "fleet")
    text = (
        "## Reports\n\n"
        f"`python benchmarks/reports.py`, {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, .pyc files present. call_report of the demo calls, HTML included; the fleet "
        f"made {made} reports, its start {'and end ' if made else ''}included.\n\n"
        "| way | reports a minute |\n| --- | --- |\n"
        f"| papermill in a loop, one process | {loop:.1f} |\n| `speechkit reports` | {fleet:.1f} |\n\n"
        f"Ratio {fleet / loop:.1f}."
    )
    print(text)
    write_section("reports", text)


if __name__ == "__main__":
    main()
