"""The alignment as people use it, in Chromium: clicked, stepped through, heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from speechkit.audio import write_wav
from speechkit.display.alignment import alignment
from tests.browser.conftest import Watched
from tests.sample_call import SAID, sample_call

pytestmark = pytest.mark.browser

HEARD = [
    (speaker, start, text.replace("charged", "charmed").replace("today,", ""))
    for speaker, start, text in SAID
]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alignment")
    write_wav(folder / "c01.wav", (0.2 * np.sin(np.arange(30 * 16000) / 7)).astype(np.float32)[None], 16000)
    shown = alignment(
        sample_call(), {"batch": sample_call(said=HEARD), "fast": sample_call()}, audio=folder / "c01.wav"
    )
    return shown.save(folder / "c01.html")


@pytest.fixture
def page(watched: Watched, saved: Path) -> Page:
    page = watched.context.new_page()
    page.goto(saved.as_uri())
    page.wait_for_selector(".speechkit-alignment[data-ready]", state="attached")
    return page


def test_a_click_on_a_word_plays_it_and_shows_its_partners(page: Page) -> None:
    page.locator("td.said .w", has_text="charged").click()
    expect(page.locator(".w.partner")).to_have_count(2)
    assert page.locator(".w.partner").all_text_contents()[0].endswith("charmed")
    page.wait_for_function("() => !document.querySelector('audio').paused")
    page.wait_for_function("() => document.querySelector('audio').paused")
    at = page.evaluate("document.querySelector('audio').currentTime")
    start_s = 5.5 + 0.3 * SAID[1][2].split().index("charged")
    assert start_s + 0.25 < at < start_s + 1.2, "it plays the word and a little more"


def test_errors_are_visited_by_button_and_key(page: Page) -> None:
    says = page.locator(".says")
    page.get_by_role("button", name="next error").click()
    expect(says).to_contain_text("Error 1 of 2, batch: “charmed”, wrong, said: charged.")
    page.keyboard.press("n")
    expect(says).to_contain_text("Error 2 of 2, batch: “today,”, missing.")
    page.keyboard.press("n")
    expect(says).to_contain_text("Error 1 of 2")
    page.keyboard.press("p")
    expect(says).to_contain_text("Error 2 of 2")


def test_only_turns_with_errors(page: Page) -> None:
    expect(page.locator(".turn:visible")).to_have_count(len(SAID))
    page.get_by_label("only turns with errors").check()
    expect(page.locator(".turn:visible")).to_have_count(2)


def test_it_reads_without_scripts_and_fits_a_phone(browser: Browser, saved: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(saved.as_uri())
    expect(page.get_by_role("heading", name="Call c01")).to_be_visible()
    expect(page.get_by_role("button", name="next error")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light"), (360, "dark")]
)
def test_accessible(page: Page, axe: str, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("button", name="next error").click()
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations.map((v) => v.id + ': ' + v.help)")
    assert found == []


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("width", [1200, 680, 360])
def test_a_word_stays_in_its_column_however_long(
    watched: Watched, tmp_path: Path, width: int, media: Any
) -> None:
    long = "daniel.gordon.foster.the.third@accounts.example.com"
    heard = [(who, start, text.replace("today,", long)) for who, start, text in SAID]
    saved = alignment(sample_call(), {"batch": sample_call(said=heard), "fast": sample_call()}).save(
        tmp_path / "a.html"
    )
    page = watched.context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(media=media)
    page.goto(saved.as_uri())
    page.wait_for_selector(".speechkit-alignment[data-ready]", state="attached")
    word = page.locator(".heard .w", has_text=long)
    out = word.evaluate(
        "el => el.getBoundingClientRect().right - el.closest('td').getBoundingClientRect().right"
    )
    assert out <= 0
