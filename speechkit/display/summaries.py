"""Figures of summaries: the mood of a customer over a call, and a checklist over calls."""

from __future__ import annotations

from typing import Final

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


@styled
def mood(moods: pd.DataFrame, turn_s: float | None = None, call_id: str = "") -> Shown:
    """Draw the moods of one call's turns over its time; `turn_s` is where they turn, missing where they do not.

    `moods` has start_s and mood (negative, neutral, positive).
    """
    if moods.empty:
        return Note("No turn of a customer was judged in this call.")
    whose = f" in {call_id}" if call_id else ""
    turns = turn_s is not None and not pd.isna(turn_s)
    change = f"turns at {clock(float(turn_s or 0))}" if turns else "does not turn"
    share = percent((moods["mood"] == "negative").mean())
    finding = f"The customer's mood{whose} {change}; {share} of the turns are negative"
    figure, axes = canvas(finding, 2.0)
    places = moods["mood"].map({name: place for place, name in enumerate(_MOODS)})
    axes.plot(moods["start_s"], places, color=GREY, linewidth=1, zorder=2)
    for place, (name, (colour, marker)) in enumerate(_MOODS.items()):
        own = moods[moods["mood"] == name]
        axes.scatter(own["start_s"], [place] * len(own), color=colour, marker=marker, s=48, zorder=3)
    if turns:
        axes.axvline(float(turn_s or 0), color="#1f1f1f", linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(_MOODS)), list(_MOODS))
    axes.set_ylim(-0.5, len(_MOODS) - 0.5)
    clock_axis(axes)
    axes.set_xlabel("time in the call (minutes:seconds)")
    caption = f"Each mark is one of {count(len(moods), 'turn')} of the customer, judged by its words alone."
    caption += " The dashed line is where the mood turns." if turns else ""
    return Picture(figure, finding, caption, f"Moods of turns over time. {finding}.")


@styled
def checklist(checks: pd.DataFrame, kind: str = "checklist") -> Shown:
    """Draw each item of a checklist, or of a rubric, against the calls; `checks` has kind, item, call_id, value."""
    own = checks[checks["kind"] == kind]
    if own.empty:
        return Note(f"There is no {kind}.")
    calls, items = list(dict.fromkeys(own["call_id"])), list(dict.fromkeys(own["item"]))
    good = own["value"].isin(["said", "met"])
    shares = good.groupby(own["item"], sort=False).mean()
    worst = str(shares.idxmin())
    how = "shown" if kind == "rubric" else "found"
    finding = (
        f"{percent(good.mean())} of the {kind}'s items are {how}; least often {label(worst)}, "
        f"in {int(good[own['item'] == worst].sum())} of {count(len(calls), 'call')}"
    )
    figure, axes = canvas(finding, 0.9 + 0.36 * len(items))
    for value, (colour, marker) in _VALUES.items():
        here = own[own["value"] == value]
        if len(here):
            where = [calls.index(one) for one in here["call_id"]], [items.index(one) for one in here["item"]]
            axes.scatter(*where, color=colour, marker=marker, s=55, label=value, zorder=3)
    axes.set_xticks(range(len(calls)), calls, rotation=90 if len(calls) > 12 else 0)
    axes.set_yticks(range(len(items)), [label(item) for item in items])
    axes.set_xlim(-0.6, len(calls) - 0.4)
    axes.set_ylim(len(items) - 0.5, -0.5)
    axes.set_xlabel("call")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    caption = (
        "What is missed was not found; there is no quote for what is absent, so listen before you rely on it."
    )
    return Picture(figure, finding, caption, f"Marks of items by call. {finding}.")
