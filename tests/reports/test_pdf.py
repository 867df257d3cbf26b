"""Where no Chromium is, or it fails, the message says what to do, and nothing is half-written.

The pages themselves are printed in tests/browser/test_pages.py.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from speechkit.errors import ReportError
from speechkit.reports import pdf, run_report


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html><title>t</title><p>words</p>")
    return path


def browser(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in Chromium's place."""
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(pdf, "BROWSERS", (str(path),))


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("echo started >&2; echo no display >&2; exit 3", "no display. Open the HTML", id="it-fails?"),
        pytest.param("exit 0", "exit code 0", id="it-writes-nothing?"),
        pytest.param('for a; do case $a in --print-to-pdf=*) echo %PDF-1.4 > "${a#*=}";; esac; done', "did not print",
                     id="it-is-cut-off?"),
        pytest.param("exec sleep 20", "nothing within 1 s", id="it-hangs?"),
    ],
)  # fmt: skip
def test_a_browser_that_does_not_print_is_an_error(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    browser(tmp_path, script, monkeypatch)
    monkeypatch.setattr(pdf, "TIMEOUT_S", 1.0)
    out = tmp_path / "new" / "page.pdf"
    with pytest.raises(ReportError, match=re.escape(says)):
        pdf.write_pdf(page, out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(("out", "beside"), [("r.pdf", False), ("r.html", True)])
def test_without_chromium_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, beside: bool
) -> None:
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    (tmp_path / "corpus").mkdir()
    with pytest.raises(ReportError, match=r"no Chromium here .* Install Chromium"):
        run_report("insight_report", corpus=tmp_path / "corpus", out=tmp_path / "new" / out, pdf=beside)
    assert not (tmp_path / "new").exists()


def test_only_what_changed_is_printed_again(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'for a; do case $a in --print-to-pdf=*) echo %%EOF > "${a#*=}";; esac; done'
    browser(tmp_path, script, monkeypatch)
    gone = tmp_path / "failed.html"
    assert pdf.write_pdfs([page, gone]) == (1, [])
    assert pdf.write_pdfs([page, gone]) == (0, [])
    after = page.with_suffix(".pdf").stat().st_mtime_ns + 1_000_000

    os.utime(page, ns=(after, after))
    assert pdf.write_pdfs([page, gone]) == (1, [])


def test_a_browser_that_never_prints_is_not_asked_for_days(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(tmp_path, "exit 3", monkeypatch)
    pages = [page.with_name(f"p{number}.html") for number in range(20)]
    for other in pages:
        other.write_text("words")
    printed, failed = pdf.write_pdfs(pages)
    assert printed == 0
    assert len(failed) == 4
    assert failed[-1] == "17 more are not printed, since 3 in a row were not."


def test_a_page_that_is_not_printed_stops_no_other(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = 'for a; do case $a in --print-to-pdf=*) out="${a#*=}";; esac; done'
    browser(tmp_path, f'{prints}; case $a in *bad*) exit 3;; *) echo %%EOF > "$out";; esac', monkeypatch)
    bad = tmp_path / "bad.html"
    bad.write_text("new words")
    bad.with_suffix(".pdf").write_text("old words")
    os.utime(bad.with_suffix(".pdf"), (1, 1))
    printed, failed = pdf.write_pdfs([bad, page])
    assert printed == 1
    assert re.match(r".* did not print bad\.html: exit code 3", *failed)
    assert page.with_suffix(".pdf").exists()
    assert not bad.with_suffix(".pdf").exists(), "it says what the page does not any more"
