"""What stands around the figures of a report: what it is about, its numbers in short, and the calls one by
one."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from speechkit.display.picture import Note
from speechkit.display.tables import Cards
from speechkit.display.wording import count, day, label, length, listing, percent
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def scope(calls: pd.DataFrame, **wanted: str) -> Note:
    """Say which calls these are: how many, from when to when, how long, and what they were chosen by.

    >>> calls = pd.DataFrame({"call_id": ["a"], "duration_s": [95.0]})
    >>> calls = calls.assign(recorded_at=pd.Timestamp("2026-09-07"))
    >>> scope(calls, queue="billing", agent="")
    1 call (a) of 7 Sep 2026, 95 s of recording. Only calls with queue billing.
    >>> scope(calls.iloc[:0], queue="billing")
    No call in this corpus has queue billing.
    """
    chosen = [f"{label(name)} {value}" for name, value in wanted.items() if value]
    if calls.empty:
        return Note(
            f"No call in this corpus has {listing(chosen)}." if chosen else "This corpus has no calls."
        )
    dates = calls["recorded_at"].dropna()
    when = "" if dates.empty else f" of {day(dates.min())}"
    if len(dates) and dates.min().date() != dates.max().date():
        when = f" from {day(dates.min())} to {day(dates.max())}"
    undated = len(calls) - len(dates)
    many = count(len(calls), "call") + (f" ({calls['call_id'].iloc[0]})" if len(calls) == 1 else "")
    sentences = [f"{many}{when}, {length(float(calls['duration_s'].sum()))} of recording."]
    if undated and len(dates):
        sentences.append(f"{count(undated, 'call')} without a date.")
    if chosen:
        sentences.append(f"Only calls with {listing(chosen)}.")
    return Note(" ".join(sentences))


def in_short(
    overview: pd.DataFrame, doubtful_share: float, summaries: pd.DataFrame, below: float
) -> Cards | Note:
    """The report in six numbers, from `calls` and `doubtful_share` of `measures.measure`, and the summaries."""
    if overview.empty:
        return Note(
            "There is nothing to count. Choose other days, another agent or queue, or another corpus."
        )
    total, silent = overview["duration_s"].sum(), overview["silence_s"].sum()
    dumb = int((overview["words"] == 0).sum())
    cards = [
        (
            "Calls",
            f"{len(overview):,}",
            f"{count(dumb, 'call')} without speech" if dumb else "all with speech",
        ),
        (
            "Recording",
            length(float(total)),
            f"{length(float(overview['duration_s'].median()))} in the median",
        ),
        ("Silence", percent(float(silent / total)) if total else "–", "of the time nobody speaks"),
        ("Words", f"{int(overview['words'].sum()):,}", f"{_pace(overview)} a minute of speech"),
        (
            "Doubtful words",
            "–" if math.isnan(doubtful_share) else percent(doubtful_share),
            f"confidence below {below:g}",
        ),
    ]
    if len(summaries):
        solved = summaries["resolved"].value_counts()
        known = int(solved.get("yes", 0) + solved.get("no", 0))
        share = percent(solved.get("yes", 0) / known) if known else "–"
        cards.append(("Resolved", share, f"of {count(known, 'call')} that say so"))
    return Cards(cards)


def engines(calls: pd.DataFrame) -> Note:
    """Say what recognized these calls, since accuracy belongs to an engine."""
    known = calls["engine"].dropna()
    if known.empty:
        return Note("Which recognizer wrote these transcripts is not recorded.")
    parts = [f"{name} ({count(int(number), 'call')})" for name, number in known.value_counts().items()]
    said = f"Recognized by {listing(parts)}."
    return Note(said.replace("Recognized by written by", "Written by"))  # made up by a script, as data/weeks


@dataclass(frozen=True)
class CallCards:
    """The summary of each call with its reason, its outcome and the words that prove them.

    `summaries` is the table of `selection.summaries_of`, `calls` that of the corpus; at most `most` are
    shown, the latest first.
    """

    summaries: pd.DataFrame
    calls: pd.DataFrame
    most: int = 30

    def __repr__(self) -> str:
        return f"CallCards({len(self.summaries)} calls)"

    def _repr_html_(self) -> str:
        if self.summaries.empty:
            return Note(
                "No call here has a summary. Make them with: speechkit summarize CORPUS"
            )._repr_html_()
        about = self.calls.reindex(columns=["call_id", "recorded_at", "queue", "agent", "duration_s"])
        table = self.summaries.merge(about, on="call_id", how="left")
        table = table.sort_values("recorded_at", ascending=False, kind="stable")
        rest = len(table) - self.most
        more = f'<p class="speechkit-caption">... and {count(rest, "earlier call")}.</p>' if rest > 0 else ""
        return "".join(map(_card, table.head(self.most).to_dict("records"))) + more


def _card(row: Mapping[Any, Any]) -> str:
    head = [
        day(row["recorded_at"]) if pd.notna(row["recorded_at"]) else "",
        *map(_known, (row["queue"], row["agent"])),
    ]
    if pd.notna(row["duration_s"]):
        head.append(clock(row["duration_s"]))
    proof = [_proof(row, part) for part in ("reason", "outcome")]
    summary = _known(row["summary"]) or "No sentence of the summary was supported by the call."
    return (
        f"<article><h3>{html.escape(str(row['call_id']))}</h3>"
        f'<p class="tags">{html.escape(" · ".join(part for part in head if part))}</p>'
        f"<p>{html.escape(summary)}</p>{''.join(proof)}{_mood(row)}</article>"
    )


def _mood(row: Mapping[Any, Any]) -> str:
    """How the customer sounds at the start and at the end, and when that turns, where it is known."""
    start, end, turn_s = (row.get(name) for name in ("mood_start", "mood_end", "mood_turn_start_s"))
    if pd.isna(start) or pd.isna(end):
        return ""
    turns = f"; it turns at {clock(float(turn_s))}" if pd.notna(turn_s) else ""
    return f"<p><strong>Mood:</strong> {html.escape(f'{start} at the start, {end} at the end{turns}')}</p>"


def _proof(row: Mapping[Any, Any], part: str) -> str:
    """A reason or an outcome with the words of the call that it rests on."""
    value, quote, start_s = row[part], row[f"{part}_quote"], row[f"{part}_start_s"]
    if pd.isna(value):
        return ""
    words = ""
    if pd.notna(quote):
        at = f" ({clock(start_s)})" if pd.notna(start_s) else ""
        words = f"<blockquote>“{html.escape(str(quote))}”{at}</blockquote>"
    return (
        f"<p><strong>{html.escape(part.capitalize())}:</strong> {html.escape(label(str(value)))}</p>{words}"
    )


def shorten(names: Iterable[str], most: int = 8) -> str:
    """Write the calls behind a number, as many as are read.

    >>> shorten(["c01", "c02", "c03"], most=2)
    'c01, c02 and 1 more'
    """
    return listing(list(names), most)


def _pace(overview: pd.DataFrame) -> str:
    spoken_s = (overview["speech_s"] + overview["overlap_s"]).sum()
    return f"{60 * overview['words'].sum() / spoken_s:.0f}" if spoken_s else "0"


def _known(value: Any) -> str:
    return str(value) if pd.notna(value) else ""
