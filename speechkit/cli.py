"""The speechkit command."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from speechkit.display.progress import show_progress
from speechkit.errors import SpeechkitError

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.client.plan import Plan
    from speechkit.connect import Speech
    from speechkit.progress import ProgressCallback
    from speechkit.transcripts.corpus import Corpus

LOCAL_JOB_SIZE: Final = 4  # the local service ends small jobs early, so that there is progress to see


class _Group(TyperGroup):
    """Prints what went wrong as one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SpeechkitError as error:
            say(f"speechkit: {error}")
            raise typer.Exit(1) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            say(f"speechkit: {where}{error.strerror or error}. Check the path and the space on the disk.")
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            say("speechkit: stopped.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Mode(StrEnum):
    """How to transcribe."""

    batch = "batch"
    fast = "fast"


def say(text: str) -> None:
    """Print to stderr, which is for people; stdout is for results."""
    typer.echo(text, err=True)


@app.callback()
def _main() -> None:
    """Call recordings to transcripts, analyses and reports, with Azure Speech or on this machine."""


@app.command()
def transcribe(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Recordings: files, folders, patterns or https:// URLs."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The corpus to add the calls to; made if needed.")],
    mode: Annotated[Mode, typer.Option(help="Many recordings in jobs, or one request each.")] = Mode.batch,
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
            run = _in_jobs if mode is Mode.batch else _one_by_one
            added, failures = run(speech, plan, corpus, metadata, report)
    calls = corpus.calls
    spoken = clock(float(calls.loc[calls["call_id"].isin(added), "duration_s"].sum()), hours=True)
    there = f"; left out: {len(plan.skipped)}, already there" if plan.skipped else ""
    typer.echo(f"{_count(len(added), 'call')} transcribed ({spoken}) in {out}{there}")
    if len(failures):
        _print_failures(failures)
        raise typer.Exit(1)


@app.command()
def summarize(
    corpus: Annotated[Path, typer.Argument(metavar="DIR", help="The corpus.")],
    again: Annotated[bool, typer.Option("--again", help="Ask again what was answered already.")] = False,
) -> None:
    """Summarize every call of a corpus, each claim with its proof."""
    from speechkit.connect import connect
    from speechkit.insight.summaries import summarize as summarize_calls
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus

    settings = read_settings()
    calls = open_corpus(corpus)
    local: dict[str, Any] = {}
    if settings.mode == "local" and not (settings.openai_endpoint or settings.openai_api_key):
        speech = connect(settings, quiet=True)
        say(speech.describe())
        local = {"endpoint": speech.endpoint, "key": speech.key}
    with show_progress() as report:
        table = summarize_calls(calls, settings, again=again, progress=report, **local)
    failed = table[table["status"].isin(["failed", "skipped"])]
    typer.echo(f"{_count(len(table) - len(failed), 'call')} summarized in {corpus}")
    if len(failed):
        say(f"{_count(len(failed), 'call')} not summarized:")
        for call_id, problem in failed[["call_id", "problem"]].itertuples(index=False):
            say(f"  {call_id}: {problem}")
        raise typer.Exit(1)


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A report of notebooks/reports, or a path.")],
    corpus: Annotated[Path, typer.Option(metavar="DIR", help="The corpus.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="A parameter of the report; repeatable."
        ),
    ] = None,
) -> None:
    """Run a report notebook over a corpus and write it as one HTML file."""
    from speechkit.reports import run_report

    given: dict[str, str] = {}
    for item in parameter or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{item!r}: write NAME=VALUE.", param_hint="-p")
        given[key.strip()] = value
    with show_progress() as show:
        typer.echo(run_report(name, corpus=corpus, out=out, parameters=given, progress=show))


@app.command()
def doctor() -> None:
    """Say what is configured, what answers, what is missing and how to mend it."""
    from speechkit.doctor import examine

    broken = 0
    for finding in examine():
        broken += finding.state == "broken"
        typer.echo(f"{finding.state:<6}  {finding.what}: {finding.message}")
        if finding.remedy:
            typer.echo(f"{'':<6}  -> {finding.remedy}")
    if broken:
        raise typer.Exit(1)


@app.command()
def verify(
    recording: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A recording to send; without it, a demo call.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The report to write, .md or .json.")] = Path(
        "speechkit-verify.md"
    ),
    wait: Annotated[float, typer.Option(metavar="MINUTES", help="How long to wait for batch.")] = 60,
) -> None:
    """Send 5 seconds to the configured service and list where its answers depart from what is expected."""
    from speechkit.connect import connect
    from speechkit.verify import verify as compare
    from speechkit.verify import write_report

    speech = connect(quiet=True)
    say(speech.describe())
    with show_progress() as show:
        found = compare(speech, recording, wait_s=60 * wait, progress=show)
    write_report(found, out)
    typer.echo(f"{found.sentence()}; the report is {out}")
    if found.departs:
        raise typer.Exit(1)


@app.command()
def stop() -> None:
    """Stop the local service; unfinished jobs go on when it runs again."""
    from speechkit.connect import stop_service

    typer.echo("the local service has ended" if stop_service() else "no local service is running")


@app.command()
def serve(
    port: Annotated[int, typer.Option(metavar="N", help="The port; 0 takes any free one.")] = 0,
    key: Annotated[
        str | None, typer.Option(metavar="K", help="The key that requests must carry; without it a new one.")
    ] = None,
    state: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder for its jobs.")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another recognizer: whisper, with --model.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder with a faster-whisper model.")
    ] = None,
) -> None:
    """Run the local service in the foreground, until Ctrl-C."""
    from speechkit.connect import KEY_VARIABLE, require_extra
    from speechkit.settings import read_settings

    settings = read_settings()
    require_extra()
    command = [sys.executable, "-m", "speechkit.local", "--port", str(port)]
    for option, value in (("--state", state), ("--engine", engine), ("--model", model)):
        command += [option, str(value)] if value else []
    environment = {**os.environ, "SPEECHKIT_HOME": str(settings.home.absolute())}
    if key:
        environment[KEY_VARIABLE] = key  # not in the arguments, which every user of the machine can read
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)


@app.command()
def version() -> None:
    """Print the version."""
    from speechkit import __version__

    typer.echo(f"speechkit {__version__}")


# --- what transcribe is made of ----------------------------------------------------------------------------


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
    speech: Speech, plan: Plan, corpus: Corpus, metadata: Path | None, report: ProgressCallback
) -> tuple[list[str], pd.DataFrame]:
    """Transcribe in fast mode, some at a time; each call is in the corpus as soon as it is there."""
    from speechkit.client.plan import Problem, problem_table

    added: list[str] = []
    problems = list(plan.problems)
    for outcome in speech.fast.transcribe_all(plan, report):
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            added += corpus.add(outcome, metadata=metadata, again=True)
    return added, problem_table(problems)


def _count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> _count(1, "call"), _count(2, "call")
    ('1 call', '2 calls')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _print_failures(failures: pd.DataFrame) -> None:
    """Print the table of failures: what failed, why, and what to do."""
    say(f"{_count(len(failures), 'recording')} failed:")
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


if __name__ == "__main__":
    app()
