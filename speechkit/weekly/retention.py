"""Calls that are older than they may be leave, with everything that was made of them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from speechkit.errors import SpeechkitError
from speechkit.forget import forget
from speechkit.settings import Settings
from speechkit.transcripts.corpus import Corpus
from speechkit.whole import whole

TO_FORGET: Final = ".weekly-forget.json"


def remove_old(
    corpus: Corpus, before: datetime, folder: Path, settings: Settings
) -> tuple[int, list[str], int]:
    """Forget the calls recorded before a time; answers how many left, what went wrong, and how many have no date.

    Which they are is written into `folder` first: what cannot be reached today is tried again the next time, also
    when the process ends on the way.
    """
    calls = corpus.calls
    old = set(calls.loc[calls["recorded_at"] < before, "call_id"])
    young = set(calls["call_id"]) - old
    wanted = (old | set(_read(folder))) - young
    undated = int(calls["recorded_at"].isna().sum())
    if not wanted:
        return 0, [], undated
    _write(folder, sorted(wanted))
    if old:
        corpus.remove(old)  # at once: each removal by itself writes thousands of other calls again
    left, problems = [], []
    for call_id in sorted(wanted):
        try:
            found = forget(call_id, corpus.path, settings=settings).unreached
        except SpeechkitError as error:
            found = [str(error)]
        if found:
            left.append(call_id)
            problems.append(f"{call_id} is not forgotten everywhere: {'; '.join(found)}")
    _write(folder, left)
    return len(wanted) - len(left), problems, undated


def _read(folder: Path) -> list[str]:
    try:
        return list(map(str, json.loads((folder / TO_FORGET).read_text("utf-8"))))
    except (OSError, ValueError):
        return []


def _write(folder: Path, call_ids: list[str]) -> None:
    if call_ids:
        with whole(folder / TO_FORGET) as part:
            part.write_text(json.dumps(call_ids), encoding="utf-8")
    else:
        (folder / TO_FORGET).unlink(missing_ok=True)
