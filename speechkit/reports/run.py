"""Run a report: papermill runs the notebook, nbconvert makes one HTML file of it, and both are put in place
whole."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechkit.errors import ReportError
from speechkit.progress import ProgressCallback
from speechkit.reports.parameters import check_parameters, find_report
from speechkit.reports.pdf import find_chromium, write_pdf

if TYPE_CHECKING:
    from nbformat import NotebookNode


def run_report(
    name_or_path: str | Path,
    *,
    corpus: str | Path,
    out: str | Path,
    parameters: Mapping[str, Any] | None = None,
    pdf: bool = False,
    progress: ProgressCallback | None = None,
) -> Path:
    """Run a report notebook over a corpus and write it as one HTML file; answers the path of that file.

    The report is a name in notebooks/reports or the path of a notebook with a `corpus` parameter. The
    executed notebook is kept beside `out` under the same name. An `out` that ends in .pdf is printed by
    Chromium instead; `pdf=True` prints one beside the HTML file. All appear whole or not at all; folders are
    made.

    Raises ReportError for an unknown report or parameter, a value of the wrong type, an `out` that cannot be
    written, a PDF without a Chromium (all of these before anything runs) and for a cell that fails: then the
    message names the cell and the error, and the notebook is kept, as far as it came, as `NAME.failed.ipynb`;
    an older report stays as it was.
    """
    notebook = find_report(name_or_path)
    given = dict(parameters or {})
    if "corpus" in given:
        raise ReportError(
            "corpus is given twice. Name the corpus with corpus= (or --corpus), not as a parameter."
        )
    folder = Path(corpus).expanduser().absolute()
    values = check_parameters(notebook, {"corpus": str(folder), **given})
    if not folder.is_dir():
        raise ReportError(
            f"there is no corpus {folder}. Make one with: speechkit transcribe PATH --out {corpus}"
        )
    target = Path(out).expanduser().absolute()
    if target.suffix.lower() not in (".html", ".htm", ".pdf"):
        raise ReportError(f"{target.name} is not a name for a report. Let --out end in .html or .pdf")
    if target.is_dir():
        raise ReportError(f"{target} is a folder. Name a file in it: {target / (notebook.stem + '.html')}")
    if pdf or target.suffix.lower() == ".pdf":
        find_chromium()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as rooms:
            return _run(notebook, values, target, Path(rooms), pdf, progress)
    except OSError as error:
        raise ReportError(
            f"{target} cannot be written: {error.strerror or error}. Choose another place with --out."
        ) from error


def remove_report(page: Path) -> None:
    """Remove the page of a report and what was made beside it: its notebook, that of a failure, and its PDF."""
    for suffix in (page.suffix, ".ipynb", ".failed.ipynb", ".pdf"):
        page.with_suffix(suffix).unlink(missing_ok=True)


def _run(
    notebook: Path,
    values: dict[str, Any],
    target: Path,
    room: Path,
    pdf: bool,
    progress: ProgressCallback | None,
) -> Path:
    from speechkit.reports.page import write_page

    executed, page = room / "executed.ipynb", room / "page.html"
    kept, failed = target.with_suffix(".ipynb"), target.with_suffix(".failed.ipynb")
    try:
        node = _execute(notebook, executed, values, progress)
    except ReportError as error:
        if not executed.exists():
            raise
        os.replace(executed, failed)
        raise ReportError(f"{error} The notebook is kept as far as it came: {failed}") from error.__cause__
    page.write_text(write_page(node, notebook.stem), encoding="utf-8")
    if pdf or target.suffix.lower() == ".pdf":
        write_pdf(page, target.with_suffix(".pdf"))
    os.replace(executed, kept)
    if target.suffix.lower() != ".pdf":
        os.replace(page, target)
    failed.unlink(missing_ok=True)
    return target


def _execute(
    notebook: Path, executed: Path, values: dict[str, Any], progress: ProgressCallback | None
) -> NotebookNode:
    """Run a notebook with its parameters, and write it where `executed` says also when it fails."""
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    from speechkit.reports.engine import ENGINE, register_engine
    from speechkit.reports.parameters import _literal

    register_engine()
    name = notebook.stem
    with tempfile.TemporaryDirectory(prefix="speechkit-") as sockets:
        # sockets in a folder of our own: nobody else on the machine can talk to the kernel, and ipykernel has
        # nothing to warn about; Windows has no such sockets
        ipc = {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/k"}} if os.name == "posix" else {}
        # a kernel that is asked to end may write "KeyboardInterrupt caught in kernel" into the terminal
        quiet = {"NotebookClient": {"extra_arguments": ["--log-level=CRITICAL"]}}
        try:
            node: NotebookNode = papermill.execute_notebook(
                _literal(notebook),
                _literal(executed),
                parameters=values,
                engine_name=ENGINE,
                progress_bar=False,
                request_save_on_cell_execute=False,
                progress=progress,
                partial=executed,
                config=Config(ipc | quiet),
            )
            return node
        except papermill.PapermillExecutionError as error:
            what = f"{error.ename}: {_plain(error.evalue)}"
            head = next((line for line in error.source.splitlines() if line.strip()), "")
            raise ReportError(
                f"{name} failed in cell [{error.exec_count}] ({head.strip()!r}): {what}."
            ) from error
        except (DeadKernelError, CellTimeoutError, NoSuchKernel) as error:
            raise ReportError(
                f"{name} could not be finished: {_plain(str(error)) or type(error).__name__}. "
                "See whether the machine is out of memory, and run it again."
            ) from error


def _plain(text: str) -> str:
    """The first line of a message, without colours and without its full stop."""
    first = re.sub(r"\x1b\[[0-9;]*m", "", text).strip().partition("\n")[0]
    return first.rstrip(".")
