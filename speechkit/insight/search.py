"""Search in what was said: a full-text index of a corpus (SQLite FTS5), answering with passages to play.

The index is one file in the corpus folder. It is brought up to date when it is asked: only calls that came, went or
were replaced are read. Losing it loses nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from speechkit.errors import CorpusError
from speechkit.lock import lock
from speechkit.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from speechkit.transcripts.corpus import Corpus

FILE: Final = "search.sqlite"
COLUMNS: Final = ("call_id", "phrase_id", "start_s", "end_s", "channel", "speaker", "before", "text", "after")
RANKED_HITS: Final = 2000
"""Up to so many phrases are ranked: those first that say least beside what is asked. Of more, the latest calls come
first, since ranking would have to weigh every one of them. BM25 orders phrases that hold a word once in the same way,
and reads all phrases of each word of the query for it: docs/measurements.md."""

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE corpus (state TEXT NOT NULL);
CREATE TABLE calls (call_id TEXT PRIMARY KEY, version TEXT NOT NULL);
CREATE TABLE phrases (
    id INTEGER PRIMARY KEY, call_id TEXT NOT NULL, phrase_id TEXT NOT NULL,
    start_s REAL, end_s REAL, channel INTEGER, speaker TEXT, text TEXT NOT NULL);
CREATE INDEX phrases_call ON phrases (call_id, start_s);
CREATE VIRTUAL TABLE found USING fts5 (
    text, content='phrases', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2', prefix='2 3');
"""
_SHORTEST: Final = f"""
WITH hits AS MATERIALIZED (SELECT rowid AS id FROM found WHERE found MATCH ? LIMIT {RANKED_HITS + 1})
SELECT id FROM hits JOIN found_docsize USING (id)
WHERE (SELECT count(*) FROM hits) <= {RANKED_HITS} ORDER BY sz, id DESC LIMIT ?
"""
_LATEST: Final = "SELECT rowid AS id FROM found WHERE found MATCH ? ORDER BY rowid DESC LIMIT ?"
_FOUND: Final = """
SELECT p.call_id, p.phrase_id, p.start_s, p.end_s, p.channel, p.speaker,
    (SELECT text FROM phrases b WHERE b.call_id = p.call_id AND b.id = p.id - 1), p.text,
    (SELECT text FROM phrases a WHERE a.call_id = p.call_id AND a.id = p.id + 1)
FROM ({}) CROSS JOIN phrases p USING (id)
"""
_WORD = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def search(
    corpus: Corpus, query: str, limit: int = 20, progress: ProgressCallback | None = None
) -> pd.DataFrame:
    """Find phrases of a corpus in which all words of the query stand, in any form ("refunded" finds "refund").

    Words in double quotes stand beside each other, `deliver*` finds every ending, and a word after a minus must
    not be there. Nothing else has a meaning: the query is text, never code.

    The answer has COLUMNS: where the phrase is, its `text`, and the texts of the phrases `before` and `after`
    it, best first (see RANKED_HITS). An empty query finds nothing. CorpusError where the folder cannot
    be written.

    `search(corpus, '"late fee" -email', limit=5)`
    """
    asked = _asked(query)
    with _index(corpus, progress) as index:
        if not asked:
            return pd.DataFrame(columns=list(COLUMNS))
        rows = index.execute(_FOUND.format(_SHORTEST), (asked, limit)).fetchall()
        if not rows:  # none, or too many to be ranked
            rows = index.execute(_FOUND.format(_LATEST), (asked, limit)).fetchall()
    answer = pd.DataFrame(rows, columns=list(COLUMNS))
    answer["channel"] = pd.array(answer["channel"].tolist(), dtype="Int64")
    return answer


def matching_calls(corpus: Corpus, query: str) -> list[str]:
    """List the calls in which a phrase answers the query (as `search` reads it), by call_id."""
    asked = _asked(query)
    if not asked:
        return []
    with _index(corpus, None) as index:
        rows = index.execute(
            "SELECT DISTINCT p.call_id FROM found f JOIN phrases p ON p.id = f.rowid"
            " WHERE found MATCH ? ORDER BY 1",
            (asked,),
        ).fetchall()
    return [str(call_id) for (call_id,) in rows]


def remove_index(corpus: Corpus, call_id: str) -> bool:
    """Remove the index of a corpus if it holds a call; the next search makes it anew.

    A deleted row would leave its words in the file; a deleted file leaves nothing.
    """
    path = corpus.path / FILE
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=60.0)) as index:
            if not index.execute("SELECT 1 FROM calls WHERE call_id = ?", (call_id,)).fetchone():
                return False
    except sqlite3.DatabaseError:  # no index: it is of no use anyway
        pass
    for end in ("", "-wal", "-shm"):
        path.with_name(f"{FILE}{end}").unlink(missing_ok=True)
    return True


def _asked(query: str) -> str:
    """Write a query of a person as one of FTS5: every word quoted.

    >>> _asked('late "not my fault" deliver* -email')
    '("late" "not my fault" "deliver" *) NOT "email"'
    >>> _asked("-only"), _asked('") OR (')
    ('', '"or"')
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, phrase, word in _WORD.findall(query):
        star = " *" if word.endswith("*") else ""
        words = re.findall(r"[^\W_]+", (phrase or word).lower())
        if words:
            (unwanted if minus else wanted).append(f'"{" ".join(words)}"{star}')
    if not wanted:
        return ""
    head = " ".join(wanted)
    return " NOT ".join([f"({head})" if len(wanted) > 1 and unwanted else head, *unwanted])


@contextmanager
def _index(corpus: Corpus, progress: ProgressCallback | None) -> Iterator[sqlite3.Connection]:
    """Open the index of a corpus, brought up to date."""
    path = corpus.path / FILE
    try:
        # Two that make it at once: SQLite refuses one of them without waiting.
        with lock(path.with_suffix(".lock")):
            index = _opened(path, corpus, progress)
        with closing(index):
            yield index
    except (OSError, sqlite3.Error) as error:
        raise CorpusError(
            f"{path} cannot be used: {error}. Check that the folder can be written and has space."
        ) from error


def _opened(path: Path, corpus: Corpus, progress: ProgressCallback | None) -> sqlite3.Connection:
    for is_last in (False, True):
        index = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        try:
            _update(index, corpus, progress)
        except BaseException as error:
            index.close()
            if is_last or type(error) is not sqlite3.DatabaseError:
                raise
            path.unlink(missing_ok=True)  # not a database: a disk that was full, say; it is made anew
        else:
            break
    return index


def _update(index: sqlite3.Connection, corpus: Corpus, progress: ProgressCallback | None) -> None:
    if _is_made(index) and index.execute("SELECT state FROM corpus").fetchone() == (corpus.state,):
        return
    index.execute("PRAGMA journal_mode = WAL")
    index.execute("PRAGMA synchronous = NORMAL")
    index.execute("BEGIN IMMEDIATE")
    try:
        state, written = corpus.state, corpus.versions()
        if not _is_made(index):
            for name in ("found", "phrases", "calls", "corpus"):
                index.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in _SCHEMA.split(";\n"):
                index.execute(statement)
            index.execute(f"PRAGMA user_version = {_VERSION}")
        held = dict(index.execute("SELECT call_id, version FROM calls"))
        _forget(index, [call_id for call_id in held if written.get(call_id) != held[call_id]])
        new = sorted(call_id for call_id in written if held.get(call_id) != written[call_id])
        _learn(index, corpus, new, written, progress)
        index.execute("DELETE FROM corpus")
        index.execute("INSERT INTO corpus VALUES (?)", (state,))
        index.execute("COMMIT")
    except BaseException:
        index.execute("ROLLBACK")
        raise


def _is_made(index: sqlite3.Connection) -> bool:
    return bool(index.execute("PRAGMA user_version").fetchone()[0] == _VERSION)


def _forget(index: sqlite3.Connection, call_ids: list[str]) -> None:
    for call_id in call_ids:
        rows = index.execute("SELECT id, text FROM phrases WHERE call_id = ?", (call_id,)).fetchall()
        index.executemany("INSERT INTO found (found, rowid, text) VALUES ('delete', ?, ?)", rows)
        index.execute("DELETE FROM phrases WHERE call_id = ?", (call_id,))
        index.execute("DELETE FROM calls WHERE call_id = ?", (call_id,))


def _learn(
    index: sqlite3.Connection,
    corpus: Corpus,
    call_ids: list[str],
    versions: dict[str, str],
    progress: ProgressCallback | None,
) -> None:
    if not call_ids:
        return
    columns = ["call_id", "phrase_id", "start_s", "end_s", "channel", "speaker", "display", "lexical"]
    first = index.execute("SELECT coalesce(max(id), 0) FROM phrases").fetchone()[0] + 1
    done = 0
    for part in corpus.parts("phrases", columns, call_ids):
        said = part["display"].fillna(part["lexical"])
        rows = part.assign(text=said)[said.notna() & (said != "")].drop(columns=["display", "lexical"])
        values = (
            rows.astype({"channel": "object"}).where(rows.notna(), None).itertuples(index=False, name=None)
        )
        index.executemany(
            "INSERT INTO phrases (id, call_id, phrase_id, start_s, end_s, channel, speaker, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((number, *row) for number, row in enumerate(values, first)),
        )
        index.execute("INSERT INTO found (rowid, text) SELECT id, text FROM phrases WHERE id >= ?", (first,))
        first += len(rows)
        done += part["call_id"].nunique()
        if progress:
            progress(Progress("index", done, len(call_ids), "calls"))
    index.executemany(
        "INSERT INTO calls (call_id, version) VALUES (?, ?)", [(name, versions[name]) for name in call_ids]
    )
