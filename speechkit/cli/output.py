"""How the command talks: to people on stderr, results on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from speechkit.errors import SpeechkitError

if TYPE_CHECKING:
    import pandas as pd


def say(text: str) -> None:
    """Print to stderr, which is for people; stdout is for results."""
    typer.echo(text, err=True)


def count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "call"), count(2, "call")
    ('1 call', '2 calls')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def resumable(name: str) -> Iterator[None]:
    """Say how to go on with a run, when the work on it ends before its time."""
    how = f"Go on with: speechkit runs resume {name}"
    try:
        yield
    except SpeechkitError as error:
        say(f"speechkit: {error} {how}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say(f"speechkit: stopped. {how}")
        raise typer.Exit(130) from None


def print_failures(failures: pd.DataFrame) -> None:
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
