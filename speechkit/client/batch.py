"""Batch transcription: recordings are planned, published and submitted as jobs; `Run` goes on from there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechkit.client.desk import Desk
from speechkit.client.ledger import Ledger
from speechkit.client.plan import Plan, make_plan
from speechkit.client.rest import SpeechClient
from speechkit.client.run import Run
from speechkit.client.sending import send
from speechkit.client.starting import begin_run, has_files, open_ledger, raise_if_nothing
from speechkit.client.storage import Storage, no_storage
from speechkit.errors import SpeechkitError
from speechkit.progress import ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.corpus import Corpus
    from speechkit.transcripts.schema import Transcript


class Batch:
    """Batch transcription of recordings; `home` is where runs are remembered, SPEECHKIT_HOME by default."""

    def __init__(
        self, client: SpeechClient, storage: Storage | None = None, home: Path | None = None
    ) -> None:
        self._client = client
        self._storage = storage
        self._home = home

    @cached_property
    def home(self) -> Path:
        """The folder of the ledger."""
        from speechkit.settings import read_settings

        return (self._home or read_settings().home).absolute()

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of all runs."""
        return open_ledger(self.home)

    def plan(
        self,
        recordings: object,
        *,
        corpus: Transcript | str | os.PathLike[str] | None = None,
        again: bool = False,
        progress: ProgressCallback | None = None,
        **options: Any,
    ) -> Plan:
        """Look at recordings and say what would be sent, and what stands against it. See `make_plan`."""
        known = None if corpus is None else _opened(corpus)
        return make_plan(recordings, corpus=known, again=again, progress=progress, **options)

    def submit(
        self,
        recordings: object = None,
        *,
        container: str | None = None,
        corpus: Corpus | str | os.PathLike[str] | None = None,
        metadata: pd.DataFrame | str | os.PathLike[str] | None = None,
        name: str | None = None,
        again: bool = False,
        delete: bool = False,
        plain_urls: bool = False,
        job_size: int | None = None,
        max_hours: float | None = None,
        also: Sequence[Batch] = (),
        progress: ProgressCallback | None = None,
        **options: Any,
    ) -> Run:
        """Publish recordings and start the jobs that transcribe them; answers the run.

        `recordings` is a path, folder, pattern or URL, many of them, a table with a column `file`
        whose other columns are metadata, or a Plan; `container` the URL of
        a container, or of a prefix in it, whose recordings are read in place. `corpus` is where the
        transcripts go; without one they stay with the run. What the corpus has, and what an open run of the
        same corpus has with the same options, is left out unless `again`. `metadata`, a table or a CSV, says
        what is known of the calls, by `call_id` or `file`; or it is a pattern of file names,
        "{recorded_at}_{agent}_{queue}". Recordings of the same options share jobs of at most
        1000, or about `job_size`; the jobs go in turn to this service and those of `also`. With `delete`,
        jobs and published audio are deleted once they are collected. With `plain_urls`, the URLs of files
        published in Blob storage carry no signature: the Speech resource's managed identity reads them. With
        `max_hours`, a run of more audio is refused before anything is sent. `options` are those of `Options`.

        Recordings with problems are left out and stand among `failures`; when none is left, the first problem
        is raised. What is raised later leaves a run that `resume` takes up again; so does Ctrl-C.
        """
        planned = begin_run(
            self.home,
            recordings,
            container=container,
            corpus=corpus,
            metadata=metadata,
            name=name,
            again=again,
            delete=delete,
            plain_urls=plain_urls,
            job_size=job_size,
            max_hours=max_hours,
            progress=progress,
            **options,
        )
        run = self.resume(planned.name, also=also)
        try:
            raise_if_nothing(planned)
            if self._storage is None and has_files(planned):
                raise no_storage()
        except SpeechkitError:
            run.forget()
            raise
        try:
            send(run.desk, progress)
        except BaseException as error:
            error.add_note(f"The run can be taken up again: speech.batch.resume({run.name!r}).collect()")
            raise
        return run

    def resume(self, name: str, *, also: Sequence[Batch] = ()) -> Run:
        """Take up a run by its name: `watch` and `collect` go on with it from where it was left."""
        clients = [self._client, *(batch._client for batch in also)]
        return Run(Desk(name, self.ledger, clients, self._storage, self.home))

    def runs(self) -> pd.DataFrame:
        """List the runs, the latest first: see `list_runs`."""
        return list_runs(self.ledger)


def open_run(home: Path, name: str) -> Run:
    """Open a run to look at; without a service it cannot go on."""
    return Run(Desk(name, open_ledger(home), [], None, home))


def list_runs(ledger: Ledger) -> pd.DataFrame:
    """List the runs, the latest first: name, made (time, UTC), corpus, jobs, recordings, collected, failed and
    open (how many), audio_s (seconds)."""
    import pandas as pd

    rows = ledger.read(
        "SELECT runs.name, runs.made_s, runs.corpus, (SELECT count(*) FROM jobs WHERE run = runs.name) AS jobs, "
        "total(r.state <> 'skipped') AS recordings, total(r.state = 'collected') AS collected, "
        "total(r.state = 'failed') AS failed, "
        "total(r.state NOT IN ('collected', 'failed', 'skipped')) AS open, "
        "total(CASE WHEN r.state <> 'skipped' THEN r.duration_s END) AS audio_s "
        "FROM runs LEFT JOIN recordings r ON r.run = runs.name GROUP BY runs.name ORDER BY runs.made_s DESC"
    )
    counts = ["jobs", "recordings", "collected", "failed", "open"]
    columns = ["name", "made_s", "corpus", *counts, "audio_s"]
    kinds = dict.fromkeys(counts, "int64") | {"name": "str", "corpus": "str", "audio_s": "float64"}
    table = pd.DataFrame(rows, columns=columns).astype(kinds)
    made = pd.to_datetime(table["made_s"].astype("float64"), unit="s").dt.floor("s")
    return table.assign(made_s=made).rename(columns={"made_s": "made"})


def _opened(corpus: Transcript | str | os.PathLike[str]) -> Transcript:
    from speechkit.transcripts.corpus import open_corpus
    from speechkit.transcripts.schema import Transcript

    return corpus if isinstance(corpus, Transcript) else open_corpus(corpus)
