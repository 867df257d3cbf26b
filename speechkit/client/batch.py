"""Batch transcription: recordings are planned, published and submitted as jobs; `Run` goes on from there."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from speechkit import limits
from speechkit.client.options import Options
from speechkit.client.plan import Known, Plan, Problem, Recording, make_plan
from speechkit.client.rest import SpeechClient
from speechkit.client.run import Job, Run
from speechkit.client.storage import Storage, no_storage, publish_all
from speechkit.errors import RequestRefusedError, ServiceError
from speechkit.progress import ProgressCallback

if TYPE_CHECKING:
    from speechkit.transcripts.schema import Transcript


class Batch:
    """Batch transcription of recordings on one service."""

    def __init__(self, client: SpeechClient, storage: Storage | None = None) -> None:
        self._client = client
        self._storage = storage

    def plan(
        self,
        recordings: object,
        *,
        known: Known | Transcript | None = None,
        again: bool = False,
        progress: ProgressCallback | None = None,
        **options: Any,
    ) -> Plan:
        """Look at recordings and say what would be sent, and what stands against it. See `make_plan`."""
        return make_plan(recordings, known=known, again=again, progress=progress, **options)

    def submit(
        self,
        recordings: object = None,
        *,
        container: str | None = None,
        name: str | None = None,
        job_size: int | None = None,
        progress: ProgressCallback | None = None,
        **options: Any,
    ) -> Run:
        """Publish recordings and start the jobs that transcribe them.

        `recordings` is a path, pattern or URL, many of them, or a Plan; `container` the URL of a container
        whose recordings are read in place. Recordings with problems are left out and end up among the
        failures; when none is left, the first problem is raised. Recordings of the same options share jobs of
        at most 1000, or `job_size`. `options` are those of `Options`.
        """
        name = name or f"run-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        if container is not None and recordings is not None:
            raise RequestRefusedError("give either recordings or the URL of a container: both were given.")
        if recordings is None:
            return self._submit_container(container, name, Options.of(**options))
        if not isinstance(recordings, Plan):
            recordings = self.plan(recordings, progress=progress, **options)
        elif options:
            raise RequestRefusedError(f"a plan has its options: give {', '.join(options)} to plan().")
        plan = recordings
        plan.raise_if_nothing()
        problems = list(plan.problems)
        published = self._publish(plan, problems, progress)
        jobs: list[Job] = []
        for group in plan.jobs(job_size or limits.MAX_CONTENT_URLS):
            urls = {
                item.call_id: item.address if item.is_url else published.get(item.blob_name) for item in group
            }
            ready = [item for item in group if urls[item.call_id]]
            by_url = {str(urls[item.call_id]): item for item in ready}
            if not by_url:
                continue
            body = ready[0].options.batch_body(name, urls=list(by_url), custom={"speechkit_run": name})
            try:
                jobs.append(self._start(body, by_url))
            except ServiceError as error:  # the jobs that have started go on
                problems += [Problem(item.source, error, item.call_id) for item in ready]
        if plan.items and not jobs:
            raise problems[-1].error
        return Run(name, jobs, self._client, tuple(problems), self._storage, tuple(published))

    def _submit_container(self, container: str | None, name: str, options: Options) -> Run:
        body = options.batch_body(name, container=container, custom={"speechkit_run": name})
        return Run(name, [self._start(body, {})], self._client)

    def _publish(
        self, plan: Plan, problems: list[Problem], progress: ProgressCallback | None
    ) -> dict[str, str]:
        """Publish the files of a plan, and answer the URLs by name; what fails becomes a problem."""
        files = [item for item in plan.items if not item.is_url]
        if not files:
            return {}
        if self._storage is None:
            raise no_storage()
        by_name = {item.blob_name: item for item in files}
        paths = {name: item.info.path for name, item in by_name.items() if item.info}
        published = {}
        for blob_name, answer in publish_all(self._storage, paths, progress).items():
            if isinstance(answer, str):
                published[blob_name] = answer
            else:
                item = by_name[blob_name]
                problems.append(Problem(item.source, answer, item.call_id))
        return published

    def _start(self, body: dict[str, Any], by_url: dict[str, Recording]) -> Job:
        return Job.started(self._client.post("transcriptions:submit", body), by_url)
