"""Forget a call: remove it, and what was made of it, wherever speechkit has put it."""

from __future__ import annotations

import html
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import RequestRefusedError, RunError, SpeechkitError

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.client.ledger import Ledger, Row
    from speechkit.connect import Speech
    from speechkit.settings import Settings
    from speechkit.transcripts.corpus import Corpus

REPORTS: Final = (
    ".html",
    ".htm",
    ".ipynb",
    ".pdf",
    ".srt",
    ".vtt",
    ".ass",
    ".txt",
    ".csv",
    ".json",
    ".md",
    ".png",
)
"""Files of a reports folder that may be of a call: by their name, or by the call_id in their text."""

RECOGNITION_DAYS: Final = 90
"""How long the local service keeps what it recognized, since it was last of use."""

_ROWS: Final = """
SELECT r.*, j.id AS job_id, j.endpoint, j.is_read, j.is_deleted,
    (SELECT count(*) FROM recordings o WHERE o.job = r.job) AS together,
    (SELECT count(*) FROM recordings o WHERE o.identity = r.identity AND o.job IS NOT r.job
        AND o.state IN ('published', 'submitted')) AS waited_for
FROM recordings r JOIN runs ON runs.name = r.run LEFT JOIN jobs j ON j.number = r.job
WHERE runs.corpus = ? AND (r.call_id = ? OR (r.sha256 > '' AND r.sha256 = ?))"""


@dataclass
class Forgotten:
    """What of a call was removed; what stays, since it is not speechkit's to remove; what could not be reached.

    What is `unreached` is worth another try: what is needed for it is still known then.
    """

    call_id: str
    removed: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)


def forget(
    call_id: str,
    corpus: str | os.PathLike[str] | None = None,
    reports: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> Forgotten:
    """Remove a call from a corpus with its side tables, summaries and index, from the ledger, and from the service.

    Without `corpus` it is the one that the ledger of runs knows of the call. At the service that is configured,
    the recording that was published, what the local service recognized in it, and a job that held nothing else
    are removed. In the folder `reports`, every file that names the call is. To forget what is not there is fine.

    Raises RequestRefusedError when no corpus is named and several have a call of that id, RunError while it is being
    transcribed, CorpusError where the corpus cannot be written.
    """
    from speechkit.client.ledger import Ledger
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus

    settings = settings or read_settings()
    path = settings.home.absolute() / "runs.sqlite"
    done = Forgotten(call_id)
    with Ledger(path if path.exists() else None) as ledger:
        folder = os.path.realpath(Path(corpus).expanduser()) if corpus else _corpus_of(ledger, call_id)
        shelf = open_corpus(folder) if folder and (corpus or Path(folder).exists()) else None
        call = _known(shelf, call_id)
        digest = str(call.get("audio_sha256") or "")
        rows = ledger.read(_ROWS, folder, call_id, digest) if folder else []
        _check_no_job_is_open(call_id, rows)
        digests = sorted({row["sha256"] for row in rows if row["sha256"]} | ({digest} - {""}))
        _at_the_service(done, settings, rows, digests)
        if shelf is not None:
            _in_the_corpus(done, shelf)
        if reports is not None:
            _in_reports(done, Path(reports).expanduser())
        if rows and not done.unreached:
            runs = ledger.read(
                "SELECT name, metadata FROM runs WHERE corpus = ? AND metadata IS NOT NULL", folder
            )
            kept = dict(_metadata_without(call_id, {row["file"] for row in rows}, runs))
            ledger.erase([row["number"] for row in rows], kept)
            done.removed.append(f"{len(rows)} rows of the ledger {path}")
    sources = {str(row["source"] or row["address"]) for row in rows} | {str(call.get("source") or "")}
    done.stays += [f"the recording itself, {source}: delete it there" for source in sorted(sources - {""})]
    return done


def _corpus_of(ledger: Ledger, call_id: str) -> str:
    """The corpus that the runs put a call into; empty when no run knows it."""
    query = "SELECT DISTINCT corpus FROM runs JOIN recordings r ON r.run = runs.name WHERE r.call_id = ? ORDER BY 1"
    found = [str(row["corpus"]) for row in ledger.read(query, call_id)]
    if len(found) > 1:
        raise RequestRefusedError(
            f"several corpora have a call {call_id!r}: {', '.join(found)}. Name one of them with --corpus."
        )
    return found[0] if found else ""


def _known(shelf: Corpus | None, call_id: str) -> dict[str, Any]:
    """What a corpus knows of a call: its row, without what is missing."""
    if shelf is None or call_id not in shelf.call_ids:
        return {}
    row = shelf.call(call_id).calls.iloc[0].dropna()
    return {str(name): value for name, value in row.items()}


def _check_no_job_is_open(call_id: str, rows: list[Row]) -> None:
    for row in rows:
        if row["state"] in ("published", "submitted") or (row["job"] and not row["is_read"]):
            raise RunError(
                f"{call_id} is in the run {row['run']!r}, and its job has not ended. End it with "
                f"`speechkit runs resume {row['run']}` or `speechkit runs cancel {row['run']}`; then forget the call."
            )


# --- where it can be ------------------------------------------------------------------------------------------------


def _at_the_service(done: Forgotten, settings: Settings, rows: list[Row], digests: list[str]) -> None:
    """Remove published audio, recognitions of the local service and results that nobody else's stand beside."""
    from speechkit.client.auth import is_loopback
    from speechkit.connect import connect

    sent = [row for row in rows if row["job"]]
    local = is_loopback(settings.speech_endpoint or "") or (
        settings.mode == "local" and (settings.home / "service").exists()
    )
    if not sent and not (local and digests):
        return
    try:
        speech = connect(settings, quiet=True)
        with closing(speech.client):
            for row in sent:
                _clean(done, speech, row)
            for digest in digests if speech.is_local else ():
                speech.client.delete(f"/recognitions/{digest}")
                done.removed.append("what the local service recognized in its recording")
    except SpeechkitError as error:
        done.unreached.append(f"the service: {error}")


def _clean(done: Forgotten, speech: Speech, row: Row) -> None:
    from speechkit.client.auth import is_loopback
    from speechkit.client.recording import Recording
    from speechkit.client.secrets import strip_sas

    endpoint = row["endpoint"]
    if speech.endpoint != endpoint and not (speech.is_local and is_loopback(endpoint)):
        done.unreached.append(
            f"job {row['job_id']} at {endpoint}: set SPEECH_ENDPOINT to it and forget the call again"
        )
        return
    if row["job_id"] and not row["is_deleted"]:
        if row["together"] == 1:
            speech.client.delete(f"transcriptions/{row['job_id']}")
            done.removed.append(f"job {row['job_id']} with its result, which the service held")
        else:
            done.stays.append(
                f"its result in job {row['job_id']}, which holds {row['together'] - 1} other recordings, until the "
                "job's time to live is over"
            )
    item = Recording.of_row(row)
    if item.is_url and speech.is_local and not row["sha256"]:
        done.stays.append(
            f"what the local service recognized at {strip_sas(item.address)}: it is kept by the bytes that were read "
            f"there, which are not known here, until {RECOGNITION_DAYS} days after its last use; `speechkit stop`, "
            "then delete the folder of its state to be rid of it now"
        )
    if item.is_url or speech.storage is None:
        return
    if row["waited_for"]:
        done.unreached.append(
            f"{item.blob_name} in storage: another run waits for it; forget the call again after it"
        )
        return
    speech.storage.remove(item.blob_name)
    done.removed.append(f"{item.blob_name} in storage")


def _in_the_corpus(done: Forgotten, shelf: Corpus) -> None:
    from speechkit.insight.answers import AnswerStore
    from speechkit.insight.search import remove_index
    from speechkit.transcripts.schema import TABLES

    call_id, held = done.call_id, {}
    for name in shelf.tables:
        if name in TABLES:
            frame = shelf.call(call_id).table(name) if call_id in shelf.call_ids else None
        else:
            frame = shelf.table(name)
            frame = frame[frame["call_id"] == call_id] if "call_id" in frame else None
        if frame is not None and len(frame):
            held[name] = frame
    models = set(held["summaries"]["model"].dropna()) if "model" in held.get("summaries", ()) else set()
    if held:
        shelf.remove(call_id)
        done.removed += [f"{len(frame)} rows of {shelf.path / name}" for name, frame in held.items()]
    if answers := AnswerStore(shelf.path / "answers").remove(call_id):
        done.removed.append(f"{answers} kept answers of {shelf.path / 'answers'}")
    if remove_index(shelf, call_id):
        done.removed.append(f"the index of {shelf.path}; the next search makes it anew without the call")
    done.stays += [
        f"what the provider of the model {model} keeps of its text: ask there"
        for model in sorted(models - {"extractive"})
    ]


def _in_reports(done: Forgotten, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in REPORTS or not path.is_file():
            continue
        if _names(path, done.call_id):
            # the text of a PDF is packed: it says what the page or the notebook beside it says
            for gone in dict.fromkeys((path, path.with_suffix(".pdf"))):
                if gone.exists():
                    gone.unlink()
                    done.removed.append(
                        f"{gone}: it named the call; make it anew without it if it is of others, too"
                    )


def _names(path: Path, call_id: str) -> bool:
    """Whether a file names a call, in its own name or anywhere in its text."""
    forms = {call_id, html.escape(call_id), json.dumps(call_id)[1:-1]}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(forms)))})(?![\w-])")
    return bool(
        pattern.search(path.name) or pattern.search(path.read_text(encoding="utf-8", errors="ignore"))
    )


def _metadata_without(call_id: str, files: set[str], runs: list[Row]) -> Iterator[tuple[str, bytes]]:
    """The metadata of runs that tell of a call, without its rows; a run may tell of calls that others sent."""
    import pandas as pd

    for run in runs:
        table: pd.DataFrame = pd.read_parquet(io.BytesIO(run["metadata"]))
        gone = pd.Series(False, index=table.index)
        if "call_id" in table:
            gone |= table["call_id"] == call_id
        if "file" in table:
            gone |= table["file"].map(lambda file: Path(str(file)).name in files)
        if gone.any():
            yield run["name"], table[~gone].to_parquet()
