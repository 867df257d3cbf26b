"""What a plot function answers: a picture with its words, or a sentence where there is nothing to draw."""

from __future__ import annotations

import html
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechkit.whole import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


CSS_DPI = 96
"""Pixels that a page shows for an inch."""


@dataclass(frozen=True)
class Note:
    """A sentence that stands where a figure would: it says what cannot be shown, and why.

    >>> Note("No call has a date.")
    No call has a date.
    """

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<p class="speechkit-note">{html.escape(self.text)}</p>'


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure with its `finding` (its title, computed), a `caption` that says how to read it, and an `alt`
    text.

    In a notebook it shows itself, with the alt text for people who hear the page and the caption below.
    `figure` is matplotlib's, for changes of your own.
    """

    figure: Figure
    finding: str
    caption: str
    alt: str

    def __repr__(self) -> str:
        return f"Picture({self.finding!r})"

    def png(self) -> bytes:
        """The picture as a PNG file, twice as fine as it is shown, with the alt text inside."""
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo

        buffer, about = BytesIO(), PngInfo()
        about.add_itxt("Description", self.alt)
        before = self.figure.dpi
        self.figure.dpi = 2 * CSS_DPI
        try:  # as savefig, which would draw it twice
            canvas: Any = FigureCanvasAgg(self.figure)
            canvas.draw()
            drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        finally:
            self.figure.dpi = before
        # level 3: a tenth more bytes than the usual 6, in half of the time
        drawn.save(buffer, "png", pnginfo=about, dpi=(2 * CSS_DPI, 2 * CSS_DPI), compress_level=3)
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture as PNG, SVG or PDF, as the name ends; the folder is made."""
        target = Path(path)
        kind = target.suffix.lstrip(".") or "png"
        with whole(target) as part:
            if kind == "png":
                part.write_bytes(self.png())
            else:
                self.figure.savefig(part, format=kind)
        return target

    def _ipython_display_(self) -> None:
        from IPython.display import publish_display_data

        wide = round(self.figure.get_figwidth() * CSS_DPI)
        data: dict[str, Any] = {"image/png": self.png(), "text/plain": self.finding}
        publish: Any = publish_display_data
        publish(data, {"image/png": {"alt": self.alt, "width": wide}})
        if self.caption:
            caption = f'<p class="speechkit-caption">{html.escape(self.caption)}</p>'
            publish({"text/html": caption, "text/plain": self.caption})


Shown = Picture | Note
