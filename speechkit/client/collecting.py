"""Read what a job left: each result into the corpus, each failure with its reason into the ledger."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from speechkit.client.desk import Desk
from speechkit.client.ledger import Row
from speechkit.client.recording import Recording, failed_row
from speechkit.client.rest import SpeechClient
from speechkit.client.results import Sources, read_result, report_failures, source_of
from speechkit.client.secrets import strip_sas
from speechkit.errors import (
    AccessDeniedError,
    JobFailedError,
    NotFoundError,
    SpeechkitError,
    TranscriptError,
)

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript

DOWNLOADS: Final = 8  # result files at once
WINDOW: Final = 32  # result files that are in memory as JSON
SHARD_CALLS: Final = 1000  # transcripts that are in memory before they are written
SHARD_BYTES: Final = 64_000_000  # or so much JSON of them: an hour of stereo with words has 6 MB
log = logging.getLogger("speechkit")


def collect_job(desk: Desk, job: Row, told: Callable[[int], None]) -> None:
    """Read the results and the report of a job that has ended; `told` hears how many recordings were settled.

    Transcripts go to the corpus some hundred at a time, then the ledger is told; whoever dies in between
    writes the same calls again. A result that cannot be read leaves its recording open, with the reason, so that
    another `collect` reads it. Whatever else has neither result nor word in the report has failed.
    """
    from speechkit.transcripts.schema import Transcript

    client = desk.client(job["endpoint"])
    rows = desk.ledger.of_job(job["number"])
    sources = Sources({row["number"]: row["url"] for row in rows})
    by_number = {row["number"]: row for row in rows}
    open_ = {row["number"] for row in rows if row["state"] == "submitted"}
    read = {row["result"] for row in rows if row["state"] == "collected"}
    results, report = job_files(client, job["id"])
    unread: list[SpeechkitError] = []  # results that could not be read so far as to say whose they are
    names: dict[int, str] = {}  # of the result files that are read and not yet written
    parts: list[Transcript] = []
    held = 0

    def flush() -> None:
        nonlocal held
        keep(desk, names, parts)
        told(len(names))
        names.clear()
        parts.clear()
        held = 0

    def take(file: dict[str, Any]) -> tuple[str, int | None, Transcript | SpeechkitError, int]:
        return _read(client, by_number, sources, file)

    with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="speechkit-download") as pool:
        fresh = (file for file in results if file.get("name") not in read)
        while window := list(islice(fresh, WINDOW)):
            single: list[Transcript] = []
            for name, number, outcome, size in pool.map(take, window):
                if number is None:
                    assert isinstance(outcome, SpeechkitError)
                    unread.append(outcome)
                elif isinstance(outcome, SpeechkitError):
                    _leave_open(desk, by_number[number], outcome)
                    open_.discard(number)
                elif number in open_:
                    names[number] = name
                    single.append(outcome)
                    open_.discard(number)
                    held += size
            if single:  # three small tables a call take ten times what one large table takes
                parts.append(Transcript.concat(single))
            if len(names) >= SHARD_CALLS or held >= SHARD_BYTES:
                flush()
    flush()
    failed: dict[int, Row] = {}
    for failure in report_failures(report):
        number = sources.find(failure.source)
        if number in open_:
            assert number is not None
            failed[number] = failed_row(by_number[number]["source"], failure.error, worth=failure.worth)
    for number in sorted(open_ - failed.keys()):
        if unread:  # nobody knows whose they are: it may be this one's
            _leave_open(desk, by_number[number], unread[0])
        else:
            failed[number] = failed_row(by_number[number]["source"], _without_result(job), worth=True)
    desk.ledger.update([{"number": number, **row} for number, row in failed.items()])
    told(len(failed))
    if not any(row["state"] == "submitted" for row in desk.ledger.of_job(job["number"])):
        desk.ledger.set_job(job["number"], is_read=1)


def keep(desk: Desk, names: dict[int, str], parts: list[Transcript]) -> None:
    """Write transcripts into the corpus, then into the ledger that they are there."""
    from speechkit.transcripts.schema import Transcript

    if not names:
        return
    desk.corpus.add(Transcript.concat(parts), metadata=desk.metadata, again=True)
    done = {"state": "collected", "error": None, "kind": None}
    desk.ledger.update([{"number": number, "result": name, **done} for number, name in names.items()])


def clean_job(desk: Desk, job: Row) -> None:
    """Delete a job with its results, and the audio that was published for it and that no other run waits for."""
    if job["id"]:
        desk.client(job["endpoint"]).delete(f"transcriptions/{job['id']}")
    for row in desk.ledger.of_job(job["number"]):
        item = Recording.of_row(row)
        waiting = desk.ledger.read(
            "SELECT number FROM recordings WHERE identity = ? AND job IS NOT ? "
            "AND state IN ('published', 'submitted') LIMIT 1",
            row["identity"],
            job["number"],
        )
        if desk.storage and not item.is_url and not waiting:
            desk.storage.remove(item.blob_name)
    desk.ledger.set_job(job["number"], is_deleted=1)


def job_files(client: SpeechClient, id: str) -> tuple[Iterator[dict[str, Any]], dict[str, Any]]:
    """List a job's result files, and read its report; a job that failed or is gone may have none."""
    results: list[dict[str, Any]] = []
    report: dict[str, Any] = {}
    try:
        for file in client.pages(f"transcriptions/{id}/files"):
            if file.get("kind") == "Transcription":
                results.append(
                    {"name": file.get("name"), "self": file.get("self"), "links": file.get("links")}
                )
            elif file.get("kind") == "TranscriptionReport":
                report = json.loads(_download(client, file))
    except NotFoundError as error:
        log.info("job %s is gone: %s", id, error)
    except ValueError as error:
        log.info("job %s: its report cannot be read: %s", id, error)
    return iter(results), report


def _download(client: SpeechClient, file: dict[str, Any]) -> bytes:
    """Download a file, with a new link where its own has expired."""
    try:
        return client.download(file["links"]["contentUrl"])
    except AccessDeniedError:
        return client.download(client.get(file["self"])["links"]["contentUrl"])


def _read(
    client: SpeechClient, rows: dict[int, Row], sources: Sources, file: dict[str, Any]
) -> tuple[str, int | None, Transcript | SpeechkitError, int]:
    """Download one result, and find the recording it is of."""
    name, number = str(file.get("name", "")), None
    try:
        body = _download(client, file)
        source = source_of(body)
        number = sources.find(source)
        if number is None and len(rows) == 1:
            number = next(iter(rows))
        if number is None:
            what = strip_sas(source) or "nothing"
            raise TranscriptError(f"{name} is the result of {what}, which was not sent. Transcribe it again.")
        item = Recording.of_row(rows[number])
        return name, number, read_result(body, item, "batch", client.engine), len(body)
    except SpeechkitError as error:
        return name, number, error, 0


def _leave_open(desk: Desk, row: Row, error: SpeechkitError) -> None:
    told = {"error": str(error), "kind": type(error).__name__, "worth": 1, "changed_s": time.time()}
    desk.ledger.update([{"number": row["number"], **told}])


def _without_result(job: Row) -> JobFailedError:
    reason = (
        f"job {job['id']} failed: {job['error']}"
        if job["status"] == "Failed"
        else "the service gave no result"
    )
    return JobFailedError(f"{reason.rstrip('.')}. Transcribe it again.")
