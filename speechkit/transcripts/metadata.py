"""What is known of a call besides its sound: who took it, when, in which queue."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Final

import pandas as pd

from speechkit.errors import CorpusError
from speechkit.transcripts.schema import CALLS

_KEYS: Final = ("call_id", "file")
_NUMBER: Final = r"-?(?:0|[1-9]\d{0,8})(?:\.\d+)?"  # 007 and telephone numbers stay text


def read_metadata(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a CSV of calls: a column `call_id` or `file` says which; any other column is metadata.

    Everything is text but `recorded_at` (a time) and columns of plain numbers. Raises CorpusError.
    """
    try:
        frame = pd.read_csv(path, dtype="str", encoding="utf-8-sig", keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise CorpusError(f"{path}: there is no such file. Check the path of the metadata.") from None
    except (OSError, ValueError) as error:  # pandas' errors of parsing and decoding are ValueErrors
        raise CorpusError(f"{path} cannot be read as CSV: {error}. Save it as CSV in UTF-8.") from error
    for column in frame.columns.difference([*_KEYS, *CALLS]):
        values = frame[column].dropna()
        if len(values) and values.str.fullmatch(_NUMBER).all():
            frame[column] = pd.to_numeric(frame[column])
    return frame


def join_metadata(calls: pd.DataFrame, metadata: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Add the columns of `metadata` to `calls`, by `call_id`, else by `file`, the name of the recording.

    Where metadata says something about a column that is there, it wins; a call without metadata keeps what it
    has. Raises CorpusError where metadata has neither key, names a call twice, or recorded_at is no time.

    >>> calls = pd.DataFrame({"call_id": ["c1", "c2"], "source": ["in/c1.wav", "in/c2.wav"]})
    >>> side = pd.DataFrame({"file": ["c2.wav"], "queue": ["billing"]})
    >>> join_metadata(calls, side).queue.tolist()
    [nan, 'billing']
    """
    named = "the metadata" if isinstance(metadata, pd.DataFrame) else str(metadata)
    side = metadata if isinstance(metadata, pd.DataFrame) else read_metadata(metadata)
    keys = [key for key in _KEYS if key in side]
    if not keys:
        known = ", ".join(map(str, side))
        raise CorpusError(
            f"{named} has neither call_id nor file, only {known}. Add a column that names the call."
        )
    row = pd.Series(-1, index=calls.index)
    for key in keys:
        values = side[key].astype("str")
        values = values if key == "call_id" else values.map(_file_name, na_action="ignore")
        twice = values[values.duplicated() & values.notna()]
        if len(twice):
            raise CorpusError(f"{named} names {key} {twice.iloc[0]!r} twice. Keep one row a call.")
        rows = pd.Series(range(len(side)), index=values)
        found = (calls["call_id"] if key == "call_id" else _file_names(calls)).map(rows[rows.index.notna()])
        row = row.where(row >= 0, found.fillna(-1).astype("int64"))
    side = side.reset_index(drop=True).drop(columns=list(_KEYS), errors="ignore")
    side = side.astype({c: "Int64" for c in side if pd.api.types.is_integer_dtype(side[c].dtype)})
    aligned = side.reindex(row.to_numpy()).set_axis(calls.index)
    if "recorded_at" in aligned:
        try:
            times = pd.to_datetime(aligned["recorded_at"], utc=True)  # without a zone a time stays as it is
        except ValueError as error:
            raise CorpusError(
                f"{named}: recorded_at is not a time: {error}. Write 2026-09-07T09:14:00."
            ) from error
        aligned["recorded_at"] = times.dt.tz_localize(None).astype("datetime64[ns]")
    joined = calls.copy()
    for column in aligned:
        new = aligned[column]
        joined[column] = new.where(new.notna(), joined[column]) if column in joined else new
    return joined


def _file_name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _file_names(calls: pd.DataFrame) -> pd.Series[str]:
    """The names of the recordings, as far as the sources tell them."""
    if "source" not in calls:
        return pd.Series(None, index=calls.index, dtype="str")
    return calls["source"].map(_file_name, na_action="ignore").astype("str")
