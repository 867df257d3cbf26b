"""How the command talks: to people on stderr, results on stdout."""

from __future__ import annotations

import typer


def say(text: str) -> None:
    """Print to stderr, which is for people; stdout is for results."""
    typer.echo(text, err=True)


def count(number: int, noun: str) -> str:
    """Write a number of things.

    >>> count(1, "call"), count(2, "call")
    ('1 call', '2 calls')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
