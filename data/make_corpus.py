"""Transcribe and summarize the demo calls anew and keep the result in data/corpus, which the reports read.

    python data/make_corpus.py

Everything goes through the command, as a reader would do it, with whatever service is configured; the
committed corpus is the local service's. Paths in it are relative to the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from speechkit import open_corpus

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "data" / "corpus"


def main() -> None:
    """Make the corpus in a folder of its own, and put it in place when it is whole."""
    with tempfile.TemporaryDirectory(prefix="corpus-", dir=ROOT / "data") as room:
        new = Path(room) / "corpus"
        speechkit("transcribe", "data/calls", "--metadata", "data/calls.csv", "--out", str(new))
        speechkit("summarize", str(new), "--checklist", "data/checklist.txt")
        whole = compacted(new, Path(room) / "whole")
        if (CORPUS / "corrections").is_dir():  # what a person heard is not lost with the transcripts
            (CORPUS / "corrections").rename(whole / "corrections")
        shutil.rmtree(CORPUS, ignore_errors=True)
        whole.rename(CORPUS)


def compacted(corpus: Path, folder: Path) -> Path:
    """Write a corpus as one file a table, without what was asked and answered: no reader needs it."""
    old, new = open_corpus(corpus), open_corpus(folder, create=True)
    new.add(old)
    for name in ("summaries", "claims", "checks", "moods"):
        new.write_table(name, old.table(name))
    (folder / ".lock").unlink(missing_ok=True)
    return folder


def speechkit(*arguments: str) -> None:
    """Run the command in the repository, so that its paths are relative to it."""
    subprocess.run([sys.executable, "-m", "speechkit.cli", *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
