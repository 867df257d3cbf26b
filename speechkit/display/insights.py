"""Figures of what was found across calls: topics, weekdays, what began on a day, and what goes with an outcome.

Tables of `analysis` in, a `Picture` out, or a `Note` where there is nothing to draw; every title is computed.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from speechkit.analysis.drivers import FEW_CALLS, LEVEL
from speechkit.analysis.rhythm import Weekdays
from speechkit.analysis.topics import Topics
from speechkit.display.canvas import BLUE, GREY, VERMILION, canvas, styled
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.sound import clip_uri
from speechkit.display.wording import count, day, label, listing, percent
from speechkit.transcripts import masking
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    from speechkit.transcripts.corpus import Corpus


@styled
def topics(found: Topics, most: int = 10) -> Shown:
    """Draw how many calls each topic has, with the words that tell it from the others."""
    table = found.topics.head(most)
    if table.empty:
        return Note("No call has words, so there are no topics.")
    if len(table) == 1:
        return Note(f"The words of these {count(int(table['calls'][0]), 'call')} do not fall into topics.")
    first = table.iloc[0]
    finding = (
        f"The words fall into {len(found.topics)} topics; the largest, {first['topic']}, "
        f"has {percent(first['share'])} of the calls"
    )
    figure, axes = canvas(finding, 0.8 + 0.36 * len(table))
    bars = axes.barh(range(len(table)), table["calls"], color=BLUE, height=0.62)
    axes.bar_label(bars, [f" {calls}" for calls in table["calls"]], padding=2)
    axes.set_yticks(range(len(table)), table["topic"])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * float(table["calls"].max()))
    axes.set_xlabel("calls")
    axes.grid(visible=False, axis="y")
    caption = (
        "Each bar is a group of calls that use the same words, named by its three most telling ones. "
        f"Silhouette {found.silhouette:.2f} (1: groups far apart, 0: no groups)."
    )
    return Picture(figure, finding, caption, f"Bar chart of calls by topic. {finding}.")


@styled
def weekdays(found: Weekdays, level: float = LEVEL) -> Shown:
    """Draw calls a day for each weekday, with intervals."""
    table = found.table
    if table.empty:
        return Note("There is no whole week of calls, Monday to Sunday, so weekdays cannot be compared.")
    top, rest = table.iloc[int(table["mean"].argmax())], table["mean"].median()
    if np.isnan(found.p_value):
        finding = f"{count(int(table['days'].max()), 'week')} of calls are too few to compare weekdays"
    elif found.p_value > level:
        finding = "Weekdays do not differ by more than chance"
    else:
        times = f", {top['mean'] / rest:.1f} times the median weekday" if rest > 0 else ""
        finding = f"Most calls come on {top['weekday']}s: {top['mean']:.1f} a day{times}"
    figure, axes = canvas(finding, 2.5)
    errors = [table["mean"] - table["low"], table["high"] - table["mean"]]
    axes.errorbar(range(7), table["mean"], errors, fmt="o", color=BLUE, capsize=3, linestyle="none")
    for place, mean in enumerate(table["mean"]):
        axes.annotate(
            f"{mean:.1f}", (place, mean), (8, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.set_xticks(range(7), [name[:3] for name in table["weekday"]])
    axes.set_xlim(-0.5, 6.7)
    axes.set_ylim(0, 1.1 * float(table["high"].max()))
    axes.set_ylabel("calls a day")
    axes.grid(visible=False, axis="x")
    caption = f"Means of {count(int(table['days'].max()), 'whole week')} with 95% intervals; p = {found.p_value:.2g}."
    return Picture(figure, finding, caption, f"Dot plot of calls a day by weekday. {finding}.")


@styled
def began(found: pd.DataFrame, recorded_at: pd.Series[pd.Timestamp], which: int = 0) -> Shown:
    """Draw the calls a day that have the words of a row of `onsets.onsets`; `recorded_at` of all calls by call_id."""
    if len(found) <= which:
        return Note("No word came up on some day and stayed: nothing began that the words of the calls tell.")
    onset = found.iloc[which]
    days = recorded_at.dropna().dt.normalize()
    every = pd.date_range(days.min(), days.max())
    with_words = days[days.index.isin(onset["call_ids"])].value_counts().reindex(every, fill_value=0)
    words = listing([f"“{word}”" for word in onset["words"][:3]], 3)
    finding = (
        f"Since {day(onset['since'])} {percent(onset['after'])} of the calls speak of {words}; "
        f"before, {percent(onset['before'])} did"
    )
    figure, axes = canvas(finding, 2.3)
    late = every >= onset["since"]
    axes.bar(every[~late], with_words[~late], color=GREY, hatch="....", width=0.8)
    axes.bar(every[late], with_words[late], color=VERMILION, width=0.8)
    axes.axvline(onset["since"] - pd.Timedelta(hours=12), color="#1f1f1f", linestyle="--", linewidth=1)
    axes.set_ylabel("calls a day")
    ticks = every[:: max(1, len(every) // 7)]
    axes.set_xticks(ticks, [day(tick, year=False).partition(" ")[2] for tick in ticks])
    axes.set_xlabel(str(every[0].year))
    axes.grid(visible=False, axis="x")
    since = f"{count(int(onset['calls_after']), 'call')} since, {onset['calls_before']} before"
    caption = (
        "Each bar counts the calls of a day with the first of the words; the line is the day on which it began. "
        f"{since}; p = {onset['p_value']:.2g}, allowing for all words and all days."
    )
    return Picture(figure, finding, caption, f"Bar chart of calls a day. {finding}.")


@styled
def differences(
    table: pd.DataFrame, outcome: str, factor: str, words: str = "", *, only: str = "", most: int = 14
) -> Shown:
    """Draw how far each value of a factor is from the other calls, with intervals, from `drivers.drivers`.

    `words` says what the outcome is, such as "calls left unresolved"; differences are in points where the
    outcome is a share (every mean between 0 and 1), else in the outcome's unit. With `only`, the page is about
    that value: it alone is named, the others stand beside it without their names.
    """
    rows = table[(table["outcome"] == outcome) & (table["factor"] == factor)].dropna(subset="difference")
    said = words or label(outcome)
    if rows.empty:
        return Note(f"There is nothing to compare: {said} by {label(factor)} needs two groups that differ.")
    share = bool(rows["mean"].between(0, 1).all() and rows["others"].between(0, 1).all())
    scale = 100.0 if share else 1.0
    unit = " points" if share else ""
    found = rows[rows["found"]]
    told = rows[rows["value"] == only] if only else found
    kind = percent if share else "{:.1f}".format
    if told.empty:
        finding = f"No {label(factor)} differs in {said} by more than chance"
    else:
        one = told.iloc[int(told["difference"].abs().argmax())]
        name = only or f"{label(factor)} {one['value']}"
        finding = f"{said[:1].upper()}{said[1:]}: {name} {kind(one['mean'])}, others {kind(one['others'])}"
        if only and not one["found"]:
            finding += "; chance alone may do as much"
        if not only and len(found) > 1:
            finding += f"; {len(found)} of {len(rows)} differ"
    shown = rows.sort_values("difference", ascending=False)
    if len(shown) > most:
        # `only` stays: it is what the page is about
        away = shown["difference"].abs().mask(shown["value"] == only, float("inf"))
        kept = away.nlargest(most).index
        shown = shown.loc[shown.index.isin(kept)]
    figure, axes = canvas(finding, 0.9 + 0.34 * len(shown))
    for place, row in enumerate(shown.to_dict("records")):
        colour, marker = (VERMILION, "D") if row["found"] else (GREY, "o")
        low, high = scale * row["low"], scale * row["high"]
        axes.plot([low, high], [place, place], color=colour, linewidth=2 if row["found"] else 1.2)
        fill = "white" if row["few"] else colour
        axes.plot(scale * row["difference"], place, marker, color=colour, markerfacecolor=fill, markersize=7)
    names = [
        f"{row['value'] if only in ('', row['value']) else 'another'} ({row['calls']})"
        for row in shown.to_dict("records")
    ]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.axvline(0, color="#1f1f1f", linewidth=1)
    measure = label(outcome.removesuffix("_s")) + (", s" if outcome.endswith("_s") else "")
    axes.set_xlabel(f"difference to the other calls{',' + unit if unit else ': ' + measure}")
    axes.set_ylabel(f"{label(factor)} (calls)")
    axes.grid(visible=False, axis="y")
    few = int(shown["few"].sum())
    caption = (
        "Diamonds: found, allowing for all comparisons. Circles: may be chance. Lines: 95% intervals, each for "
        "itself."
    )
    if len(rows) > len(shown):
        caption += f" Of {len(rows):,}, {len(shown)} are drawn: those farthest from the others"
        caption += f", and {only}." if only else "."
    if few:
        caption += f" Open marks: fewer than {FEW_CALLS} calls, too few to say much."
    return Picture(figure, finding, caption, f"Dot plot of differences by {label(factor)}. {finding}.")


def passages(
    found: pd.DataFrame, query: str, corpus: Corpus, *, mask: bool = True, around_s: float = 0.3
) -> Passages:
    """Make passages of what a search found in a corpus: to read, and to play where the recording still is.

    With `mask`, personal data is replaced by its kind in the text and by a tone in the sound, which begins
    `around_s` seconds before the words and ends as much after them. What stands around a passage is its own channel's
    too, where each party has one.
    """
    shown, clips = found.copy(), dict[str, str]()
    for call_id in found["call_id"].unique():
        call = corpus.call(call_id)
        hidden = masking.find_masks(call if mask else call.filter(call_id=[]))
        said = [
            table["display"].fillna(table["lexical"])
            for table in (call.phrases, masking.mask(call, hidden).phrases)
        ]
        texts = dict(zip(*said, strict=True))
        here = found["call_id"] == call_id
        for column in ("before", "text", "after"):
            shown.loc[here, column] = [texts.get(text, text) for text in found.loc[here, column]]
        recording = corpus.recording(call_id)
        if recording is None:
            continue
        for row in found[here].to_dict("records"):
            channel = None if call.phrases["channel"].nunique() < 2 else int(row["channel"])
            own = hidden if channel is None else hidden[hidden["channel"] == channel]
            span = (max(0.0, row["start_s"] - around_s), row["end_s"] + around_s)
            clips[str(row["phrase_id"])] = clip_uri(recording, *span, channel, masking.bleeps(own))
    return Passages(shown, query, clips)


@dataclass(frozen=True)
class Passages:
    """Passages that a search found: the call, the time, the words, and their sound.

    `found` is the table of `insight.search.search`, `clips` the address of a passage's sound by its phrase_id
    (`passages` makes both without personal data).
    """

    found: pd.DataFrame
    query: str
    clips: dict[str, str] | None = None

    def __repr__(self) -> str:
        lines = [
            f"{row['call_id']} {clock(row['start_s'])}  {row['text']}"
            for row in self.found.to_dict("records")
        ]
        return "\n".join(lines) or f"Nothing is found for {self.query!r}."

    def _repr_html_(self) -> str:
        if self.found.empty:
            return Note(f"Nothing is found for “{self.query}”.")._repr_html_()
        items = "".join(self._item(row) for row in self.found.to_dict("records"))
        title = html.escape(f"{count(len(self.found), 'passage')} for “{self.query}”")
        return f'<section class="speechkit-passages" aria-label="{title}"><p>{title}</p><ol>{items}</ol></section>'

    def _item(self, row: Mapping[Any, Any]) -> str:
        around = [
            f'<small style="opacity: .75">{html.escape(str(row[side]))}</small>'
            if isinstance(row[side], str)
            else ""
            for side in ("before", "after")
        ]
        source = (self.clips or {}).get(str(row["phrase_id"]))
        sound = (
            f'<br><audio controls preload="none" src="{html.escape(source)}" '
            f'aria-label="{html.escape(str(row["call_id"]))}"></audio>'
            if source
            else ""
        )
        where = f"{html.escape(str(row['call_id']))}, {clock(float(str(row['start_s'])))}"
        return f"<li><b>{where}</b><br>{around[0]} <mark>{html.escape(str(row['text']))}</mark> {around[1]}{sound}</li>"
