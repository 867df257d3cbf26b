"""The places of a call that are worth a listen."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from speechkit.analysis.confidence import BELOW
from speechkit.analysis.exchange import INTERRUPTION, RULES, Rules, overlaps, turns
from speechkit.analysis.holds import holds
from speechkit.analysis.speakers import silences, who
from speechkit.analysis.timed import once

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables
    from speechkit.transcripts.schema import Transcript

HOLD, SILENCE, MONOLOGUE, DOUBT = "hold", "silence", "monologue", "doubt"
_COLUMNS: Final = ["start_s", "end_s", "kind", "party", "quote", "phrase_id"]


def moments(transcript: Transcript, call_id: str, *, rules: Rules = RULES, most: int = 3) -> pd.DataFrame:
    """List what stands out in one call, in time order.

    The kinds are `hold`, `silence` (that is no hold), `interruption`, `monologue` (the longest turn) and
    `doubt` (phrases with the most words under `confidence.BELOW`); at most the `most` longest or worst of
    each. The answer has `start_s`, `end_s`, `kind`, `party` (who speaks, or who breaks the silence), `quote`
    and `phrase_id`. A call without times has no moments.

    >>> from speechkit.transcripts.schema import Transcript
    >>> phrases = pd.DataFrame({"call_id": "a", "phrase_id": ["a:0001", "a:0002"], "speaker": ["1", "2"],
    ...                         "start_s": [0.0, 20.0], "end_s": [3.0, 21.0],
    ...                         "display": ["Please hold.", "Yes."]})
    >>> moments(Transcript(pd.DataFrame({"call_id": ["a"]}), phrases), "a")[["start_s", "kind", "quote"]]
       start_s       kind         quote
    0      0.0  monologue  Please hold.
    1      3.0       hold  Please hold.
    """
    call = once(transcript.call(call_id))
    held, quiet, came_in = holds(call), silences(call), overlaps(call, rules)
    inner = (quiet["place"] == "middle") & ~quiet["start_s"].isin(held["start_s"])
    cuts = came_in["kind"] == INTERRUPTION
    rows = [
        *_largest(held, "duration_s", most, HOLD, party="after"),
        *_largest(quiet, "duration_s", most, SILENCE, inner, party="after"),
        *_largest(came_in, "overlap_s", most, INTERRUPTION, cuts),
        *_largest(turns(call, rules), "duration_s", 1, MONOLOGUE),
        *_doubts(call, most),
    ]
    said = dict(zip(call.phrases["phrase_id"].tolist(), call.phrases["display"].tolist(), strict=True))
    rows = [(*row[:4], row[4] if isinstance(row[4], str) else said.get(row[5]), row[5]) for row in rows]
    rows.sort(key=itemgetter(0))
    return pd.DataFrame(rows, columns=_COLUMNS)


_Row: TypeAlias = tuple[Any, ...]  # as _COLUMNS


def _largest(
    table: pd.DataFrame, column: str, most: int, kind: str, among: Any = None, party: str = "party"
) -> list[_Row]:
    """The rows with the most, the earlier of two that have as much first."""
    rows = np.arange(len(table)) if among is None else np.flatnonzero(among)
    best = rows[np.argsort(-table[column].to_numpy()[rows], kind="stable")[:most]]
    return _listed(table, best, kind, party)


def _listed(table: pd.DataFrame, rows: Any, kind: str, party: str = "party") -> list[_Row]:
    names = [party if name == "party" else name for name in _COLUMNS]
    held = {name: table[name].array.take(rows).tolist() for name in names if name in table}
    held["kind"] = [kind] * len(rows)
    return list(zip(*(held.get(name, [None] * len(rows)) for name in names), strict=True))


def _doubts(call: Tables, most: int) -> list[_Row]:
    """The phrases with the most doubtful words."""
    words, phrases = call.words, call.phrases
    sure = "calibrated" if "calibrated" in words and words["calibrated"].notna().any() else "confidence"
    place = pd.Index(phrases["phrase_id"]).get_indexer(
        words["phrase_id"][(words[sure] < BELOW).to_numpy(bool)]
    )
    doubtful = np.bincount(place[place >= 0], minlength=len(phrases))
    worst = np.argsort(-doubtful, kind="stable")[:most]
    own = phrases.take(worst[doubtful[worst] > 0]).dropna(subset="start_s")
    return _listed(own.assign(party=who(own)), np.arange(len(own)), DOUBT)
