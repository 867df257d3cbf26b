"""A browser for the tests that need one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.lab import jupyterlab
from tests.conftest import ROOT

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
OFFLINE = {"file", "data", "blob", "about"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the run; skips where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed (make test-all installs it)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A browser context whose pages must not complain and must not ask any host for anything."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.raised: list[str] = []  # by scripts of a page, and caught by none
        self.asked: list[str] = []
        context.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        context.on("weberror", lambda error: self.raised.append(str(error.error)))
        context.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path) -> Page:
        """Open a file and wait until the players in it are alive."""
        page = self.context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(".speechkit-player[data-ready]", state="attached")
        return page

    def hosts(self) -> list[str]:
        """The addresses outside of the page's own files that were asked for."""
        return [url[:100] for url in self.asked if urlsplit(url).scheme not in OFFLINE]


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A context on a desk; the test fails when a page wrote an error to its console or asked a host."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    seen = Watched(context)
    yield seen
    context.close()
    assert seen.complaints == []
    assert seen.raised == []
    assert seen.hosts() == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker axe-core as a script; skips where npm has not brought it."""
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not installed (make test-all installs it)")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def lab_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which JupyterLab keeps what it writes."""
    home = tmp_path_factory.mktemp("lab")
    (home / "work").mkdir()
    return home


@pytest.fixture(scope="session")
def lab_work(lab_home: Path) -> Path:
    """The folder that JupyterLab shows."""
    return lab_home / "work"


@pytest.fixture(scope="session")
def lab(lab_home: Path) -> Iterator[str]:
    """One JupyterLab for the run; answers its address."""
    with jupyterlab(lab_home) as address:
        yield address
