"""Levels against sine waves, whose level is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.loudness import levels, loudness
from speechkit.audio import write_wav
from tests.analysis.making import transcript

RATE = 8000


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Channel 0 sounds at -6 dB RMS for a second, then at -26; channel 1 is silent, then at -12."""
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * np.sqrt(2)
    db = [(-6.0, -26.0), (-120.0, -12.0)]
    rows = [np.concatenate([10 ** (level / 20) * tone for level in channel]) for channel in db]
    write_wav(tmp_path / "c1.wav", np.array(rows, np.float32), RATE)
    return tmp_path / "c1.wav"


def test_levels_are_those_of_the_tones(recording: Path) -> None:
    rows = pd.DataFrame(
        {"call_id": ["c1"] * 5 + ["c2"], "channel": pd.array([0, 0, 1, None, 0, 0], "Int64"),
         "start_s": [0.0, 1.0, 1.0, 1.0, 9.0, 0.0], "end_s": [1.0, 2.0, 2.0, 2.0, 9.5, 1.0]}
    )  # fmt: skip
    answer = levels(rows, {"c1": recording})
    both = 10 * np.log10((10**-2.6 + 10**-1.2) / 2)
    assert answer.tolist() == pytest.approx([-6, -26, -12, both, np.nan, np.nan], abs=0.1, nan_ok=True)


def test_the_loudness_of_a_party_is_that_of_its_speech(recording: Path) -> None:
    said = [("c1", 0, 0.0, 1.0), ("c1", 0, 1.0, 2.0), ("c1", 1, 1.0, 2.0), ("c2", 0, 0.0, 1.0)]
    table = loudness(transcript(said, "call channel start end"), {"c1": recording})
    assert table["party"].tolist() == ["channel 0", "channel 1"]
    mean = 10 * np.log10((10**-0.6 + 10**-2.6) / 2)
    assert table["level_db"].tolist() == pytest.approx([mean, -12.0], abs=0.1)
    assert table["quiet_db"][0] < table["level_db"][0] < table["loud_db"][0]


def test_without_recordings_there_is_no_level() -> None:
    made = transcript([("c1", 0, 0.0, 1.0)], "call channel start end")
    assert loudness(made, {}).empty
    assert levels(made.phrases, {}).isna().all()
