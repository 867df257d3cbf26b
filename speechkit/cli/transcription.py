"""Recordings to transcripts."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from speechkit.cli.output import count, say
from speechkit.display.progress import show_progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from speechkit.client.plan import Plan, Problem
    from speechkit.connect import Speech
    from speechkit.progress import ProgressCallback
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
        Path | None,
        typer.Option(metavar="CSV", help="A table with what is known of the calls, by call_id or file."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Transcribe also what is in the corpus.")] = False,
    pace: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="With realtime: seconds of sound sent in a second, 1 as it was spoken. Without this option, as "
            "fast as the service takes it.",
        ),
    ] = None,
) -> None:
    """Transcribe recordings and add them to a corpus.

    What is in the corpus already is left out. When a recording fails the others are finished; then the
    failures are listed and the exit code is 1.
    """
    from speechkit.client.plan import make_plan
    from speechkit.connect import connect
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus
    from speechkit.transcripts.schema import clock

    settings = read_settings()
    if pace is not None and mode is not Mode.realtime:
        raise typer.BadParameter("it is for --mode realtime.", param_hint="--pace")
    options: dict[str, Any] = {"locale": locale}
    if diarize is not None:
        options["diarization"] = diarize or None
    corpus = open_corpus(out, create=True)
    _check_metadata(corpus, metadata)
    with show_progress() as report:
        plan = make_plan(paths, mode=mode.value, known=corpus, again=again, progress=report, **options)
        failures = plan.problem_table
        added: list[str] = []
        if plan.items:  # nothing is started for nothing
            speech = connect(settings, quiet=True)
            say(speech.describe())
            if mode is Mode.batch:
                added, failures = _in_jobs(speech, plan, corpus, metadata, report)
            else:
                outcomes = (
                    speech.fast.transcribe_all(plan, report)
                    if mode is Mode.fast
                    else speech.realtime.transcribe_all(plan, report, pace=pace)
                )
                added, failures = _one_by_one(outcomes, plan, corpus, metadata)
    calls = corpus.calls
    spoken = clock(float(calls.loc[calls["call_id"].isin(added), "duration_s"].sum()), hours=True)
    there = f"; left out: {len(plan.skipped)}, already there" if plan.skipped else ""
    typer.echo(f"{count(len(added), 'call')} transcribed ({spoken}) in {out}{there}")
    if len(failures):
        _print_failures(failures)
        raise typer.Exit(1)


def _check_metadata(corpus: Corpus, metadata: Path | None) -> None:
    """Refuse metadata that cannot be joined, before anything is transcribed."""
    if metadata:
        from speechkit.transcripts.metadata import join_metadata
        from speechkit.transcripts.schema import empty

        join_metadata(empty("calls"), metadata)


def _in_jobs(
    speech: Speech, plan: Plan, corpus: Corpus, metadata: Path | None, report: ProgressCallback
) -> tuple[list[str], pd.DataFrame]:
    """Transcribe as a batch run."""
    size = LOCAL_JOB_SIZE if speech.is_local else None
    run = speech.batch.submit(plan, progress=report, job_size=size)
    run.watch(report)
    collected = run.collect(report)
    return corpus.add(collected.transcripts, metadata=metadata, again=True), collected.failures


def _one_by_one(
    outcomes: Iterable[Transcript | Problem], plan: Plan, corpus: Corpus, metadata: Path | None
) -> tuple[list[str], pd.DataFrame]:
    """Take each call as it ends; it is in the corpus, its events beside it, as soon as it is there."""
    from speechkit.client.plan import Problem, problem_table
    from speechkit.client.realtime import RealtimeTranscript

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


def _print_failures(failures: pd.DataFrame) -> None:
    """Print the table of failures: what failed, why, and what to do."""
    say(f"{count(len(failures), 'recording')} failed:")
    rows = list(failures[["file", "error", "remedy"]].itertuples(index=False))
    if not sys.stderr.isatty():
        for file, error, remedy in rows:
            say(f"  {file}: {error}." + (f" {remedy}" if isinstance(remedy, str) else ""))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("recording", "what happened", "what to do")
    for row in rows:
        table.add_row(*(Text(cell if isinstance(cell, str) else "") for cell in row))
    Console(stderr=True).print(table)
