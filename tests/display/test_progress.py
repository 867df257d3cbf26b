"""Progress in a notebook, in a terminal and in a log."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from speechkit.display import progress as shown
from speechkit.progress import Progress


class Recorder:
    """Keeps what it was asked to show."""

    def __init__(self, every_s: float = shown.EVERY_S) -> None:
        self.every_s = every_s
        self.seen: list[float] = []

    def show(self, steps: dict[str, Progress], latest: Progress) -> None:
        self.seen.append(latest.done)

    def close(self) -> None:
        self.seen.append(-1)


def test_updates_that_come_too_fast_are_left_out_but_never_the_first_or_the_last() -> None:
    now = iter([0.0, 0.05, 0.1, 0.25, 0.26])
    recorder = Recorder()
    with shown.ProgressDisplay(recorder, clock=lambda: next(now)) as display:
        for done in (0, 1, 2, 3, 4):
            display(Progress("upload", done, 4))
    assert recorder.seen == [0, 3, 4, -1]


def test_a_log_has_a_line_for_each_quarter_and_each_step() -> None:
    log = io.StringIO()
    with shown.show_progress(log) as display:
        for step in ("upload", "transcribe"):
            for done in range(101):
                display(Progress(step, done, 100, "files"))
    lines = log.getvalue().splitlines()
    assert lines == [f"{s} {p}%, files" for s in ("upload", "transcribe") for p in (0, 25, 50, 75, 100)]


def test_work_without_a_total_is_shown_too() -> None:
    log = io.StringIO()
    shown.show_progress(log)(Progress("list", 0, 0))
    assert log.getvalue() == "list 0%\n"


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        pytest.param(Progress("a", 1, 3), "a 33%", id="what-of-a-third?"),
        pytest.param(Progress("a", 199, 200), "a 99%", id="does-almost-done-read-as-done?"),
        pytest.param(
            Progress("a", 1, 2, "", 3700), "a 50%, about 61:40 left", id="what-of-more-than-an-hour?"
        ),
        pytest.param(Progress("a", 2, 2, "", 10), "a 100%", id="is-time-left-when-all-is-done?"),
    ],
)
def test_describe(progress: Progress, line: str) -> None:
    assert shown.describe(progress) == line


def test_a_page_escapes_what_comes_from_outside() -> None:
    page = shown._page({"<b>": Progress("<b>", 1, 2, "<script>alert(1)</script>")})
    assert "<script>" not in page
    assert "<b>" not in page
    assert 'value="0.500"' in page


CELL = """
from speechkit.display.progress import show_progress
from speechkit.progress import Progress
progress = show_progress()
for done in range(5):
    progress(Progress("upload", done, 4, "c01.wav"))
progress(Progress("transcribe", 7, 7))
"""


def test_a_notebook_has_one_display_that_is_updated() -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    outputs: list[Any] = notebook.cells[0].outputs
    assert len(outputs) == 1, json.dumps(outputs)[:2000]
    assert outputs[0]["data"]["text/plain"] == "upload 100%, c01.wav\ntranscribe 100%"
    assert outputs[0]["data"]["text/html"].count("<progress") == 2


def test_a_terminal_shows_bars_and_gets_its_cursor_back() -> None:
    script = CELL.replace("show_progress()", "show_progress().__enter__()") + "progress.close()\n"
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=slave, stdout=subprocess.PIPE, env=env, timeout=60
    )
    os.close(slave)
    text = b""
    try:
        while chunk := os.read(master, 65536):
            text += chunk
    except OSError:  # the end of a pseudo-terminal
        pass
    os.close(master)
    assert done.returncode == 0
    assert done.stdout == b""
    screen = text.decode()
    assert "upload" in screen
    assert "100%, c01.wav" in screen
    assert screen.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in screen.split("transcribe")[-1]
