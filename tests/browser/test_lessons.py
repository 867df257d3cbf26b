"""Each lesson in JupyterLab, as a reader runs it: opened, Run All Cells, to its end without an error."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page

from speechkit.audio import decode, write_wav
from tests.browser.conftest import Watched
from tests.browser.lab import cells, is_over, run_all
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHORT: dict[str, dict[str, Any]] = {
    "02_submit_batch": {"recordings": "recordings", "corpus": "kept"},
    "05_compare_realtime_and_batch": {
        "recordings": "recordings",
        "live": ["c01.wav", "c03.wav"],
        "look_at": "c01",
    },
}
"""Lessons that recognize or stream for minutes hear some seconds here; the whole of them is run by nbval."""

AT_ONCE = 3  # while one lesson streams at the pace of speech, the processor has time for others
LIMIT_S = 420.0


@pytest.fixture(scope="module")
def ran(
    browser: Browser, lab: str, lab_work: Path, calls: Path
) -> dict[str, tuple[list[dict[str, Any]], Watched]]:
    """The code cells of every lesson after its run, with what its page complained of."""
    folder = lab_work / "lessons"
    for name in ("c01.wav", "c03.mp3"):
        write_wav(
            folder / "recordings" / f"{Path(name).stem}.wav", decode(calls / name, 8000)[:, : 8000 * 4], 8000
        )
    waiting = [scratch(path, folder) for path in LESSONS]
    found: dict[str, tuple[list[dict[str, Any]], Watched]] = {}
    open_now: dict[str, tuple[Page, Watched, float]] = {}
    while waiting or open_now:
        while waiting and len(open_now) < AT_ONCE:
            name = waiting.pop(0)
            context = browser.new_context(viewport={"width": 1300, "height": 1400})
            page = context.new_page()
            watched = Watched(context)
            run_all(page, lab, f"lessons/{name}.ipynb", name)
            open_now[name] = (page, watched, time.monotonic())
        for name, (page, watched, since_s) in list(open_now.items()):
            page.wait_for_timeout(500)
            if is_over(page) or time.monotonic() - since_s > LIMIT_S:
                print(f"{name}: {time.monotonic() - since_s:.0f} s")
                found[name] = (cells(page), watched)
                page.evaluate("jupyterapp.commands.execute('notebook:shutdown-kernel')")
                page.context.close()
                del open_now[name]
    return found


def scratch(path: Path, folder: Path) -> str:
    """Copy a lesson without its outputs, with the parameters it has here; answers its name."""
    notebook = nbformat.read(path, as_version=4)
    folder.mkdir(exist_ok=True)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                given = {
                    k: str(folder / v) if k == "recordings" else v
                    for k, v in SHORT.get(path.stem, {}).items()
                }
                cell.source += "".join(f"\n{name} = {value!r}" for name, value in given.items())
    nbformat.write(notebook, folder / path.name)
    return path.stem


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [path.stem for path in LESSONS])
def test_a_lesson_runs_in_jupyterlab(
    ran: dict[str, tuple[list[dict[str, Any]], Watched]], lab: str, name: str
) -> None:
    code, watched = ran[name]
    raised = [
        (cell["source"], *output) for cell in code for output in cell["outputs"] if output[0] == "error"
    ]
    assert raised == []
    assert [cell["source"] for cell in code if not cell["count"]] == [], "not every cell ran in time"
    said = [output for cell in code for output in cell["outputs"] if output[:2] == ["stream", "stderr"]]
    assert said == []
    assert sum(bool(cell["outputs"]) for cell in code) >= 4
    assert watched.raised == []
    assert [url for url in watched.hosts() if not url.startswith((lab, lab.replace("http", "ws")))] == []
