"""Batch runs: which there are, how they stand, and how to go on with one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from speechkit.cli.output import count, print_failures, resumable, say
from speechkit.display.progress import show_progress

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.client.run import Run
    from speechkit.connect import Speech
    from speechkit.progress import ProgressCallback

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the run.")]


def list_all(ctx: typer.Context) -> None:
    """List the batch runs, or show, resume or cancel one."""
    if ctx.invoked_subcommand:
        return
    from speechkit.client.batch import list_runs
    from speechkit.client.starting import open_ledger
    from speechkit.settings import read_settings

    table = list_runs(open_ledger(read_settings().home.absolute()))
    if table.empty:
        typer.echo("no runs; `speechkit transcribe` starts one")
        return
    hours = (table["audio_s"] / 3600).round(2)
    typer.echo(table.drop(columns="audio_s").assign(hours=hours).to_string(index=False))


def show(name: Name) -> None:
    """Show the jobs of a run, its failures and what to do about them."""
    run = _open(name)
    typer.echo(repr(run))
    table = run.table
    if len(table):
        whole = ["audio_s", "queue_s", "processing_s"]
        shown = table.assign(**{name: table[name].round(1) for name in whole}).drop(columns="warning")
        typer.echo(shown.to_string(index=False))
    for number, warning in table[["job", "warning"]].dropna().itertuples(index=False):
        say(f"job {number} {warning}")
    failures = run.failures
    if len(failures):
        print_failures(failures)
        worth = int(failures["retry"].sum())
        say(f"{worth} of them may go well a second time: speechkit runs resume {name} --retry-failed")
    if run.is_open:
        say(f"It has not ended. Go on with: speechkit runs resume {name}")


def resume(
    name: Name,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Send again what failed and may go well now, or was mended."),
    ] = False,
    max_wait: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Wait so long; the run can be resumed again.")
    ] = None,
) -> None:
    """Go on with a run from where it was left, until its results are in its corpus."""
    from speechkit.connect import connect

    _open(name)  # nothing is started for a name that is wrong
    speech = connect(quiet=True)
    say(speech.describe())
    with show_progress() as report:
        if retry_failed:
            with resumable(name):
                speech.batch.resume(name).retry_failed(report)
        added, failures, is_over = go_on(speech, name, max_wait, report)
    typer.echo(f"{count(len(added), 'call')} transcribed in {speech.batch.resume(name).corpus_path}")
    if len(failures):
        print_failures(failures)
    if len(failures) or not is_over:
        raise typer.Exit(1)


def cancel(name: Name) -> None:
    """Give up what has not ended; what has ended can still be collected with resume."""
    from speechkit.connect import connect

    before = _open(name)
    run = connect(quiet=True).batch.resume(name) if before.jobs else before
    run.cancel()
    typer.echo(repr(run))


def go_on(
    speech: Speech, name: str, max_wait: float | None, report: ProgressCallback
) -> tuple[list[str], pd.DataFrame, bool]:
    """Collect a run; answers the call_ids that are new, its failures, and whether it has ended."""
    with resumable(name):
        run = speech.batch.resume(name)
        before = set(run.call_ids)
        run.collect(report, deadline_s=None if max_wait is None else 60 * max_wait)
        added = [call_id for call_id in run.call_ids if call_id not in before]
        is_over = all(job.is_over for job in run.jobs)
        if not is_over:
            _say_what_waits(run)
        return added, run.failures, is_over


def _say_what_waits(run: Run) -> None:
    """Name the jobs that have not ended when the time is over."""
    for job in run.jobs:
        if not job.is_over:
            warning = job.warning(time.time())
            what = f"job {job.number} of {count(job.recordings, 'recording')} is {job.status}"
            say(f"{what} ({warning})" if warning else what)
    say(f"The time to wait is over. Go on with: speechkit runs resume {run.name}")


def _open(name: str) -> Run:
    from speechkit.client.batch import open_run
    from speechkit.settings import read_settings

    return open_run(read_settings().home.absolute(), name)
