"""How far live sessions are behind what is said: one, and four at once, at the pace of speech.

    python benchmarks/realtime.py

Stretches of 45 s of demo calls, mixed to one channel, through the official Speech SDK against a service of its own.
Written to docs/measurements.md.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from sections import write_section

from speechkit import audio, connect, demo_data

CALLS = ("c01.wav", "c02.flac", "c03.mp3", "c04.ogg")
RATE, LENGTH_S = 16_000, 45


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as room:
        files = [stretch(name, Path(room)) for name in CALLS]
        speech = connect(quiet=True, fresh=True)
        speech.realtime.transcribe(files[0], pace=None)  # the processes are there, the models read
        rows = [measured(speech, files[:1]), measured(speech, files)]
    table = pd.DataFrame(rows)
    text = (
        "## Live sessions\n\n"
        f"`python benchmarks/realtime.py`, {os.cpu_count()} cores, {platform.machine()}. Stretches of {LENGTH_S} s at "
        "the pace of speech; *gap*: between two events while somebody speaks; *final*: from the end of a phrase to "
        "its final form; *end*: from the end of the sound to the last event.\n\n"
        + "| " + " | ".join(table) + " |\n|" + " --- |" * len(table.columns) + "\n"
        + "".join("| " + " | ".join(map(str, row)) + " |\n" for row in table.itertuples(index=False))
    )  # fmt: skip
    print(text)
    write_section("realtime", text.rstrip())


def stretch(name: str, folder: Path) -> Path:
    """Cut the first seconds of a call, mixed."""
    samples = audio.mix(audio.decode(demo_data("calls") / name, RATE))[: LENGTH_S * RATE]
    path = folder / f"{Path(name).stem}.wav"
    audio.write_wav(path, samples.reshape(1, -1), RATE)
    return path


def measured(speech, files: list[Path]) -> dict[str, object]:
    """Stream recordings at once, and tell how far behind the service was."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(files)) as pool:
        made = list(pool.map(lambda path: speech.realtime.transcribe(path, pace=1.0), files))
    took_s = time.perf_counter() - started
    events = [one.events for one in made]
    gaps = np.concatenate([speaking_gaps(one) for one in events])
    finals = pd.concat([one[one["kind"] == "final"] for one in events])
    late = (finals["arrived_s"] - finals["end_s"]).to_numpy()
    last = max(float(one["arrived_s"].max()) for one in events) - LENGTH_S
    return {
        "sessions": len(files),
        "gap p50, s": round(float(np.median(gaps)), 2),
        "gap p95, s": round(float(np.quantile(gaps, 0.95)), 2),
        "gap max, s": round(float(gaps.max()), 2),
        "final p50, s": round(float(np.median(late)), 2),
        "final p95, s": round(float(np.quantile(late, 0.95)), 2),
        "end, s": round(last, 2),
        "wall, s": round(took_s, 1),
    }


def speaking_gaps(events: pd.DataFrame) -> np.ndarray:
    """Seconds between events of the same phrase, and from its beginning to the first."""
    gaps = []
    phrase = 0.0
    for row in events.sort_values("arrived_s").to_dict("records"):
        before = max(phrase, row["start_s"])
        gaps.append(max(0.0, row["arrived_s"] - before))
        phrase = row["arrived_s"]
    return np.array(gaps)


if __name__ == "__main__":
    main()
