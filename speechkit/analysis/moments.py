"""The places of a call that are worth a listen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from speechkit.analysis.confidence import BELOW
from speechkit.analysis.exchange import INTERRUPTION, RULES, Rules, overlaps, turns
from speechkit.analysis.holds import holds
from speechkit.analysis.speakers import silences, who

if TYPE_CHECKING:
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
    call = transcript.call(call_id)
    held = holds(call)
    quiet = silences(call)
    quiet = quiet[(quiet["place"] == "middle") & ~quiet["start_s"].isin(held["start_s"])]
    came_in = overlaps(call, rules)
    came_in = came_in[came_in["kind"] == INTERRUPTION]
    parts = [
        _largest(held.rename(columns={"after": "party"}), "duration_s", most).assign(kind=HOLD),
        _largest(quiet.rename(columns={"after": "party"}), "duration_s", most).assign(kind=SILENCE),
        _largest(came_in, "overlap_s", most).assign(kind=INTERRUPTION),
        _largest(turns(call, rules), "duration_s", 1).assign(kind=MONOLOGUE),
        _doubts(call, most),
    ]
    filled = [part.reindex(columns=_COLUMNS) for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=_COLUMNS)
    found = pd.concat(filled, ignore_index=True)
    said = call.phrases.set_index("phrase_id")["display"]
    found["quote"] = found["quote"].astype("str").fillna(found["phrase_id"].map(said))
    return found.sort_values("start_s", ignore_index=True, kind="stable")


def _largest(table: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    """`nlargest`, which takes ten times as long for a few rows."""
    return table.iloc[np.argsort(-table[column].to_numpy(), kind="stable")[:most]]


def _doubts(call: Transcript, most: int) -> pd.DataFrame:
    """The phrases with the most doubtful words."""
    words, phrases = call.words, call.phrases
    sure = "calibrated" if "calibrated" in words and words["calibrated"].notna().any() else "confidence"
    doubtful = (words[sure] < BELOW).groupby(words["phrase_id"]).sum()
    worst = doubtful[doubtful > 0].nlargest(most)
    own = phrases[phrases["phrase_id"].isin(worst.index) & phrases["start_s"].notna()]
    return own.assign(kind=DOUBT, party=who(own))
