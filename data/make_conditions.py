"""Recognize the demo calls again as they would sound elsewhere, and keep the result in data/conditions.

    python data/make_conditions.py

Each call as it was recorded (taken from data/corpus, which comes first), over a telephone line, in noise of three
levels and spoken faster: enough words, right and wrong, to judge what a confidence is worth. The sound is made, not
kept: the same calls give the same sound. What was said is in data/truth under the column `dialogue` of the calls;
which voice said it is in the table `voices`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import scipy.fft
import scipy.signal

from speechkit import open_corpus
from speechkit.audio import decode, write_wav
from speechkit.transcripts.schema import Transcript

HERE = Path(__file__).resolve().parent
CONDITIONS = HERE / "conditions"
RATE, TELEPHONE_RATE = 16_000, 8_000
SPEECH_DB = -22.0  # the level of every voice in the demo calls, from voices.py
BAND_HZ = (300, 3400)  # what a telephone line carries, ITU-T G.712
LOWEST_HZ = 50  # of the noise: what is lower nobody hears, and it would count as noise
AS_RECORDED = "as recorded"

Samples = np.ndarray


def telephone(samples: Samples, _: int) -> tuple[Samples, int, str]:
    """What a telephone line leaves: its band, 8 kHz, mu-law."""
    band = scipy.signal.butter(4, BAND_HZ, "bandpass", fs=RATE, output="sos")
    narrow = scipy.signal.resample_poly(scipy.signal.sosfilt(band, samples), TELEPHONE_RATE, RATE, axis=1)
    return narrow.astype(np.float32), TELEPHONE_RATE, "ULAW"


def noisy(samples: Samples, seed: int, *, snr_db: float) -> tuple[Samples, int, str]:
    """Pink noise, which falls by 3 dB an octave as the noise of rooms and streets does, `snr_db` below the voices."""
    channels, length = samples.shape
    whole = scipy.fft.next_fast_len(length)
    shape = scipy.fft.rfft(np.random.default_rng([seed, round(snr_db)]).standard_normal((channels, whole)))
    hz = np.arange(shape.shape[1]) * RATE / whole
    shape *= np.where(hz < LOWEST_HZ, 0, 1 / np.sqrt(np.maximum(LOWEST_HZ, hz)))
    noise = scipy.fft.irfft(shape, whole)[:, :length]
    noise *= 10 ** ((SPEECH_DB - snr_db) / 20) / np.sqrt(np.mean(np.square(noise), axis=1, keepdims=True))
    return (samples + noise).astype(np.float32), RATE, "PCM_16"


def faster(samples: Samples, _: int, *, factor: float) -> tuple[Samples, int, str]:
    """The same voices at the same pitch, in less time."""
    layout = "mono" if len(samples) == 1 else "stereo"
    graph = av.filter.Graph()
    first = graph.add_abuffer(format="fltp", sample_rate=RATE, layout=layout, time_base=Fraction(1, RATE))
    # atempo mixes the channels' samples in one row; aformat puts them apart again
    steps = [first, graph.add("atempo", str(factor)), graph.add("aformat", "fltp"), graph.add("abuffersink")]
    for one, next_one in pairwise(steps):
        one.link_to(next_one)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    graph.push(frame)
    graph.push(None)
    heard = []
    while True:
        try:
            heard.append(graph.pull().to_ndarray())
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(heard, axis=1), RATE, "PCM_16"


MADE: dict[str, Callable[[Samples, int], tuple[Samples, int, str]]] = {
    "telephone": telephone,
    "noise 20 dB": partial(noisy, snr_db=20),
    "noise 15 dB": partial(noisy, snr_db=15),
    "noise 10 dB": partial(noisy, snr_db=10),
    "1.3 times faster": partial(faster, factor=1.3),
}


def main() -> None:
    """Make the corpus in a folder of its own, and put it in place when it is whole."""
    as_recorded = open_corpus(HERE / "corpus")
    facts = json.loads((HERE / "truth" / "calls.json").read_text())
    with tempfile.TemporaryDirectory(prefix="conditions-", dir=HERE) as name:
        room = Path(name)
        about = make_recordings(as_recorded.sources, room / "recordings")
        recognize(room / "recordings", room / "heard")
        heard = open_corpus(room / "heard")
        # the recordings go away: a call that cannot be heard has no source
        calls = pd.concat([as_recorded.calls, heard.calls.assign(source=None)], ignore_index=True)
        kept = ["call_id", "source", "mode", "engine", "locale", "channels", "duration_s"]
        calls = calls[kept].merge(about, on="call_id")
        calls["blind"] = [facts[dialogue]["blind"] for dialogue in calls["dialogue"]]
        phrases, words = (
            pd.concat([as_recorded.table(table), heard.table(table)], ignore_index=True)
            for table in ("phrases", "words")
        )
        new = open_corpus(room / "new", create=True)
        new.add(Transcript(calls, phrases.drop(columns=["itn", "masked"]), words))
        new.write_table("voices", voices(facts), key="dialogue")
        (room / "new" / ".lock").unlink(missing_ok=True)
        if (CONDITIONS / "corrections").is_dir():  # what a person heard is not lost with the transcripts
            (CONDITIONS / "corrections").rename(room / "new" / "corrections")
        shutil.rmtree(CONDITIONS, ignore_errors=True)
        (room / "new").rename(CONDITIONS)
    print(open_corpus(CONDITIONS))


def make_recordings(sources: dict[str, str], folder: Path) -> pd.DataFrame:
    """Write every call in every condition; answer `call_id`, `dialogue` and `condition` of all, the given ones too."""
    rows = []
    for call_id, source in sources.items():
        samples = decode(HERE.parent / source, RATE)
        rows.append((call_id, call_id, AS_RECORDED))
        for condition, make in MADE.items():
            name = f"{call_id}-{condition.replace(' ', '-')}"
            made, rate, subtype = make(samples, zlib.crc32(call_id.encode()))
            write_wav(folder / f"{name}.wav", made, rate, subtype=subtype)
            rows.append((name, call_id, condition))
    return pd.DataFrame(rows, columns=["call_id", "dialogue", "condition"])


def recognize(recordings: Path, out: Path) -> None:
    """Transcribe through the command, as a reader would, with whatever service is configured."""
    command = [sys.executable, "-m", "speechkit.cli", "transcribe", str(recordings), "--out", str(out)]
    subprocess.run(command, cwd=HERE.parent, check=True)


def voices(facts: dict[str, dict[str, dict[str, str]]]) -> pd.DataFrame:
    """Which voice speaks for whom in each dialogue: `dialogue`, `said_by`, `voice`."""
    rows = [(call, who, voice) for call, fact in facts.items() for who, voice in fact["voices"].items()]
    return pd.DataFrame(rows, columns=["dialogue", "said_by", "voice"])


if __name__ == "__main__":
    main()
