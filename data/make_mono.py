"""Mix the stereo demo calls into one channel, transcribe them with diarization, and keep the result in data/mono.

    python data/make_mono.py

The same words on one channel: what a recording of both parties together loses, and whether roles can be told
from what is said. Goes through the command with whatever service is configured, as make_corpus.py does; the
mixes themselves are not kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from speechkit.audio import decode, mix, probe, write_wav
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.schema import Transcript

ROOT = Path(__file__).resolve().parent.parent
CALLS = ROOT / "data" / "calls"
CORPUS = ROOT / "data" / "mono"


def main() -> None:
    """Make the mixes and their corpus in a folder of their own, and put it in place when it is whole."""
    with tempfile.TemporaryDirectory(prefix="mono-", dir=ROOT / "data") as room:
        mixes, known, new = (Path(room) / name for name in ("mixes", "known", "corpus"))
        stereo = [path for path in sorted(CALLS.iterdir()) if probe(path).channels == 2]
        for path in stereo:
            rate = probe(path).rate
            write_wav(mixes / f"{path.stem}.wav", mix(decode(path, rate)), rate)
        command = ["transcribe", str(mixes), "--metadata", "data/calls.csv", "--out", str(known)]
        subprocess.run([sys.executable, "-m", "speechkit.cli", *command], cwd=ROOT, check=True)
        keep(open_corpus(known), new)
        shutil.rmtree(CORPUS, ignore_errors=True)
        new.rename(CORPUS)


def keep(made: Transcript, folder: Path) -> None:
    """Write the transcripts with the calls that they were mixed from as their source."""
    sources = {path.stem: f"data/calls/{path.name}" for path in CALLS.iterdir()}
    calls = made.calls.assign(source=made.calls["call_id"].map(sources))
    open_corpus(folder, create=True).add(Transcript(calls, made.phrases, made.words))
    (folder / ".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
