"""Recordings to transcripts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from speechkit.cli.output import count, print_failures, say
from speechkit.cli.runs import go_on
from speechkit.display.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from speechkit.client.plan import Plan
    from speechkit.client.recording import Problem
    from speechkit.progress import ProgressCallback
    from speechkit.settings import Settings
    from speechkit.transcripts.corpus import Corpus
    from speechkit.transcripts.schema import Transcript

LOCAL_JOB_SIZE: Final = 4  # the local service ends small jobs early, so that there is progress to see


class Mode(StrEnum):
    """How to transcribe."""

    batch = "batch"
    fast = "fast"
    realtime = "realtime"


def transcribe(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Recordings: files, folders, patterns or https:// URLs."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The corpus to add the calls to; made if needed.")],
    mode: Annotated[
        Mode, typer.Option(help="Many recordings in jobs, one request each, or streamed as in a live call.")
    ] = Mode.batch,
    locale: Annotated[str, typer.Option(metavar="LOCALE", help="The language spoken.")] = "en-US",
    diarize: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Tell apart up to N speakers of a mono recording; 0 for none. Without this option, mono "
            "recordings have 2 and stereo recordings a speaker on each channel.",
        ),
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option(
            metavar="CSV",
            help="A table with what is known of the calls, by call_id or file; or a pattern of file names, as "
            "{recorded_at}_{agent}_{queue}.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Transcribe also what is in the corpus or in an open run.")
    ] = False,
    pace: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="With realtime: seconds of sound sent in a second, 1 as it was spoken. Without this option, as "
            "fast as the service takes it.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The name of the batch run.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be sent and what stands against it; send nothing."),
    ] = False,
    price: Annotated[
        float | None, typer.Option(metavar="P", help="The price of an hour of audio, to say what it costs.")
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option(metavar="H", help="Send nothing when there is more audio to send.")
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Wait so long for batch; the run can be resumed.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete jobs and uploaded audio once they are collected.")
    ] = False,
    plain_urls: Annotated[
        bool,
        typer.Option(
            "--plain-urls",
            help="Sign no URL of uploaded audio: the Speech resource's managed identity reads the container.",
        ),
    ] = False,
) -> None:
    """Transcribe recordings and add them to a corpus.

    What is in the corpus already is left out. When a recording fails the others are finished; then the
    failures are listed and the exit code is 1. After Ctrl-C the same command goes on, and so does
    `speechkit runs resume`.
    """
    from speechkit.client.plan import make_plan
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus
    from speechkit.transcripts.schema import clock

    settings = read_settings()
    if pace is not None and mode is not Mode.realtime:
        raise typer.BadParameter("it is for --mode realtime.", param_hint="--pace")
    options: dict[str, Any] = {"locale": locale}
    if diarize is not None:
        options["diarization"] = diarize or None
    if dry_run:
        known = open_corpus(out) if out.exists() else None
        with show_progress() as report:
            plan = make_plan(paths, mode=mode.value, corpus=known, again=again, progress=report, **options)
        _print_plan(plan, price)
        raise typer.Exit(1 if len(plan.problems) else 0)
    corpus = open_corpus(out, create=True)
    _check_metadata(corpus, metadata)
    with show_progress() as report:
        if mode is not Mode.batch:
            plan = make_plan(
                paths,
                mode="fast" if mode is Mode.fast else "realtime",
                corpus=corpus,
                again=again,
                progress=report,
                **options,
            )
            plan.check_hours(max_hours)
            outcomes = _streamed(settings, plan, mode, pace, report) if plan.items else ()
            added, failures = _one_by_one(outcomes, plan, corpus, metadata)
            left_out, is_over = len(plan.skipped), True
        else:
            asked: dict[str, Any] = {"name": name, "metadata": metadata, "again": again, "delete": delete}
            asked |= {"max_hours": max_hours, "plain_urls": plain_urls, **options}
            added, left_out, failures, is_over = _in_jobs(settings, paths, corpus, asked, max_wait, report)
    calls = corpus.calls
    seconds = float(calls.loc[calls["call_id"].isin(added), "duration_s"].sum())
    there = f"; left out: {left_out}, already there" if left_out else ""
    money = f", {seconds / 3600 * price:.2f} at {price:g} an hour" if price else ""
    spoken = clock(seconds, hours=True)
    typer.echo(f"{count(len(added), 'call')} transcribed ({spoken}{money}) in {out}{there}")
    if len(failures):
        print_failures(failures)
    if len(failures) or not is_over:
        raise typer.Exit(1)


def _print_plan(plan: Plan, price: float | None) -> None:
    """Print what a plan comes to, and its problems."""
    hours = plan.duration_s / 3600
    money = f", {hours * price:.2f} at {price:g} an hour" if price else ""
    jobs = count(len(plan.jobs()), "job")
    typer.echo(
        f"{count(len(plan.items), 'recording')} to send ({hours:.2f} h{money}) in {jobs}; "
        f"left out: {len(plan.skipped)}"
    )
    for file, note in plan.recordings[["file", "note"]].dropna().itertuples(index=False):
        say(f"  {file}: {note}")
    if plan.problems:
        print_failures(plan.problem_table)


def _check_metadata(corpus: Corpus, metadata: str | None) -> None:
    """Refuse metadata that cannot be joined, before anything is transcribed."""
    if metadata:
        from speechkit.transcripts.metadata import join_metadata
        from speechkit.transcripts.schema import empty

        join_metadata(empty("calls"), metadata)


def _in_jobs(
    settings: Settings,
    paths: list[str],
    corpus: Corpus,
    asked: dict[str, Any],
    max_wait: float | None,
    report: ProgressCallback,
) -> tuple[list[str], int, pd.DataFrame, bool]:
    """Transcribe as a batch run, and go on with the open runs that have some of the recordings.

    Answers the call_ids that are new, how many recordings were left out, the failures, and whether all is over.
    """
    import pandas as pd

    from speechkit.client.auth import is_loopback
    from speechkit.client.ledger import IN_RUN
    from speechkit.client.run import Run
    from speechkit.client.starting import begin_run
    from speechkit.connect import connect

    here = settings.mode == "local" or is_loopback(str(settings.speech_endpoint))
    size = LOCAL_JOB_SIZE if here else None
    home = settings.home.absolute()
    run = Run(begin_run(home, paths, corpus=corpus, job_size=size, progress=report, **asked))
    names = run.waits_for
    left_out = int((~run.skipped["note"].isin([IN_RUN + name for name in names])).sum())
    if not run.is_open:
        problems = run.failures
        run.forget()  # a night without anything new is not worth a name
        if not names:
            return [], left_out, problems, True
    else:
        problems = None
        names.append(run.name)
    speech = connect(settings, quiet=True)
    say(speech.describe())
    added: list[str] = []
    tables = [] if problems is None else [problems]
    over = True
    for one in names:
        new, failures, ended = go_on(speech, one, max_wait, report)
        added, over = added + new, over and ended
        tables.append(failures)
    return added, left_out, pd.concat(tables, ignore_index=True), over


def _streamed(
    settings: Settings, plan: Plan, mode: Mode, pace: float | None, report: ProgressCallback
) -> Iterable[Transcript | Problem]:
    """Transcribe in fast mode or in real time, some at a time."""
    from speechkit.connect import connect

    speech = connect(settings, quiet=True)
    say(speech.describe())
    if mode is Mode.fast:
        return speech.fast.transcribe_all(plan, report)
    return speech.realtime.transcribe_all(plan, report, pace=pace)


def _one_by_one(
    outcomes: Iterable[Transcript | Problem], plan: Plan, corpus: Corpus, metadata: str | None
) -> tuple[list[str], pd.DataFrame]:
    """Take each call as it ends; it is in the corpus, its events beside it, as soon as it is there."""
    from speechkit.client.realtime import RealtimeTranscript
    from speechkit.client.recording import Problem, problem_table

    added: list[str] = []
    problems = list(plan.problems)
    for outcome in outcomes:
        if isinstance(outcome, Problem):
            problems.append(outcome)
            continue
        added += corpus.add(outcome, metadata=metadata, again=True)
        if isinstance(outcome, RealtimeTranscript) and len(outcome.events):
            corpus.write_table("events", outcome.events)
    return added, problem_table(problems)
