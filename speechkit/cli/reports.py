"""Report notebooks as HTML files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from speechkit.cli.output import say
from speechkit.display.progress import show_progress


class _By(StrEnum):
    call = "call"
    agent = "agent"
    day = "day"
    queue = "queue"


def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A report of notebooks/reports, or a path.")],
    corpus: Annotated[Path, typer.Option(metavar="DIR", help="The corpus.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The file to write, .html or, where Chromium is, .pdf.")
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="A parameter of the report; repeatable."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler, whose workers measure the calls: tcp://HOST:8786. For insight_report and very "
            "many calls. Needs speechkit[dask].",
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print a PDF beside it, with Chromium.")] = False,
) -> None:
    """Run a report notebook over a corpus and write it as one HTML file, or as PDF."""
    from speechkit.reports import run_report
    from speechkit.reports.worker import spare_grammar

    spare_grammar()
    given = _given(parameter) | ({"scheduler": scheduler} if scheduler else {})
    with show_progress() as show:
        typer.echo(run_report(name, corpus=corpus, out=out, parameters=given, pdf=pdf, progress=show))


def reports(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A report of notebooks/reports, or a path.")],
    corpus: Annotated[Path, typer.Option(metavar="DIR", help="The corpus.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write to.")],
    by: Annotated[_By, typer.Option(help="One report for each of these.")] = _By.call,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="A parameter of every report; repeatable."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Reports at once; five for two cores when not given.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler, whose workers make the reports: tcp://HOST:8786. Needs speechkit[dask].",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make what has not changed, too.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print a PDF beside each, with Chromium.")] = False,
) -> None:
    """Make a report for every call, agent, day or queue, and a page that lists them."""
    from speechkit.reports.fleet import run_reports
    from speechkit.reports.pdf import find_chromium, write_pdfs
    from speechkit.reports.worker import spare_grammar

    spare_grammar()
    unprinted: list[str] = []
    if pdf:
        find_chromium()
    with show_progress() as show:
        table = run_reports(
            name,
            corpus=corpus,
            out=out,
            by=by.value,
            parameters=_given(parameter),
            workers=workers,
            scheduler=scheduler,
            again=again,
            progress=show,
        )
        if pdf:
            unprinted = write_pdfs([out / file for file in table["file"]], show)[1]
    counts = table["status"].value_counts()
    told = ", ".join(
        f"{counts[status]} {status}" for status in ("made", "unchanged", "failed") if status in counts
    )
    typer.echo(f"{out / 'index.html'}: {told or 'no reports'}")
    for key, error in table.loc[table["status"] == "failed", ["key", "error"]].itertuples(index=False):
        say(f"  {key}: {error}")
    for error in unprinted:
        say(f"  {error}")
    if "failed" in counts or unprinted:
        raise typer.Exit(1)


def _given(parameter: list[str] | None) -> dict[str, str]:
    given: dict[str, str] = {}
    for item in parameter or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{item!r}: write NAME=VALUE.", param_hint="-p")
        given[key.strip()] = value
    return given
