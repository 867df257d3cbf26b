"""Measure real time against batch, and how long fast and batch take: `python benchmarks/study.py [--dry]`.

Accuracy and delays come from the kept sessions (`data/make_study.py` makes them anew) and the demo corpus; the
turnaround is measured now, with nothing answered from a memory.
"""

from __future__ import annotations

import argparse
import datetime
import time

from sections import write_section

import speechkit
from speechkit.analysis.attribution import score_speakers
from speechkit.analysis.comparison import judge
from speechkit.analysis.latency import Delays, measure_latency
from speechkit.analysis.methods import Turnaround
from speechkit.analysis.reference import read_reference
from speechkit.audio import probe

SENT = ("c02.flac", "c05.mp4")


def main() -> None:
    """Measure, print, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    text = section()
    print(text)
    if not chosen.dry:
        write_section("study", text)


def section() -> str:
    """What the section says."""
    live = speechkit.open_corpus(speechkit.demo_data("realtime"))
    batch = speechkit.open_corpus(speechkit.demo_data("corpus"))
    said = read_reference(speechkit.demo_data("truth") / "calls.stm")
    result = judge({"batch": batch, "realtime": live}, said)
    delays = measure_latency(live.table("events"), live)
    lines = [
        "## Real time against batch",
        "",
        f"The demo calls ({len(said.calls)} in which somebody speaks), recognized after they ended and while they were "
        "played, scored against what was said; English rules, as in the lessons. "
        f"The sound was sent up to {delays.behind_s:.2f} s late (95%); on an idle machine that is near 0.",
        "",
        "| | WER | 95% interval | cpWER |",
        "|---|---|---|---|",
    ]
    for name, one in (("batch", batch), ("realtime", live)):
        accuracy = result.scored[name]
        low, high = (f"{100 * end:.1f}%" for end in (accuracy.interval.low, accuracy.interval.high))
        rate = score_speakers(said, one).total.rate
        lines.append(f"| {name} | {100 * accuracy.total.rate:.1f}% | {low} to {high} | {100 * rate:.1f}% |")
    lines += ["", f"{result.comparison}.", "", "| delay | count | median, s | 95%, s |", "|---|---|---|---|"]
    for name, delay in (
        ("first hypothesis of a phrase", delays.first),
        ("end of word to shown for good", delays.shown),
        ("end of word to final", delays.final),
    ):
        lines.append(row(name, delay))
    took = turnaround()
    lines += [
        "",
        f"For 100 final words {100 * delays.stability.rate:.0f} shown words were changed or taken back.",
        "",
        f"Turnaround of {' and '.join(SENT)} together, nothing from a memory: "
        + "; ".join(
            f"{name} {t.elapsed_s:.1f} s, {t.speed:.1f} times as fast as speech" for name, t in took.items()
        )
        + ".",
        "",
        f"`python benchmarks/study.py`, {datetime.date.today().isoformat()}.",
    ]
    return "\n".join(lines)


def row(name: str, delay: Delays) -> str:
    """A row of the table of delays."""
    return f"| {name} | {delay.count:,} | {delay.p50_s:.2f} | {delay.p95_s:.2f} |"


def turnaround() -> dict[str, Turnaround]:
    """How long fast and batch take for two calls, one after the other."""
    speech = speechkit.connect(fresh=True)
    files = [speechkit.demo_data("calls") / name for name in SENT]
    audio_s = sum(probe(file).duration_s for file in files)
    speech.fast.transcribe(files[0])  # loads the recognizer
    start = time.perf_counter()
    for file in files:
        speech.fast.transcribe(file)
    middle = time.perf_counter()
    speech.batch.submit(files).collect()
    return {
        "fast": Turnaround(audio_s, middle - start),
        "batch": Turnaround(audio_s, time.perf_counter() - middle),
    }


if __name__ == "__main__":
    main()
