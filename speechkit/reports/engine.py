"""Papermill's own engine, which also tells how many cells are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from papermill.engines import NBClientEngine, papermill_engines

from speechkit.progress import Progress, ProgressCallback

ENGINE = "speechkit"


class ProgressEngine(NBClientEngine):  # type: ignore[misc]
    """Runs a notebook as papermill does and reports progress after each cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run the cells; `progress` and `partial` are ours, the rest is papermill's.

        When the kernel dies, the notebook is written to `partial` as far as it came: papermill would lose it.
        """
        progress: ProgressCallback | None = options.pop("progress", None)
        partial: Path | None = options.pop("partial", None)
        if progress is not None:
            _tell(nb_man, progress)
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **options)
        except BaseException:
            if partial is not None:
                nbformat.write(nb_man.nb, partial)  # type: ignore[no-untyped-call]
            raise


def _tell(nb_man: Any, progress: ProgressCallback) -> None:
    """Report progress whenever papermill notes that a cell is complete."""
    cells = len(nb_man.nb.cells)
    complete = nb_man.cell_complete
    progress(Progress("report", 0, cells, "cells"))

    def cell_complete(cell: Any, cell_index: int | None = None, **options: Any) -> None:
        complete(cell, cell_index=cell_index, **options)
        if cell_index is not None:
            progress(Progress("report", cell_index + 1, cells, "cells"))

    nb_man.cell_complete = cell_complete


def register_engine() -> None:
    """Make the engine known to papermill."""
    papermill_engines.register(ENGINE, ProgressEngine)
