"""The ledger: which recording of which run stands where, in SQLite, so that a run can be left at any moment.

    runs         a name, the corpus it writes to, and what was asked
    jobs         one row a job, written before the service is asked for it
    recordings   listed -> looked -> planned -> published -> submitted -> collected
                 or skipped (it is there already) or failed (with its reason)

It lies in SPEECHKIT_HOME, not in the corpus: a run is found by its name alone, write-ahead logging does not
work on the network drives that corpora live on, and addresses may hold signatures, which are not to travel with
a corpus. A plan that nothing is sent of has a ledger in memory.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from speechkit.errors import RunError
from speechkit.lock import lock

Row: TypeAlias = dict[str, Any]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY, corpus TEXT NOT NULL, asked TEXT NOT NULL, metadata BLOB, made_s REAL NOT NULL,
    skipped INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, key TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL, id TEXT, status TEXT NOT NULL, error TEXT, sent_s REAL NOT NULL, asked_s REAL,
    began_s REAL, ended_s REAL, expires_s REAL, is_read INTEGER NOT NULL DEFAULT 0,
    is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS recordings (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    job INTEGER REFERENCES jobs, state TEXT NOT NULL, address TEXT NOT NULL, place TEXT NOT NULL,
    source TEXT, file TEXT, stem TEXT, identity TEXT, mark TEXT, sha256 TEXT, modified_ns INTEGER, bytes INTEGER,
    container TEXT, codec TEXT, rate INTEGER, channels INTEGER, duration_s REAL, note TEXT,
    options TEXT, call_id TEXT, url TEXT, result TEXT, error TEXT, kind TEXT, worth INTEGER, changed_s REAL,
    UNIQUE (run, place));
CREATE INDEX IF NOT EXISTS jobs_of_run ON jobs (run);
CREATE INDEX IF NOT EXISTS recordings_by_state ON recordings (run, state);
CREATE INDEX IF NOT EXISTS recordings_of_job ON recordings (job);
CREATE INDEX IF NOT EXISTS recordings_by_identity ON recordings (identity);
CREATE INDEX IF NOT EXISTS recordings_by_stem ON recordings (run, stem);
CREATE INDEX IF NOT EXISTS recordings_by_call ON recordings (call_id);
CREATE INDEX IF NOT EXISTS recordings_by_place ON recordings (place);
PRAGMA user_version = 1;
"""
_VERSION: Final = 1
BUSY_S: Final = 60.0  # another process writes for so long at most
IN_RUN: Final = "is in the run "  # why a recording was left out, before the name of the run
_OPEN: Final = "('planned', 'published', 'submitted')"


def _make_private(path: Path) -> None:
    """Make a file that only its user reads: addresses may hold signatures.

    One that is there is not touched: to close any handle of a database drops the locks that SQLite has on it in this
    process, and then another process takes the log away from under it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


class Ledger:
    """A ledger in a file, made where it is missing; None keeps one in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                _make_private(path)
            self._base = sqlite3.connect(
                path or ":memory:", isolation_level=None, timeout=BUSY_S, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{path} cannot be opened: {error}. Check SPEECHKIT_HOME.") from None
        weakref.finalize(self, self._base.close)
        self._base.row_factory = lambda cursor, row: dict(
            zip((c[0] for c in cursor.description), row, strict=True)
        )
        # Two that change the journal's mode at once: SQLite refuses one of them without waiting.
        with self._told_plainly(), nullcontext() if path is None else lock(path.with_suffix(".lock")):
            if path is not None:
                self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA foreign_keys = ON")
            version = self._base.execute("PRAGMA user_version").fetchone()["user_version"]
            if version > _VERSION:
                raise RunError(f"{path} was written by a later speechkit. Install that version.")
            if version < _VERSION:
                self._base.executescript(_SCHEMA)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @contextmanager
    def writing(self, *, for_sure: bool = False) -> Iterator[sqlite3.Connection]:
        """Hold the one right to write: all of the block is kept, or nothing; `for_sure` over a power cut too."""
        with self._lock, self._told_plainly():
            self._base.execute(f"PRAGMA synchronous = {'FULL' if for_sure else 'NORMAL'}")
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            finally:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")

    def read(self, sql: str, *values: Any) -> list[Row]:
        """Answer the rows of a query."""
        with self._lock, self._told_plainly():
            return self._base.execute(sql, values).fetchall()

    def write(self, sql: str, *values: Any) -> int:
        """Change rows in a transaction of its own; answers how many."""
        with self.writing() as base:
            return base.execute(sql, values).rowcount

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # our own mistake
            raise
        except sqlite3.Error as error:
            raise RunError(
                f"the ledger {self.path} cannot be used: {error}. Check the folder and the space on the disk; "
                "what was written before is whole."
            ) from error

    # --- runs ---------------------------------------------------------------------------------------------

    def begin(
        self,
        name: str,
        corpus: str,
        asked: dict[str, Any],
        rows: Iterable[Row],
        metadata: bytes | None = None,
    ) -> None:
        """Write a new run with its recordings, each with at least state, address and place.

        `place` is where the recording really is: of two rows with one place, the first counts. Raises RunError
        when there is a run of that name.
        """
        with self.writing() as base:
            if base.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone():
                raise RunError(
                    f"there is a run {name!r} already. `speechkit runs resume {name}` goes on with it; or give "
                    "another name."
                )
            base.execute(
                "INSERT INTO runs (name, corpus, asked, metadata, made_s) VALUES (?, ?, ?, ?, ?)",
                (name, corpus, json.dumps(asked), metadata, time.time()),
            )
            for row in rows:
                columns = ", ".join(("run", "changed_s", *row))
                marks = ", ".join("?" * (len(row) + 2))
                base.execute(
                    f"INSERT OR IGNORE INTO recordings ({columns}) VALUES ({marks})",
                    (name, time.time(), *row.values()),
                )

    def run(self, name: str) -> Row:
        """Answer the row of a run; RunError names the runs that there are when it is none of them."""
        found = self.read("SELECT * FROM runs WHERE name = ?", name)
        if not found:
            known = self.read("SELECT name FROM runs ORDER BY made_s DESC LIMIT 5")
            there = ", ".join(row["name"] for row in known) or "none"
            raise RunError(f"there is no run {name!r}. The latest runs: {there}; `speechkit runs` lists all.")
        return found[0]

    def forget(self, name: str) -> None:
        """Remove a run and its rows."""
        with self.writing() as base:
            base.execute("DELETE FROM recordings WHERE run = ?", (name,))
            base.execute("DELETE FROM jobs WHERE run = ?", (name,))
            base.execute("DELETE FROM runs WHERE name = ?", (name,))

    def erase(self, numbers: Sequence[int], metadata: dict[str, bytes]) -> None:
        """Remove recordings, jobs that have no others, and put metadata in the place of what runs have.

        What is removed is overwritten on the disk, too.
        """
        marks = ", ".join("?" * len(numbers))
        with self._lock, self._told_plainly():
            self._base.execute("PRAGMA secure_delete = ON")
            with self.writing(for_sure=True) as base:
                jobs = base.execute(
                    f"SELECT DISTINCT job FROM recordings WHERE number IN ({marks})", tuple(numbers)
                ).fetchall()
                base.execute(f"DELETE FROM recordings WHERE number IN ({marks})", tuple(numbers))
                base.executemany(
                    "DELETE FROM jobs WHERE number = ? AND number NOT IN "
                    "(SELECT job FROM recordings WHERE job IS NOT NULL)",
                    ((row["job"],) for row in jobs),
                )
                base.executemany(
                    "UPDATE runs SET metadata = ? WHERE name = ?",
                    ((kept, name) for name, kept in metadata.items()),
                )
            self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def count(self, name: str) -> dict[str, int]:
        """Count the recordings of a run by state."""
        rows = self.read("SELECT state, count(*) AS n FROM recordings WHERE run = ? GROUP BY state", name)
        return {row["state"]: row["n"] for row in rows}

    # --- planning -----------------------------------------------------------------------------------------

    def listed(self, name: str, most: int) -> list[Row]:
        """Answer some recordings that nobody has looked at yet."""
        return self.read(
            "SELECT number, address, call_id FROM recordings WHERE run = ? AND state = 'listed' "
            "ORDER BY number LIMIT ?",
            name,
            most,
        )

    def known_hash(self, place: str, modified_ns: int, size: int) -> str | None:
        """Answer the SHA-256 of a file that was read before and has not changed since."""
        rows = self.read(
            "SELECT sha256 FROM recordings WHERE place = ? AND modified_ns = ? AND bytes = ? AND sha256 > '' LIMIT 1",
            place,
            modified_ns,
            size,
        )
        return rows[0]["sha256"] if rows else None

    def update(self, rows: Sequence[dict[str, Any]]) -> None:
        """Change recordings, each row by its `number`; rows of one call have the same columns."""
        if not rows:
            return
        columns = [column for column in rows[0] if column != "number"]
        changes = ", ".join(f"{column} = :{column}" for column in columns)
        with self.writing() as base:
            base.executemany(
                f"UPDATE recordings SET {changes}, changed_s = {time.time()} WHERE number = :number", rows
            )

    def settle(
        self, name: str, known: Iterable[tuple[str, str]], *, again: bool, since_s: float = 0.0
    ) -> None:
        """Decide which of the recordings that were looked at are to be sent, and under which call_id.

        `known` are the calls of the corpus as (identity, call_id), read at `since_s` (seconds since 1970). Left
        out, unless `again`, is what the corpus has, and what an open run of the same corpus has with the same
        options; left out always is a copy of another recording of this run. It is one transaction: of two
        processes that plan the same recording, one gets it.
        """
        with self.writing() as base:
            base.execute("CREATE TEMP TABLE known (identity TEXT, call_id TEXT)")
            base.executemany("INSERT INTO known VALUES (?, ?)", known)
            base.execute("CREATE INDEX temp.known_by_identity ON known (identity)")
            base.execute("CREATE INDEX temp.known_by_call ON known (call_id)")
            for statement in _SETTLE:
                if not (again and "/* unless again */" in statement):
                    base.execute(statement, {"run": name, "since_s": since_s, "now_s": time.time()})
            base.execute("DROP TABLE temp.known")

    # --- jobs ---------------------------------------------------------------------------------------------

    def intend(
        self, name: str, key: str, endpoint: str, urls: dict[int, str], expires_s: float | None
    ) -> int:
        """Write down that a job is about to be asked for, with the URLs of its recordings by number."""
        with self.writing(for_sure=True) as base:
            job = base.execute(
                "INSERT INTO jobs (run, key, endpoint, status, sent_s, expires_s) VALUES (?, ?, ?, 'Intended', ?, ?)",
                (name, key, endpoint, time.time(), expires_s),
            ).lastrowid
            base.executemany(
                "UPDATE recordings SET job = ?, url = ?, state = 'published', changed_s = ? WHERE number = ?",
                ((job, url, time.time(), number) for number, url in urls.items()),
            )
        assert job is not None
        return job

    def submitted(self, job: int, id: str, status: str) -> None:
        """Write down that the service has taken a job."""
        with self.writing() as base:
            base.execute("UPDATE jobs SET id = ?, status = ? WHERE number = ?", (id, status, job))
            base.execute(
                "UPDATE recordings SET state = 'submitted', changed_s = ? WHERE job = ? AND state = 'published'",
                (time.time(), job),
            )

    def set_job(self, job: int, **values: Any) -> None:
        """Change columns of a job."""
        changes = ", ".join(f"{column} = ?" for column in values)
        self.write(f"UPDATE jobs SET {changes} WHERE number = ?", *values.values(), job)

    def jobs(self, name: str, condition: str = "1") -> list[Row]:
        """Answer the jobs of a run with what their recordings add up to."""
        return self.read(
            "SELECT jobs.*, count(r.number) AS recordings, total(r.duration_s) AS audio_s, "
            "count(r.duration_s) AS known, total(r.state = 'collected') AS collected, "
            "total(r.state = 'failed') AS failed "
            f"FROM jobs LEFT JOIN recordings r ON r.job = jobs.number WHERE jobs.run = ? AND {condition} "
            "GROUP BY jobs.number ORDER BY jobs.number",
            name,
        )

    def of_job(self, job: int) -> list[Row]:
        """Answer the recordings of a job, at most 1000."""
        return self.read("SELECT * FROM recordings WHERE job = ? ORDER BY number", job)


_SETTLE: Final = (
    # the same recording twice in this run
    """UPDATE recordings AS r SET state = 'skipped', changed_s = :now_s, note = 'is the same recording as ' || (
           SELECT source FROM recordings o WHERE o.run = :run AND o.identity = r.identity ORDER BY number LIMIT 1)
       WHERE run = :run AND state = 'looked' AND EXISTS (
           SELECT 1 FROM recordings o WHERE o.run = :run AND o.identity = r.identity AND o.number < r.number
           AND o.state <> 'failed')""",
    # what the corpus has keeps its call_id; a call that was added from a result file has no hash
    """UPDATE recordings AS r SET call_id = coalesce(
           (SELECT call_id FROM known k WHERE k.identity = r.identity),
           (SELECT call_id FROM known k WHERE k.identity = ':' || r.file))
       WHERE run = :run AND state = 'looked' AND call_id IS NULL""",
    """UPDATE recordings /* unless again */
       SET state = 'skipped', note = 'is in the corpus as ' || call_id, changed_s = :now_s
       WHERE run = :run AND state = 'looked' AND call_id IN (SELECT call_id FROM known)""",
    # what another run of this corpus has sent, or has collected since the corpus was read
    f"""UPDATE recordings AS r /* unless again */
       SET state = 'skipped', changed_s = :now_s, note = '{IN_RUN}' || (
           SELECT min(o.run) FROM recordings o JOIN runs ON runs.name = o.run
           WHERE o.identity = r.identity AND o.run <> :run AND o.state IN {_OPEN[:-1]}, 'collected'))
       WHERE run = :run AND state = 'looked' AND EXISTS (
           SELECT 1 FROM recordings o JOIN runs ON runs.name = o.run
           WHERE o.identity = r.identity AND o.options = r.options AND o.run <> :run
           AND runs.corpus = (SELECT corpus FROM runs WHERE name = :run)
           AND (o.state IN {_OPEN} OR (o.state = 'collected' AND o.changed_s >= :since_s)))""",
    # a call is named by its stem; where two stems collide, both get a short hash of what they hold
    f"""UPDATE recordings AS r SET call_id = CASE WHEN
           EXISTS (SELECT 1 FROM recordings o WHERE o.run = :run AND o.stem = r.stem AND o.number <> r.number
                AND o.state NOT IN ('skipped', 'failed'))
           OR r.stem IN (SELECT call_id FROM known)
           OR EXISTS (SELECT 1 FROM recordings o JOIN runs ON runs.name = o.run
                WHERE o.call_id = r.stem AND o.run <> :run AND o.state IN {_OPEN[:-1]}, 'collected')
                AND runs.corpus = (SELECT corpus FROM runs WHERE name = :run))
           THEN r.stem || '-' || r.mark ELSE r.stem END
       WHERE run = :run AND state = 'looked' AND call_id IS NULL""",
    """UPDATE recordings AS r SET state = 'skipped', changed_s = :now_s, note = 'is the same recording as ' || (
           SELECT source FROM recordings o WHERE o.run = :run AND o.call_id = r.call_id ORDER BY number LIMIT 1)
       WHERE run = :run AND state = 'looked' AND EXISTS (
           SELECT 1 FROM recordings o WHERE o.run = :run AND o.call_id = r.call_id AND o.number < r.number
           AND o.state NOT IN ('skipped', 'failed'))""",
    "UPDATE recordings SET state = 'planned', changed_s = :now_s WHERE run = :run AND state = 'looked'",
    """UPDATE runs SET skipped = (SELECT count(*) FROM recordings WHERE run = :run AND state = 'skipped')
       WHERE name = :run""",
    # each night a grown folder: what earlier runs left out need not be kept
    "DELETE FROM recordings WHERE state = 'skipped' AND run <> :run",
)
