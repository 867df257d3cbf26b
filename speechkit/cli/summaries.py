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
) -> None:
    """Summarize every call of a corpus, each claim with its proof."""
    from speechkit.connect import connect
    from speechkit.insight.summaries import summarize as summarize_calls
    from speechkit.settings import read_settings
    from speechkit.transcripts.corpus import open_corpus

    settings = read_settings()
    calls = open_corpus(corpus)
    local: dict[str, Any] = {}
    if settings.mode == "local" and not (settings.openai_endpoint or settings.openai_api_key):
        speech = connect(settings, quiet=True)
        say(speech.describe())
        local = {"endpoint": speech.endpoint, "key": speech.key}
    with show_progress() as report:
        table = summarize_calls(calls, settings, again=again, progress=report, **local)
    failed = table[table["status"].isin(["failed", "skipped"])]
    typer.echo(f"{count(len(table) - len(failed), 'call')} summarized in {corpus}")
    if len(failed):
        say(f"{count(len(failed), 'call')} not summarized:")
        for call_id, problem in failed[["call_id", "problem"]].itertuples(index=False):
            say(f"  {call_id}: {problem}")
        raise typer.Exit(1)
