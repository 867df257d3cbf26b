"""The speechkit command: one file a noun, each command a function that is named here."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from speechkit.cli import runs
from speechkit.cli.captions import captions
from speechkit.cli.forgetting import forget
from speechkit.cli.output import say
from speechkit.cli.reports import report, reports
from speechkit.cli.searching import search
from speechkit.cli.service import doctor, serve, stop, verify, version
from speechkit.cli.summaries import summarize
from speechkit.cli.transcription import transcribe
from speechkit.cli.weekly import weekly
from speechkit.errors import SpeechkitError


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


@app.callback()
def _main() -> None:
    """Call recordings to transcripts, analyses and reports, with Azure Speech or on this machine."""


_runs = typer.Typer(rich_markup_mode=None)
_runs.callback(invoke_without_command=True)(runs.list_all)
for work in (runs.show, runs.resume, runs.cancel):
    _runs.command()(work)

app.command()(transcribe)
app.add_typer(_runs, name="runs")
for command in (  # as --help lists them
    summarize,
    search,
    report,
    reports,
    weekly,
    captions,
    forget,
    doctor,
    verify,
    stop,
    serve,
    version,
):
    app.command()(command)
