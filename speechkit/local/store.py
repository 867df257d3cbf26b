"""What the service keeps: jobs, their inputs and results, uploaded recordings, what was recognized before.

SQLite in WAL mode, one connection of the one process that writes: the service. Workers never touch it. Each
change is one transaction, so that a service that is killed finds on its next start what was true at the last
one.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from speechkit.errors import LocalServiceError
from speechkit.local.signatures import iso

Status = Literal["NotStarted", "Running", "Succeeded", "Failed"]

RECORDING_LIFE_S: Final = 31 * 86400.0  # an uploaded recording that nobody removed; as long as a job may live
RECOGNITION_LIFE_S: Final = 90 * 86400.0  # since it was last of use

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, version TEXT NOT NULL,
    definition TEXT NOT NULL, display_name TEXT NOT NULL, description TEXT, custom_properties TEXT,
    status TEXT NOT NULL, created_s REAL NOT NULL, acted_s REAL NOT NULL, duration_ms INTEGER, error TEXT,
    expires_s REAL);
CREATE TABLE IF NOT EXISTS inputs (
    job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, position INTEGER NOT NULL, url TEXT NOT NULL,
    name TEXT NOT NULL, status TEXT, error_kind TEXT, error_message TEXT, duration_ms INTEGER,
    PRIMARY KEY (job_id, position));
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, created_s REAL NOT NULL,
    content BLOB NOT NULL, UNIQUE (job_id, position));
CREATE TABLE IF NOT EXISTS recordings (
    name TEXT PRIMARY KEY, file TEXT NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
    created_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS recognitions (key TEXT PRIMARY KEY, value BLOB NOT NULL, used_s REAL NOT NULL);
"""


@dataclass(frozen=True)
class Job:
    """A batch transcription; times in seconds since 1970, `expires_s` once it has finished."""

    id: str
    version: str
    definition: dict[str, Any]
    display_name: str
    description: str | None
    custom_properties: dict[str, str] | None
    status: Status
    created_s: float
    acted_s: float
    duration_ms: int | None
    error: dict[str, str] | None
    expires_s: float | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will change."""
        return self.status in ("Succeeded", "Failed")


@dataclass(frozen=True)
class Input:
    """One recording of a job; `status` is None until it is done."""

    position: int
    url: str
    name: str
    status: Literal["Succeeded", "Failed"] | None = None
    error_kind: str | None = None
    error_message: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True)
class ResultFile:
    """A file of a finished job, without its content."""

    id: str
    job_id: str
    name: str
    kind: str
    created_s: float
    size: int


@dataclass(frozen=True)
class Recording:
    """An uploaded recording: `file` in the folder of recordings, `hash` the SHA-256 of its bytes."""

    name: str
    file: str
    hash: str
    size: int
    created_s: float


class Store:
    """The database of a service.

    >>> store = Store(None)
    >>> job = store.add_job("2025-10-15", {}, "calls", urls=[("https://host/a.wav", "contenturl_0.json")])
    >>> store.job(job.id).status, len(store.inputs(job.id))
    ('NotStarted', 1)
    """

    def __init__(self, folder: Path | None) -> None:
        """Open, or make, the database in a folder; None keeps it in memory."""
        path = ":memory:" if folder is None else str(folder / "service.sqlite")
        try:
            # Only the event loop's thread uses it; the test client runs that loop in a thread of its own.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            for switched_on in ("foreign_keys", "secure_delete"):  # what is deleted is overwritten
                self._db.execute(f"PRAGMA {switched_on} = ON")
            self._db.executescript(_TABLES)
            self._secret = self._made_once("secret", secrets.token_bytes(32))
        except sqlite3.Error as error:
            raise LocalServiceError(
                f"the database {path} cannot be used: {error}. Free space, or give another "
                "folder with --state."
            ) from error

    @property
    def secret(self) -> bytes:
        """What signs URLs; made once, so that they hold after a restart."""
        return self._secret

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, for what keeps tables of its own; each statement commits itself."""
        return self._db

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # --- jobs -----------------------------------------------------------------------------------------------

    def add_job(
        self,
        version: str,
        definition: dict[str, Any],
        display_name: str,
        *,
        description: str | None = None,
        custom_properties: dict[str, str] | None = None,
        urls: Sequence[tuple[str, str]] = (),
    ) -> Job:
        """Keep a new job with its inputs, (URL, name of the result) each."""
        job_id, now = str(uuid.uuid4()), time.time()
        with self._writing():
            self._db.execute(
                "INSERT INTO jobs (id, version, definition, display_name, description, custom_properties, "
                "status, created_s, acted_s) VALUES (?, ?, ?, ?, ?, ?, 'NotStarted', ?, ?)",
                (job_id, version, json.dumps(definition), display_name, description,
                 _json_or_none(custom_properties), now, now),
            )  # fmt: skip
            self._insert_inputs(job_id, urls)
        job = self.job(job_id)
        assert job is not None
        return job

    def set_inputs(self, job_id: str, urls: Sequence[tuple[str, str]]) -> None:
        """Keep what a container was found to hold."""
        with self._writing():
            self._insert_inputs(job_id, urls)

    def job(self, job_id: str) -> Job | None:
        """One job, or None."""
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return _job(row) if row else None

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        return [_job(row) for row in self._db.execute("SELECT * FROM jobs ORDER BY number")]

    def count_jobs(self) -> dict[str, int]:
        """How many jobs stand at each status."""
        counts = dict.fromkeys(("NotStarted", "Running", "Succeeded", "Failed"), 0)
        rows = self._db.execute("SELECT status, count(*) FROM jobs GROUP BY status")
        return counts | {row[0]: row[1] for row in rows}

    def update_job(self, job_id: str, changes: dict[str, Any]) -> None:
        """Change displayName, description or customProperties; None removes the last two."""
        columns = {"displayName": "display_name", "description": "description"}
        with self._writing():
            for name, column in columns.items():
                if name in changes:
                    self._db.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (changes[name], job_id))
            if "customProperties" in changes:
                value = _json_or_none(changes["customProperties"])
                self._db.execute("UPDATE jobs SET custom_properties = ? WHERE id = ?", (value, job_id))

    def start_job(self, job_id: str) -> bool:
        """The job runs; False when it did already."""
        with self._writing():
            changed = self._db.execute(
                "UPDATE jobs SET status = 'Running', acted_s = ? WHERE id = ? AND status = 'NotStarted'",
                (time.time(), job_id),
            ).rowcount
        return changed > 0

    def finish_job(
        self,
        job_id: str,
        status: Literal["Succeeded", "Failed"],
        *,
        report: bytes | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        """The job is done: its report, its status and its time to live, in one step."""
        now = time.time()
        with self._writing():
            row = self._db.execute("SELECT definition FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                return
            if report is not None:
                self._insert_file(job_id, -1, "report.json", "TranscriptionReport", report)
            hours = json.loads(row[0]).get("properties", {}).get("timeToLiveHours", 48)
            duration = self._db.execute(
                "SELECT coalesce(sum(duration_ms), 0) FROM inputs WHERE job_id = ?", (job_id,)
            ).fetchone()[0]
            self._db.execute(
                "UPDATE jobs SET status = ?, acted_s = ?, duration_ms = ?, error = ?, expires_s = ?"
                " WHERE id = ?",
                (status, now, duration, _json_or_none(error), now + hours * 3600, job_id),
            )

    def delete_job(self, job_id: str) -> bool:
        """Remove a job with all its files; False when there was none."""
        with self._writing():
            return self._db.execute("DELETE FROM jobs WHERE id = ?", (job_id,)).rowcount > 0

    def expired_jobs(self, now_s: float) -> list[str]:
        """The jobs whose time to live is over."""
        return [row[0] for row in self._db.execute("SELECT id FROM jobs WHERE expires_s <= ?", (now_s,))]

    # --- inputs and result files ----------------------------------------------------------------------------

    def inputs(self, job_id: str) -> list[Input]:
        """The recordings of a job, in the given order."""
        rows = self._db.execute("SELECT * FROM inputs WHERE job_id = ? ORDER BY position", (job_id,))
        return [Input(**{k: row[k] for k in row.keys() if k != "job_id"}) for row in rows]  # noqa: SIM118

    def succeed_input(self, job_id: str, item: Input, content: bytes, duration_s: float) -> None:
        """A recording was transcribed: its result file and its status, in one step."""
        with self._writing():
            changed = self._db.execute(
                "UPDATE inputs SET status = 'Succeeded', duration_ms = ? WHERE job_id = ? AND position = ?",
                (round(duration_s * 1000), job_id, item.position),
            ).rowcount
            if changed:  # not when the job was deleted in the meantime
                self._insert_file(job_id, item.position, item.name, "Transcription", content)

    def fail_input(self, job_id: str, position: int, kind: str, message: str) -> None:
        """A recording could not be transcribed."""
        with self._writing():
            self._db.execute(
                "UPDATE inputs SET status = 'Failed', error_kind = ?, error_message = ?"
                " WHERE job_id = ? AND position = ?",
                (kind, message, job_id, position),
            )

    def files(self, job_id: str) -> list[ResultFile]:
        """The result files of a job, the report last."""
        rows = self._db.execute(
            "SELECT id, job_id, name, kind, created_s, length(content) AS size FROM files WHERE job_id = ?"
            " ORDER BY position < 0, position",
            (job_id,),
        )
        return [ResultFile(**dict(row)) for row in rows]

    def content(self, job_id: str, file_id: str) -> bytes | None:
        """The content of a result file, or None."""
        row = self._db.execute(
            "SELECT content FROM files WHERE id = ? AND job_id = ?", (file_id, job_id)
        ).fetchone()
        return bytes(row[0]) if row else None

    # --- recordings -----------------------------------------------------------------------------------------

    def add_recording(self, recording: Recording) -> str | None:
        """Keep an uploaded recording; answers the file that it replaces."""
        with self._writing():
            old = self._db.execute("SELECT file FROM recordings WHERE name = ?", (recording.name,)).fetchone()
            self._db.execute(
                "INSERT OR REPLACE INTO recordings (name, file, hash, size, created_s) "
                "VALUES (?, ?, ?, ?, ?)",
                (recording.name, recording.file, recording.hash, recording.size, recording.created_s),
            )
        return old[0] if old else None

    def recording(self, name: str) -> Recording | None:
        """An uploaded recording, or None."""
        row = self._db.execute("SELECT * FROM recordings WHERE name = ?", (name,)).fetchone()
        return Recording(**dict(row)) if row else None

    def delete_recording(self, name: str) -> str | None:
        """Forget an uploaded recording; answers its file."""
        with self._writing():
            row = self._db.execute("DELETE FROM recordings WHERE name = ? RETURNING file", (name,)).fetchone()
        return row[0] if row else None

    def recording_files(self) -> set[str]:
        """The files that belong to a recording: any other one in the folder is left over."""
        return {row[0] for row in self._db.execute("SELECT file FROM recordings")}

    # --- what was recognized before -------------------------------------------------------------------------

    def recognition(self, key: str) -> bytes | None:
        """What a recognizer heard in the same audio with the same options, or None."""
        row = self._db.execute("SELECT value, used_s FROM recognitions WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        now = time.time()
        if now - row[1] > 86400:  # once a day is enough to know what is still of use
            with self._writing():
                self._db.execute("UPDATE recognitions SET used_s = ? WHERE key = ?", (now, key))
        return bytes(row[0])

    def add_recognition(self, key: str, value: bytes) -> None:
        """Keep what was heard."""
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO recognitions VALUES (?, ?, ?)", (key, value, time.time())
            )

    def forget_old(self, now_s: float) -> None:
        """Remove recordings that nobody removed, and recognitions that were long of no use."""
        with self._writing():
            self._db.execute("DELETE FROM recordings WHERE created_s < ?", (now_s - RECORDING_LIFE_S,))
            self._db.execute("DELETE FROM recognitions WHERE used_s < ?", (now_s - RECOGNITION_LIFE_S,))

    # --- inside ---------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise

    def _made_once(self, name: str, value: bytes) -> bytes:
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
        return bytes(self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def _insert_inputs(self, job_id: str, urls: Sequence[tuple[str, str]]) -> None:
        rows = [(job_id, position, url, name) for position, (url, name) in enumerate(urls)]
        self._db.executemany("INSERT INTO inputs (job_id, position, url, name) VALUES (?, ?, ?, ?)", rows)

    def _insert_file(self, job_id: str, position: int, name: str, kind: str, content: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            (str(uuid.uuid4()), job_id, position, name, kind, time.time(), content),
        )


def is_full(error: BaseException) -> bool:
    """Whether an error of the database or of the disk means that there is no space left."""
    import errno

    if isinstance(error, sqlite3.OperationalError):
        return "full" in str(error) or "disk I/O" in str(error)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def created(entity: Job | ResultFile) -> str:
    """When it was made, as the API writes it."""
    return iso(entity.created_s)


def _json_or_none(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118
    for name in ("definition", "custom_properties", "error"):
        values[name] = json.loads(values[name]) if values[name] else None
    return Job(**values)
