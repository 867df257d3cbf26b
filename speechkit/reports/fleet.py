"""Many reports of one kind: one for each call, agent, day or queue, on all cores, each made only when it must be.

A journal in the folder (`.reports.jsonl`, a line a report) says what was made from what. Who stops at any moment and
starts again goes on where it was; a report whose calls, notebook and parameters are what they were is left as it is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pandas as pd

import speechkit
from speechkit.display.wording import label
from speechkit.each import each
from speechkit.errors import ReportError
from speechkit.lock import lock
from speechkit.progress import Progress, ProgressCallback
from speechkit.reports.kernels import nursery, own_nursery, use_forks
from speechkit.reports.parameters import check_parameters, find_report, report_parameters
from speechkit.reports.run import remove_report, run_report
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.transcripts.schema import TABLES

By: TypeAlias = Literal["call", "agent", "day", "queue"]
JOURNAL: Final = ".reports.jsonl"
COLUMNS: Final = ("key", "file", "status", "error", "calls", "took_s")
_PRELOAD: Final = ("speechkit.reports.prepared",)  # by the server that forks the workers


@dataclass(frozen=True)
class Order:
    """One report to be made: the parameters that choose its calls, and what it is made from."""

    key: str
    file: str
    parameters: dict[str, Any]
    fingerprint: str
    calls: int


def run_reports(
    name: str | Path,
    *,
    corpus: str | Path,
    out: str | Path,
    by: By = "call",
    parameters: Mapping[str, Any] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    progress: ProgressCallback | None = None,
) -> pd.DataFrame:
    """Run a report notebook for each call, agent, day or queue of a corpus; a folder of HTML files and an index.

    `by` names a parameter of the notebook (for `day`, both `start` and `end`). The answer has COLUMNS, in the
    order of the keys: status is `made`, `unchanged` or `failed`, with the error. A report that fails does not
    stop the others, and an older one of it stays as it was. Reports of keys that the corpus does not have any
    more are removed. `index.html` lists them all. `workers` and `scheduler` are those of `speechkit.each`; the
    workers of a scheduler write to `out` themselves.

    Raises ReportError before anything runs: for an unknown report or parameter, an `out` that cannot be written
    and for a folder in which another process makes reports. Also when the disk is full: what is made stays, and the
    same call goes on. WorkersError for a scheduler that cannot be used.
    """
    notebook = find_report(name)
    shelf = open_corpus(corpus)
    folder = Path(out).expanduser().absolute()
    orders = plan_reports(notebook, shelf, by, parameters or {})
    with _locked(folder):
        journal = _read_journal(folder)
        rows = {
            order.key: _row(order, "unchanged", "", 0.0)
            for order in orders
            if not again and _is_made(order, journal, folder)
        }
        todo = [order for order in orders if order.key not in rows]
        _remove_gone(folder, {order.file for order in orders}, journal)
        for order, error, took_s in _made(notebook, shelf.path, folder, todo, workers, scheduler, progress):
            status = "failed" if error else "made"
            rows[order.key] = _row(order, status, error, took_s)
            _note(folder, order, status, error)
        table = pd.DataFrame([rows[order.key] for order in orders], columns=list(COLUMNS))
        from speechkit.reports.index import write_index

        write_index(folder, table, shelf, by, notebook.stem)
    return table


def plan_reports(notebook: Path, shelf: Corpus, by: By, parameters: Mapping[str, Any]) -> list[Order]:
    """List the reports that a corpus needs, in the order of their keys.

    Raises ReportError when the notebook has no parameter for `by`, or does not know one that is given.
    """
    calls = shelf.calls
    groups = _groups(calls, by)
    first: dict[str, Any] = next(iter(groups.values()), (dict[str, Any](), []))[0]
    check_parameters(notebook, {"corpus": str(shelf.path), **parameters, **first})
    titled = "title" in set(report_parameters(notebook)["name"]) and "title" not in parameters
    prints = _fingerprints(shelf)
    made_of = hashlib.sha256(notebook.read_bytes() + speechkit.__version__.encode()).hexdigest()
    given = json.dumps(dict(parameters), sort_keys=True, default=str)
    names: dict[str, int] = {}
    orders = []
    for key, (chosen, call_ids) in sorted(groups.items()):
        if titled:
            chosen = {**chosen, "title": f"{label(by).capitalize()} {key}"}
        content = " ".join(
            [made_of, given, key, *(f"{call_id}={prints[call_id]}" for call_id in sorted(call_ids))]
        )
        orders.append(
            Order(
                key,
                _file_name(key, names),
                {**parameters, **chosen},
                hashlib.sha256(content.encode()).hexdigest(),
                len(call_ids),
            )
        )
    return orders


def _groups(calls: pd.DataFrame, by: By) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return for each key the parameters that choose its calls, and their ids."""
    if by == "call":
        return {call_id: ({"call": call_id}, [call_id]) for call_id in calls["call_id"]}
    column = "recorded_at" if by == "day" else by
    if column not in calls:
        raise ReportError(
            f"the calls have no column {column!r}. Add it with: speechkit transcribe ... --metadata CSV"
        )
    values = calls[column].dt.strftime("%Y-%m-%d") if by == "day" else calls[column].astype("str")
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for key, group in calls[calls[column].notna()].groupby(values):
        chosen: dict[str, Any] = {"start": str(key), "end": str(key)} if by == "day" else {by: str(key)}
        groups[str(key)] = (chosen, group["call_id"].tolist())
    return groups


def _fingerprints(shelf: Corpus) -> dict[str, int]:
    """Number what a corpus says of each call, in every table but the words, which change with the phrases."""
    total: pd.Series[Any] = pd.Series(0, index=pd.Index(shelf.call_ids), dtype="uint64")
    for name in shelf.tables:
        table = shelf.table(name)
        if name == "words" or "call_id" not in table:
            continue
        text = table.astype("str") if name not in TABLES else table
        rows = pd.util.hash_pandas_object(text, index=False)
        total = total.add(rows.groupby(table["call_id"]).sum(), fill_value=0).astype("uint64")
    return {str(call_id): int(number) for call_id, number in total.items()}


def _file_name(key: str, taken: dict[str, int]) -> str:
    """Return a file name for a key, that no other key has on any file system."""
    stem = re.sub(r"[^\w.-]+", "_", key).strip("._")[:80] or "report"
    taken[stem.lower()] = taken.get(stem.lower(), 0) + 1
    number = taken[stem.lower()]
    return f"{stem}.html" if number == 1 and stem.lower() != "index" else f"{stem}_{number}.html"


# --- the folder ---------------------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock goes with it. ReportError when it cannot be written (any more)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock(folder / ".lock", wait=False)
    except OSError as error:
        raise ReportError(
            f"{folder} cannot be written: {error.strerror}. Choose another folder with --out."
        ) from error
    if held is None:
        raise ReportError(
            f"another process makes reports in {folder}. Wait for it, or choose another folder with --out."
        )
    try:
        with held:
            yield
    except OSError as error:
        raise ReportError(
            f"{folder} cannot be written any more: {error.strerror or error}. "
            "Make room there and run this again: what is made stays."
        ) from error


def _read_journal(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what was made, by file; a line that was cut by a full disk counts as none."""
    journal: dict[str, dict[str, Any]] = {}
    path = folder / JOURNAL
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            journal[row["file"]] = row
        except (ValueError, KeyError, TypeError):
            continue
    return journal


def _note(folder: Path, order: Order, status: str, error: str) -> None:
    row = {"key": order.key, "file": order.file, "status": status, "error": error, "of": order.fingerprint}
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _is_made(order: Order, journal: Mapping[str, dict[str, Any]], folder: Path) -> bool:
    row = journal.get(order.file, {})
    same = row.get("status") == "made" and row.get("of") == order.fingerprint
    return same and (folder / order.file).exists()


def _remove_gone(folder: Path, files: set[str], journal: Mapping[str, dict[str, Any]]) -> None:
    """Remove reports of calls that are not there any more: only files that a journal says are ours."""
    for file in set(journal) - files:
        remove_report(folder / file)


# --- the work -----------------------------------------------------------------------------------------------


def _made(
    notebook: Path,
    corpus: Path,
    folder: Path,
    todo: list[Order],
    workers: int | None,
    scheduler: str | None,
    progress: ProgressCallback | None,
) -> Iterator[tuple[Order, str, float]]:
    """Make reports in other processes; yields each with its error, empty when there is none, as they end."""
    if not todo:
        return
    started_s, done = time.monotonic(), 0
    # more than cores: for half of the time a worker waits for its kernel to start and to end
    size = min(workers or ceil(2.5 * (os.cpu_count() or 1)), len(todo))
    with nursery() if scheduler is None else nullcontext() as address:
        work = partial(_run_one, str(notebook), str(corpus), str(folder), address)
        for order, (error, took_s) in each(
            work, todo, workers=size, scheduler=scheduler, lost=_lost, preload=_PRELOAD
        ):
            done += 1
            if progress:
                left_s = (time.monotonic() - started_s) * (len(todo) - done) / done
                progress(Progress("reports", done, len(todo), order.key, left_s))
            yield order, error, took_s


def _lost(order: Order) -> tuple[str, float]:
    return "its process died. See whether the machine is out of memory, and run it again.", 0.0


def _run_one(notebook: str, corpus: str, folder: str, address: str | None, order: Order) -> tuple[str, float]:
    """Make one report in a worker; its error as text, since not every exception can travel.

    Without the address of a nursery, this is the worker of a scheduler, which keeps one of its own. Raises OSError
    when the disk is full: thousands of others would be run for nothing.
    """
    started_s = time.monotonic()
    error = ""
    try:
        use_forks(address or own_nursery())
        run_report(notebook, corpus=corpus, out=Path(folder) / order.file, parameters=order.parameters)
    except Exception as failed:
        cause = failed.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(cause.errno, cause.strerror) from None
        error = str(failed) if isinstance(failed, ReportError) else f"{type(failed).__name__}: {failed}"
    return error, time.monotonic() - started_s


def _row(order: Order, status: str, error: str, took_s: float) -> dict[str, Any]:
    return {
        "key": order.key,
        "file": order.file,
        "status": status,
        "error": error,
        "calls": order.calls,
        "took_s": round(took_s, 2),
    }
