"""Report notebooks as HTML files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speechkit.display.progress import show_progress


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
