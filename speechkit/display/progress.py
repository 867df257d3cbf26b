"""Progress where people look: one display that is updated in a notebook, bars in a terminal, few lines in a
log."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TextIO

from speechkit.progress import Progress

EVERY_S = 0.2
"""A display is not updated more often: nobody reads faster, and a notebook keeps every message."""


class _Renderer(Protocol):
    every_s: float  # the least time between two updates

    def show(self, steps: dict[str, Progress], latest: Progress) -> None: ...
    def close(self) -> None: ...


class ProgressDisplay:
    """A callback that shows each Progress it is given, a line for each step; see `show_progress`."""

    def __init__(self, renderer: _Renderer, clock: Callable[[], float] = time.monotonic) -> None:
        self._renderer = renderer
        self._clock = clock
        self._steps: dict[str, Progress] = {}
        self._last_s = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Show how far a step is; called too often, it shows only the first, the last and some between."""
        is_new = progress.step not in self._steps
        self._steps[progress.step] = progress
        now_s = self._clock()
        if is_new or progress.share == 1.0 or now_s - self._last_s >= self._renderer.every_s:
            self._last_s = now_s
            self._renderer.show(self._steps, progress)

    def close(self) -> None:
        """Leave what is shown as it is, and give the terminal back."""
        self._renderer.close()

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def show_progress(stream: TextIO | None = None) -> ProgressDisplay:
    """Show progress in the way of the place: pass the answer as `progress=` to long work.

    In a notebook it is one display below the cell. Elsewhere it goes to `stream` (stderr): bars in a
    terminal, which want `with show_progress() as progress:` so that the cursor comes back, else a line when a
    step begins, at each quarter of it and when it ends.

    >>> import io
    >>> log = io.StringIO()
    >>> with show_progress(log) as progress:
    ...     for done in range(9):
    ...         progress(Progress("upload", done, 8))
    >>> print(log.getvalue().strip())
    upload 0%
    upload 25%
    upload 50%
    upload 75%
    upload 100%
    """
    if stream is None and in_notebook():
        return ProgressDisplay(_Notebook())
    target = stream or sys.stderr
    if target.isatty():
        return ProgressDisplay(_Terminal(target))
    return ProgressDisplay(_Lines(target))


def describe(progress: Progress) -> str:
    """Write one progress as a line.

    >>> describe(Progress("transcribe", 30, 120, "1 of 4 jobs", eta_s=95))
    'transcribe 25%, 1 of 4 jobs, about 1:35 left'
    """
    parts = [f"{progress.step} {int(100 * progress.share)}%"]
    if progress.note:
        parts.append(progress.note)
    if progress.eta_s is not None and progress.share < 1.0:
        minutes, seconds = divmod(round(progress.eta_s), 60)
        parts.append(f"about {minutes}:{seconds:02d} left")
    return ", ".join(parts)


class _Notebook:
    """One display, updated in place, of plain HTML: it needs no widgets and survives in the saved
    notebook."""

    every_s = EVERY_S

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, steps: dict[str, Progress], latest: Progress) -> None:
        from IPython.display import DisplayHandle

        data = {"text/html": _page(steps), "text/plain": "\n".join(map(describe, steps.values()))}
        if self._handle is None:
            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(data, raw=True)
        else:
            self._handle.update(data, raw=True)

    def close(self) -> None:
        pass


def _page(steps: dict[str, Progress]) -> str:
    rows = "".join(
        f'<div><progress max="1" value="{step.share:.3f}" aria-label="{html.escape(name)}" '
        f'style="width: 12em; vertical-align: middle"></progress> {html.escape(describe(step))}</div>'
        for name, step in steps.items()
    )
    facts = "".join(
        f'<tr><th scope="row" style="text-align: left; padding-right: 1em">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(text)}</td></tr>'
        for name, text in _facts(steps).items()
    )
    table = f"<table>{facts}</table>" if facts else ""
    return f'<div class="speechkit-progress" role="status">{rows}{table}</div>'


def _facts(steps: dict[str, Progress]) -> dict[str, str]:
    """The facts of all steps; of two with one name, the later step's."""
    return {name: text for step in steps.values() for name, text in step.facts.items()}


class _Terminal:
    """Bars of rich, one a step, and a table of the facts below them."""

    every_s = EVERY_S

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.fields[text]}"))
        self._bars = Progress(*columns)
        self._live = Live(self._bars, console=Console(file=stream), refresh_per_second=5)
        self._tasks: dict[str, Any] = {}

    def show(self, steps: dict[str, Progress], latest: Progress) -> None:
        from rich.console import Group
        from rich.table import Table

        if latest.step not in self._tasks:
            self._live.start()
            self._tasks[latest.step] = self._bars.add_task(latest.step, total=1.0, text="")
        text = describe(latest).removeprefix(f"{latest.step} ")
        # a note may name a file with [brackets], which rich would read as a style
        self._bars.update(self._tasks[latest.step], completed=latest.share, text=text.replace("[", r"\["))
        table = Table(box=None, show_header=False)
        for name, fact in _facts(steps).items():
            table.add_row(name, fact.replace("[", r"\["))
        self._live.update(Group(self._bars, table) if table.rows else self._bars)

    def close(self) -> None:
        self._live.stop()


class _Lines:
    """Few lines, for logs."""

    every_s = 0.0  # no quarter may be lost because it came soon after the one before

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._quarters: dict[str, int] = {}

    def show(self, steps: dict[str, Progress], latest: Progress) -> None:
        quarter = int(latest.share * 4)
        if self._quarters.get(latest.step) != quarter:
            self._quarters[latest.step] = quarter
            print(describe(latest), file=self._stream, flush=True)

    def close(self) -> None:
        pass


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
