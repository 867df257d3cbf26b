"""The page over a folder of reports: search, sort and filter, one file, no request to any host."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd

from speechkit.display.page import policy, write_page
from speechkit.display.wording import count, label

if TYPE_CHECKING:
    from jinja2 import Template

    from speechkit.transcripts.corpus import Corpus

NAME: Final = "index.html"
_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
_ABOUT: Final = ("recorded_at", "agent", "queue", "duration_s", "reason", "outcome", "resolved")
_HEADINGS: Final = {
    "recorded_at": "recorded",
    "duration_s": "length, min",
    "calls": "calls",
    "status": "report",
}


def write_index(
    folder: Path, table: pd.DataFrame, corpus: Corpus, by: str, report: str, *, title: str = ""
) -> Path:
    """Write `index.html` over the reports of a folder (`fleet.run_reports`); answers its path.

    A report of one call is listed with what is known of the call: when, agent, queue, length, reason, outcome.
    """
    rows = table[["key", "file", "status", "calls", "error"]]
    if not (table["status"] == "failed").any():
        rows = rows.drop(columns="status")  # all of them are there
    if by == "call":
        rows = rows.drop(columns="calls").merge(_about(corpus), left_on="key", right_on="call_id", how="left")
    columns = [str(name) for name in rows if name not in ("file", "error", "call_id")]
    shown = [name for name in columns if rows[name].notna().any()]
    data = [
        {
            # a report that failed may have left none to open
            "file": quote(str(row["file"])) if not row["error"] or (folder / row["file"]).exists() else "",
            "error": str(row["error"] or ""),
            "cells": [_cell(row[name]) for name in shown],
        }
        for row in rows.to_dict("records")
    ]
    failed = int((table["status"] == "failed").sum())
    style, script = _file("index.css"), _file("index.js")
    page = _template().render(
        title=title or f"{label(report).capitalize()}s by {by}",
        headings=[_HEADINGS.get(name, by if name == "key" else label(name)) for name in shown],
        numbers=[pd.api.types.is_numeric_dtype(rows[name]) for name in shown],
        data=json.dumps(data).replace("<", "\\u003c"),  # no text can end the element it stands in
        said=f"{count(len(table), 'report')}" + (f", {failed} failed" if failed else ""),
        made_at=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        policy=policy([style], [script]),
        style=style,
        script=script,
    )
    return write_page(folder / NAME, page)


def _about(corpus: Corpus) -> pd.DataFrame:
    calls = corpus.calls
    if "summaries" in corpus.tables:
        known = corpus.table("summaries").reindex(columns=["call_id", "reason", "outcome", "resolved"])
        calls = calls.drop(columns=["reason", "outcome", "resolved"], errors="ignore").merge(
            known, on="call_id", how="left"
        )
    about = calls.reindex(columns=["call_id", *_ABOUT])
    return about.assign(duration_s=(about["duration_s"] / 60).round(1))


def _cell(value: Any) -> str | float | None:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return float(value) if isinstance(value, int | float) else str(value)


def _file(name: str) -> str:
    return (_TEMPLATES / "index" / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES / "index"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return made.get_template("index.html.j2")
