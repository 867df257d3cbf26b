"""The player in JupyterLab, after a run: the page around it listens to keys too, and has its own theme."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from speechkit.audio import write_wav
from tests.browser.conftest import Watched
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

TOKEN = "of-a-test"
SHOW = """from speechkit.display.player import player
from tests.sample_call import sample_call
player(sample_call(), audio="c01.wav")"""
LINKED = 'player(sample_call(), audio="c01.wav", embed_max_bytes=0)'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab of its own, with a notebook and a recording; answers its address."""
    import numpy as np

    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    write_wav(work / "c01.wav", np.zeros((1, 16000 * 30), np.float32), 16000)
    cells = [nbformat.v4.new_code_cell(SHOW), nbformat.v4.new_code_cell(LINKED)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), work / "n.ipynb")
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--allow-root", f"--IdentityProvider.token={TOKEN}", "--LabApp.extension_manager=readonly",
        f"--notebook-dir={work}",
    ]  # fmt: skip
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME")}
    own |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
    }
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=os.environ | own | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, (home / "log").read_text()[-3000:]
            try:
                if httpx.get(f"{address}/api", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def page(browser: Browser, lab: str) -> Iterator[Page]:
    """The notebook after `Run All Cells`."""
    context = browser.new_context(viewport={"width": 1300, "height": 1400})
    seen = Watched(context)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab}/lab/tree/n.ipynb?token={TOKEN}&reset")
    page.get_by_text("| Idle").wait_for(timeout=90_000)
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    expect(page.locator(".speechkit-player[data-ready]")).to_have_count(2, timeout=90_000)
    yield page
    context.close()
    assert errors == []
    assert [url for url in seen.hosts() if not url.startswith((lab, lab.replace("http", "ws")))] == []


def at(player: Locator) -> float:
    return float(player.locator("audio").evaluate("el => el.currentTime"))


def test_the_player_works_after_a_run(page: Page, tmp_path: Path) -> None:
    embedded, linked = page.locator(".speechkit-player").all()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    # a click, and keys right after it, are for the player and not for the notebook around it
    embedded.locator(".w", has_text="Brioflex").click()
    assert at(embedded) == pytest.approx(7.9)
    page.keyboard.press("ArrowRight")
    assert at(embedded) == pytest.approx(10.9)
    page.keyboard.press("n")
    expect(embedded.locator(".w.target")).to_have_text("Larkfield")
    page.keyboard.press("/")
    page.keyboard.type("bad xx dd aa")  # in command mode these would cut and add cells
    expect(embedded.locator(".found")).to_have_text("nothing found")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    # the recording beside the notebook is found where the server has it
    linked.locator(".pane").press("Space")
    for _ in range(100):
        if at(linked) > 0.3:
            break
        time.sleep(0.1)
    assert at(linked) > 0.3
    assert at(embedded) == pytest.approx(1.7)
    # and the theme is that of the notebook
    paper = "el => getComputedStyle(el).backgroundColor"
    assert embedded.locator(".sk").evaluate(paper) == "rgb(255, 255, 255)"
    page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text="JupyterLab Dark").last.click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    assert embedded.locator(".sk").evaluate(paper) == "rgb(22, 25, 29)"
