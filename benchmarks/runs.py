"""Measure a batch run of a whole call centre: `python benchmarks/runs.py`.

5,000 and 50,000 tiny recordings go through plan, publish, submit, watch and collect, each run in a client
process of its own, against a local service whose recognizer is a stub (`--engine none`). Ends with 1 when a
gate is not met: memory that does not grow with the recordings, and at most one submit for 1000 of them.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from sections import write_section

ROOT = Path(__file__).resolve().parent.parent
KEY = "k-of-the-benchmark"
MOST_MB, MOST_GROWTH, FILES_PER_SUBMIT = 500, 1.2, 1000


def main() -> int:
    """Measure, print, write, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    parser.add_argument("--client", nargs=2, metavar=("ENDPOINT", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.client:
        print(json.dumps(client(*chosen.client)))
        return 0
    rows = [measure(count) for count in chosen.counts]
    text = section(rows)
    print(text)
    if not chosen.dry:
        write_section("runs", text)
    growth = rows[-1]["client_mb"] / rows[0]["client_mb"]
    most = max(row["client_mb"] for row in rows)
    submits = all(row["submits"] <= -(-row["recordings"] // FILES_PER_SUBMIT) for row in rows)
    whole = all(row["collected"] == row["recordings"] == row["in_corpus"] for row in rows)
    met = {"growth": growth <= MOST_GROWTH, "memory": most < MOST_MB, "submits": submits, "whole": whole}
    print(f"memory grows {growth:.2f} times, at most {most:.0f} MB:", met)
    return 0 if all(met.values()) else 1


def measure(count: int) -> dict[str, Any]:
    """One run of so many recordings, with a service, a home and a corpus of its own."""
    folder = Path(tempfile.mkdtemp(prefix="speechkit-runs-"))
    try:
        with service(folder) as endpoint:
            record(folder / "calls", count)
            command = [sys.executable, __file__, "--client", endpoint, str(folder)]
            environment = os.environ | {"PYTHONPATH": str(ROOT), "SPEECHKIT_HOME": str(folder / "home")}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            made: dict[str, Any] = json.loads(done.stdout)
            jobs = httpx.get(endpoint, trust_env=False).json()["jobs"]
        made = {"recordings": count, "submits": sum(jobs.values())} | made
        print(made, file=sys.stderr, flush=True)
        return made
    finally:
        shutil.rmtree(folder)


def client(endpoint: str, folder: str) -> dict[str, Any]:
    """In a process of its own: the whole run, its seconds step by step, and the most memory it held."""
    from speechkit import connect, open_corpus
    from speechkit.settings import Settings

    root = Path(folder)
    speech = connect(Settings(speech_endpoint=endpoint, speech_key=KEY, home=root / "home"), quiet=True)
    times = [time.perf_counter()]
    run = speech.batch.submit(root / "calls", corpus=root / "corpus", name="benchmark")
    times.append(time.perf_counter())
    run.collect()
    times.append(time.perf_counter())
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    counts = speech.batch.runs().set_index("name").loc["benchmark"]
    return {
        "client_mb": int(peak[1]) / 1024,
        "sent_s": times[1] - times[0],
        "collected_s": times[2] - times[1],
        "collected": int(counts["collected"]),
        "in_corpus": int(open_corpus(root / "corpus").calls["call_id"].nunique()),
    }


@contextlib.contextmanager
def service(folder: Path) -> Iterator[str]:
    """A local service that recognizes nothing; answers its address."""
    home = folder / "home"
    home.mkdir(parents=True)
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "speechkit.local", "--engine", "none", "--key", KEY],
            env=os.environ | {"PYTHONPATH": str(ROOT), "SPEECHKIT_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
    try:
        while not (home / "service.json").exists():
            if process.poll() is not None:
                raise SystemExit((folder / "service.log").read_text())
            time.sleep(0.05)
        yield str(json.loads((home / "service.json").read_text())["endpoint"])
    finally:
        process.terminate()
        process.wait()


def record(folder: Path, count: int) -> None:
    """Write recordings of a twentieth of a second, each with bytes of its own."""
    folder.mkdir()
    for number in range(count):
        with wave.open(str(folder / f"call-{number:06}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(number.to_bytes(4, "little") * 200)


def section(rows: list[dict[str, Any]]) -> str:
    """The section of docs/measurements.md."""
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
    growth = rows[-1]["client_mb"] / rows[0]["client_mb"]
    table = [
        f"| {r['recordings']:,} | {r['submits']} | {r['client_mb']:.0f} | {r['sent_s']:.0f} | {r['collected_s']:.0f} | "
        f"{r['in_corpus']:,} |"
        for r in rows
    ]
    return "\n".join(
        [
            "## Batch runs",
            "",
            "Tiny recordings (0.05 s) of a folder, planned, published, submitted and collected into a corpus, with a "
            "local service on the same machine that recognizes nothing (`--engine none`). The client is a process of "
            f"its own, and its memory the most it ever held: {growth:.2f} times as much in the largest run as in the "
            "smallest. The seconds are those of client and service together, on a machine that others used too.",
            "",
            "| recordings | submits | client, MB | planned and sent, s | watched and collected, s | in the corpus |",
            "|---|---|---|---|---|---|",
            *table,
            "",
            f"`python benchmarks/runs.py`, {datetime.date.today()}, {machine}.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
