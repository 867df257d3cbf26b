"""Listening again: a panel that plays what the recognizer doubts and keeps what a person says of it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pandas as pd

from speechkit.display.sound import clip
from speechkit.display.tables import Markup, Table
from speechkit.display.wording import count
from speechkit.errors import AudioError
from speechkit.transcripts.corrections import Verdict, answers, keep_answer
from speechkit.transcripts.schema import clock

if TYPE_CHECKING:
    import os

    from speechkit.transcripts.corpus import Corpus

_KEY: Final = ["phrase_id", "position", "words", "text"]  # what an item is about


class Review:
    """What is left of a queue, one item after the other; shows itself as a panel, or as a table where nobody
    is there to press buttons (papermill, nbconvert).

    `items` are those of `analysis.review.queue` that have no answer in the corpus yet, or were skipped;
    `place` is the number of the current one. Each answer is on the disk before the next item comes.
    `recordings` is the folder of the recordings; without one, what the corpus says of their place is tried.
    """

    def __init__(
        self, corpus: Corpus, queue: pd.DataFrame, recordings: str | os.PathLike[str] | None = None
    ) -> None:
        given = answers(corpus)
        done = (
            given.loc[given["verdict"] != "skipped"].rename(columns={"old": "text"})[_KEY].drop_duplicates()
        )
        left = queue.merge(done.assign(done=True), on=_KEY, how="left")
        self.items = left[left.pop("done").isna()].reset_index(drop=True)
        self.answered = len(queue) - len(self.items)
        self.place = 0
        self._corpus = corpus
        self._folder = None if recordings is None else Path(recordings)

    @property
    def item(self) -> Mapping[str, Any] | None:
        """The current item, a row of the queue; None when all are answered."""
        if self.place >= len(self.items):
            return None
        return {str(name): value for name, value in self.items.iloc[self.place].items()}

    def answer(self, verdict: Verdict, new: str | None = None) -> None:
        """Keep an answer about the current item, and go to the next; `new` is the text of a correction.

        A correction that changes nothing is kept as accepted. ValueError when nothing is left to answer.
        """
        item = self.item
        if item is None:
            raise ValueError("every item of the queue is answered.")
        if verdict == "corrected" and (new or "").split() == item["text"].split():
            verdict, new = "accepted", None
        keep_answer(self._corpus, item, verdict, new)
        self.place += 1

    def recording(self) -> Path | None:
        """Return where the recording of the current item is, or None where it cannot be found."""
        source = self._corpus.sources.get(self.item["call_id"]) if self.item else None
        if source is None:
            return None
        path = Path(source) if self._folder is None else self._folder / Path(source).name
        return path if path.is_file() else None

    def sound(self) -> bytes | None:
        """Return what there is to hear of the current item as a WAV file: its own channel; None without one."""
        path, item = self.recording(), self.item
        if path is None or item is None:
            return None
        try:
            return clip(
                path, item["from_s"], item["to_s"], None if pd.isna(item["channel"]) else item["channel"]
            )
        except AudioError:
            return None

    def table(self) -> Table:
        """Return what is left as a table."""
        rest = self.items.iloc[self.place :]
        marked = pd.Series([marked_text(item) for item in rest.to_dict("records")], rest.index, dtype=object)
        rest = rest[["call_id", "start_s", "expected"]].assign(passage=marked)
        formats: Any = {"start_s": clock, "expected": "{:.1f}".format}
        headings: Any = {"call_id": "call", "start_s": "at", "expected": "errors expected"}
        caption = (
            f"To hear again: {count(len(rest), 'passage')}, most errors for the time first, doubts marked"
        )
        return Table(rest, caption, headings, formats, most=10, empty="Nothing is left to hear.")

    def __repr__(self) -> str:
        return f"Review({count(len(self.items) - self.place, 'passage')} left)"

    def _ipython_display_(self) -> None:
        from IPython import display

        show, page = cast("Any", display.display), cast("Any", display.HTML)
        if not _somebody_is_there():
            show(self.table())
            return
        show(_panel(self))
        show(page(f"<script>{Path(__file__).with_suffix('.js').read_text(encoding='utf-8')}</script>"))


def marked_text(item: Mapping[Any, Any]) -> Markup:
    """Write an item of a queue with its doubted words marked, between the words around it in grey.

    >>> item = {"before": "take", "pieces": [("the", False), ("<boy>", True)], "after": ""}
    >>> marked_text(item).html
    '<span style="opacity: 0.6">take</span> the <mark>&lt;boy&gt;</mark>'
    """
    shown = [
        f"<mark>{html.escape(text)}</mark>" if low else html.escape(text) for text, low in item["pieces"]
    ]
    before, after = (
        f'<span style="opacity: 0.6">{html.escape(item[side])}</span>' for side in ("before", "after")
    )
    return Markup(" ".join([*[before] * bool(item["before"]), *shown, *[after] * bool(item["after"])]))


def _somebody_is_there() -> bool:
    """Say whether a page shows the notebook: JupyterLab and VS Code name the cell that they run, nbclient and
    papermill do not."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in (kernel.get_parent("shell").get("metadata") or {})


def _panel(review: Review) -> Any:
    """The widgets of a review, which call it and follow it."""
    import ipywidgets

    head, said = ipywidgets.HTML(), ipywidgets.HTML()
    sound = ipywidgets.Audio(value=b"", format="wav", autoplay=True, loop=False)
    # sent whole when it is left: letter by letter the last ones would come after the click
    field = ipywidgets.Text(
        description="Heard:", continuous_update=False, layout={"width": "98%", "max_width": "60em"}
    )
    names = {
        "Accept": "it is right (a)",
        "Correct": "keep what stands in the field (Enter)",
        "Skip": "later (s)",
    }
    buttons = [ipywidgets.Button(description=name, tooltip=tip) for name, tip in names.items()]
    foot = ipywidgets.HTML(
        "Click here, then use the keys: <b>a</b> accept, <b>c</b> change the text and <b>Enter</b> to keep it, "
        "<b>s</b> skip, <b>p</b> play again."
    )
    row = ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"})
    panel = ipywidgets.VBox(
        [head, said, sound, field, row, foot], layout={"padding": "8px", "border": "1px solid #888"}
    )
    panel.add_class("speechkit-review")
    for name, button in zip(names, buttons, strict=True):
        button.add_class(f"speechkit-{name.lower()}")

    def follow() -> None:
        item = review.item
        if item is None:
            panel.children = [head]
            head.value = (
                f"<b>All {count(len(review.items), 'passage')} heard.</b>"
                if len(review.items)
                else ("<b>Nothing is left to hear.</b>")
            )
            return
        head.value = (
            f"<b>{review.place + 1} of {len(review.items)}</b> · call {html.escape(item['call_id'])} at "
            f"{clock(item['start_s'])} · {item['expected']:.1f} errors expected"
        )
        said.value = f'<p style="font-size: 1.2em; line-height: 1.4">{marked_text(item).html}</p>'
        heard = review.sound()
        sound.value = heard or b""
        sound.layout.display = None if heard else "none"
        if heard is None:
            said.value += "<p>The recording is not here: it can be read, not heard.</p>"
        field.value = item["text"]

    def given(verdict: Verdict) -> Any:
        def on_click(_: Any) -> None:
            if review.item is not None:
                review.answer(verdict, field.value.strip() if verdict == "corrected" else None)
                follow()

        return on_click

    for button, verdict in zip(buttons, ("accepted", "corrected", "skipped"), strict=True):
        button.on_click(given(verdict))  # type: ignore[arg-type]
    follow()
    return panel
