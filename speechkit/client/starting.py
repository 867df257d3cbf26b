"""How a run begins: what was asked is written down, and settled recording by recording; nothing is sent yet."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.client.container import list_container
from speechkit.client.desk import Desk, run_folder
from speechkit.client.ledger import Ledger
from speechkit.client.options import Options
from speechkit.client.plan import Plan, check_hours, check_options, known_calls, list_rows, look
from speechkit.client.recording import Problem, failed_row
from speechkit.errors import RequestRefusedError
from speechkit.progress import ProgressCallback

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.corpus import Corpus

_NAME: Final = re.compile(r"\w[\w .+-]{0,99}")  # also the name of a folder


def open_ledger(home: Path) -> Ledger:
    """Open the ledger of all runs in a folder, SPEECHKIT_HOME."""
    return Ledger(home / "runs.sqlite")


def begin_run(
    home: Path,
    recordings: object = None,
    *,
    container: str | None = None,
    corpus: Corpus | str | os.PathLike[str] | None = None,
    metadata: pd.DataFrame | str | os.PathLike[str] | None = None,
    name: str | None = None,
    again: bool = False,
    delete: bool = False,
    plain_urls: bool = False,
    job_size: int | None = None,
    max_hours: float | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Desk:
    """Write a run into the ledger and plan it, as `Batch.submit` does; nothing is sent, and no service needed."""
    if (recordings is None) == (not container):
        which = "both were" if container else "neither was"
        raise RequestRefusedError(f"give either recordings or the URL of a container: {which} given.")
    import pandas as pd

    if isinstance(recordings, pd.DataFrame):
        if metadata is not None:
            raise RequestRefusedError("the table of recordings has the metadata: give no other.")
        metadata = recordings
        recordings = _addresses(metadata)
    if isinstance(recordings, Plan) and options:
        raise RequestRefusedError(f"a plan has its options: give {', '.join(options)} to plan().")
    from speechkit.transcripts.metadata import is_pattern

    base, told = check_options("batch", options)
    name = name or f"run-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if not _NAME.fullmatch(name):
        raise RequestRefusedError(f"{name!r} cannot name a run. Use letters, digits, spaces and . + - _")
    own = run_folder(home, name) / "corpus"
    path = own if corpus is None else corpus if isinstance(corpus, str | os.PathLike) else corpus.path
    asked = {"options": base.json(), "told": told, "again": again, "job_size": job_size, "delete": delete}
    asked["plain_urls"] = plain_urls
    given = list_container(container) if container else recordings
    rows = _rows_of(given) if isinstance(given, Plan) else list_rows(given)
    packed = None if metadata is None else _packed(metadata)
    asked["names"] = str(metadata) if is_pattern(metadata) else None
    ledger = open_ledger(home)
    ledger.begin(name, os.path.realpath(os.path.expanduser(path)), asked, rows, packed)
    desk = Desk(name, ledger, [], None, home)
    plan_run(desk, progress)
    try:
        check_hours(desk.select("state = 'planned'", columns="total(duration_s) AS s")[0]["s"], max_hours)
    except RequestRefusedError:
        ledger.forget(name)
        raise
    return desk


def plan_run(desk: Desk, progress: ProgressCallback | None = None) -> None:
    """Look at the recordings that nobody has looked at, and settle which of them are to be sent."""
    from speechkit.transcripts.corpus import open_corpus

    with desk.locked():
        if not desk.has("state IN ('listed', 'looked')"):
            return
        base = Options.of_json(desk.asked["options"])
        look(desk.ledger, desk.name, base, told=desk.asked["told"], progress=progress)
        since_s = time.time()
        there = desk.corpus_path.exists()
        known = known_calls(open_corpus(desk.corpus_path)) if there else iter(())
        desk.ledger.settle(desk.name, known, again=desk.asked["again"], since_s=since_s)


def has_files(desk: Desk) -> bool:
    """Whether any of what is planned has to be published."""
    return desk.has("state = 'planned' AND address NOT LIKE 'http%://%'")


def raise_if_nothing(desk: Desk) -> None:
    """Raise when nothing of a run could be sent: the first problem. That everything is there already is fine."""
    if set(desk.ledger.count(desk.name)) - {"failed"}:
        return
    failed = desk.select("state = 'failed'")
    if not failed:
        raise RequestRefusedError("no recordings were given. Give files, folders, patterns or URLs.")
    error = Problem.of_row(failed[0]).error
    more = len(failed) - 1
    raise error if not more else type(error)(f"{error} ({more} more recordings have problems.)")


def _addresses(table: pd.DataFrame) -> list[str]:
    """The recordings that a table names, in its column `file` or `source`."""
    column = next((name for name in ("file", "source") if name in table), None)
    if column is None:
        raise RequestRefusedError(
            "the table of recordings has no column `file` with their paths or URLs. Add it."
        )
    return [str(address) for address in table[column]]


def _rows_of(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the rows of a plan for the ledger: they are looked at, and get their call_id when they are settled."""
    for item in plan.items:
        place = item.source if item.is_url else os.path.realpath(item.address)
        yield {**item.row, "address": item.address, "place": place}
    for problem in plan.problems:
        yield {"address": problem.file, "place": problem.file, **failed_row(problem.file, problem.error)}
    for source, note in plan.skipped:
        yield {"address": source, "place": source, "source": source, "note": note, "state": "skipped"}


def _packed(metadata: pd.DataFrame | str | os.PathLike[str]) -> bytes | None:
    """Check a table of metadata, and make it bytes that the ledger keeps; a pattern of names has none."""
    import io

    import pandas as pd

    from speechkit.transcripts.metadata import is_pattern, join_metadata, read_metadata
    from speechkit.transcripts.schema import empty

    join_metadata(empty("calls"), metadata)
    if is_pattern(metadata):
        return None
    table = metadata if isinstance(metadata, pd.DataFrame) else read_metadata(metadata)
    held = io.BytesIO()
    table.to_parquet(held, index=False)
    return held.getvalue()
