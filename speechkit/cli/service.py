"""The service that recognizes: is it well, does it answer as expected, and the local one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from speechkit.cli.output import say
from speechkit.display.progress import show_progress


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
    from speechkit.verify.report import write_report

    speech = connect(quiet=True)
    say(speech.describe())
    with show_progress() as show:
        found = compare(speech, recording, wait_s=60 * wait, progress=show)
    write_report(found, out)
    typer.echo(f"{found.sentence()}; the report is {out}")
    if found.departs:
        raise typer.Exit(1)


def stop() -> None:
    """Stop the local service; unfinished jobs go on when it runs again."""
    from speechkit.connect import stop_service

    typer.echo("the local service has ended" if stop_service() else "no local service is running")


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


def version() -> None:
    """Print the version."""
    from speechkit import __version__

    typer.echo(f"speechkit {__version__}")
