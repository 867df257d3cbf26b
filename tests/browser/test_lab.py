"""The player and the review panel in JupyterLab, after a run: the page around them listens to keys too, and has
its own theme."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from speechkit import open_corpus
from speechkit.audio import write_wav
from speechkit.transcripts.corrections import answers
from tests.browser.conftest import Watched
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

TOKEN = "of-a-test"
SHOW = """from speechkit.display.player import player
from tests.sample_call import sample_call
player(sample_call(), audio="c01.wav")"""
LINKED = 'player(sample_call(), audio="c01.wav", embed_max_bytes=0)'

REVIEW = """from speechkit import open_corpus
from speechkit.analysis.review import queue
from speechkit.display.review import Review
from tests.sample_call import sample_call
corpus = open_corpus("corpus", create=True)
_ = corpus.add(sample_call(source="c01.wav"), again=True)
Review(corpus, queue(corpus, 0.7), recordings=".")"""


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
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, sources in {"n": [SHOW, LINKED], "review": [REVIEW]}.items():
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(made, work / f"{name}.ipynb")
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
def opened(browser: Browser, lab: str) -> Iterator[Callable[[str], Page]]:
    """Opens a notebook by its name and runs all its cells."""
    context = browser.new_context(viewport={"width": 1300, "height": 1400})
    seen = Watched(context)
    errors: list[str] = []

    def run(name: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{lab}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
        page.get_by_text("| Idle").wait_for(timeout=90_000)
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
        page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        return page

    yield run
    context.close()
    assert errors == []
    assert [url for url in seen.hosts() if not url.startswith((lab, lab.replace("http", "ws")))] == []


def at(player: Locator) -> float:
    return float(player.locator("audio").evaluate("el => el.currentTime"))


def test_the_player_works_after_a_run(opened: Callable[[str], Page]) -> None:
    page = opened("n")
    expect(page.locator(".speechkit-player[data-ready]")).to_have_count(2, timeout=90_000)
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


def test_answers_by_key_and_by_button_are_kept_at_once(
    opened: Callable[[str], Page], tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = opened("review")
    panel = page.locator(".speechkit-review[data-keys]")
    expect(panel).to_have_count(1, timeout=90_000)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    kept = open_corpus(tmp_path_factory.getbasetemp() / "lab0" / "work" / "corpus")
    expect(panel).to_contain_text("1 of 3")
    field = panel.locator("input[type=text]")
    first, sound = field.input_value(), panel.locator("audio")
    panel.focus()
    page.keyboard.press("p")
    for _ in range(100):
        if at_audio(sound) > 0.3:
            break
        time.sleep(0.1)
    assert at_audio(sound) > 0.3
    assert 2.9 < float(sound.evaluate("el => el.duration")) < 4.5
    # by key: in command mode `a` and `c` would add and copy cells
    page.keyboard.press("a")
    expect(panel).to_contain_text("2 of 3")
    assert answers(kept)[["old", "verdict"]].to_numpy().tolist() == [[first, "accepted"]]
    page.keyboard.press("c")
    page.keyboard.press("End")
    page.keyboard.type(" and more")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("3 of 3")
    assert answers(kept)["new"].tolist()[1].endswith(" and more")
    # by button
    panel.get_by_role("button", name="Skip").click()
    expect(panel).to_contain_text("All 3 passages heard")
    assert answers(kept)["verdict"].tolist() == ["accepted", "corrected", "skipped"]
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def at_audio(audio: Locator) -> float:
    return float(audio.evaluate("el => el.currentTime"))
