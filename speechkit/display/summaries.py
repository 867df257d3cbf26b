"""Figures of summaries: the mood of a customer over a call, and a checklist over calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from speechkit.display.canvas import BLUE, GREY, VERMILION, canvas, clock_axis, styled
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import count, label, percent
from speechkit.transcripts.schema import clock

_MOODS: Final = {"negative": (VERMILION, "v"), "neutral": (GREY, "o"), "positive": (BLUE, "^")}
_VALUES: Final = {
    "said": (BLUE, "o"),
    "met": (BLUE, "o"),
    "partly": (GREY, "D"),
    "missed": (VERMILION, "X"),
    "unproved": (VERMILION, "s"),
    "unclear": (GREY, "."),
}

_OTHERS: Final = ((BLUE, "P"), (BLUE, "<"), (GREY, "p"), (GREY, "d"), (VERMILION, "1"), (VERMILION, "*"))
"""Marks of a user's own levels."""
MOST_CALLS: Final = 40
"""More calls than this are not told apart in a figure of a checklist."""


@styled
def mood(moods: pd.DataFrame, turn_s: float | None = None, call_id: str = "") -> Shown:
    """Draw the moods of one call's turns over its time; `turn_s` is where they turn, missing where they do not.

    `moods` has start_s and mood (negative, neutral, positive).
    """
    if moods.empty:
        return Note(
            "No turn of a customer was judged in this call. Judge them with: speechkit summarize CORPUS"
        )
    whose = f" in {call_id}" if call_id else ""
    at_s = None if turn_s is None or pd.isna(turn_s) else float(turn_s)
    change = "does not turn" if at_s is None else f"turns at {clock(at_s)}"
    share = percent((moods["mood"] == "negative").mean())
    finding = f"The customer's mood{whose} {change}; {share} of the turns are negative"
    figure, axes = canvas(finding, 2.0)
    places = moods["mood"].map({name: place for place, name in enumerate(_MOODS)})
    axes.plot(moods["start_s"], places, color=GREY, linewidth=1, zorder=2)
    for place, (name, (colour, marker)) in enumerate(_MOODS.items()):
        own = moods[moods["mood"] == name]
        axes.scatter(own["start_s"], [place] * len(own), color=colour, marker=marker, s=48, zorder=3)
    if at_s is not None:
        axes.axvline(at_s, color="#1f1f1f", linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(_MOODS)), list(_MOODS))
    axes.set_ylim(-0.5, len(_MOODS) - 0.5)
    clock_axis(axes)
    axes.set_xlabel("time in the call (minutes:seconds)")
    caption = f"Each mark is one of {count(len(moods), 'turn')} of the customer, judged by its words alone."
    caption += " The dashed line is where the mood turns." if at_s is not None else ""
    return Picture(figure, finding, caption, f"Moods of turns over time. {finding}.")


@styled
def moods(summaries: pd.DataFrame) -> Shown:
    """Draw how customers sound at the start and at the end of calls; from mood_start, mood_end and mood_trend.

    The title says how many calls have a better and a worse end than start.
    """
    judged = summaries.dropna(subset=["mood_start", "mood_end"])
    if judged.empty:
        return Note("No call has a mood. Make summaries with: speechkit summarize CORPUS")
    places = {name: place for place, name in enumerate(_MOODS)}
    step = judged["mood_end"].map(places) - judged["mood_start"].map(places)
    finding = (
        f"{percent((step > 0).mean())} of {count(len(judged), 'call')} end in a better mood than they began, "
        f"{percent((step < 0).mean())} in a worse one"
    )
    figure, axes = canvas(finding, 1.5)
    for place, column in enumerate(("mood_start", "mood_end")):
        left = 0.0
        for name, hatch in zip(_MOODS, ("////", "", "...."), strict=True):
            share = float((judged[column] == name).mean())
            look: dict[str, Any] = {
                "color": _MOODS[name][0],
                "hatch": hatch,
                "edgecolor": "white",
                "height": 0.6,
            }
            axes.barh(place, share, left=left, label=None if place else name, **look)
            if share >= 0.08:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                axes.text(left + share / 2, place, percent(share), ha="center", va="center", bbox=box)
            left += share
    axes.set_yticks(range(2), ["at the start", "at the end"])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_xlabel("share of the calls")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    turned = int(judged["mood_turn_start_s"].notna().sum()) if "mood_turn_start_s" in judged else 0
    caption = (
        f"Judged by words alone. The mood turns at a place that can be named in {count(turned, 'call')}."
    )
    return Picture(
        figure, finding, caption, f"Bars of moods at the start and at the end of calls. {finding}."
    )


@styled
def checklist(checks: pd.DataFrame, kind: str = "checklist", best: Sequence[str] = ()) -> Shown:
    """Draw each item of a checklist, or of a rubric, against the calls; `checks` has kind, item, call_id, value.

    `best` are the levels of a rubric of your own that count as shown. Of more than MOST_CALLS calls each item is a
    bar, its share of the calls.
    """
    own = checks[checks["kind"] == kind] if "kind" in checks else checks.iloc[:0]
    if own.empty:
        return Note(
            f"No {kind} was checked in these calls. Give one with: speechkit summarize CORPUS --{kind} FILE"
        )
    calls, items = list(dict.fromkeys(own["call_id"])), list(dict.fromkeys(own["item"]))
    good = own["value"].isin(["said", "met", *best])
    shares = good.groupby(own["item"], sort=False).mean()
    worst = str(shares.idxmin())
    how = "shown" if kind == "rubric" else "found"
    finding = (
        f"{percent(good.mean())} of the {kind}'s items are {how}; least often {label(worst)}, "
        f"in {int(good[own['item'] == worst].sum())} of {count(len(calls), 'call')}"
    )
    figure, axes = canvas(finding, 0.9 + 0.36 * len(items))
    axes.set_yticks(range(len(items)), [label(item) for item in items])
    axes.set_ylim(len(items) - 0.5, -0.5)
    caption = (
        "What is missed was not found; there is no quote for what is absent, so listen before you rely on it."
    )
    if len(calls) > MOST_CALLS:
        bars = axes.barh(range(len(items)), shares[items], color=BLUE, height=0.6)
        axes.bar_label(bars, [f" {percent(share)}" for share in shares[items]], padding=2)
        axes.set_xlim(0, 1.12)
        axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
        axes.set_xlabel(f"share of {count(len(calls), 'call')}")
        axes.grid(visible=False, axis="y")
        return Picture(figure, finding, caption, f"Bars of items by their share of calls. {finding}.")
    own_levels = dict.fromkeys(own["value"][~own["value"].isin(_VALUES)])
    marks = _VALUES | dict(zip(own_levels, _OTHERS, strict=False))
    for value, (colour, marker) in marks.items():
        here = own[own["value"] == value]
        if len(here):
            where = [calls.index(one) for one in here["call_id"]], [items.index(one) for one in here["item"]]
            axes.scatter(*where, color=colour, marker=marker, s=55, label=value, zorder=3)
    axes.set_xticks(range(len(calls)), calls, rotation=90 if len(calls) > 12 else 0)
    axes.set_xlim(-0.6, len(calls) - 0.4)
    axes.set_xlabel("call")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    return Picture(figure, finding, caption, f"Marks of items by call. {finding}.")
