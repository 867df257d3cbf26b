"""What is known of a call besides its sound: who took it, when, in which queue."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
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


def is_pattern(metadata: object) -> bool:
    """Whether metadata is a pattern of file names, with a {name} for each column."""
    return isinstance(metadata, str) and "{" in metadata


def metadata_of_names(files: Iterable[str], pattern: str) -> pd.DataFrame:
    """Read metadata from file names: `{agent}` in the pattern is a column, the rest stands as it is.

    Without a suffix the pattern is of the stem. A file that it does not fit has no row. `recorded_at` may be
    written in digits alone: 20260907-091400. Raises CorpusError for a pattern without a column.

    >>> metadata_of_names(["20260907-0914_amy_billing.wav"], "{recorded_at}_{agent}_{queue}").iloc[0].tolist()
    ['20260907-0914_amy_billing.wav', '2026-09-07T09:14', 'amy', 'billing']
    """
    parts = re.split(r"\{(\w+)\}", pattern)
    columns = parts[1::2]
    if not columns or len(set(columns)) < len(columns) or any(map(str.isdigit, columns)):
        raise CorpusError(
            f"{pattern!r} is no pattern of file names. Write it like {{recorded_at}}_{{agent}}_{{queue}}."
        )
    fixed = [re.escape(part) for part in parts[::2]]
    regex = fixed[0] + "".join(f"(?P<{c}>.+?){f}" for c, f in zip(columns, fixed[1:], strict=True))
    whole = re.compile(regex if PurePosixPath(pattern).suffix else regex + r"(\.\w+)?")
    rows = []
    for file in files:
        if found := whole.fullmatch(_file_name(file)):
            rows.append({"file": _file_name(file), **{column: found[column] for column in columns}})
    table = pd.DataFrame(rows, columns=["file", *columns]).astype("str")
    if "recorded_at" in table:
        table["recorded_at"] = table["recorded_at"].map(_spelled_time)
    return table


def _spelled_time(text: str) -> str:
    """Write a time of digits as ISO 8601; another stays as it is."""
    digits = re.sub(r"\D", "", text)
    for form, spelled in (("%Y%m%d%H%M%S", "seconds"), ("%Y%m%d%H%M", "minutes"), ("%Y%m%d", "minutes")):
        try:
            if len(digits) == {"%Y%m%d%H%M%S": 14, "%Y%m%d%H%M": 12, "%Y%m%d": 8}[form]:
                return datetime.strptime(digits, form).isoformat(timespec=spelled)
        except ValueError:
            break
    return text


def join_metadata(calls: pd.DataFrame, metadata: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Add the columns of `metadata` to `calls`, by `call_id`, else by `file`, the name of the recording.

    `metadata` is a table, a CSV, or a pattern of file names (see `metadata_of_names`).
    Where metadata says something about a column that is there, it wins; a call without metadata keeps what it
    has. Raises CorpusError where metadata has neither key, names a call twice, or recorded_at is no time.

    >>> calls = pd.DataFrame({"call_id": ["c1", "c2"], "source": ["in/c1.wav", "in/c2.wav"]})
    >>> side = pd.DataFrame({"file": ["c2.wav"], "queue": ["billing"]})
    >>> join_metadata(calls, side).queue.tolist()
    [nan, 'billing']
    """
    if is_pattern(metadata):
        metadata = metadata_of_names(dict.fromkeys(_file_names(calls).dropna()), str(metadata))
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


def with_metadata_of(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Fill what `new` calls lack of metadata with what was known of the same calls."""
    held = old.set_index("call_id").reindex(new["call_id"]).set_axis(new.index)
    for column in held:
        if column == "recorded_at" or column not in CALLS:
            known = new[column].where(new[column].notna(), held[column]) if column in new else held[column]
            new = new.assign(**{str(column): known})
    return new
