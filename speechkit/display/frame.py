"""Room around axes for what is written there, measured once.

Matplotlib's constrained layout measures everything twice, which takes a sixth of the time of a timeline.
It stays the engine of the other figures.
"""

from __future__ import annotations

from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine

_PAD_IN: Final = 0.05  # inches around everything


class Frame(LayoutEngine):
    """Lays out one set of axes: a title above, labels on the left and below, unclipped texts on the right."""

    _adjust_compatible = _colorbar_gridspec = True

    def execute(self, fig: Figure) -> None:
        """Move the axes of a figure, when it is drawn, so that all that is written around them fits."""
        drawing: Any = fig
        renderer, pad = drawing._get_renderer(), _PAD_IN * fig.dpi  # as matplotlib's own engines
        width, height = fig.bbox.size
        (axes,), (title,) = fig.axes, fig.texts
        x, y, end = axes.bbox.x0, axes.bbox.y0, axes.bbox.x1
        beside: Any = axes.yaxis.get_tightbbox(renderer)
        under: Any = axes.xaxis.get_tightbbox(renderer)
        texts: list[Any] = [text for text in axes.texts if not text.get_clip_on()]
        right = max([text.get_window_extent(renderer).x1 - end for text in texts], default=0.0)
        title.set_y(1 - pad / height)
        above = title.get_window_extent(renderer).height + 2 * pad
        fig.subplots_adjust(
            left=(x - beside.x0 + pad) / width,
            right=1 - (max(right, 0.0) + pad) / width,
            bottom=(y - under.y0 + pad) / height,
            top=1 - above / height,
        )
        # the labels stand where the measuring put them: no drawing measures the ticks for them again
        across, up = axes.xaxis.label.get_position(), axes.yaxis.label.get_position()
        axes.xaxis.set_label_coords(across[0], (across[1] - y) / axes.bbox.height)
        axes.yaxis.set_label_coords((up[0] - x) / axes.bbox.width, up[1])
