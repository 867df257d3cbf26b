"""Speak the practice dialogues, transcribe them with what is configured, and keep text and truth in data/practice.

    python data/make_practice.py

As make_calls.py and make_corpus.py do it for the demo calls, but the sound is not kept: rules that read transcripts
are judged here by what a recognizer makes of names, addresses, promises and moods.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dialogue import read_dialogue
from encode import EXTENSION, write_call
from make_calls import COLUMNS, make_call, write_text
from truth import facts

from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.schema import Transcript

ROOT = Path(__file__).resolve().parent.parent
PRACTICE = ROOT / "data" / "practice"


def main() -> None:
    """Make everything in a folder of its own, and put it in place when it is whole."""
    truth = {}
    with tempfile.TemporaryDirectory(prefix="practice-", dir=PRACTICE) as room:
        calls, made = Path(room) / "calls", Path(room) / "made"
        calls.mkdir()
        with (Path(room) / "calls.csv").open("w", encoding="utf-8", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(COLUMNS)
            for path in sorted((PRACTICE / "dialogues").glob("*.txt")):
                dialogue = read_dialogue(path)
                timeline, samples = make_call(dialogue)
                file = f"{dialogue.call_id}.{EXTENSION[dialogue.head['format']]}"
                write_call(calls / file, samples, dialogue.head["format"])
                rows.writerow([dialogue.call_id, file, *(dialogue.head[name] for name in COLUMNS[2:])])
                truth[dialogue.call_id] = facts(dialogue, timeline)
        command = ["transcribe", str(calls), "--metadata", f"{room}/calls.csv", "--out", str(made)]
        subprocess.run([sys.executable, "-m", "speechkit.cli", *command], cwd=ROOT, check=True)
        whole = keep(open_corpus(made), Path(room) / "whole")
        shutil.rmtree(PRACTICE / "corpus", ignore_errors=True)
        whole.rename(PRACTICE / "corpus")
    write_text(PRACTICE / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


def keep(made: Transcript, folder: Path) -> Path:
    """Write the transcripts as one file a table; their source is only a name, since the sound is not kept."""
    calls = made.calls.assign(source=made.calls["source"].map(lambda source: Path(source).name))
    open_corpus(folder, create=True).add(Transcript(calls, made.phrases, made.words))
    (folder / ".lock").unlink(missing_ok=True)
    return folder


if __name__ == "__main__":
    main()
