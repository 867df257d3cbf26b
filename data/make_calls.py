"""Make the demo calls: data/calls, data/calls.csv and data/truth from data/dialogues.

Run it as `python data/make_calls.py` (`make data` does). It needs the Debian packages festival,
festvox-us-slt-hts and flite. The same dialogues give the same sound.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
from dialogue import Dialogue, DialogueError, read_dialogue
from encode import EXTENSION, write_call
from timeline import Timeline, mix, overlap_share, place
from truth import ctm_lines, facts, rttm_lines, stm_lines
from voices import VoiceError, missing_packages, speak

HERE = Path(__file__).parent
COLUMNS = ("call_id", "file", "recorded_at", "agent", "queue", "direction", "caller_number")
MAX_BYTES = 20_000_000
MAX_AUDIO_S = 24 * 60
MAX_PRODUCT_SHARE = 0.02
MAX_MONO_OVERLAP = 0.03
MAX_PEAK = 0.99


class RefusedError(Exception):
    """The calls would break a limit that their users rely on."""


def make_call(dialogue: Dialogue) -> tuple[Timeline, np.ndarray]:
    """Speak, place and mix one call; RefusedError where it clips or a mono call has too much overlap."""
    lines = [(dialogue.voices[turn.speaker], piece.text) for turn in dialogue.turns for piece in turn.pieces]
    timeline = place(dialogue, speak(lines))
    overlap = overlap_share(timeline)
    if dialogue.channels == 1 and overlap > MAX_MONO_OVERLAP:
        raise RefusedError(
            f"{dialogue.call_id}: {overlap:.1%} of the speech overlaps; a mono call may have "
            f"{MAX_MONO_OVERLAP:.0%}: make its [over N] smaller"
        )
    samples = mix(dialogue, timeline)
    peak = float(np.abs(samples).max())
    if peak > MAX_PEAK:
        raise RefusedError(f"{dialogue.call_id}: the peak level {peak:.2f} would clip")
    print(
        f"{dialogue.call_id}  {dialogue.head['format']:16}  {timeline.duration_s:6.1f} s  "
        f"{len(dialogue.words):4} words  overlap {overlap:5.1%}  peak {peak:.2f}",
        flush=True,
    )
    return timeline, samples


def product_share(dialogues: list[Dialogue]) -> float:
    """Words inside {product:...} divided by all words."""
    marked = sum(
        mark.last - mark.first + 1
        for dialogue in dialogues
        for turn in dialogue.turns
        for piece in turn.pieces
        for mark in piece.marks
        if mark.kind == "product"
    )
    return marked / max(1, sum(len(dialogue.words) for dialogue in dialogues))


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step: whoever reads sees the old or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def make(folder: Path) -> None:
    """Make everything under `folder`, which holds dialogues/; RefusedError where a limit is broken."""
    dialogues = [read_dialogue(path) for path in sorted(folder.glob("dialogues/*.txt"))]
    share = product_share(dialogues)
    if share > MAX_PRODUCT_SHARE:
        raise RefusedError(
            f"{share:.1%} of the words are product names; at most {MAX_PRODUCT_SHARE:.0%} may be"
        )
    (folder / "calls").mkdir(exist_ok=True)
    (folder / "truth").mkdir(exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    stm: list[str] = []
    ctm: list[str] = []
    rttm: list[str] = []
    truth: dict[str, object] = {}
    audio_s, size, files = 0.0, 0, set()
    for dialogue in dialogues:
        timeline, samples = make_call(dialogue)
        audio_s += timeline.duration_s
        if audio_s > MAX_AUDIO_S:
            raise RefusedError(
                f"{dialogue.call_id}: with it the calls last longer than {MAX_AUDIO_S / 60:.0f} minutes"
            )
        file = f"{dialogue.call_id}.{EXTENSION[dialogue.head['format']]}"
        write_call(folder / "calls" / file, samples, dialogue.head["format"])
        files.add(file)
        size += (folder / "calls" / file).stat().st_size
        rows.writerow([dialogue.call_id, file, *(dialogue.head[column] for column in COLUMNS[2:])])
        stm += stm_lines(dialogue, timeline)
        ctm += ctm_lines(dialogue, timeline)
        rttm += rttm_lines(dialogue, timeline)
        truth[dialogue.call_id] = facts(dialogue, timeline)
    if size > MAX_BYTES:
        raise RefusedError(
            f"the calls take {size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB may be committed"
        )
    for old in (folder / "calls").iterdir():
        if old.name not in files:
            old.unlink()
    for name, lines in (("calls.stm", stm), ("calls.ctm", ctm), ("calls.rttm", rttm)):
        write_text(folder / "truth" / name, "\n".join(lines) + "\n")
    write_text(folder / "truth" / "calls.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "calls.csv", table.getvalue())
    words = sum(len(dialogue.words) for dialogue in dialogues)
    print(
        f"{len(dialogues)} calls, {audio_s / 60:.1f} minutes, {size / 1e6:.1f} MB, {words} words, "
        f"{share:.1%} of them product names"
    )


def main() -> int:
    """Make the calls; 1 and a sentence on stderr where that is not possible."""
    missing = missing_packages()
    if missing:
        print(
            "The demo calls are spoken by voices that are not on this machine. Install them with\n"
            f"    sudo apt-get install {' '.join(missing)}\n"
            "and run this again. The calls in data/calls work without them.",
            file=sys.stderr,
        )
        return 1
    try:
        make(HERE)
    except (DialogueError, VoiceError, RefusedError, ValueError) as error:
        print(f"No calls were made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
