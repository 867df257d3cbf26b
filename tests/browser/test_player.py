"""The player as people use it: clicked, typed at, heard and read out, in Chromium."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

from speechkit.audio import write_wav
from speechkit.display.player import Player, player
from tests.browser.conftest import Watched
from tests.sample_call import SAID, sample_call

pytestmark = pytest.mark.browser

LENGTH_S = 30
NOW = "els => els.map(el => el.textContent)"


def frequency(second: float) -> float:
    """The recording sounds a tone of its own in each second, so that one can hear where it plays."""
    return 300.0 + 50.0 * int(second)


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tones") / "c01.wav"
    pitch = np.array([frequency(t) for t in np.arange(LENGTH_S * 16000) / 16000])
    write_wav(path, (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / 16000)).astype(np.float32)[None], 16000)
    return path


@pytest.fixture(scope="session")
def shown(tones: Path) -> Player:
    return player(sample_call(), audio=tones)


@pytest.fixture(scope="session")
def saved(tones: Path, shown: Player) -> Path:
    return shown.save(tones.with_suffix(".html"))


@pytest.fixture
def page(watched: Watched, saved: Path) -> Page:
    return watched.open(saved)


def at(page: Page) -> float:
    """Where the recording stands, in seconds."""
    return float(page.locator("audio").first.evaluate("el => el.currentTime"))


def word(page: Page, text: str) -> Any:
    return page.locator(".pane .w", has_text=re.compile(f"^{re.escape(text)}$")).first


def until(page: Page, condition: str) -> None:
    """Wait for a condition in the page, by a way that its content security policy allows."""
    page.evaluate(
        f"""async () => {{
          const audio = document.querySelector("audio");
          for (let i = 0; i < 500 && !({condition}); i++) await new Promise((done) => setTimeout(done, 20));
          if (!({condition})) throw new Error("not within 10 s");
        }}"""
    )


def lit(page: Page) -> list[str]:
    return list(page.locator(".w.now").evaluate_all(NOW))


# --- pointer ----------------------------------------------------------------------------------------------


def test_a_click_on_a_word_seeks(page: Page) -> None:
    word(page, "Brioflex").click()
    assert at(page) == pytest.approx(5.5 + 8 * 0.3)
    assert lit(page) == ["Brioflex"]
    expect(page.locator(".clock .at")).to_have_text("0:07")
    expect(page.locator(".phrase.current .who .label")).to_have_text("Speaker 2")
    assert page.locator("audio").evaluate("el => el.paused")


def test_a_click_on_a_time_plays_from_there(page: Page) -> None:
    page.get_by_role("button", name="Play from 0:13").click()
    until(page, "audio.currentTime > 13.05")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_selecting_text_does_not_seek(page: Page) -> None:
    box, end = word(page, "refunded").bounding_box(), word(page, "invoice.").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 10, end["y"] + 8, steps=4)
    page.mouse.up()
    assert at(page) == 0


def test_the_timeline_seeks_by_click_and_drag(page: Page) -> None:
    box = page.locator(".tracks").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert at(page) == pytest.approx(15, abs=0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 12, steps=3)
    page.mouse.up()
    assert at(page) == pytest.approx(27, abs=0.1)
    assert page.locator(".head").get_attribute("aria-valuetext") in ("0:26 of 0:30", "0:27 of 0:30")


# --- what is heard and seen -------------------------------------------------------------------------------


def test_words_light_up_as_they_are_spoken(page: Page) -> None:
    page.keyboard.press("Space")
    seen = page.evaluate(
        """async () => {
          const audio = document.querySelector("audio");
          const root = document.querySelector(".speechkit-player").shadowRoot;
          const seen = [];
          while (audio.currentTime < 2.6) {
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            const t = audio.currentTime;
            for (const el of root.querySelectorAll(".w.now")) {
              seen.push([el.textContent, Number(el.dataset.s), Number(el.dataset.e), t]);
            }
          }
          return seen;
        }"""
    )
    order = list(dict.fromkeys(text for text, *_ in seen))
    assert order == SAID[0][2].split()[:8][: len(order)]
    assert len(order) >= 6
    late = [(text, t) for text, start, end, t in seen if not start - 0.1 <= t <= end + 0.05 + 0.15]
    assert late == []


def test_what_is_heard_is_what_stands_there(page: Page) -> None:
    for text, start_s in (("twice", 5.5 + 5 * 0.3), ("refunded", 19.5 + 2 * 0.3), ("Thank", 0.5)):
        word(page, text).click()
        assert at(page) == pytest.approx(start_s)
        heard = page.evaluate(
            """async () => {
              const audio = document.querySelector("audio");
              window.tap ??= (() => {
                const context = new AudioContext();
                const source = context.createMediaElementSource(audio);
                const analyser = context.createAnalyser();
                analyser.fftSize = 8192;
                analyser.smoothingTimeConstant = 0;
                source.connect(analyser);
                analyser.connect(context.destination);
                return { context, analyser };
              })();
              const { context, analyser } = window.tap;
              await context.resume();
              await audio.play();
              const from = audio.currentTime;
              while (audio.currentTime < from + 0.3) await new Promise((done) => setTimeout(done, 10));
              const bins = new Float32Array(analyser.frequencyBinCount);
              analyser.getFloatFrequencyData(bins);
              const place = audio.currentTime;
              audio.pause();
              return [place, (bins.indexOf(Math.max(...bins)) * context.sampleRate) / analyser.fftSize];
            }"""
        )
        place, pitch = heard
        assert pitch in [pytest.approx(frequency(t), abs=12) for t in (place - 0.2, place)]


def test_the_page_follows_and_stops_following(watched: Watched, tones: Path, tmp_path: Path) -> None:
    said = [("1", float(i), "Yes, of course.") for i in range(29)]
    long = watched.open(player(sample_call(said=said), audio=tones).save(tmp_path / "long.html"))
    long.set_viewport_size({"width": 900, "height": 500})
    long.locator("audio").evaluate("el => { el.currentTime = 24; }")
    long.keyboard.press("Space")
    until(long, "scrollY > 100")
    long.get_by_label("Follow").uncheck()
    long.evaluate("scrollTo(0, 0)")
    until(long, "audio.currentTime > 27.5")
    assert long.evaluate("scrollY") == 0
    expect(long.locator(".phrase.current")).to_have_count(1)


# --- keys -------------------------------------------------------------------------------------------------


def test_keys_work_at_once(page: Page) -> None:
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert at(page) == 6
    page.keyboard.press("ArrowLeft")
    assert at(page) == 3
    page.keyboard.press("ArrowDown")
    assert at(page) == 5.5
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert at(page) == 5.5
    page.keyboard.press("Space")
    until(page, "!audio.paused")
    page.keyboard.press("Space")
    until(page, "audio.paused")


def test_n_and_p_go_from_doubt_to_doubt(page: Page) -> None:
    says = page.locator(".says")
    page.keyboard.press("n")
    assert at(page) == pytest.approx(0.5 + 4 * 0.3)
    expect(says).to_have_text("Doubtful word 1 of 2: “Larkfield”, confidence 0.30, Speaker 1 at 0:01.")
    page.keyboard.press("n")
    expect(says).to_have_text("Doubtful word 2 of 2: “Brioflex”, confidence 0.30, Speaker 2 at 0:07.")
    page.keyboard.press("n")  # and round again
    assert at(page) == pytest.approx(0.5 + 4 * 0.3)
    page.keyboard.press("p")
    expect(page.locator(".w.target")).to_have_text("Brioflex")
    page.get_by_role("button", name="Previous doubtful word").click()
    expect(page.locator(".w.target")).to_have_text("Larkfield")


def test_keys_with_a_modifier_are_the_browsers(page: Page) -> None:
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("Alt+n")
    assert at(page) == 0


def test_the_slider_is_worked_by_keys(page: Page) -> None:
    slider = page.get_by_role("slider", name="Position")
    slider.press("End")
    assert at(page) == pytest.approx(30)
    slider.press("Home")
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuenow") == "3"


def test_space_on_a_button_is_for_the_button(page: Page) -> None:
    page.get_by_role("button", name="Next doubtful word").press("Space")
    assert at(page) == pytest.approx(0.5 + 4 * 0.3)
    assert page.locator("audio").evaluate("el => el.paused")


def test_speed_is_chosen(page: Page) -> None:
    page.get_by_label("Speed").select_option("1.5")
    assert page.locator("audio").evaluate("el => el.playbackRate") == 1.5


# --- search -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "hits", "found"),
    [
        pytest.param("thank you", ["Thank", "you", "Thank", "you!"], "2 found", id="several-words?"),
        pytest.param("CHARGED", ["charged"], "1 found", id="capitals?"),
        pytest.param("bríoflex plan.", ["Brioflex", "plan."], "1 found", id="accents-and-points?"),
        pytest.param("zebra", [], "nothing found", id="nothing?"),
        pytest.param("$34.99", ["$34.99"], "1 found", id="signs?"),
        pytest.param("   ", [], "", id="only-spaces?"),
    ],
)
def test_search_marks_what_it_finds(page: Page, wanted: str, hits: list[str], found: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(wanted)
    assert page.locator(".w.hit").evaluate_all(NOW) == hits
    expect(page.locator(".found")).to_have_text(found)
    assert at(page) == 0  # no letter was taken for a key of the player


def test_enter_goes_to_the_next_hit_and_escape_ends_the_search(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("thank")
    page.keyboard.press("Enter")
    assert at(page) == 0.5
    page.keyboard.press("Enter")
    assert at(page) == 25
    expect(page.locator(".found")).to_have_text("2 of 2")
    page.keyboard.press("Shift+Enter")
    assert at(page) == 0.5
    page.keyboard.press("Escape")
    assert page.locator(".w.hit").count() == 0
    page.keyboard.press("ArrowRight")
    assert at(page) == 3.5


# --- what goes wrong --------------------------------------------------------------------------------------


def test_a_caller_who_says_script_harms_no_one(watched: Watched, tmp_path: Path) -> None:
    nasty = "<script>window.harm=1</script> <img src=x onerror=harm=1> </script><script>harm=1</script>"
    made = sample_call(said=[(nasty, 1.0, nasty), ("2", 9.0, '"><svg onload=harm=1>')])
    page = watched.open(player(made, names={"2": nasty}, title=nasty).save(tmp_path / "p.html"))
    assert page.locator(".pane .text").first.inner_text() == nasty
    assert page.evaluate("window.harm") is None
    assert page.title() == nasty
    page.keyboard.press("/")
    page.keyboard.type("<script>")
    expect(page.locator(".found")).to_have_text("2 found")


def test_without_a_recording_words_move_a_clock(watched: Watched, tmp_path: Path) -> None:
    page = watched.open(player(sample_call()).save(tmp_path / "p.html"))
    word(page, "Brioflex").click()
    expect(page.locator(".clock .at")).to_have_text("0:07")
    assert lit(page) == ["Brioflex"]
    page.keyboard.press("Space")
    page.keyboard.press("n")
    expect(page.locator(".w.target")).to_have_text("Larkfield")
    assert page.locator(".play").count() == 0


def test_phrases_without_words_answer_as_a_whole(watched: Watched, tones: Path, tmp_path: Path) -> None:
    page = watched.open(
        player(sample_call(words=False, confidence=None), audio=tones).save(tmp_path / "p.html")
    )
    page.locator(".pane .w").nth(2).click()
    assert at(page) == 9.5
    assert lit(page) == [SAID[2][2]]
    page.keyboard.press("n")
    expect(page.locator(".says")).to_have_text("No doubtful words.")


def test_a_linked_recording_is_played_and_one_that_is_gone_is_missed(
    watched: Watched, tones: Path, tmp_path: Path
) -> None:
    own = tmp_path / "a call #1.wav"
    own.write_bytes(tones.read_bytes())
    saved = player(sample_call(), audio=own, embed_max_bytes=0).save(tmp_path / "pages" / "p.html")
    page = watched.open(saved)
    page.keyboard.press("Space")
    until(page, "audio.currentTime > 0.1")
    own.unlink()
    page = watched.open(saved)
    expect(page.locator(".says")).to_contain_text("cannot be played")
    watched.complaints = [text for text in watched.complaints if "ERR_FILE_NOT_FOUND" not in text]


# --- outlets ----------------------------------------------------------------------------------------------


def test_two_players_on_a_page_do_not_disturb_each_other(
    watched: Watched, shown: Player, tmp_path: Path
) -> None:
    html = f"<!DOCTYPE html><title>two</title><p class=w>apart</p>{shown._repr_html_()}{shown._repr_html_()}"
    path = tmp_path / "two.html"
    path.write_text(html)
    page = watched.open(path)
    first, second = page.locator(".speechkit-player").all()
    first.locator(".pane").press("n")
    first.locator(".pane").press("ArrowRight")
    times = page.locator("audio").evaluate_all("els => els.map(el => el.currentTime)")
    assert times == [pytest.approx(4.7), 0]
    assert (first.locator(".target").count(), second.locator(".target").count()) == (1, 0)
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0
    apart = page.locator("p.w")
    assert apart.evaluate("el => getComputedStyle(el).borderRadius") == "0px"


def notebook(*outputs: str) -> Any:
    cells = []
    for html in outputs:
        cell = nbformat.v4.new_code_cell("player(...)")
        cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "Player"})]
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("template", ["basic", "lab", "classic"])
def test_nbconvert_html_plays(browser: Browser, shown: Player, tmp_path: Path, template: str) -> None:
    html, _ = HTMLExporter(template_name=template).from_notebook_node(notebook(*[shown._repr_html_()] * 2))
    path = tmp_path / "n.html"
    path.write_text(html)
    context = browser.new_context()
    # the lab and classic templates ask for MathJax and require.js: not the player, which needs neither
    context.route(re.compile("^https?:"), lambda route: route.abort())
    seen = Watched(context)
    page = seen.open(path)
    word(page, "Brioflex").click()
    assert at(page) == pytest.approx(5.5 + 8 * 0.3)
    page.locator(".pane").first.press("n")
    assert lit(page) == ["Larkfield"]
    page.locator(".pane").first.press("Space")
    until(page, "audio.currentTime > 2")
    assert page.locator("audio").nth(1).evaluate("el => el.currentTime") == 0
    assert [text for text in seen.complaints if "ERR_FAILED" not in text and "CORS" not in text] == []
    assert template != "basic" or seen.hosts() == []
    context.close()


def test_without_scripts_the_words_can_be_read_and_the_recording_heard(browser: Browser, saved: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(saved.as_uri())
    expect(page.locator(".pane .text").first).to_have_text(SAID[0][2])
    expect(page.locator("audio")).to_be_visible()
    expect(page.locator(".bar")).to_be_hidden()
    context.close()


def test_on_paper_there_are_words_and_no_controls(page: Page) -> None:
    page.emulate_media(media="print")
    for gone in (".bar", ".head", ".keys", ".says"):
        expect(page.locator(gone)).to_be_hidden()
    for kept in (".legend", ".lane", ".phrase"):
        expect(page.locator(kept).first).to_be_visible()


def test_on_a_phone_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for control in page.locator(".bar button, .bar select, .bar input").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


# --- for everyone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("state", ["fresh", "busy", "bare"])
def test_axe_finds_no_fault(
    watched: Watched, saved: Path, tmp_path: Path, axe: str, scheme: Any, width: int, state: str
) -> None:
    bare = player(
        sample_call(words=False, confidence=None, said=[(None, 1.0, "Hello."), (None, 3.0, "Yes.")])
    )
    page = watched.open(bare.save(tmp_path / "p.html") if state == "bare" else saved)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    if state == "busy":
        page.keyboard.press("/")
        page.keyboard.type("thank")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
    page.evaluate(axe)
    answer = page.evaluate("async () => await axe.run(document)")
    contrasts = [rule for rule in answer["passes"] if rule["id"] == "color-contrast"]
    assert len(contrasts[0]["nodes"]) > 8  # it looked inside the shadow root
    found = answer["violations"]
    assert [(v["id"], v["impact"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []


def test_notebook_themes_win_over_the_systems(watched: Watched, shown: Player, tmp_path: Path) -> None:
    path = tmp_path / "lab.html"
    path.write_text(f'<!DOCTYPE html><title>t</title><body data-jp-theme-light="false">{shown._repr_html_()}')
    page = watched.open(path)
    paper = partial(page.locator(".sk").evaluate, "el => getComputedStyle(el).backgroundColor")
    assert paper() == "rgb(22, 25, 29)"
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    page.emulate_media(color_scheme="dark")
    assert paper() == "rgb(255, 255, 255)"
