"""Removing a call with all that was made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speechkit.cli.output import say


def forget(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call, as the corpus names it.")],
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Its corpus; without it, the one that its runs wrote to."),
    ] = None,
    reports: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Remove every file of this folder that names the call.")
    ] = None,
) -> None:
    """Remove a call, and all that was made of it: from its corpus, the summaries, the index, the ledger of
    runs, the service and storage; exit code 1 when something of it could not be reached."""
    from speechkit.forget import forget as forget_call

    done = forget_call(call_id, corpus, reports)
    for line in done.removed:
        typer.echo(f"removed: {line}")
    if not done.removed:
        known = "" if corpus else ", and no run knows it: name its corpus with --corpus"
        say(f"Nothing of {call_id!r} was found{known}.")
    for line in done.stays:
        say(f"stays: {line}")
    for line in done.unreached:
        say(f"not reached: {line}")
    if done.unreached:
        raise typer.Exit(1)
