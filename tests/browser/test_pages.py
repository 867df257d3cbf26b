"""Every report and the list of reports, as people open them: on a desk and a phone, by day and night, and printed."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from speechkit import demo_data, open_corpus
from speechkit.reports import run_report
from speechkit.reports.fleet import run_reports
from speechkit.reports.index import write_index
from tests.browser.conftest import Watched
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SPOKEN = "c01"
REPORTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "call": ("call_report", "corpus", {"call": SPOKEN}),
    "silent_call": ("call_report", "corpus", {"call": "c08"}),
    "insight": ("insight_report", "corpus", {"passages": 5, "shown": 5}),
    "agent": ("agent_report", "weeks", {}),
    "comparison": ("comparison_report", "realtime", {}),
}
PAGES = [*REPORTS, "index", "index_failed"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each report once, the second as PDF too, and the list over the reports of eight calls, some of them failed."""
    room = tmp_path_factory.mktemp("pages")
    shutil.copytree(demo_data("corpus"), room / "corpus")
    shelf = open_corpus(room / "corpus")
    for call_id in shelf.call_ids[8:]:
        shelf.remove(call_id)
    found = {
        name: run_report(
            report, corpus=demo_data(corpus), out=room / f"{name}.html", parameters=given,
            pdf=name in ("call", "insight"),
        )
        for name, (report, corpus, given) in REPORTS.items()
    }  # fmt: skip
    table = run_reports("call_report", corpus=shelf.path, out=room / "calls", parameters={"sound": False})
    assert set(table["status"]) == {"made"}
    some = table.assign(error=["", "a cell <b>failed</b>, and it says why at some length. " * 3, *[""] * 6])
    some["status"] = ["failed" if error else "made" for error in some["error"]]
    (room / "failed").mkdir()
    found["index_failed"] = write_index(room / "failed", some, shelf, "call", "call_report")
    return {**found, "index": room / "calls" / "index.html"}


def opened(watched: Watched, path: Path, view: dict[str, int] = DESK) -> Page:
    page = watched.context.new_page()
    page.set_viewport_size({"width": view["width"], "height": view["height"]})
    page.goto(path.as_uri())
    return page


# --- for everyone, everywhere -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("view", "scheme", "media"),
    [
        pytest.param(DESK, "light", "screen", id="on-a-desk?"),
        pytest.param(DESK, "dark", "screen", id="in-the-dark?"),
        pytest.param(PHONE, "light", "screen", id="on-a-phone?"),
        pytest.param(PHONE, "dark", "screen", id="on-a-phone-in-the-dark?"),
        pytest.param(DESK, "light", "print", id="on-paper?"),
        pytest.param(DESK, "dark", "print", id="on-paper-from-the-dark?"),
    ],
)
def test_a_page_is_for_everyone(
    watched: Watched,
    made: dict[str, Path],
    axe: str,
    name: str,
    view: dict[str, int],
    scheme: Any,
    media: Any,
) -> None:
    page = opened(watched, made[name], view)
    page.emulate_media(color_scheme=scheme, media=media)
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1], "it goes on to the side"
    pictures = page.locator("img").evaluate_all("els => els.map(el => [el.alt.length, el.naturalWidth])")
    assert all(alt > 30 and width > 100 for alt, width in pictures)
    assert bool(pictures) == (name in ("call", "insight", "agent", "comparison"))
    ink = int(page.evaluate("getComputedStyle(document.body).color.match(/\\d+/)[0]"))
    assert ink == 0 if media == "print" else (ink > 128) == (scheme == "dark")
    # over a shade axe does not judge
    shaded = (
        "document.querySelectorAll('.table, .speechkit-table').forEach(el => el.style.background = 'none')"
    )
    page.evaluate(shaded)
    page.evaluate(axe)
    answer = page.evaluate("async () => await axe.run(document)")
    looked = sum(len(rule["nodes"]) for rule in answer["passes"] if rule["id"] == "color-contrast")
    assert looked > 20
    found = answer["violations"]
    assert [(v["id"], v["impact"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found] == []


@pytest.mark.parametrize("name", ["call", "insight", "agent", "comparison"])
def test_a_report_is_read_by_keys(watched: Watched, made: dict[str, Path], name: str) -> None:
    page = opened(watched, made[name])
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    link = page.locator("nav a").nth(1)
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main h2").nth(1)).to_be_in_viewport()
    page.locator("nav a").last.click()
    expect(page.locator("main h2").last).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_is_read_on_a_phone(watched: Watched, made: dict[str, Path], scheme: Any) -> None:
    page = opened(watched, made["insight"], PHONE)
    page.emulate_media(color_scheme=scheme)
    width = "els => els.map(el => el.getBoundingClientRect().width / el.getAttribute('width'))"
    assert all(0.85 < share <= 1 for share in page.locator("figure img").evaluate_all(width)), "lettering"
    figure = page.locator("figure").first
    at_edge = [edges(figure)]
    figure.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('figure').scrollLeft > 20")
    figure.evaluate("el => el.scrollLeft = 60")
    at_edge.append(edges(figure))
    figure.evaluate("el => el.scrollLeft = el.scrollWidth")
    at_edge.append(edges(figure))
    assert at_edge == [(False, True), (True, True), (True, False)], "a shade where it goes on"
    page.emulate_media(media="print")
    wide = "els => els.every(el => el.scrollWidth === el.clientWidth)"
    assert page.locator("figure").evaluate_all(wide), "paper has no side to go on to"


def edges(figure: Locator) -> tuple[bool, bool]:
    """Whether there is a shade at the left and at the right edge of a figure, a little above its lower end."""
    picture = Image.open(BytesIO(figure.screenshot())).convert("L")
    y, paper = picture.height - 3, picture.getpixel((picture.width // 2, picture.height - 3))
    left, right = (abs(picture.getpixel((x, y)) - paper) > 20 for x in (1, picture.width - 2))
    return left, right


# --- the player in a report -------------------------------------------------------------------------------


def at(page: Page) -> float:
    return float(page.locator("audio").evaluate("el => el.currentTime"))


def until(page: Page, condition: str) -> None:
    page.wait_for_function(f"() => {{ const audio = document.querySelector('audio'); return {condition}; }}")


@pytest.fixture
def call(watched: Watched, made: dict[str, Path]) -> Page:
    page = opened(watched, made["call"])
    page.wait_for_selector(".speechkit-player[data-ready]", state="attached")
    return page


def test_the_player_is_worked_by_mouse(call: Page) -> None:
    call.get_by_role("button", name="Play", exact=True).click()
    until(call, "!audio.paused && audio.currentTime > 0.2")
    call.get_by_role("button", name="Pause").click()
    until(call, "audio.paused")
    word = call.locator(".pane .w").nth(5)
    word.click()
    assert at(call) == pytest.approx(float(word.get_attribute("data-s") or "nan"), abs=0.01)
    box = call.locator(".tracks").bounding_box()
    assert box
    call.mouse.click(box["x"] + box["width"] / 2, box["y"] + 8)
    length_s = float(call.locator(".sk").get_attribute("data-duration") or "nan")
    assert at(call) == pytest.approx(length_s / 2, abs=0.5)
    call.get_by_label("Search").fill("invoice")
    expect(call.locator(".w.hit").first).to_be_visible()
    call.get_by_role("button", name="Next doubtful word").click()
    expect(call.locator(".w.target")).to_have_count(1)


def test_the_player_is_worked_by_keys(call: Page) -> None:
    for _ in range(80):
        call.keyboard.press("Tab")
        if call.evaluate("document.activeElement.classList.contains('speechkit-player')"):
            break
    play = call.get_by_role("button", name="Play", exact=True)
    expect(play).to_be_focused()
    call.keyboard.press("Enter")
    until(call, "!audio.paused && audio.currentTime > 0.2")
    call.keyboard.press("Space")
    until(call, "audio.paused")
    call.locator(".pane").focus()
    before = at(call)
    call.keyboard.press("ArrowRight")
    assert at(call) == pytest.approx(before + 3, abs=0.05)
    call.keyboard.press("n")
    expect(call.locator(".says")).to_contain_text("Doubtful word")
    call.keyboard.press("/")
    call.keyboard.type("invoice")
    call.keyboard.press("Enter")
    expect(call.locator(".found")).to_contain_text("1 of")
    assert at(call) == pytest.approx(
        float(call.locator(".w.hit").first.get_attribute("data-s") or "nan"), abs=0.01
    )


# --- the list of reports ----------------------------------------------------------------------------------


@pytest.fixture
def index(watched: Watched, made: dict[str, Path]) -> Page:
    return opened(watched, made["index"])


@pytest.fixture(scope="module")
def known(made: dict[str, Path]) -> Any:
    """What the list has to say, from the corpus."""
    shelf = open_corpus(made["index"].parent.parent / "corpus")
    summaries = shelf.table("summaries")[["call_id", "reason", "outcome", "resolved"]]
    return shelf.calls.merge(summaries, on="call_id", how="left")


def keys(page: Page) -> list[str]:
    return page.locator("tbody th").all_inner_texts()


def head(page: Page, name: str) -> Locator:
    return page.locator("thead th", has=page.get_by_role("button", name=name))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("billing", id="a-word?"),
        pytest.param("TECH rob", id="pieces-of-words-of-two-columns?"),
        pytest.param("c03", id="a-call?"),
        pytest.param("2026-09-2", id="a-date?"),
        pytest.param("zebra", id="nothing?"),
    ],
)
@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_the_list_is_searched(index: Page, known: Any, words: str, by: str) -> None:
    if by == "mouse":
        index.get_by_label("Search").click()
    else:
        index.keyboard.press("/")
    index.keyboard.type(words)
    columns = ["call_id", "recorded_at", "agent", "queue", "reason", "outcome", "resolved"]
    rows = known.assign(recorded_at=known["recorded_at"].dt.strftime("%Y-%m-%d %H:%M"))
    text = rows[columns].astype("str").fillna("").agg(" ".join, axis=1).str.lower()
    wanted = known["call_id"][[all(word in line for word in words.lower().split()) for line in text]]
    assert keys(index) == wanted.tolist()
    expect(index.locator("#found")).to_have_text(f"{len(wanted)} of 8")
    index.keyboard.press("Escape")
    assert len(keys(index)) == 8


@pytest.mark.parametrize("by", ["mouse", "keys"])
@pytest.mark.parametrize(
    ("heading", "column"), [("length, min", "duration_s"), ("agent", "agent"), ("recorded", "recorded_at")]
)
def test_the_list_is_sorted(index: Page, known: Any, heading: str, column: str, by: str) -> None:
    button = head(index, heading).get_by_role("button")
    values = known.set_index("call_id")[column]
    values = (values / 60).round(1) if column == "duration_s" else values
    for ascending in (True, False):
        if by == "mouse":
            button.click()
        else:
            button.focus()
            index.keyboard.press("Enter" if ascending else "Space")
        expect(head(index, heading)).to_have_attribute(
            "aria-sort", "ascending" if ascending else "descending"
        )
        order = values.sort_values(ascending=ascending, kind="stable", na_position="last")
        assert keys(index) == order.index.tolist()


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_the_list_is_filtered(index: Page, known: Any, by: str) -> None:
    queue = index.get_by_label("queue", exact=True)
    first = sorted(known["queue"].unique())[0]
    if by == "mouse":
        queue.select_option(first)
    else:
        queue.focus()
        index.keyboard.press("ArrowDown")
    wanted = known.loc[known["queue"] == first, "call_id"].tolist()
    assert keys(index) == wanted
    index.get_by_label("Search").fill(wanted[0])
    assert keys(index) == wanted[:1]


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_a_row_leads_to_its_report(index: Page, by: str) -> None:
    link = index.get_by_role("link", name="c03")
    if by == "mouse":
        link.click()
    else:
        link.focus()
        index.keyboard.press("Enter")
    index.wait_for_url("**/c03.html")
    expect(index.get_by_role("heading", level=1)).to_have_text("Call c03")


def test_a_failed_report_says_why_and_leads_nowhere(watched: Watched, made: dict[str, Path]) -> None:
    page = opened(watched, made["index_failed"])
    expect(page.locator(".said")).to_have_text("8 reports, 1 failed")
    assert page.get_by_role("link").count() == 7
    expect(page.locator("td.failed")).to_contain_text("a cell <b>failed</b>, and it says why")


# --- paper ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title", "says"),
    [
        pytest.param(
            "call", f"Call report: {SPOKEN}", ["How does it sound?", "Thank you for calling"], id="a-call?"
        ),
        pytest.param(
            "insight", "Insights across calls", ["How many calls came, and when?"], id="many-calls?"
        ),
    ],
)
def test_a_report_is_printed(
    made: dict[str, Path], tmp_path: Path, name: str, title: str, says: list[str]
) -> None:
    pdf = made[name].with_suffix(".pdf")
    about = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    facts = dict(line.split(":", 1) for line in about.splitlines())
    assert 2 <= int(facts["Pages"]) <= 12
    assert "A4" in facts["Page size"]
    text = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True
    ).stdout
    assert text.lstrip().startswith(title)
    assert all(part in text for part in [*says, "About this report"])
    assert str(ROOT) not in text
    blank = [number for number, sheet in enumerate(text.split("\f")[:-1]) if len(sheet.split()) < 8]
    assert blank == [], "no page is empty or holds a heading alone"
