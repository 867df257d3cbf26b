"""How many call reports a minute: a fleet with forked kernels against a loop over papermill in one process.

    python benchmarks/reports.py

Both make a notebook and its HTML page of calls of the same corpus, in one run; .pyc files are there. The loop is
`papermill.execute_notebook` with its defaults and ordinary kernels, and the exporter of the fleet. Written to
docs/measurements.md.
"""

from __future__ import annotations

import os
import platform
import py_compile
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import papermill
from sections import write_section

import speechkit
from speechkit import demo_data, open_corpus
from speechkit.reports.fleet import run_reports
from speechkit.reports.page import write_page
from speechkit.reports.parameters import find_report
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.schema import Transcript

REPORT = "call_report"
COPIES = 20  # of every demo call, for the fleet


def main() -> None:
    """Measure, print and, unless --dry is given, write."""
    for path in Path(speechkit.__file__).parent.rglob("*.py"):
        py_compile.compile(str(path))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as room:
        corpus = many(Path(room) / "corpus")
        calls = corpus.call_ids[::COPIES]
        loop(corpus, calls[:1], Path(room))  # what is read for the first time is read by neither
        looped, fleet = Spent(), Spent()
        # half of the loop before the fleet, half after it
        looped.add(len(calls), lambda: loop(corpus, calls, Path(room)))
        out = Path(room) / "fleet"
        fleet.add(len(corpus.call_ids), lambda: run_reports(REPORT, corpus=corpus.path, out=out))
        looped.add(len(calls), lambda: loop(corpus, calls, Path(room)))
        pages = [path for path in out.glob("*.html") if path.stem != "index"]
        assert len(pages) == fleet.reports, f"{fleet.reports - len(pages)} reports failed"
    text = (
        "## Reports\n\n"
        f"`python benchmarks/reports.py`, {os.cpu_count()} cores, load {load:.1f} before, {platform.machine()}, Python "
        f"{platform.python_version()}, .pyc files present. {REPORT} of the demo calls, sound and HTML included: "
        f"{looped.reports} of the loop, {fleet.reports} of the fleet, whose start and end count.\n\n"
        "| way | reports a minute | CPU seconds a report |\n| --- | --- | --- |\n"
        f"| papermill in a loop, one process | {looped.a_minute:.1f} | {looped.cpu_s / looped.reports:.2f} |\n"
        f"| `speechkit reports` | {fleet.a_minute:.1f} | {fleet.cpu_s / fleet.reports:.2f} |\n\n"
        f"Ratio {fleet.a_minute / looped.a_minute:.1f}."
    )
    print(text)
    if "--dry" not in sys.argv:
        write_section("reports", text)


class Spent:
    """Reports, and what they took, in seconds and in seconds of processors."""

    reports, took_s, cpu_s = 0, 0.0, 0.0

    def add(self, reports: int, work: Callable[[], object]) -> None:
        """Measure the making of some reports; processes that ended count."""
        before = os.times()
        work()
        after = os.times()
        self.reports += reports
        self.took_s += after.elapsed - before.elapsed
        self.cpu_s += sum(after[:4]) - sum(before[:4])

    @property
    def a_minute(self) -> float:
        """Reports in a minute."""
        return 60 * self.reports / self.took_s


def many(folder: Path) -> Corpus:
    """A corpus of every demo call several times."""
    demo, corpus = open_corpus(demo_data("corpus")), open_corpus(folder, create=True)
    summaries = demo.table("summaries")
    for number in range(COPIES):
        copies = []
        for table in (demo.calls, demo.phrases, demo.words, summaries):
            copies.append(table.assign(call_id=table["call_id"] + f"_{number}"))
        places = {call: str(path) for call in demo.call_ids if (path := demo.recording(call))}
        calls = copies[0].assign(source=demo.calls["call_id"].map(places))
        corpus.add(Transcript(calls, *copies[1:3]))
        corpus.write_table("summaries", copies[3])
    return corpus


def loop(corpus: Corpus, calls: list[str], folder: Path) -> None:
    """Make reports as a script of ten lines would."""
    for call in calls:
        node = papermill.execute_notebook(
            find_report(REPORT),
            folder / f"{call}.ipynb",
            parameters={"corpus": str(corpus.path), "call": call, "title": f"Call {call}"},
            progress_bar=False,
        )
        (folder / f"{call}.html").write_text(write_page(node, REPORT), encoding="utf-8")


if __name__ == "__main__":
    main()
