"""Passages of a corpus in which words were said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speechkit.cli.output import say
from speechkit.display.progress import show_progress


def search(
    corpus: Annotated[Path, typer.Argument(metavar="DIR", help="The corpus.")],
    query: Annotated[
        str, typer.Argument(help='Words that stand in one phrase; "side by side", deliver*, -without.')
    ],
    limit: Annotated[int, typer.Option(min=1, help="Passages to show, the best first.")] = 20,
) -> None:
    """Find passages of a corpus in which words were said; exit code 1 when there are none."""
    from speechkit.insight.search import search as find
    from speechkit.transcripts.corpus import open_corpus
    from speechkit.transcripts.schema import clock

    shelf = open_corpus(corpus)
    with show_progress() as report:
        found = find(shelf, query, limit, report)
    for row in found.to_dict("records"):
        typer.echo(f"{row['call_id']}  {clock(row['start_s'])}  {row['text']}")
    if found.empty:
        say(f"Nothing is found for {query!r}.")
        raise typer.Exit(1)
