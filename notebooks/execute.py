"""Run the notebooks and keep their outputs, without what differs from machine to machine and from day to day.

    python notebooks/execute.py [NAME...]

NAME is a notebook's file name without `.ipynb`; without one all of them run, in their order. A notebook is
replaced when it has run to its end without an error and without a word on stderr; else it stays as it was.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VOLATILE = (
    (re.compile(re.escape(f"{ROOT}/")), ""),  # the place of the clone
    (re.compile(re.escape(str(Path.home()))), "~"),
    (re.compile(re.escape(tempfile.gettempdir()) + r"/[\w.-]+"), "/tmp/..."),
    (re.compile(r"(http://127\.0\.0\.1):\d+ \((?:started|running)\)"), r"\1 (running)"),
    (re.compile(r"at 0x[0-9a-f]{6,}"), "at 0x..."),
)
"""What outputs are cleaned of: a pattern and what stands in its place."""
TEXT_TYPES = ("text/", "application/json", "image/svg")


def notebooks(names: list[str]) -> list[Path]:
    """Find the notebooks of these names, or all."""
    known = {
        path.stem: path for path in [*sorted(HERE.glob("*.ipynb")), *sorted(HERE.glob("reports/*.ipynb"))]
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no notebook {unknown[0]!r}. There are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def execute(path: Path) -> Any:
    """Run a notebook as JupyterLab does, in its own folder, and answer it cleaned."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="speechkit-") as sockets:
        config = Config(
            {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/k"}} if os.name == "posix" else {}
        )
        client = NotebookClient(
            notebook,
            timeout=900,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            config=config,
        )
        client.execute()
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """Take times, paths, ports and states of widgets out of an executed notebook, in place."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                output["text"] = without_volatile(output["text"])
            for kind, value in output.get("data", {}).items():
                if kind.startswith(TEXT_TYPES):
                    output["data"][kind] = without_volatile(value)
    return notebook


def without_volatile(value: Any) -> Any:
    """Clean a text, or each text in a list or a dict."""
    if isinstance(value, str):
        for pattern, instead in VOLATILE:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, Mapping):
        return {key: without_volatile(part) for key, part in value.items()}
    return [without_volatile(part) for part in value] if isinstance(value, list) else value


def complaints(notebook: Any) -> list[str]:
    """What the notebook wrote to stderr."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output["text"].strip() for output in outputs if output.get("name") == "stderr"]


def main(names: list[str]) -> int:
    """Run notebooks; the number of those that failed is the exit code."""
    import nbformat
    from nbclient.exceptions import CellExecutionError

    failed = 0
    for path in notebooks(names):
        print(f"{path.relative_to(ROOT)} ...", flush=True)
        try:
            notebook = execute(path)
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        if said := complaints(notebook):
            print(f"{path.name} wrote to stderr: {said[0][:500]}", file=sys.stderr)
            failed += 1
            continue
        part = path.with_name(f"{path.name}.part")
        nbformat.write(notebook, part)
        os.replace(part, path)
    return failed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
