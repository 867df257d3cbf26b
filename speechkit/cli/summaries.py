"""Summaries of the calls of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from speechkit.cli.output import count, say
from speechkit.display.progress import show_progress


def summarize(
    corpus: Annotated[Path, typer.Argument(metavar="DIR", help="The corpus.")],
    again: Annotated[bool, typer.Option("--again", help="Ask again what was answered already.")] = False,
    reasons: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own reasons of calls, a line each: NAME: MEANING."),
    ] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own outcomes of calls, a line each: NAME: MEANING."),
    ] = None,
    checklist: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is to be said in each call, a line each: NAME: MEANING."),
    ] = None,
    rubric: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Criteria of good handling, a line each: NAME: MEANING."),
    ] = None,
    levels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The rubric's levels, the best first: NAME: MEANING."),
    ] = None,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="IN OUT", help="The model's prices of a million tokens in and out."),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(metavar="AMOUNT", help="Stop before this is spent; needs --price.")
    ] = None,
) -> None:
    """Summarize every call of a corpus, each claim with its proof."""
    from speechkit.connect import connect
    from speechkit.insight.cost import Price
    from speechkit.insight.schema import read_labels
    from speechkit.insight.summaries import summarize_calls
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus

    settings = read_settings()
    calls = open_corpus(corpus)
    files = {
        "reasons": reasons,
        "outcomes": outcomes,
        "checklist": checklist,
        "rubric": rubric,
        "levels": levels,
    }
    lists: dict[str, Any] = {name: read_labels(path) for name, path in files.items() if path}
    local: dict[str, Any] = {}
    if settings.mode == "local" and not (settings.openai_endpoint or settings.openai_api_key):
        speech = connect(settings, quiet=True)
        say(speech.describe())
        local = {"endpoint": speech.endpoint, "key": speech.key}
    with show_progress() as report:
        result = summarize_calls(
            calls,
            settings,
            again=again,
            price=Price(*price) if price else None,
            max_cost=max_cost,
            progress=report,
            **lists,
            **local,
        )
    table = result.calls
    failed = table[table["status"].isin(["failed", "skipped"])]
    cost = f", {result.cost:.4g} spent" if price else ""
    typer.echo(f"{count(len(table) - len(failed), 'call')} summarized in {corpus}{cost}")
    if len(failed):
        say(f"{count(len(failed), 'call')} not summarized:")
        for call_id, problem in failed[["call_id", "problem"]].itertuples(index=False):
            say(f"  {call_id}: {problem}")
        raise typer.Exit(1)
