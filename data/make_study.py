"""Stream the demo calls as they were spoken and keep transcripts and events in data/realtime, which lessons read.

    python data/make_study.py

It takes half as long as the calls themselves, since two are streamed at a time. The sessions go to whatever
service is configured; the committed ones are the local service's. Paths are relative to the repository.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd

import speechkit
from speechkit.client.plan import make_plan
from speechkit.client.realtime import RealtimeTranscript
from speechkit.client.recording import Problem
from speechkit.display.progress import show_progress

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "data" / "realtime"


def main() -> None:
    """Make the corpus in a folder of its own, and put it in place when it is whole."""
    os.chdir(ROOT)  # what is kept names its recordings relative to the repository
    speech = speechkit.connect()
    speech.realtime.transcribe("data/calls/c08.wav", pace=None)  # the first session loads the recognizer
    plan = make_plan("data/calls", mode="realtime")
    events = []
    with tempfile.TemporaryDirectory(prefix="realtime-", dir=ROOT / "data") as room:
        corpus = speechkit.open_corpus(Path(room) / "corpus", create=True)
        transcripts = []
        with show_progress() as progress:
            for outcome in speech.realtime.transcribe_all(plan, progress, pace=1.0):
                if isinstance(outcome, Problem):
                    raise outcome.error
                assert isinstance(outcome, RealtimeTranscript)
                transcripts.append(outcome)
                events.append(outcome.events)
        corpus.add(transcripts, metadata="data/calls.csv")
        corpus.write_table("events", pd.concat(events, ignore_index=True))
        (corpus.path / ".lock").unlink(missing_ok=True)
        shutil.rmtree(KEPT, ignore_errors=True)
        corpus.path.rename(KEPT)


if __name__ == "__main__":
    main()
