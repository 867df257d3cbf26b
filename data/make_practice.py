"""Speak the practice dialogues, transcribe them with what is configured, and keep text and truth beside them.

    python data/make_practice.py [practice] [names]

Of data/practice and data/names, or of the one that is named. As make_calls.py and make_corpus.py do it for the demo
calls, but the sound is not kept: rules that read transcripts are judged here by what a recognizer makes of names,
addresses, promises and moods.
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
SETS = ("practice", "names")


def main() -> None:
    """Make the sets that are named, or both."""
    for name in sys.argv[1:] or SETS:
        make(ROOT / "data" / name)


def make(folder: Path) -> None:
    """Make everything of a set in a folder of its own, and put it in place when it is whole."""
    truth = {}
    with tempfile.TemporaryDirectory(prefix="made-", dir=folder) as room:
        calls, made = Path(room) / "calls", Path(room) / "made"
        calls.mkdir()
        with (Path(room) / "calls.csv").open("w", encoding="utf-8", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(COLUMNS)
            for path in sorted((folder / "dialogues").glob("*.txt")):
                dialogue = read_dialogue(path)
                timeline, samples = make_call(dialogue)
                file = f"{dialogue.call_id}.{EXTENSION[dialogue.head['format']]}"
                write_call(calls / file, samples, dialogue.head["format"])
                rows.writerow([dialogue.call_id, file, *(dialogue.head[name] for name in COLUMNS[2:])])
                truth[dialogue.call_id] = facts(dialogue, timeline)
        command = ["transcribe", str(calls), "--metadata", f"{room}/calls.csv", "--out", str(made)]
        subprocess.run([sys.executable, "-m", "speechkit.cli", *command], cwd=ROOT, check=True)
        whole = keep(open_corpus(made), Path(room) / "whole")
        shutil.rmtree(folder / "corpus", ignore_errors=True)
        whole.rename(folder / "corpus")
    write_text(folder / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


def keep(made: Transcript, folder: Path) -> Path:
    """Write the transcripts as one file a table; their source is only a name, since the sound is not kept."""
    calls = made.calls.assign(source=made.calls["source"].map(lambda source: Path(source).name))
    open_corpus(folder, create=True).add(Transcript(calls, made.phrases, made.words))
    (folder / ".lock").unlink(missing_ok=True)
    return folder


if __name__ == "__main__":
    main()
