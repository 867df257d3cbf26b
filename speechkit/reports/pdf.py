"""A page as PDF: printed by the Chromium that is installed, which asks no host for anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from speechkit.errors import ReportError
from speechkit.progress import Progress, ProgressCallback
from speechkit.whole import whole

BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome", "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)  # fmt: skip
"""Chromium by the names it goes under, looked for in this order."""

TIMEOUT_S: Final = 120.0
_PATIENCE: Final = 3  # pages in a row that are not printed: a Chromium that hangs would do so for days
_FLAGS: Final = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=8000", "--no-pdf-header-footer",
)  # fmt: skip


def find_chromium() -> str:
    """Find the Chromium of this machine. Raises ReportError where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise ReportError(
            "there is no Chromium here to print a PDF with. Install Chromium, Chrome or Edge, "
            "or write .html and print it from any browser."
        )
    return found


def write_pdf(page: Path, out: Path) -> Path:
    """Print an HTML file as PDF, A4 by the styles of a report; whole or not at all. Answers its path.

    Raises ReportError where there is no Chromium, where it fails or takes over TIMEOUT_S, OSError for an `out`
    that cannot be written.
    """
    browser = find_chromium()
    # Chromium refuses to run as root inside its sandbox: a container has no other user
    root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    with whole(out) as part, tempfile.TemporaryDirectory(prefix="speechkit-") as profile:
        command = [
            browser, *_FLAGS, *root, f"--user-data-dir={profile}", f"--print-to-pdf={part}", page.absolute().as_uri(),
        ]  # fmt: skip
        try:
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, errors="replace", timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
            said = ran.stderr.strip().splitlines()[-1:] or [f"exit code {ran.returncode}"]
        except subprocess.TimeoutExpired:
            said = [f"nothing within {TIMEOUT_S:.0f} s"]
        except OSError as error:
            said = [error.strerror or str(error)]
        if not (part.exists() and part.read_bytes().rstrip().endswith(b"%%EOF")):
            raise ReportError(
                f"{browser} did not print {page.name}: {said[0]}. Open the HTML file in it and print it from there."
            )
    return out


def write_pdfs(pages: Sequence[Path], progress: ProgressCallback | None = None) -> tuple[int, list[str]]:
    """Print each page as PDF beside it, unless one that is not older is there.

    Answers how many were printed, and what went wrong with the others; it gives up when several in a row
    fail. A PDF that is older than its page goes first: it may quote what the page does not any more. Raises
    ReportError where there is no Chromium to print with, OSError for a folder that cannot be written.
    """
    remove_outdated_pdfs(pages)
    todo = [page for page in pages if page.exists() and not page.with_suffix(".pdf").exists()]
    failed: list[str] = []
    printed = in_a_row = 0
    if todo:
        find_chromium()
    for done, page in enumerate(todo):
        if in_a_row == _PATIENCE:
            failed.append(f"{len(todo) - done} more are not printed, since {_PATIENCE} in a row were not.")
            break
        if progress:
            progress(Progress("pdf", done, len(todo), page.stem))
        try:
            write_pdf(page, page.with_suffix(".pdf"))
            printed, in_a_row = printed + 1, 0
        except ReportError as error:
            failed.append(str(error))
            in_a_row += 1
    return printed, failed


def remove_outdated_pdfs(pages: Sequence[Path]) -> None:
    """Remove the PDF of each page that was written anew since."""
    for page in pages:
        pdf = page.with_suffix(".pdf")
        if pdf.exists() and page.exists() and pdf.stat().st_mtime < page.stat().st_mtime:
            pdf.unlink()
