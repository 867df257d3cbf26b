"""Captions as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from speechkit.cli.output import count, say


class Form(StrEnum):
    """What to write."""

    vtt = "vtt"
    srt = "srt"


def captions(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="A corpus, or a result file of the service.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the captions; made if needed.")],
    call: Annotated[
        list[str] | None,
        typer.Option("-c", "--call", metavar="ID", help="Only this call; repeatable. Else all of them."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="WebVTT or SubRip.")] = Form.vtt,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "-n", "--name", metavar="PARTY=NAME", help="What to call a speaker or channel; repeatable."
        ),
    ] = None,
    line_chars: Annotated[int, typer.Option(metavar="N", help="The longest line, in characters.")] = 42,
    chars_per_s: Annotated[float, typer.Option(metavar="X", help="How fast people read.")] = 17.0,
    highlight: Annotated[
        bool, typer.Option(help="Let words light up as they are spoken (WebVTT, where words have times).")
    ] = True,
    guess: Annotated[
        bool, typer.Option(help="Call speakers Agent and Customer where what they say tells who is who.")
    ] = True,
) -> None:
    """Write the captions of calls, a file each, by the rules that subtitlers keep.

    Parties are called Agent and Customer where that is known, else Speaker 1 or Channel 0. When a call cannot be
    captioned the others are finished; then it is named and the exit code is 1.
    """
    from speechkit.analysis.roles import named, roles
    from speechkit.errors import TranscriptError
    from speechkit.transcripts.captions import write_captions
    from speechkit.transcripts.corpus import open_corpus
    from speechkit.transcripts.cues import Rules
    from speechkit.transcripts.parse import read_transcript

    given: dict[str, str] = {}
    for item in name or []:
        party, equals, label = item.partition("=")
        if not equals or not party or not label:
            raise typer.BadParameter(f"{item!r}: write PARTY=NAME, such as 1=Megan.", param_hint="-n")
        given[party] = label
    try:
        rules = Rules(line_chars=line_chars, chars_per_s=chars_per_s)
    except ValueError as error:
        raise typer.BadParameter(str(error).partition(": ")[2]) from None
    transcript = open_corpus(source) if source.is_dir() else read_transcript(source)
    wanted = list(dict.fromkeys(call or transcript.call_ids))
    if unknown := [call_id for call_id in wanted if call_id not in set(transcript.call_ids)]:
        some = ", ".join(transcript.call_ids[:5])
        raise TranscriptError(f"{source} has no call {unknown[0]}. It has: {some or 'none'}.")
    chosen = transcript.filter(call_id=wanted)
    told = roles(chosen, guess=guess)
    failed: list[tuple[str, TranscriptError]] = []
    for call_id in wanted:
        labels = named(told, call_id) | given
        target = out / f"{call_id}.{form.value}"
        try:
            write_captions(chosen, target, call_id, rules=rules, names=labels, highlight=highlight)
        except TranscriptError as error:
            failed.append((call_id, error))
    typer.echo(f"{count(len(wanted) - len(failed), 'call')} captioned in {out}")
    if failed:
        say(f"{count(len(failed), 'call')} not captioned:")
        for call_id, problem in failed:
            say(f"  {call_id}: {problem}")
        raise typer.Exit(1)
