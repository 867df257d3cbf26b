"""An executed notebook as one HTML page, through nbconvert and a template of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import speechkit

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
NOTEBOOK_ONLY: Final = "notebook-only"
"""Cells with this tag speak to who runs the notebook, and are left out of the page."""


def write_page(notebook: NotebookNode, name: str) -> str:
    """Write an executed notebook as HTML: one page without inputs that needs no other file and no network.

    Its title is the notebook's `title` parameter, else its first heading with the call or agent that was
    chosen. The page ends with the parameters of the run. Text of the template is escaped by jinja; outputs are
    as the notebook made them.
    """
    title, parameters = _title(notebook, name), _parameters(notebook)
    about = {
        "title": title,
        "name": name,
        "headings": list(_headings(notebook)),
        "parameters": parameters,
        "made_at": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": speechkit.__version__,
        "language": str(parameters.get("locale") or "en").partition("-")[0],
    }
    page, _ = _exporter(get_ident()).from_notebook_node(notebook, {"report": about})
    return str(page)


@cache
def _exporter(thread: int) -> Any:
    """Make the exporter of a thread: it reads and compiles its templates once."""
    from jinja2 import pass_context
    from nbconvert.exporters import HTMLExporter, TemplateExporter
    from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
    from traitlets.config import Config

    texts: dict[str, str] = {}

    class ReportExporter(HTMLExporter):
        """nbconvert's exporter with jinja's escaping switched on: it is off there."""

        def _create_environment(self) -> Any:
            environment: Any = super()._create_environment()  # type: ignore[no-untyped-call]
            environment.autoescape = True
            environment.trim_blocks = environment.lstrip_blocks = True
            return environment

        @pass_context
        def markdown2html(self, context: Any, source: str) -> str:
            """Convert as nbconvert does, a text of the notebook once: it stands in every report of its kind."""
            cell, convert = context.get("cell", {}), super().markdown2html
            if cell.get("cell_type") != "markdown" or cell.get("attachments"):
                return str(convert(context, source))
            if source not in texts:
                texts[source] = str(convert(context, source))
            return texts[source]

        def from_notebook_node(self, nb: Any, resources: Any = None, **options: Any) -> Any:
            """Convert as nbconvert does, without reading the page again to tag inputs, which ours has not."""
            resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
            filter_data: Any = WidgetsDataTypeFilter
            register: Any = self.register_filter
            about = {"notebook_metadata": self._nb_metadata, "parent": self, "resources": resources}
            register("filter_data_type", filter_data(**about))
            return TemplateExporter.from_notebook_node(self, nb, resources, **options)

    config = Config({"TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": {NOTEBOOK_ONLY}}})
    exporter: Any = ReportExporter
    return exporter(
        config=config,
        # what the page needs of nbconvert's dozen, each of which has the whole notebook validated
        default_preprocessors=[
            f"nbconvert.preprocessors.{n}"
            for n in ("TagRemovePreprocessor", "coalescestreams.CoalesceStreamsPreprocessor")
        ],
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="speechkit",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


def _title(notebook: NotebookNode, name: str) -> str:
    parameters = _parameters(notebook)
    given = parameters.get("title")
    if isinstance(given, str) and given.strip():
        return given.strip()
    cells = (cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = next((m for source in cells if (m := re.search(r"^# +(.+)$", source, re.M))), None)
    heading = found.group(1).strip() if found else name.replace("_", " ")
    chosen = parameters.get("call") or parameters.get("agent")
    return f"{heading}: {chosen}" if chosen else heading


def _headings(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Text and anchor of each question of the notebook, for the list of contents."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and NOTEBOOK_ONLY not in cell["metadata"].get("tags", []):
            yield from _questions(cell["source"])


@lru_cache(maxsize=256)  # the next report of the fleet asks the same
def _questions(markdown: str) -> list[tuple[str, str]]:
    from nbconvert.filters.markdown import markdown2html

    found = re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', markdown2html(markdown))
    return [(re.sub(r"<a .*?</a>|<[^>]*>", "", text), anchor) for anchor, text in found]


def _parameters(notebook: NotebookNode) -> dict[str, Any]:
    """The parameters of a run: the defaults of the notebook and what was given instead."""
    import ast

    values: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if {"parameters", "injected-parameters"} & set(cell["metadata"].get("tags", [])):
            for node in ast.parse(cell["source"]).body:
                name = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
                value = getattr(node, "value", None)
                if isinstance(name, ast.Name) and isinstance(value, ast.expr):
                    values[name.id] = ast.literal_eval(value)
    # the place of a corpus or a reference on a machine is nobody's business
    return {
        name: Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
        for name, value in values.items()
    }
