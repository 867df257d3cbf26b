"""How loud people speak: the level of a recording in the seconds in which each of them does.

Levels are RMS in dB of full scale: 0 is the loudest a file can hold, -20 to -30 is usual for speech on a
telephone line. They compare parties of one recording; between recordings the line and the telephone count
for more than the voice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.analysis.timed import who

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

    Floats = NDArray[np.float64]

FRAME_S: Final = 0.01
_FLOOR: Final = 1e-12  # -120 dB, below what 16 bits hold


def levels(rows: pd.DataFrame, recordings: Mapping[str, str | os.PathLike[str]]) -> pd.Series[float]:
    """Measure the level of each row of a table in its recording, in dB of full scale.

    `rows` has `call_id`, `start_s` and `end_s`, and `channel` where only that channel counts; `recordings`
    are the files by call_id. Missing where there is no recording, no time, or the row is outside of it.
    Raises the AudioError tree for a recording that cannot be used. Any table of places will do: phrases,
    turns, or silences, to tell music on hold from a line that is dead.
    """
    answer = pd.Series(np.nan, rows.index, dtype="float64", name="level_db")
    for call_id, own in rows.groupby("call_id"):
        if str(call_id) in recordings:
            sums = _energy(recordings[str(call_id)])
            answer.loc[own.index] = _mean_db(sums, own)
    return answer


def loudness(tables: Tables, recordings: Mapping[str, str | os.PathLike[str]]) -> pd.DataFrame:
    """Measure how loud each party of each call speaks.

    The answer has `call_id`, `party`, `level_db` (of all its speech), `quiet_db` and `loud_db` (a tenth of
    its phrases are quieter, a tenth louder), only for the calls that have a recording.
    """
    phrases = tables.phrases
    spoken = phrases[phrases["call_id"].isin(list(recordings)) & phrases["start_s"].notna()]
    level = levels(spoken, recordings)
    lasts = (spoken["end_s"] - spoken["start_s"]).clip(lower=0.0)
    power = 10 ** (level / 10) * lasts
    table = pd.DataFrame(
        {"call_id": spoken["call_id"], "party": who(spoken), "power": power, "s": lasts, "level": level}
    )
    groups = table[table["level"].notna() & (table["s"] > 0)].groupby(["call_id", "party"])
    sums = groups[["power", "s"]].sum()
    edges = groups["level"].quantile(np.array([0.1, 0.9])).unstack()
    answer = pd.DataFrame(
        {
            "level_db": 10 * np.log10(sums["power"] / sums["s"]),
            "quiet_db": edges.get(0.1),
            "loud_db": edges.get(0.9),
        }
    )
    return answer.reset_index()


def _energy(path: str | os.PathLike[str]) -> Floats:
    """Running sums of the energy of each channel, a column for each frame; the first is 0."""
    from speechkit.audio import decode_blocks

    rate = 8000
    size, parts, rest = round(rate * FRAME_S), [], None
    for block in decode_blocks(os.fspath(path), rate):
        joined = block if rest is None else np.concatenate([rest, block], axis=1)
        frames = joined.shape[1] // size
        whole = joined[:, : frames * size].reshape(len(joined), frames, size)
        parts.append((whole.astype(np.float64) ** 2).mean(axis=2))
        rest = joined[:, frames * size :]
    energy = np.concatenate(parts, axis=1)
    return np.concatenate([np.zeros((len(energy), 1)), np.cumsum(energy, axis=1)], axis=1)


def _mean_db(sums: Floats, rows: pd.DataFrame) -> Floats:
    """The mean level between the start and the end of each row, on its channel or on all."""
    channels, last = len(sums), sums.shape[1] - 1
    start, end = (rows[name].to_numpy(np.float64, na_value=np.nan) / FRAME_S for name in ("start_s", "end_s"))
    held = ~(np.isnan(start) | np.isnan(end))
    low, high = (np.clip(np.round(np.where(held, t, 0.0)), 0, last).astype(np.int64) for t in (start, end))
    own = np.full(len(rows), -1)
    if "channel" in rows:
        own = rows["channel"].to_numpy(np.int64, na_value=-1)
    every = sums.mean(axis=0)
    energy = every[high] - every[low]
    alone = (own >= 0) & (own < channels)
    energy[alone] = sums[own[alone], high[alone]] - sums[own[alone], low[alone]]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(held & (high > low), energy / np.maximum(high - low, 1), np.nan)
        level: Floats = 10 * np.log10(np.maximum(mean, _FLOOR))
    return level
