"""Groups of calls beside each other: each call, the value of the group, and how far that may be off."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from speechkit.analysis.groups import FEW_CALLS, Comparison
from speechkit.analysis.trends import NOT_KNOWN
from speechkit.display.canvas import BLUE, GREY, canvas, styled
from speechkit.display.picture import Note, Picture, Shown
from speechkit.display.wording import count, label, listing, percent

SURE = 0.05
"""A difference that chance makes more often than this is not called one."""


@styled
def compared(
    found: Comparison,
    what: str,
    *,
    unit: str = "%",
    write: Callable[[float], str] | None = None,
    most: int = 12,
) -> Shown:
    """Draw a measure by group from `groups.compare`: a dot for each call, the value with its interval.

    `what` names the measure as a sentence would ("the agent's share of the speech"), `unit` is that of the
    axis; with `%` the values are shares, 0 to 1. `write` turns a value into text.
    """
    table = found.table
    by = label(found.by)
    if table.empty:
        return Note(f"{what[:1].upper()}{what[1:]} is not known in any call, so there is nothing to compare.")
    scale = 100.0 if unit == "%" else 1.0
    text = write or (percent if unit == "%" else lambda value: f"{value:.1f} {unit}")
    named = table[table[found.by] != NOT_KNOWN]
    if len(named) < 2:
        who = "No call says whose it is" if named.empty else f"Every call is of {named[found.by].iloc[0]}"
        return Note(f"{who}, so there is no {by} to compare: {what} is {text(found.overall)} in all.")
    finding = _finding(found, what, by, text)
    shown = table.head(most)
    figure, axes = canvas(finding, 1.1 + 0.42 * len(shown))
    for place, (name, calls, value, low, high) in enumerate(shown.itertuples(index=False)):
        own = found.calls.loc[found.calls[found.by] == name, "value"].to_numpy() * scale
        spread = (np.arange(len(own)) * 0.618 % 1 - 0.5) * min(0.36, 0.06 * len(own))
        axes.scatter(own, place + spread, s=22, color=GREY, alpha=0.55, linewidths=0, zorder=2)
        if not math.isnan(low):
            axes.plot(
                [low * scale, high * scale],
                [place, place],
                color=BLUE,
                linewidth=3,
                zorder=3,
                alpha=0.35 if calls < FEW_CALLS else 1.0,
            )
        axes.plot([value * scale], [place], "D", color=BLUE, markersize=8, markeredgecolor="white", zorder=4)
        note = text(value) + (f", {count(int(calls), 'call')}" if calls < FEW_CALLS else "")
        axes.annotate(
            note,
            (value * scale, place),
            (0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            zorder=5,
        )
    axes.axvline(found.overall * scale, color=GREY, linewidth=1, linestyle="--", zorder=1)
    axes.set_yticks(range(len(shown)), [label(str(name)) for name in shown[found.by]])
    axes.set_ylim(len(shown) - 0.4, -0.75)
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{what}, {unit}")
    axes.set_ylabel(by)
    caption = (
        f"Grey: the calls; diamond: the {by}; bar: its {100 * found.level:.0f}% interval (bootstrap over calls); "
        "dashed: all calls."
    )
    if not math.isnan(found.p_value):
        caption += f" Groups made by chance lie as far apart in {percent(found.p_value)} of draws."
    if few := table[table["calls"] < FEW_CALLS][found.by].tolist():
        caption += (
            f" Pale: too few calls for an interval to be trusted (under {FEW_CALLS}): {listing(few, 6)}."
        )
    if len(table) > most:
        caption += f" Not shown: {count(len(table) - most, by)}."
    return Picture(figure, finding, caption, f"Dot plot of {what} by {by} with intervals. {finding}.")


def _finding(found: Comparison, what: str, by: str, text: Callable[[float], str]) -> str:
    """Whether the groups differ, by the test and not by the eye."""
    table = found.table[found.table[found.by] != NOT_KNOWN]
    first, last = table.iloc[0], table.iloc[-1]
    spread = f"{text(last['value'])} ({last[found.by]}) to {text(first['value'])} ({first[found.by]})"
    if math.isnan(found.p_value):
        return f"{what[:1].upper()}{what[1:]}: {spread}, with too few calls to test"
    if found.p_value > SURE:
        return f"These calls do not tell a difference in {what}: {spread}"
    return f"{what[:1].upper()}{what[1:]} differs by {by}: {spread}"
