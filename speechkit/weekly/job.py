"""The work of a week, step by step: each step does what is not done yet, so that whoever was stopped goes on."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.display.wording import count
from speechkit.errors import RunError, SettingsError, SpeechkitError
from speechkit.lock import lock
from speechkit.progress import ProgressCallback
from speechkit.settings import Settings
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.weekly.config import Config
from speechkit.weekly.reporting import make_reports, print_reports, remove_weeks, write_reports_index
from speechkit.weekly.retention import remove_old
from speechkit.weekly.week import Week, dated_recordings, recordings_of

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.client.run import Run
    from speechkit.connect import Speech

LOG: Final = "weekly.log"
LOCK: Final = ".weekly.lock"
_LOG_BYTES: Final = 1_000_000
_LOGS_KEPT: Final = 5
log = logging.getLogger("speechkit")


@dataclass
class Outcome:
    """What happened in one run of the job; `problems` is empty when all is well."""

    week: Week
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_busy: bool = False
    has_log: bool = True
    note: str = ""

    @property
    def line(self) -> str:
        """One line: what was done, and how many things went wrong; all of them where the log has no room for them.

        >>> from datetime import date
        >>> Outcome(Week(date(2026, 11, 9)), ["2 calls transcribed"], ["a.wav: broken"]).line
        'week of 2026-11-09: 2 calls transcribed; 1 problem: a.wav: broken'
        """
        if self.is_busy:
            return f"week of {self.week}: another run is at work; nothing was done"
        said = ", ".join(self.done) or "nothing to do" + (f" ({self.note})" if self.note else "")
        if not self.problems:
            return f"week of {self.week}: {said}"
        number = len(self.problems)
        first = f"{self.problems[0]} (all of them: {LOG})" if number > 1 else self.problems[0]
        if not self.has_log:
            first = " | ".join(self.problems)
        return f"week of {self.week}: {said}; {number} problem{'s' * (number > 1)}: {first}"


class Job:
    """The job of a week with its config; `run` does it."""

    def __init__(
        self,
        config: Config,
        week: Week,
        settings: Settings,
        *,
        now: datetime | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.config = config
        self.week = week
        self.settings = settings
        self.now = now or datetime.now()
        self.progress = progress
        self.reports = Path(config.reports)
        self.outcome = Outcome(week)

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus, made where there is none."""
        return open_corpus(self.config.corpus, create=True)

    @cached_property
    def speech(self) -> Speech:
        """The service, connected to when it is first needed."""
        from speechkit.connect import connect

        return connect(self.settings, quiet=True)

    def run(self) -> Outcome:
        """Do what is to be done, and say what happened; a step that fails does not stop the others.

        Everything is written to `weekly.log` in the folder of the reports too. Raises OSError when that folder
        cannot be written, and CorpusError when the corpus cannot.
        """
        self.reports.mkdir(parents=True, exist_ok=True)
        held = lock(self.reports / LOCK, wait=False)
        with held or nullcontext(), _logged(self.reports / LOG) as file:
            if held is None:
                self.outcome.is_busy = True
            else:
                _ = self.corpus
                for step in (
                    self.transcribe,
                    self.summarize,
                    self.retain,
                    self.report,
                    self.print,
                    self.index,
                ):
                    self._attempt(step)
            log.info("%s", self.outcome.line)
            if file.lost:
                self.outcome.has_log = False
                self.outcome.problems.append(f"{self.reports / LOG} cannot be written: {file.lost}")
        return self.outcome

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (SpeechkitError, OSError) as error:
            self._problem(str(error))
        except Exception as error:  # a step of an unattended job never takes the others with it
            log.exception("%s", step.__name__)
            self._problem(f"{step.__name__}: {type(error).__name__}: {error}")

    def _problem(self, text: str) -> None:
        log.error("%s", text)
        self.outcome.problems.append(" ".join(text.split()))

    def _did(self, number: int, what: str) -> None:
        if number:
            self.outcome.done.append(what)
            log.info("%s", what)

    # --- the steps ------------------------------------------------------------------------------------------

    @cached_property
    def recordings(self) -> pd.DataFrame:
        """The recordings of the week: file, recorded_at, and what metadata says of them.

        Raises SettingsError when it says nothing of any of them: no call of theirs would have an agent or a queue.
        """
        found = dated_recordings(self.config.recordings, self.config.metadata)
        mine = recordings_of(self.week, found)
        if len(mine) == 0 and len(found):
            first, last = (f"{day:%Y-%m-%d}" for day in found["recorded_at"].agg(["min", "max"]))
            self.outcome.note = f"{count(len(found), 'recording')} of other weeks: {first} to {last}"
        about = mine.drop(columns=["file", "recorded_at"])
        without = (
            mine.loc[about.isna().all(axis="columns"), "file"] if about.shape[1] else mine["file"].head(0)
        )
        if len(without) and len(without) == len(mine):
            raise SettingsError(
                f"metadata = {self.config.metadata!r} says nothing of any recording of this week, such as "
                f"{Path(without.iloc[0]).name}. Nothing is transcribed. Correct that line of the config, or remove it."
            )
        elif len(without):
            log.info("metadata says nothing of %s", ", ".join(Path(file).name for file in without))
        return mine

    @property
    def call_ids(self) -> list[str]:
        """The calls of the week that the corpus has, in its order."""
        calls = self.corpus.calls
        when = calls["recorded_at"]
        return calls.loc[(when >= self.week.start) & (when < self.week.end), "call_id"].tolist()

    def transcribe(self) -> None:
        """Go on with the runs that were left, then transcribe what is new."""
        from speechkit.client.batch import list_runs
        from speechkit.client.run import Run
        from speechkit.client.starting import begin_run, open_ledger

        home = self.settings.home.absolute()
        before = set(self.corpus.call_ids)
        runs = list_runs(open_ledger(home))
        mine = (runs["corpus"] == os.path.realpath(self.corpus.path)) & (runs["open"] > 0)
        for name in runs.loc[mine & runs["name"].str.startswith("weekly-"), "name"]:
            self._attempt(partial(self._collect, name))
        options = self.config.transcribe
        told: dict[str, Any] = {} if options.diarize is None else {"diarization": options.diarize or None}
        recordings = self.recordings
        if len(recordings):
            names = recordings["file"].map(lambda file: Path(file).name)
            twice = names.duplicated(keep=False)
            for name in names[twice].unique():
                self._problem(
                    f"{name}: several recordings of this week have this name, and metadata is by name. They get "
                    "none; rename them and transcribe them again."
                )
            begun = begin_run(
                home,
                recordings["file"].tolist(),
                corpus=self.corpus,
                metadata=recordings[~twice],
                name=f"weekly-{self.week}-{os.urandom(3).hex()}",
                delete=options.delete,
                max_hours=options.max_hours,
                progress=self.progress,
                locale=options.locale,
                **told,
            )
            run = Run(begun)
            others = run.waits_for
            if run.is_open:
                others.append(run.name)
            else:
                self._tell_failures(run)
                run.forget()  # a week without anything new is not worth a name
            for name in others:
                self._attempt(partial(self._collect, name))
        calls = self.corpus.calls
        added = calls[~calls["call_id"].isin(before)]
        hours = added["duration_s"].sum() / 3600
        self._did(len(added), f"{count(len(added), 'call')} transcribed ({hours:.2f} h)")

    def _collect(self, name: str) -> None:
        minutes = self.config.transcribe.max_wait_minutes
        run = self.speech.batch.resume(name)
        try:
            run.collect(self.progress, deadline_s=None if minutes is None else 60 * minutes)
        finally:
            self._tell_failures(run)
        if run.is_open:
            raise RunError(
                f"the run {name} has not ended in {minutes:g} minutes. The next `speechkit weekly` goes on with "
                f"it, and so does `speechkit runs resume {name}`."
            )

    def _tell_failures(self, run: Run) -> None:
        for file, error, remedy in run.failures[["file", "error", "remedy"]].itertuples(index=False):
            self._problem(f"{file}: {error}." + (f" {remedy}" if isinstance(remedy, str) else ""))

    def summarize(self) -> None:
        """Summarize the calls of the week that have no summary yet, as far as the money goes."""
        from speechkit.insight.answers import AnswerStore
        from speechkit.insight.cost import Price
        from speechkit.insight.summaries import summarize_calls

        asked = self.config.summarize
        wanted = self._without_summary()
        if not asked.enabled or not wanted:
            return
        price, left = None, None
        if asked.price_input_per_million is not None and asked.price_output_per_million is not None:
            price = Price(asked.price_input_per_million, asked.price_output_per_million)
            if asked.max_cost is not None:
                store = AnswerStore(self.corpus.path / "answers")
                spent = sum(price.of(*store.tokens(call_id)) for call_id in self.call_ids)
                left = max(0.0, asked.max_cost - spent)
        here = self.settings.mode == "local" and not (
            self.settings.openai_endpoint or self.settings.openai_api_key
        )
        result = summarize_calls(
            _Part(self.corpus, wanted),
            self.settings,
            endpoint=self.speech.endpoint if here else None,
            key=self.speech.key if here else None,
            price=price,
            max_cost=left,
            progress=self.progress,
        )
        good = len(result.calls) - len(result.failures)
        money = f" for {result.cost:.4f}" if price else ""
        self._did(good, f"{count(good, 'call')} summarized{money}")
        for status, failed in result.failures.groupby("status"):
            first = failed.iloc[0]
            self._problem(
                f"{count(len(failed), 'call')} not summarized ({status}): "
                f"{first['call_id']}: {first['problem']}"
            )

    def _without_summary(self) -> list[str]:
        if "summaries" not in self.corpus.tables:
            return self.call_ids
        held = self.corpus.table("summaries", ["call_id", "status"])
        known = set(held.loc[held["status"].isin(["ok", "no speech"]), "call_id"])
        return [call_id for call_id in self.call_ids if call_id not in known]

    def retain(self) -> None:
        """Forget the calls that are older than they may be, and remove the reports of their weeks."""
        if self.config.retention is None:
            return
        days = self.config.retention.days
        before = self.now - timedelta(days=days)
        gone, problems, undated = remove_old(self.corpus, before, self.reports, self.settings)
        for text in problems:
            self._problem(text)
        remove_weeks(self.reports, before.date())
        self._did(gone, f"{count(gone, 'call')} older than {days} days removed")
        if undated:
            log.info("%s without recorded_at: kept, whatever their age", count(undated, "call"))

    def report(self) -> None:
        """Make the reports whose calls, notebook or parameters have changed."""
        made, failed = make_reports(
            self.config.report,
            self.reports,
            self.corpus,
            self.week,
            len(self.call_ids),
            self.progress,
            self.config.scheduler,
        )
        for text in failed:
            self._problem(text)
        self._did(made, f"{count(made, 'report')} made")

    def print(self) -> None:
        """Print the reports that are to be PDFs too and have none, or one of an older page."""
        printed, failed = print_reports(self.config.report, self.reports, self.week, self.progress)
        for text in failed:
            self._problem(text)
        self._did(printed, f"{count(printed, 'PDF')} printed")

    def index(self) -> None:
        """Bring the list of reports and the index for `speechkit search` up to date."""
        from speechkit.insight.search import search

        write_reports_index(self.reports, self.corpus)
        search(self.corpus, "", progress=self.progress)


class _Part:
    """Some calls of a corpus, summarized as if they were all of it."""

    def __init__(self, corpus: Corpus, call_ids: list[str]) -> None:
        some = corpus.filter(call_id=call_ids)
        self.calls, self.phrases, self.words = some.calls, some.phrases, some.words
        self.path, self.table, self.write_table = corpus.path, corpus.table, corpus.write_table


class _Log(RotatingFileHandler):
    """A log that keeps to itself what went wrong with it: a full disk must not hide the line under tracebacks."""

    lost = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of logging
        error = sys.exc_info()[1]
        self.lost = (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def _logged(path: Path) -> Iterator[_Log]:
    """Write what speechkit logs to a file, which begins anew when it is large."""
    handler = _Log(path, maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        with suppress(OSError):  # what a full disk has not taken is written once more
            handler.close()
