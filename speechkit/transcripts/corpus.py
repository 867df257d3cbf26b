"""A corpus: many transcripts in a folder, as Parquet, with metadata and side tables.

    corpus.json                      what the folder is
    calls/ phrases/ words/           shards, one name for the three; at most 5000 calls each
    summaries/ ...                   side tables

A shard counts from the moment its `calls` file is there: that one is written last and removed first. Writers
take a lock, readers none. Where a call stands in two shards, because a writer died or is at work, the later
one holds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from speechkit.errors import CorpusError
from speechkit.transcripts import shards
from speechkit.transcripts.metadata import join_metadata, with_metadata_of
from speechkit.transcripts.schema import TABLES, Transcript, conform, empty, stack

CALLS_PER_SHARD: Final = 5000
_MANY_SHARDS: Final = 64
_SMALL_BYTES: Final = 8_000_000  # a shard whose words take more on the disk is left as it is
_PATIENCE: Final = 50  # readings of a corpus that is being written
_FORMAT: Final = {"format": "speechkit corpus", "version": 1}
_T = TypeVar("_T")


def open_corpus(path: str | os.PathLike[str], create: bool = False) -> Corpus:
    """Open the corpus in a folder; with `create`, make it where there is none.

    Raises CorpusError for a folder that is none, holds something else, or was written by a later version.
    """
    folder = Path(path).expanduser()
    marker = folder / "corpus.json"
    try:
        held = json.loads(marker.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists() and not folder.is_dir():
            raise CorpusError(f"{folder} is a file, not a corpus. Give a folder.") from None
        if not create:
            kind = "is no corpus" if folder.exists() else "does not exist"
            raise CorpusError(
                f"{folder} {kind}. Give the folder of a corpus, or make one with create=True or "
                "`speechkit transcribe ... --out FOLDER`."
            ) from None
        if folder.exists() and any(entry.name[0] != "." for entry in folder.iterdir()):
            raise CorpusError(f"{folder} holds other files. Give a new or an empty folder.") from None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CorpusError(f"{folder} cannot be made: {error.strerror}. Give another folder.") from error
        shards.write_text(marker, json.dumps(_FORMAT) + "\n")
        held = _FORMAT
    except (OSError, ValueError) as error:
        raise CorpusError(f"{marker} cannot be read: {error}. Restore it or give another folder.") from error
    if not isinstance(held, dict) or held.get("format") != _FORMAT["format"]:
        raise CorpusError(f"{folder} is not a corpus of speechkit. Give another folder.")
    if held.get("version") != _FORMAT["version"]:
        raise CorpusError(f"{folder} was written by a later speechkit. Install that version.")
    return Corpus(folder)


class Corpus(Transcript):
    """A Transcript that lies in a folder: `open_corpus` opens it, `add` and `remove` change it.

    Tables are read when they are asked for, and again when another process has changed them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, tuple[tuple[str, ...], pd.DataFrame]] = {}
        self._listed: tuple[tuple[str, ...], dict[str, list[str]]] = ((), {})

    @property
    def sources(self) -> dict[str, str]:
        """Where the recording of each call is or was, by call_id; calls without a source are left out."""
        calls = self.table("calls", ["call_id", "source"]).dropna()
        return dict(zip(calls["call_id"].tolist(), calls["source"].tolist(), strict=True))

    def recording(self, call_id: str) -> Path | None:
        """Find the recording of a call where its source says: from here, or from a folder above the corpus.

        None where it is not on this machine, or not any more.
        """
        source = self._retried(lambda: self._source(call_id))
        if not source or "://" in source:
            return None
        places = [Path.cwd(), *self.path.absolute().parents]
        return next((path for place in places if (path := place / Path(source)).is_file()), None)

    @property
    def call_ids(self) -> list[str]:
        """The ids of the calls, in order."""
        return sorted(call_id for ids in self._retried(self._call_ids).values() for call_id in ids)

    @property
    def tables(self) -> list[str]:
        """The names of the tables that can be asked for: the three of the model and the side tables."""
        return [*TABLES, *self._side_tables()]

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table of the model or a side table; with `columns`, only these are read from the disk."""
        if name not in TABLES and name not in self._side_tables():
            raise CorpusError(f"{self.path} has no table {name!r}. It has {', '.join(self.tables)}.")
        state = tuple(shards.shard_names(self.path / ("calls" if name in TABLES else name)))
        held, frame = self._held.get(name, ((), None))
        if frame is None or held != state:
            frame = self._retried(lambda: self._table(name, columns))
            if columns is None:
                self._held[name] = (state, frame)
        absent = [column for column in columns or () if column not in frame]
        if absent:
            raise CorpusError(f"{name} has no column {absent[0]!r}. It has {', '.join(map(str, frame))}.")
        return frame if columns is None else frame[list(columns)]

    def call(self, call_id: str) -> Transcript:
        """Return the transcript of one call, reading no other from the disk."""
        if call_id not in self.call_ids:
            raise CorpusError(f"{self.path} has no call {call_id!r}. Its call_ids lists what it has.")
        return self._of_calls([call_id])

    def _of_calls(self, call_ids: Sequence[str]) -> Transcript:
        return super()._of_calls(call_ids) if set(TABLES) <= set(self._held) else self.read(call_ids)

    def read(
        self, call_ids: Collection[str], columns: Mapping[str, Sequence[str]] | None = None
    ) -> Transcript:
        """Return the transcript of some calls, reading little else from the disk.

        With `columns`, by table, only the tables that it names are read, and of them these columns and call_id.
        Raises CorpusError for a call that is not there, or not any more.
        """
        if columns is not None:
            columns = {"calls": (), **columns}
            columns = {name: list(dict.fromkeys(["call_id", *asked])) for name, asked in columns.items()}
        frames = self._read(call_ids, columns)
        absent = set(call_ids).difference(frames["calls"]["call_id"])
        if absent:
            raise CorpusError(f"{self.path} has no call {min(absent)!r}. Its call_ids lists what it has.")
        return Transcript._trusted(frames)

    @property
    def state(self) -> str:
        """A text that changes whenever a call comes, goes or is replaced."""
        return " ".join(shards.shard_names(self.path / "calls"))

    def versions(self) -> dict[str, str]:
        """Tell by call_id what changes whenever a call is added again: the name of the shard that holds it."""
        held = self._retried(self._call_ids)
        return {call_id: shard for shard, call_ids in held.items() for call_id in call_ids}

    def parts(
        self, name: str, columns: Sequence[str] | None = None, call_ids: Collection[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield a table of the model in parts of at most 5000 whole calls, so that a large one fits in memory.

        With `call_ids`, only these. A shard that a writer replaces meanwhile is read from where it went.
        """
        for wanted in self.split(call_ids, CALLS_PER_SHARD):
            yield self._read(wanted, {name: columns})[name]

    def split(self, call_ids: Collection[str] | None = None, most: int = 1000) -> list[list[str]]:
        """Divide calls, all or some, into lists of at most `most` that are cheap to `read` together."""
        held = self._retried(self._call_ids)
        wanted = None if call_ids is None else set(call_ids)
        lists = [sorted(ids if wanted is None else wanted.intersection(ids)) for ids in held.values()]
        return [ids[start : start + most] for ids in lists for start in range(0, len(ids), most)]

    def add(
        self,
        transcript: Transcript | Iterable[Transcript],
        metadata: pd.DataFrame | str | os.PathLike[str] | None = None,
        again: bool = False,
    ) -> list[str]:
        """Add calls, and answer their ids; `metadata`, a DataFrame or a CSV, is joined to them.

        Metadata names a call in `call_id` or `file`. A call that is there already is a CorpusError, and
        nothing is added, unless `again` replaces it; the metadata that it had stays.
        """
        given = transcript if isinstance(transcript, Transcript) else Transcript.concat(transcript)
        tables = {name: given.table(name) for name in TABLES}
        new = given.call_ids
        with shards.locked(self.path):
            known = set(self.call_ids)
            there = [call_id for call_id in new if call_id in known]
            if there and not again:
                more = f" and {len(there) - 1} more of these" if len(there) > 1 else ""
                raise CorpusError(
                    f"{self.path} has {there[0]!r}{more} already. Replace with again=True, or leave out."
                )
            old = self._holding(there)
            rest = self._rest(old, set(new))
            if there:
                tables["calls"] = with_metadata_of(self._table("calls"), tables["calls"])
            if metadata is not None:
                tables["calls"] = join_metadata(tables["calls"], metadata)
            self._replace(old, {name: stack(name, [rest[name], tables[name]]) for name in TABLES})
            self._gather()
        return new

    def remove(self, call_id: str | Iterable[str]) -> None:
        """Remove calls and what side tables say of them; nothing of them stays in the folder."""
        gone = {call_id} if isinstance(call_id, str) else set(call_id)
        with shards.locked(self.path):
            sides = {name: self._table(name) for name in self._side_tables()}
            told = {name: frame["call_id"].isin(gone) for name, frame in sides.items() if "call_id" in frame}
            there = {
                *self.call_ids,
                *(id for name, is_in in told.items() for id in sides[name]["call_id"][is_in]),
            }
            if absent := sorted(gone - there):
                raise CorpusError(f"{self.path} has no call {absent[0]!r}. Its call_ids lists what it has.")
            for name, is_in in told.items():
                if is_in.any():
                    self._write_side(name, sides[name][~is_in])
            old = self._holding(gone)
            self._replace(old, self._rest(old, gone))

    def write_table(self, name: str, frame: pd.DataFrame, key: str = "call_id") -> None:
        """Write rows of a side table: they replace the rows of the same `key`, the others stay."""
        if name in TABLES or not name.isidentifier():
            raise CorpusError(f"{name!r} cannot be a side table. Give another name, of letters and _.")
        if key not in frame:
            raise CorpusError(f"the rows for {name} have no column {key!r}. Add it, or name another key.")
        with shards.locked(self.path):
            if name in self._side_tables():
                held = self._table(name)
                if key in held:
                    held = held[~held[key].isin(frame[key])]
                frame = pd.concat([held, frame], ignore_index=True) if len(held) else frame
            self._write_side(name, frame)

    # Reading needs no lock.

    def _side_tables(self) -> list[str]:
        names = (entry.name for entry in self.path.iterdir() if entry.is_dir() and entry.name not in TABLES)
        return sorted(name for name in names if name.isidentifier() and shards.shard_names(self.path / name))

    def _retried(self, read: Callable[[], _T]) -> _T:
        """Read again when a writer has replaced a shard between its listing and its reading."""
        for _ in range(_PATIENCE):
            try:
                return read()
            except FileNotFoundError as error:
                lost = Path(error.filename)
                if lost.parent.name in TABLES and (self.path / "calls" / lost.name).exists():  # not replaced
                    raise CorpusError(
                        f"{lost} is missing. Restore it, or remove the calls of {self.path / 'calls' / lost.name} "
                        "and transcribe them again."
                    ) from None
        raise CorpusError(f"{self.path} changes all the time. Read it when no writer is at work.")

    def _read(
        self, call_ids: Collection[str], columns: Mapping[str, Sequence[str] | None] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Read those of the calls that are there; tables that `columns` does not name are empty."""
        wanted = set(call_ids)
        asked = dict.fromkeys(TABLES) if columns is None else columns

        def read() -> dict[str, pd.DataFrame]:
            held = {shard: sorted(wanted.intersection(ids)) for shard, ids in self._call_ids().items()}
            some = {shard: ids for shard, ids in held.items() if ids}
            return {
                name: self._shards(name, some, asked[name]) if name in asked else empty(name)
                for name in TABLES
            }

        return self._retried(read)

    def _source(self, call_id: str) -> str | None:
        """Read where the recording of a call is; None where nobody knows, or there is no such call."""
        shard = next((shard for shard, call_ids in self._call_ids().items() if call_id in call_ids), None)
        if shard is None:
            return None
        part = shards.read_shard(self.path / "calls" / shard, ["call_id", "source"])
        return next(iter(shards.only(part, "call_id", [call_id])["source"].to_pylist()), None)

    def _table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a table; of the model's, in the order of call_id."""
        if name not in TABLES:  # the latest file of a side table is all of it
            latest = shards.shard_names(self.path / name)[-1:]
            return shards.to_frame([shards.read_shard(self.path / name / shard, columns) for shard in latest])
        return self._shards(name, self._call_ids(), columns)

    def _written(self) -> dict[str, list[str]]:
        """List the calls that were written to each shard."""
        folder = self.path / "calls"
        names = tuple(shards.shard_names(folder))
        if names != self._listed[0]:
            lists = {
                shard: shards.read_shard(folder / shard, ["call_id"])["call_id"].to_pylist()
                for shard in names
            }
            self._listed = (names, lists)
        return self._listed[1]

    def _call_ids(self) -> dict[str, list[str]]:
        """List the calls that each shard holds: those that no later shard holds."""
        held = self._written()
        owner = {call_id: shard for shard, call_ids in held.items() for call_id in call_ids}
        return {
            shard: [call_id for call_id in call_ids if owner[call_id] == shard]
            for shard, call_ids in held.items()
        }

    def _shards(
        self, name: str, held: Mapping[str, list[str]], columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Read some shards of a table of the model: of each, the calls that it holds."""
        wanted = None if columns is None else list(dict.fromkeys([*columns, "call_id"]))
        written, parts = self._written(), []
        for shard, call_ids in held.items():
            filters = shards.narrow("call_id", call_ids, written.get(shard, ()))
            part = shards.read_shard(self.path / name / shard, wanted, filters)
            parts.append(shards.only(part, "call_id", call_ids))
        frame = shards.to_frame(parts) if parts else empty(name)
        known = columns if columns is None else [c for c in columns if c in frame or c in TABLES[name]]
        if len(parts) > 1:
            order = pd.Index(sorted(call_id for call_ids in held.values() for call_id in call_ids))
            rank = order.get_indexer(pd.Index(frame["call_id"]))
            frame = frame.take(rank.argsort(kind="stable")).reset_index(drop=True)
        return conform(name, frame, known)

    # Writing: whoever calls these holds the lock.

    def _holding(self, call_ids: Collection[str]) -> set[str]:
        """Name the shards in which anything of some calls lies, or that a dead writer left behind."""
        held = self._call_ids()
        return {
            shard
            for shard, written in self._written().items()
            if not set(call_ids).isdisjoint(written) or len(held[shard]) < len(written)
        }

    def _rest(self, old: Collection[str], gone: Collection[str]) -> dict[str, pd.DataFrame]:
        """Read what is to stay of the shards `old` when the calls `gone` go."""
        held = {shard: call_ids for shard, call_ids in self._call_ids().items() if shard in old}
        tables = {name: self._shards(name, held) for name in TABLES}
        return {name: frame[~frame["call_id"].isin(gone)] for name, frame in tables.items()}

    def _replace(self, old: Collection[str], tables: dict[str, pd.DataFrame]) -> None:
        """Write tables as new shards, then remove the shards `old`: whoever dies on the way loses nothing."""
        joined = Transcript(*tables.values())
        names = shards.shard_names(self.path / "calls")
        for folder in TABLES:
            shards.sweep(self.path / folder, names)
        call_ids = joined.call_ids
        chunks = []
        for start in range(0, len(call_ids), CALLS_PER_SHARD):
            chunk = joined.filter(call_id=call_ids[start : start + CALLS_PER_SHARD])
            names.append(shards.new_name(names))
            for folder in ("words", "phrases"):
                shards.write_shard(self.path / folder / names[-1], chunk.table(folder))
            chunks.append((names[-1], chunk.calls))
        for name, calls in chunks:
            shards.write_shard(self.path / "calls" / name, calls)
        for folder in TABLES:  # calls is the first: without it the others count no more
            for name in old:
                (self.path / folder / name).unlink(missing_ok=True)

    def _gather(self) -> None:
        """Put small shards together when they are many: opening a file costs more than reading it.

        What is put together at once fits into little memory.
        """
        held = self._call_ids()
        if len(held) <= _MANY_SHARDS:
            return
        group: list[str] = []
        calls = size = 0
        for shard, call_ids in held.items():
            weight = (self.path / "words" / shard).stat().st_size
            if len(call_ids) >= CALLS_PER_SHARD // 2 or weight >= _SMALL_BYTES:
                continue
            if calls + len(call_ids) > CALLS_PER_SHARD or size + weight > 2 * _SMALL_BYTES:
                if len(group) > 1:
                    self._replace(group, self._rest(group, ()))
                group, calls, size = [], 0, 0
            group.append(shard)
            calls, size = calls + len(call_ids), size + weight
        if len(group) > 1:
            self._replace(group, self._rest(group, ()))

    def _write_side(self, name: str, frame: pd.DataFrame) -> None:
        folder = self.path / name
        old = shards.shard_names(folder)
        shards.sweep(folder)
        shards.write_shard(folder / shards.new_name(old), frame)
        for shard in old:
            (folder / shard).unlink(missing_ok=True)
