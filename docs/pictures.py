"""The pictures of README and docs, taken of what they show, as it is now: `make pictures` writes docs/images/.

Everything is of the demo calls c01 to c08 or counts over all of them; Chromium comes with `make test-all`.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from speechkit import demo_data, open_corpus  # noqa: E402
from speechkit.analysis.reference import read_reference  # noqa: E402
from speechkit.display.alignment import alignment  # noqa: E402
from speechkit.display.player import player  # noqa: E402
from speechkit.reports import run_report  # noqa: E402
from speechkit.reports.fleet import run_reports  # noqa: E402
from speechkit.reports.pdf import find_chromium  # noqa: E402
from speechkit.transcripts.masking import bleeps, find_masks, mask  # noqa: E402
from tests.browser.conftest import FLAGS  # noqa: E402
from tests.browser.lab import is_over, jupyterlab, run_all  # noqa: E402

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 300_000
CALL = "c01"
RECORDING = demo_data("calls") / f"{CALL}.wav"


def keep(png: bytes, name: str) -> None:
    """Write a picture in as many colours as it needs to stay small, and never dithered: letters stay crisp."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(192, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    if len(buffer.getvalue()) > MOST_BYTES:
        raise SystemExit(f"{name} has {len(buffer.getvalue()):,} bytes, more than {MOST_BYTES:,}: show less")
    part = IMAGES / f".{name}.part"
    part.write_bytes(buffer.getvalue())
    os.replace(part, IMAGES / name)
    print(f"docs/images/{name}: {picture.width} x {picture.height}, {len(buffer.getvalue()) // 1000} kB")


def shoot(
    browser: Browser,
    name: str,
    page_of: Path,
    size: tuple[int, int],
    act: Callable[[Page], None] | None = None,
) -> None:
    """Open a file at this size, do something with it, and keep what is seen, twice as fine as a screen shows it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, device_scale_factor=2, color_scheme="light"
    )
    page = context.new_page()
    page.goto(page_of.as_uri())
    if act:
        act(page)
    page.wait_for_timeout(300)
    keep(page.screenshot(), name)
    context.close()


def listen(page: Page) -> None:
    """Stand in the middle of the call, at a doubtful word."""
    page.wait_for_selector(".speechkit-player[data-ready]", state="attached")
    page.locator(".pane .w").nth(40).click()
    page.keyboard.press("n")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.shadowRoot?.activeElement?.blur()")


def compare(page: Page) -> None:
    """Go to the second error."""
    page.wait_for_selector(".speechkit-alignment[data-ready]", state="attached")
    for _ in range(2):
        page.get_by_role("button", name="next error").click()
    page.evaluate("document.querySelector('audio').pause(); scrollTo(0, 0)")


def lesson(browser: Browser, home: Path) -> None:
    """The lesson on one call in JupyterLab, run to its end, at its timeline."""
    shutil.copytree(
        ROOT / "notebooks", home / "work", ignore=shutil.ignore_patterns("*.py", "__pycache__", ".*")
    )
    with jupyterlab(home) as address:
        context = browser.new_context(
            viewport={"width": 1360, "height": 900}, device_scale_factor=1.5, color_scheme="light"
        )
        page = context.new_page()
        run_all(page, address, "08_explore_a_call.ipynb")
        page.wait_for_timeout(1000)
        until_s = time.monotonic() + 180
        while not is_over(page):
            if time.monotonic() > until_s:
                raise SystemExit("08_explore_a_call did not end within three minutes")
            page.wait_for_timeout(300)
        page.get_by_role("heading", name="How does it go").first.scroll_into_view_if_needed()
        page.evaluate("""() => [...document.querySelectorAll('.jp-Notebook h2')]
          .find((h) => h.textContent.startsWith('How does it go'))?.scrollIntoView({block: 'start'})""")
        page.wait_for_timeout(1500)
        keep(page.screenshot(), "lesson.png")
        context.close()


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="speechkit-") as folder, sync_playwright() as playwright:
        room = Path(folder)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        report = run_report("insight_report", corpus=demo_data("corpus"), out=room / "insight.html")
        shoot(browser, "insight_report.png", report, (880, 985))

        shutil.copytree(demo_data("corpus"), room / "corpus")
        shelf = open_corpus(room / "corpus")
        for call_id in [name for name in shelf.call_ids if name > "c08"]:  # kept unread: data/README.md
            shelf.remove(call_id)
        run_reports("call_report", corpus=shelf.path, out=room / "calls", parameters={"sound": False})
        shoot(browser, "report_list.png", room / "calls" / "index.html", (1100, 550))

        hidden = find_masks(shelf.call(CALL))
        one = mask(shelf.call(CALL), hidden)
        shown = player(one, audio=RECORDING, bleeps=bleeps(hidden), title=f"Call {CALL}: charged twice")
        call = shown.save(room / "player.html")
        shoot(browser, "player.png", call, (1000, 700), listen)

        said = read_reference(demo_data("truth") / "calls.stm")
        heard = {"batch": shelf, "real time": open_corpus(demo_data("realtime"))}
        view = alignment(said, heard, CALL, audio=RECORDING).save(room / "alignment.html")
        shoot(browser, "alignment.png", view, (1100, 720), compare)

        lesson(browser, Path(tempfile.mkdtemp(dir=room)))
        browser.close()


if __name__ == "__main__":
    main()
