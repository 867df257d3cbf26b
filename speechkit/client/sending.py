"""Publish what is planned and start the jobs that transcribe it: each recording is sent once, whatever happens."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any, Final

from speechkit import limits
from speechkit.client.desk import Desk
from speechkit.client.ledger import Row
from speechkit.client.options import Options
from speechkit.client.plan import stamp
from speechkit.client.recording import Recording, failed_row
from speechkit.client.rest import SpeechClient
from speechkit.client.secrets import strip_sas
from speechkit.client.storage import no_storage, publish_all, sas_end_s
from speechkit.errors import (
    AudioError,
    InvalidRequestError,
    ServiceError,
    SpeechkitError,
    StatusError,
    UnreachableError,
)
from speechkit.progress import Progress, ProgressCallback

MOST_SMALL_JOBS: Final = 100  # a run with small jobs has no more of them; then they grow
ATTEMPTS: Final = 3  # to start a job whose answer was lost
LOOK_AGAIN_S: Final = 10.0  # a job whose answer was lost may stand in the list a little later
LOOK_AGAIN_LOCAL_S: Final = 0.2
log = logging.getLogger("speechkit")


def send(desk: Desk, progress: ProgressCallback | None = None) -> None:
    """Publish and submit what is planned, job by job.

    Before a job is asked for, the ledger says so, with a key that the job carries. When the answer is lost, or
    the process dies before it comes, the jobs of the service are listed, and the job is asked for again only
    when none has the key. A recording that cannot be published, and the recordings of a job that the service
    refuses, have failed; whatever else goes wrong is raised, and the run can be taken up again. Raises
    InvalidRequestError when the service has refused every job.
    """
    with desk.locked():
        for job in desk.ledger.jobs(desk.name, "jobs.status = 'Intended'"):
            _finish(desk, job)
    total = desk.ledger.count(desk.name).get("planned", 0)
    done = 0
    while True:
        with desk.locked():
            sent = _send_one(desk, _from(progress, done, total))
        if not sent:
            break
        done += sent
    jobs = desk.ledger.jobs(desk.name) if done else []
    if jobs and all(job["status"] == "Refused" for job in jobs):
        raise InvalidRequestError(jobs[-1]["error"], status=400)


def _send_one(desk: Desk, progress: ProgressCallback | None) -> int:
    """Publish the recordings of one job and start it; answers how many recordings were dealt with."""
    first = desk.ledger.read(
        "SELECT options, (SELECT count(*) FROM recordings o WHERE o.run = r.run) AS recordings, "
        "(SELECT count(*) FROM jobs WHERE run = r.run) AS jobs "
        "FROM recordings r WHERE run = ? AND state = 'planned' ORDER BY number LIMIT 1",
        desk.name,
    )
    if not first:
        return 0
    asked: int = desk.asked.get("job_size") or limits.MAX_CONTENT_URLS
    size = min(limits.MAX_CONTENT_URLS, max(asked, -(-first[0]["recordings"] // MOST_SMALL_JOBS)))
    rows = desk.ledger.read(
        "SELECT * FROM recordings WHERE run = ? AND state = 'planned' AND options = ? ORDER BY number LIMIT ?",
        desk.name,
        first[0]["options"],
        size,
    )
    urls = _publish(desk, rows, progress)
    if urls:
        client = desk.clients[first[0]["jobs"] % len(desk.clients)]
        ends_s = min((end_s for url in urls.values() if (end_s := sas_end_s(url))), default=None)
        key = secrets.token_hex(8)
        plain = {number: strip_sas(url) for number, url in urls.items()}
        job = desk.ledger.intend(desk.name, key, client.endpoint, plain, ends_s)
        _start(desk, client, job, key, Options.of_json(rows[0]["options"]), list(urls.values()))
    return len(rows)


def _publish(desk: Desk, rows: list[Row], progress: ProgressCallback | None) -> dict[int, str]:
    """Publish files, and answer the URL of each recording by its number; what cannot be published has failed.

    So has a file that changed after it was looked at, such as one that is still being recorded: what is heard would
    be kept under the hash of other bytes.
    """
    items = {row["number"]: Recording.of_row(row) for row in rows}
    files = {item.blob_name: Path(item.address) for item in items.values() if not item.is_url}
    if files and desk.storage is None:
        raise no_storage()
    answers: dict[str, str | SpeechkitError] = {}
    if desk.storage is not None:
        answers = publish_all(desk.storage, files, progress)
    urls: dict[int, str] = {}
    failed: list[Row] = []
    looked_at = {row["number"]: (row["modified_ns"], row["bytes"]) for row in rows}
    for number, item in items.items():
        answer = item.address if item.is_url else answers[item.blob_name]
        if not item.is_url and looked_at[number][0] and stamp(item.address) != looked_at[number]:
            answer = AudioError(f"{item.source} changed after it was looked at. Retry it when it is whole.")
        if isinstance(answer, str):
            urls[number] = answer
        else:
            failed.append({"number": number, **failed_row(item.source, answer, worth=True)})
    desk.ledger.update(failed)
    return urls


def _start(desk: Desk, client: SpeechClient, job: int, key: str, options: Options, urls: list[str]) -> None:
    """Ask for a job that the ledger has; where the answer is lost, find out whether it was taken."""
    custom = {"speechkit_run": desk.name, "speechkit_job": key}
    body = options.batch_body(desk.name, urls=urls, custom=custom)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            entity = client.post("transcriptions:submit", body)
            break
        except InvalidRequestError as error:
            if "InvalidSubscription" in (error.code, error.inner_code):  # F0: each job would meet it
                _taken_back(desk, job)
                raise
            _refused(desk, job, error)
            return
        except (UnreachableError, StatusError, ServiceError) as error:
            if isinstance(error, StatusError) and error.status < 500 and error.status != 408:
                _taken_back(desk, job)
                raise
            log.info("job %s of run %s: %s, looking for it", key, desk.name, error)
            client.sleep(LOOK_AGAIN_LOCAL_S if client.is_local else LOOK_AGAIN_S)
            found = find_job(client, desk.name, key)
            if found:
                entity = found
                break
            if attempt == ATTEMPTS:
                _taken_back(desk, job)
                raise
    _taken(desk, job, entity)


def _finish(desk: Desk, job: Row) -> None:
    """Take up a job that a process meant to ask for before it died: it was taken, or it is asked for now."""
    client = desk.client(job["endpoint"])
    found = find_job(client, desk.name, job["key"])
    if found:
        _taken(desk, job["number"], found)
        return
    rows = desk.ledger.of_job(job["number"])
    urls = _publish(desk, rows, None)
    if urls:
        _start(
            desk, client, job["number"], job["key"], Options.of_json(rows[0]["options"]), list(urls.values())
        )
    else:
        desk.ledger.set_job(job["number"], status="Refused", is_read=1)


def find_job(client: SpeechClient, name: str, key: str) -> dict[str, Any] | None:
    """Find the job that carries a key among those of the service; None when there is none."""
    quoted = name.replace("'", "''")
    for entity in client.pages("transcriptions", filter=f"displayName eq '{quoted}'"):
        if (entity.get("customProperties") or {}).get("speechkit_job") == key:
            return entity
    return None


def _taken(desk: Desk, job: int, entity: dict[str, Any]) -> None:
    link = str(entity.get("self", ""))
    if not link:
        raise ServiceError("the service took a job and did not say which. Check SPEECH_ENDPOINT.")
    id = link.partition("?")[0].rpartition("/")[2]
    desk.ledger.submitted(job, id, str(entity.get("status", "NotStarted")))


def _refused(desk: Desk, job: int, error: InvalidRequestError) -> None:
    """The recordings of a job that the service refuses have failed; other jobs go on."""
    desk.ledger.update(
        [
            {"number": row["number"], **failed_row(row["source"], error)}
            for row in desk.ledger.of_job(job)
            if row["state"] == "published"
        ]
    )
    desk.ledger.set_job(job, status="Refused", error=str(error), is_read=1)


def _taken_back(desk: Desk, job: int) -> None:
    """Forget an intent that came to nothing for sure: the recordings are planned as before."""
    with desk.ledger.writing() as base:
        base.execute(
            "UPDATE recordings SET state = 'planned', job = NULL WHERE job = ? AND state = 'published'",
            (job,),
        )
        base.execute("DELETE FROM jobs WHERE number = ? AND id IS NULL", (job,))


def _from(progress: ProgressCallback | None, done: int, total: int) -> ProgressCallback | None:
    """Tell the progress of one part as that of the whole."""
    if progress is None:
        return None
    return lambda p: progress(Progress(p.step, done + p.done, max(total, done + p.total), p.note))
