"""The unattended job of a week."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from speechkit.cli.output import say

_NOT_UNDERSTOOD: Final = 2
_BUSY: Final = 3


def weekly(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to do; docs/unattended.md.")],
    week: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], help="Any day of another week than the last complete one."
        ),
    ] = None,
) -> None:
    """Bring the calls of the last complete week from recordings to reports.

    What is done already is left as it is: a second run does nothing, and one that was stopped goes on. The exit
    code is 0 when all is well, 1 when something is missing (the line says what), 2 for a config that cannot be
    used and 3 when another run is at work.
    """
    from speechkit.display.progress import show_progress
    from speechkit.errors import ReportError, SettingsError
    from speechkit.reports.worker import spare_grammar
    from speechkit.settings import read_settings
    from speechkit.weekly.config import read_config
    from speechkit.weekly.job import Job
    from speechkit.weekly.reporting import check_reports
    from speechkit.weekly.week import last_week, week_of

    spare_grammar()
    try:
        wanted = read_config(config)
        check_reports(wanted.report)
        settings = read_settings()
    except (SettingsError, ReportError) as error:
        say(f"speechkit: {error}")
        raise typer.Exit(_NOT_UNDERSTOOD) from None
    now = datetime.now()
    days = week_of(week.date(), wanted.first_day) if week else last_week(now.date(), wanted.first_day)
    # cron sends a mail of whatever is printed: bars are for people who look on
    shown = show_progress() if sys.stderr.isatty() else nullcontext()
    with shown as report:
        outcome = Job(wanted, days, settings, now=now, progress=report).run()
    typer.echo(outcome.line)
    if outcome.is_busy:
        raise typer.Exit(_BUSY)
    if outcome.problems:
        raise typer.Exit(1)
