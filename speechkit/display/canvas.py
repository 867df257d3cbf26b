"""What the figures share: the style sheet, the colours of the roles, the frame with its title, and axes of
times."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import numpy as np
import pandas as pd

from speechkit.display.picture import Shown
from speechkit.display.wording import day, label
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: Final = Path(__file__).with_name("speechkit.mplstyle")
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#8F4574", "#6E6E6E"
PALE: Final = "#DDE6EC"
ROLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "agent": (BLUE, "o", ""),
    "customer": (VERMILION, "^", "////"),
    "other": (GREY, "s", "...."),
}
"""Colour, marker and hatch of each role, the same in every figure; `other` is a party whose role is not
known."""

MOST_MARKS: Final = 300
"""More marks in a row lie on one another and say no more."""

P = ParamSpec("P")


def styled(draw: Callable[P, Shown]) -> Callable[P, Shown]:
    """Give a function that draws the style sheet, and leave that of the caller as it was."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Shown:
        from matplotlib import style

        with style.context(["default", str(STYLE)]):
            return draw(*args, **kwargs)

    return styled


def canvas(finding: str, height: float = 3.2) -> tuple[Figure, Axes]:
    """A figure with the finding as its title, wrapped, and one set of axes `height` inches high."""
    # Figure, not pyplot: nothing is kept open, nothing is shown twice
    from matplotlib.figure import Figure

    lines = textwrap.wrap(finding, 60)
    # lines of like length: no single word is left on the last one
    lines = textwrap.wrap(finding, min(60, len(finding) // len(lines) + 8))
    figure = Figure(figsize=(6.4, height + 0.2 * len(lines)))
    figure.suptitle("\n".join(lines), x=0.012, ha="left", linespacing=1.3)
    return figure, figure.subplots()


def strips(
    axes: Axes,
    rows: list[tuple[str, pd.Series[float]]],
    role: str,
    text: str,
    first: int = 0,
    size: int | None = None,
) -> None:
    """Draw each row's values as marks on a line with the median as a bar and a number.

    Of more than MOST_MARKS values so many are drawn, evenly by their order; say so with `thinned`.
    """
    from matplotlib.patheffects import withStroke

    colour, marker, _ = ROLES[role]
    see = 0.75 if max(len(values) for _, values in rows) <= 50 else 0.3
    drawn = np.linspace(0.0, 1.0, MOST_MARKS)
    halo = [withStroke(linewidth=3, foreground="white")]
    for place, (_, values) in enumerate(rows, first):
        shown = values if len(values) <= MOST_MARKS else values.quantile(drawn, interpolation="nearest")
        # spread by the golden ratio: even, and the same each time
        spread = (np.arange(len(shown)) * 0.618 % 1 - 0.5) * min(0.5, 0.08 * len(shown))
        axes.scatter(shown, place + spread, color=colour, marker=marker, alpha=see, linewidths=0, zorder=3)
        median = float(values.median())
        if len(values) == 1:
            where = (median, place)
            axes.annotate(
                text.format(median), where, (0, 7), textcoords="offset points", ha="center", fontsize=9
            )
            continue
        axes.plot([median, median], [place - 0.34, place + 0.34], color="#1f1f1f", linewidth=2, zorder=4)
        above: Any = (median, place - 0.34)
        number = axes.annotate(text.format(median), above, (0, 1), textcoords="offset points", ha="center")
        number.set(fontsize=9, path_effects=halo, zorder=5)
    axes.set_yticks(range(len(rows)), [label(str(name)) for name, _ in rows])
    axes.set_ylim((size or len(rows)) - 0.4, -0.75)
    axes.grid(visible=False, axis="y")


def thinned(rows: list[tuple[str, pd.Series[float]]]) -> str:
    """The sentence of a caption that says that `strips` does not draw every value; empty where it does."""
    if max(len(values) for _, values in rows) <= MOST_MARKS:
        return ""
    return f" Of a row with more than {MOST_MARKS} marks, {MOST_MARKS} are drawn, evenly from the least to the most."


def luminance(colour: Any) -> float:
    """How bright a colour looks, 0 to 1 (WCAG 2.2, relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def clock_axis(axes: Axes) -> None:
    """Mark times in a call at round minutes and seconds."""
    from matplotlib.ticker import MultipleLocator

    steps = (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
    longest = axes.get_xlim()[1]
    step = next((step for step in steps if longest / step <= 7), 14400)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(lambda seconds, _: clock(max(0, seconds)))


def date_axis(axes: Axes, starts: pd.Series[pd.Timestamp]) -> None:
    """Mark every so many periods by their first day, and name the year below."""
    marked = starts.iloc[:: -(-len(starts) // 7)]
    axes.set_xticks(marked.to_numpy(), [day(start, year=False).partition(" ")[2] for start in marked])
    axes.set_xlabel(" and ".join(str(year) for year in sorted(starts.dt.year.unique())))
