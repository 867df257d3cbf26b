"""Parquet files in a folder, written whole or not at all, and the lock that writers take.

A shard is a file `{number:06d}-{random}.parquet`; a later number was written later. Readers need no lock: a
file appears under its name only when it is complete, and is never changed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from speechkit.errors import CorpusError
from speechkit.lock import lock

_SUFFIX = ".parquet"
_PART = ".part"
_SMALL = 1_000_000  # bytes; for less, threads and filters take longer than they save
_ROWS = 65_536
"""Rows are packed in groups of so many: who reads some calls unpacks little more than these."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one writer at a time, over threads and processes; it goes with its process."""
    try:
        held = lock(folder / ".lock")
    except OSError as error:
        raise CorpusError(f"{folder} cannot be written: {error.strerror}. Check the folder.") from error
    with held:
        yield


def shard_names(folder: Path) -> list[str]:
    """List the complete shards of a folder, oldest first; none where there is no folder."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX) and name[0] != ".")
    except FileNotFoundError:
        return []


def new_name(names: Iterable[str]) -> str:
    """Return a name for a shard that comes after `names`."""
    last = max((int(name.split("-")[0]) for name in names), default=0)
    return f"{last + 1:06d}-{secrets.token_hex(4)}{_SUFFIX}"


def write_shard(path: Path, frame: pd.DataFrame) -> None:
    """Write a shard: a hidden file first, on the disk for sure, then its name."""
    temporary = path.with_name(f".{path.name}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        with temporary.open("wb") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROWS)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CorpusError(
            f"{path.parent} cannot be written: {error.strerror or error}. Free some space or check it, then "
            "write again; what was there before is whole."
        ) from error
    except pa.ArrowException as error:
        raise CorpusError(
            f"a column cannot be kept in {path.parent}: {error}. Give columns of one type."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    temporary = path.with_name(f".{path.name}{_PART}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CorpusError(
            f"{path} cannot be written: {error.strerror or error}. Check the folder."
        ) from error


def read_shard(path: Path, columns: Sequence[str] | None = None, filters: Any = None) -> Any:
    """Read a shard as an Arrow table: of `columns` those it has, of its rows at least those that pass `filters`.

    A small one is read whole: to look at each row takes longer. FileNotFoundError means that a writer has just
    replaced it: list the shards again.
    """
    try:
        with pq.ParquetFile(path) as file:
            if columns is not None:
                known = set(file.schema_arrow.names)
                columns = [column for column in columns if column in known]
            is_small = path.stat().st_size < _SMALL
            if filters is None or is_small:
                return file.read(columns, use_threads=not is_small)
        return pq.read_table(path, columns=columns, filters=filters, partitioning=None)
    except FileNotFoundError as error:
        error.filename = str(path)
        raise
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"{path} cannot be read: {error}. Restore it, or delete it and transcribe its calls again."
        ) from error


def narrow(column: str, values: Sequence[str], held: Sequence[str]) -> Any:
    """Return filters that skip most of what is not wanted of the values that a shard holds; `only` does the rest.

    >>> narrow("call_id", ["b", "c"], ["a", "b", "c"]), narrow("call_id", ["a"], ["a"])
    ([('call_id', '>=', 'b'), ('call_id', '<=', 'c')], None)
    """
    if len(values) >= len(held) or not values:
        return None
    low, high = min(values), max(values)
    between = sum(low <= value <= high for value in held)
    if between > 2 * len(values):  # far from each other: a look at each row costs less than to unpack it
        return [(column, "in", list(values))]
    return [(column, ">=", low), (column, "<=", high)]


def only(table: Any, column: str, values: Sequence[str]) -> Any:
    """Keep the rows of an Arrow table whose `column` is one of `values`."""
    mask = pc.is_in(table[column], value_set=pa.array(values, table.schema.field(column).type))
    return table.filter(mask) if pc.all(mask).as_py() is False else table


def to_frame(tables: Sequence[Any]) -> pd.DataFrame:
    """Put Arrow tables under each other as one DataFrame; integers that may be missing become Int64."""
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # metadata that was a number once and text another time
        table = pa.concat_tables(_as_text(tables), promote_options="permissive")
    missing = {f.name for f in table.schema if pa.types.is_integer(f.type) and table[f.name].null_count}
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    return frame.astype(dict.fromkeys(missing, "Int64")) if missing else frame


def sweep(folder: Path, names: Iterable[str] | None = None) -> None:
    """Remove what writers that died left behind: unfinished files, and shards that are not in `names`.

    Only who holds the lock may do this: then no other writer is at work.
    """
    kept = None if names is None else set(names)
    for path in folder.iterdir() if folder.is_dir() else ():
        orphan = kept is not None and path.suffix == _SUFFIX and path.name not in kept
        if path.name.endswith(_PART) or orphan:
            path.unlink(missing_ok=True)


def _as_text(tables: Sequence[Any]) -> list[Any]:
    """Turn every column that has different types in different tables into text."""
    types: dict[str, set[Any]] = {}
    for table in tables:
        for field in table.schema:
            if not pa.types.is_null(field.type):
                types.setdefault(field.name, set()).add(field.type)
    mixed = {name for name, kinds in types.items() if len(kinds) > 1}
    schemas = [
        pa.schema([pa.field(f.name, pa.large_string()) if f.name in mixed else f for f in table.schema])
        for table in tables
    ]
    return [table.cast(schema) for table, schema in zip(tables, schemas, strict=True)]


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets folders be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
