"""The reports of a weekly job: those of the week by its first day, those of the corpus in a folder each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import speechkit
from speechkit.display.wording import label
from speechkit.errors import SpeechkitError, WorkersError
from speechkit.progress import ProgressCallback
from speechkit.transcripts import shards
from speechkit.transcripts.corpus import Corpus
from speechkit.weekly.config import Report
from speechkit.weekly.week import Week
from speechkit.whole import whole

JOURNAL: Final = ".weekly.json"


def check_reports(wanted: Sequence[Report]) -> None:
    """Refuse what could not be made, before anything is transcribed; raises ReportError."""
    from speechkit.reports.parameters import check_parameters, find_report

    for report in wanted:
        check_parameters(find_report(report.name), report.parameters)


def make_reports(
    wanted: Sequence[Report],
    folder: Path,
    corpus: Corpus,
    week: Week,
    calls: int,
    progress: ProgressCallback | None,
    scheduler: str | None,
) -> tuple[int, list[str]]:
    """Make the reports that have changed; answers how many were made, and what went wrong with the others.

    A report without `by` is of the `calls` of the week, `{week}/{name}.html`, and is not made of none. One with
    `by` is of every call, agent, day or queue of the corpus, in the folder `{name}_by_{by}`; the workers of a
    `scheduler` make it, and this machine what they cannot.
    """
    made = 0
    failed: list[str] = []
    for report in wanted:
        try:
            if report.by and not corpus.call_ids:
                continue
            if report.by:
                try:
                    more, wrong = _fleet(report, folder, corpus, progress, scheduler)
                except WorkersError as error:
                    if scheduler is None:
                        raise
                    scheduler = None  # nor is it asked again for the next report
                    failed.append(f"{error} The reports are made on this machine instead.")
                    more, wrong = _fleet(report, folder, corpus, progress, None)
                made, failed = made + more, failed + wrong
            elif calls:
                made += _one(report, folder, corpus, week, calls, progress)
        except SpeechkitError as error:
            failed.append(str(error))
    return made, failed


def _fleet(
    report: Report, folder: Path, corpus: Corpus, progress: ProgressCallback | None, scheduler: str | None
) -> tuple[int, list[str]]:
    from speechkit.reports.fleet import run_reports

    assert report.by
    name = _fleet_folder(report)
    table = run_reports(
        report.name,
        corpus=corpus.path,
        out=folder / name,
        by=report.by,
        parameters=report.parameters,
        scheduler=scheduler,
        progress=progress,
    )
    wrong = table.loc[table["status"] == "failed", ["file", "error"]].itertuples(index=False)
    journal = _read(folder)
    title = f"{label(Path(report.name).stem)}s by {report.by}"
    journal[f"{name}/index.html"] = {"key": title, "calls": len(corpus.call_ids)}
    _write(folder, journal)
    return int((table["status"] == "made").sum()), [f"{name}/{file}: {error}" for file, error in wrong]


def _one(
    report: Report, folder: Path, corpus: Corpus, week: Week, calls: int, progress: ProgressCallback | None
) -> int:
    from speechkit.reports import run_report
    from speechkit.reports.parameters import find_report, report_parameters

    notebook = find_report(report.name)
    known = set(report_parameters(notebook)["name"])
    given: dict[str, Any] = {}
    if {"start", "end"} <= known:
        given |= {"start": str(week.first), "end": str(week.last)}
    if "title" in known:
        given["title"] = f"Calls of the week of {week.first} to {week.last}"
    given |= report.parameters
    file = f"{week}/{notebook.stem}.html"
    states = {name: shards.shard_names(corpus.path / name) for name in corpus.tables}
    made_of = json.dumps([given, states, notebook.read_text("utf-8"), speechkit.__version__], sort_keys=True)
    fingerprint = hashlib.sha256(made_of.encode()).hexdigest()
    journal = _read(folder)
    if journal.get(file, {}).get("of") == fingerprint and (folder / file).exists():
        return 0
    run_report(notebook, corpus=corpus.path, out=folder / file, parameters=given, progress=progress)
    journal[file] = {
        "key": f"{week}: {label(notebook.stem)}",
        "calls": calls,
        "of": fingerprint,
        "first": str(week.first),
    }
    _write(folder, journal)
    return 1


def print_reports(
    wanted: Sequence[Report], folder: Path, week: Week, progress: ProgressCallback | None
) -> tuple[int, list[str]]:
    """Print as PDF what is to be, and is not yet; answers how many were printed, and what went wrong.

    A PDF that is older than its page is removed, also where none is wanted any more: what has left the corpus must
    leave it too. Raises ReportError where there is no Chromium.
    """
    from speechkit.reports.index import NAME
    from speechkit.reports.pdf import remove_outdated_pdfs, write_pdfs

    todo: list[Path] = []
    for report in wanted:
        if report.by:
            pages = sorted(p for p in (folder / _fleet_folder(report)).glob("*.html") if p.name != NAME)
        else:
            pages = [folder / str(week) / f"{Path(report.name).stem}.html"]
        if report.pdf:
            todo += pages
        else:
            remove_outdated_pdfs(pages)
    return write_pdfs(todo, progress)


def _fleet_folder(report: Report) -> str:
    return f"{Path(report.name).stem}_by_{report.by}"


def remove_weeks(folder: Path, before: date) -> None:
    """Remove the reports of weeks that began before a day: they may quote calls that are removed too."""
    from speechkit.reports.run import remove_report

    journal = _read(folder)
    for file, row in list(journal.items()):
        if "first" in row and date.fromisoformat(row["first"]) < before:
            path = folder / file
            remove_report(path)
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()
            del journal[file]
    _write(folder, journal)


def write_reports_index(folder: Path, corpus: Corpus) -> None:
    """Write `index.html` over all reports, the latest week first."""
    import pandas as pd

    from speechkit.reports.index import write_index

    rows = [
        {"key": row["key"], "file": file, "status": "made", "calls": row["calls"], "error": ""}
        for file, row in sorted(_read(folder).items(), reverse=True)
    ]
    if rows:
        write_index(folder, pd.DataFrame(rows), corpus, "report", "", title="Weekly reports")


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        held = json.loads((folder / JOURNAL).read_text("utf-8"))
    except (OSError, ValueError):  # none yet, or of a full disk: the reports are made again
        return {}
    return held if isinstance(held, dict) else {}


def _write(folder: Path, journal: dict[str, dict[str, Any]]) -> None:
    if journal != _read(folder):
        with whole(folder / JOURNAL) as part:
            part.write_text(json.dumps(journal, indent=1), encoding="utf-8")
