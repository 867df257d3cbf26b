"""Room around stacked axes for what is written there, measured once.

Matplotlib's constrained layout measures everything twice, which takes a sixth of the time of a timeline.
It stays the engine of the other figures.
"""

from __future__ import annotations

from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine

_PAD_IN: Final = 0.05  # inches around everything
_GAP_IN: Final = 0.14  # inches between axes that share their x axis


class Frame(LayoutEngine):
    """Lays out axes below one another: a title above, labels on the left and below, unclipped texts on the right."""

    _adjust_compatible = _colorbar_gridspec = True

    def execute(self, fig: Figure) -> None:
        """Move the axes of a figure, when it is drawn, so that all that is written around them fits."""
        drawing: Any = fig
        renderer, pad = drawing._get_renderer(), _PAD_IN * fig.dpi  # as matplotlib's own engines
        width, height = fig.bbox.size
        every, (title,) = fig.axes, fig.texts
        beside: list[Any] = [axes.yaxis.get_tightbbox(renderer) for axes in every]
        under: Any = every[-1].xaxis.get_tightbbox(renderer)
        left = max(axes.bbox.x0 - box.x0 for axes, box in zip(every, beside, strict=True))
        texts: list[Any] = [text for axes in every for text in axes.texts if not text.get_clip_on()]
        right = max([t.get_window_extent(renderer).x1 - t.axes.bbox.x1 for t in texts], default=0.0)
        below = every[-1].bbox.y0 - under.y0
        title.set_y(1 - pad / height)
        above = title.get_window_extent(renderer).height + 2 * pad
        room = height - below - above - pad
        gap = _GAP_IN * fig.dpi
        fig.subplots_adjust(
            left=(left + pad) / width,
            right=1 - (max(right, 0.0) + pad) / width,
            bottom=(below + pad) / height,
            top=1 - above / height,
            hspace=gap * len(every) / (room - gap * (len(every) - 1)),
        )
