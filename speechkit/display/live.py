"""A call while it is spoken: the line as it is revised, then firm, from the events of real time."""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from speechkit.display.progress import in_notebook
from speechkit.transcripts.events import FINAL, Event
from speechkit.transcripts.parties import labels
from speechkit.transcripts.schema import clock

LINES: Final = 12
"""Lines that stay in sight: older ones scroll away, as on a screen of captions."""


class LiveDisplay:
    """Shows each event that it is given; make one with `show_live`, for `transcribe(..., on_event=)`."""

    def __init__(self, names: Mapping[str, str] | None, lines: int, stream: TextIO | None) -> None:
        self._names, self._lines, self._stream = names, lines, stream
        self._firm: list[Event] = []
        self._open: dict[int, Event] = {}
        self._handle: Any = None

    def __call__(self, event: Event) -> None:
        """Show one more event: a hypothesis replaces the one before it on its channel, a final ends it."""
        self._open.pop(event.channel, None)
        if event.kind == FINAL:
            self._firm.append(event)
            if self._stream:
                print(self._line(event), file=self._stream, flush=True)
        else:
            self._open[event.channel] = event
        if not self._stream:
            self._update()

    def _who(self, event: Event) -> str:
        party = event.speaker or f"channel {event.channel}"
        return labels([party], self._names)[party]

    def _line(self, event: Event) -> str:
        return f"{clock(event.start_s)} {self._who(event)}: {event.text}"

    def _update(self) -> None:
        from IPython.display import DisplayHandle

        going = sorted(self._open.values(), key=lambda event: event.start_s)
        shown = [*sorted(self._firm[-self._lines :], key=lambda event: event.start_s), *going]
        text = "\n".join(self._line(e) + (" ..." if e in going else "") for e in shown)
        data = {"text/html": self._page(shown, going), "text/plain": text}
        if self._handle is None:
            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(data, raw=True)
        else:
            self._handle.update(data, raw=True)

    def _page(self, shown: list[Event], going: list[Event]) -> str:
        """A line an event; one that may still change is slanted and ends in dots."""
        rows = []
        for event in shown:
            head = f"<small>{clock(event.start_s)}</small> <b>{html.escape(self._who(event))}</b> "
            text = html.escape(event.text)
            rows.append(f"<div>{head}{f'<i>{text} …</i>' if event in going else text}</div>")
        return f'<div class="speechkit-live" role="log" aria-live="polite">{"".join(rows)}</div>'


def show_live(
    names: Mapping[str, str] | None = None, *, lines: int = LINES, stream: TextIO | None = None
) -> LiveDisplay:
    """Show a call while it is spoken: give the answer to `speech.realtime.transcribe(..., on_event=)`.

    In a notebook it is one display whose last line is revised until it is firm. Elsewhere the firm lines are
    printed to `stream` (stdout). `names` maps a party (`"channel 0"`, `"Guest-1"`) to a label of your own.

    >>> live = show_live({"channel 0": "Agent"}, stream=sys.stdout)
    >>> live(Event("c1", 0, "hypothesis", "good more", None, 0.4, 0.9, 1.0, 1.1, 1.0))
    >>> live(Event("c1", 0, "final", "Good morning.", None, 0.4, 1.2, 1.9, 1.9, 1.0))
    0:00 Agent: Good morning.
    """
    return LiveDisplay(names, lines, stream or (None if in_notebook() else sys.stdout))
