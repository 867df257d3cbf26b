"""The player and the review panel in JupyterLab, after a run: the page around them listens to keys too, and has
its own theme."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from speechkit import open_corpus
from speechkit.audio import write_wav
from speechkit.transcripts.corrections import answers
from tests.browser.conftest import Watched
from tests.browser.lab import run_all

pytestmark = pytest.mark.browser

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


@pytest.fixture(scope="module", autouse=True)
def notebooks(lab_work: Path) -> None:
    """A notebook with players, one with the panel, and a recording beside them."""
    write_wav(lab_work / "c01.wav", np.zeros((1, 16000 * 30), np.float32), 16000)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, sources in {"n": [SHOW, LINKED], "review": [REVIEW]}.items():
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(made, lab_work / f"{name}.ipynb")


@pytest.fixture
def opened(browser: Browser, lab: str) -> Iterator[Callable[[str], Page]]:
    """Opens a notebook by its name and runs all its cells."""
    context = browser.new_context(viewport={"width": 1300, "height": 1400})
    seen = Watched(context)

    def run(name: str) -> Page:
        page = context.new_page()
        run_all(page, lab, f"{name}.ipynb")
        return page

    yield run
    context.close()
    assert seen.raised == []
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


def test_answers_by_key_and_by_button_are_kept_at_once(opened: Callable[[str], Page], lab_work: Path) -> None:
    page = opened("review")
    panel = page.locator(".speechkit-review[data-keys]")
    expect(panel).to_have_count(1, timeout=90_000)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    kept = open_corpus(lab_work / "corpus")
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
    expect(field).not_to_have_value(first)  # the words of the second passage come after its number
    page.keyboard.press("c")
    expect(field).to_be_focused()
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
