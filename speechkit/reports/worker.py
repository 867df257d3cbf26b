"""What a process that makes reports has ready before the first one."""

from __future__ import annotations

import sys
from typing import Any


def spare_grammar() -> None:
    """Keep jsonschema, which nbformat imports, from reading a grammar of web addresses.

    It takes more than a second and is of no use here: no notebook has an address that is checked. For processes of
    our own only, where nobody else uses jsonschema.
    """
    modules: Any = sys.modules
    modules.setdefault("rfc3987_syntax", None)


def prepare() -> None:
    """Import what runs a notebook and writes its page, and make a page of an empty one: its templates are compiled
    once, not by each worker that is forked from this process."""
    spare_grammar()
    from jupyter_client.kernelspec import KernelSpecManager
    from nbformat import v4, validate
    from nbformat.v4 import nbbase

    from speechkit.reports.engine import register_engine
    from speechkit.reports.page import write_page

    # whole notebooks are checked when they are written; each output by itself takes a sixth of a worker's time
    nbbase.validate = lambda node, ref=None: None
    register_engine()
    make: Any = v4
    shown = make.new_output("display_data", {"text/html": "<p>", "text/plain": "p"})
    code = make.new_code_cell("1", outputs=[shown], execution_count=1)
    notebook = make.new_notebook(cells=[make.new_markdown_cell("# Title\n\n## Why?\n\n*So* `it` is."), code])
    validate(notebook)
    list(KernelSpecManager().kernel_dirs)  # imports IPython
    write_page(notebook, "practice")
