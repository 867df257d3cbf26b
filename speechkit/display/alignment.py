"""What was said beside what was recognized: a reference and up to three transcripts, turn by turn, to read and
to hear."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.analysis.guards import shared_calls
from speechkit.analysis.normalize import ENGLISH, Rules
from speechkit.audio import probe
from speechkit.display.page import Page, file_text, link, policy
from speechkit.display.sides import (
    INSERTED,
    MISSING,
    RIGHT,
    SUBSTITUTED,
    Sides,
    Turn,
    Word,
    error_marks,
    lay_side_by_side,
    parties_of,
)
from speechkit.display.sound import EMBED_MAX_BYTES, data_uri
from speechkit.display.wording import count, part
from speechkit.errors import TranscriptError
from speechkit.transcripts.parties import labels
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    from jinja2 import Template

    from speechkit.analysis.rates import ErrorRate
    from speechkit.transcripts.schema import Transcript

MOST_TRANSCRIPTS: Final = 3
"""More columns than these and the reference are too narrow to read side by side."""

SIGNS: Final[Mapping[str, str]] = {SUBSTITUTED: "≠", MISSING: "−", INSERTED: "+"}
_SPOKEN: Final[Mapping[str, str]] = {SUBSTITUTED: "wrong", MISSING: "missing", INSERTED: "inserted"}
_SLOTS: Final[Mapping[str, int]] = {"agent": 0, "customer": 1}
_MOST_SLOTS: Final = 6


@dataclass(frozen=True, repr=False)
class AlignmentView(Page):
    """A call side by side: shows itself in a notebook, and `save` writes it as a page that needs nothing else.

    `rates` are the word error rates of the transcripts for this call, by the same alignment that is shown.
    """

    call_id: str
    title: str
    sides: Sides
    rules: Rules
    audio: Path | None
    duration_s: float
    names: Mapping[str, str]
    embed_max_bytes: int = EMBED_MAX_BYTES

    @property
    def rates(self) -> Mapping[str, ErrorRate]:
        """The word error rate of each transcript."""
        return self.sides.rates

    def __repr__(self) -> str:
        rates = ", ".join(f"{name} {_percent(rate)}" for name, rate in self.rates.items())
        return f"AlignmentView({self.call_id}: {count(len(self.sides.turns), 'turn')}; {rates})"

    @cached_property
    def _embedded(self) -> str | None:
        return data_uri(self.audio, self.embed_max_bytes) if self.audio else None

    def _render(self, *, alone: bool, folder: Path) -> str:
        from markupsafe import Markup

        css = file_text("frame.css") + file_text("alignment.css")
        js, page_css = file_text("alignment.js"), "body { margin: 0; }"
        wrong = sum(1 for turn in self.sides.turns if turn.errors)
        return _template().render(
            alone=alone,
            heading="h1" if alone else "h3",
            policy=policy([css, page_css], [js]),
            title=self.title,
            call_id=self.call_id,
            facts=f"{clock(self.duration_s)} · errors in {part(wrong, len(self.sides.turns), 'turn')}",
            notes=self._notes(),
            rules=self.rules.describe(),
            src=self._embedded or (link(self.audio, folder) if self.audio else None),
            duration_s=round(self.duration_s, 3),
            columns=self._columns(),
            rows=[self._row(turn) for turn in self.sides.turns],
            signs=SIGNS,
            css=Markup(css),
            page_css=Markup(page_css),
            js=Markup(js),
        )

    def _notes(self) -> list[str]:
        notes = list(self.sides.notes)
        if self.audio is None:
            notes.append("No recording was given: the words can be read, not heard.")
        return notes

    def _columns(self) -> list[dict[str, Any]]:
        """A column for each transcript: its rate, its counts, and where in the call its errors are."""
        whole = self.duration_s or 1.0
        return [
            {"name": name, "rate": _percent(rate), "words": rate.total,
             "counts": [(SUBSTITUTED, rate.substitutions), (MISSING, rate.deletions), (INSERTED, rate.insertions)],
             "marks": [{"x": round(min(99.7, 100 * at / whole), 2), "kind": kind}
                       for at, kind in error_marks(self.sides.turns, place)]}
            for place, (name, rate) in enumerate(self.rates.items())
        ]  # fmt: skip

    def _row(self, turn: Turn) -> dict[str, Any]:
        parties = parties_of(self.sides.turns)
        label = labels(parties, self.names)
        return {
            "start_s": round(turn.start_s, 3),
            "end_s": round(turn.end_s, 3),
            "label": label[turn.party],
            "slot": _slot(turn.party, parties, label),
            "wrong": bool(turn.errors),
            "said": [_shown(word) for word in turn.said],
            "heard": [[_shown(word) for word in cell] for cell in turn.heard],
        }


def alignment(
    reference: Transcript,
    transcripts: Transcript | Mapping[str, Transcript],
    call_id: str | None = None,
    *,
    audio: str | os.PathLike[str] | None = None,
    rules: Rules = ENGLISH,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    embed_max_bytes: int = EMBED_MAX_BYTES,
) -> AlignmentView:
    """Show one call as a reference and one to three transcripts side by side, errors marked by sign and colour.

    `transcripts` are named: {"batch": ..., "real time": ...}; one alone is called `transcript`. `call_id` may
    be left out where all have one call in common. With `audio` a click on a word plays it. `rules` say what
    counts as the same. `names` maps a party of the reference to a label of your own. Raises TranscriptError
    where a transcript is of other calls, where the reference has no words for the call, and for more than
    three transcripts; the AudioError tree for a recording that cannot be used.

    >>> import pandas as pd
    >>> from speechkit.transcripts.schema import Transcript
    >>> def one(text): return Transcript(pd.DataFrame({"call_id": ["c1"]}), pd.DataFrame(
    ...     {"call_id": ["c1"], "phrase_id": ["c1:0001"], "start_s": [0.5], "end_s": [2.0], "display": [text]}))
    >>> alignment(one("you owe us $22"), {"fast": one("you owe twenty two dollars"), "batch": one("you owe")})
    AlignmentView(c1: 1 turn; fast 16.7%, batch 66.7%)
    """
    given = dict(transcripts) if isinstance(transcripts, Mapping) else {"transcript": transcripts}
    if not 1 <= len(given) <= MOST_TRANSCRIPTS:
        raise TranscriptError(
            f"{len(given)} transcripts cannot be shown side by side. Choose one to {MOST_TRANSCRIPTS}."
        )
    chosen = _chosen(reference, given, call_id)
    said, heard = reference.call(chosen), {name: one.call(chosen) for name, one in given.items()}
    sides = lay_side_by_side(said, heard, rules)
    if not any(turn.said for turn in sides.turns):
        raise TranscriptError(f"{chosen}: the reference has no words, so nothing can be laid beside it.")
    recording = None if audio is None else Path(audio)
    known = [float(d) for one in (said, *heard.values()) for d in one.calls["duration_s"].dropna()]
    ends = [turn.end_s for turn in sides.turns]
    heard_s = [probe(recording).duration_s] if recording else []
    return AlignmentView(
        chosen,
        title or f"Call {chosen}: reference and {', '.join(given)}",
        sides,
        rules,
        recording,
        max([*known, *ends, *heard_s]),
        dict(names or {}),
        embed_max_bytes,
    )


def _chosen(reference: Transcript, given: Mapping[str, Transcript], call_id: str | None) -> str:
    """The call to show: the one named, else the only one that all have."""
    common = set(reference.call_ids)
    for one in given.values():
        common &= set(shared_calls(reference, one)[0])
    if call_id is None and len(common) == 1:
        return common.pop()
    if call_id is None:
        some = ", ".join(sorted(common)[:5])
        raise TranscriptError(f"{len(common)} calls could be shown ({some}): name one of them with call_id=.")
    if call_id not in common:
        lacking = [
            name for name, one in {"the reference": reference, **given}.items() if call_id not in one.call_ids
        ]
        raise TranscriptError(f"there is no call {call_id!r} in {', '.join(lacking)}. Name another call.")
    return call_id


def _percent(rate: ErrorRate) -> str:
    return f"{100 * rate.rate:.1f}%" if rate.total else "no rate"


def _slot(party: str, present: list[str], label: Mapping[str, str]) -> int:
    """The colour of a party: agent and customer keep theirs."""
    named = {p: _SLOTS[label[p].casefold()] for p in present if label[p].casefold() in _SLOTS}
    others = [p for p in present if p not in named]
    free = [slot for slot in range(_MOST_SLOTS) if slot not in named.values()]
    return named.get(party, free[min(others.index(party), len(free) - 1)] if party in others else 0)


def _shown(word: Word) -> dict[str, Any]:
    told = ""
    if word.kind == SUBSTITUTED and word.said:
        told = f"{_SPOKEN[word.kind]}, said: {word.said}"
    elif word.kind != RIGHT:
        told = _SPOKEN[word.kind]
    elif word.wrong_in:
        told = f"wrong or missing in {', '.join(word.wrong_in)}"
    return {"text": word.text, "start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3), "kind": word.kind,
            "sign": SIGNS.get(word.kind, ""), "partner": word.partner, "told": told,
            "missed": len(word.wrong_in)}  # fmt: skip


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    home = FileSystemLoader(Path(__file__).parent)
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=home)  # callers speak
    environment.filters["clock"] = clock
    return environment.get_template("alignment.html.j2")
