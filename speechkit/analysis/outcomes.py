"""What came of each call, in one row: resolved or not, called again or not, and how it was talked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from speechkit.analysis.measures import measure
from speechkit.analysis.repeats import WITHIN_DAYS, repeat_contacts
from speechkit.analysis.selection import summaries_of

if TYPE_CHECKING:
    from speechkit.progress import ProgressCallback
    from speechkit.transcripts.corpus import Corpus


def outcomes(
    corpus: Corpus,
    topics: pd.DataFrame | None = None,
    customer: str = "caller_number",
    within_days: float = WITHIN_DAYS,
    agent_channel: int | None = 0,
    progress: ProgressCallback | None = None,
) -> pd.DataFrame:
    """Join what is known of each call: its columns, its measures, its summary, its topic, and what followed.

    The columns are those of `selection.whole_calls`, and resolved ("yes", "no", "unclear"), unresolved
    (boolean: not "yes"; missing without a summary), reason, again (boolean; `repeats.repeat_contacts`, missing
    where the calls have no column `customer`), weekday, longest_silence_s (0 where none is three seconds long),
    agent_share (of the speech, 0 to 1), and topic where `topics` (the `calls` of `topics.find_topics`) is given.
    One row a call.
    """
    measured = measure(corpus, agent_channel=agent_channel, below=None, progress=progress)
    table = measured.calls
    said = summaries_of(corpus, corpus.call_ids)[["call_id", "resolved", "reason"]]
    table = table.merge(said, on="call_id", how="left")
    known = table["resolved"].notna()
    table["unresolved"] = (table["resolved"] != "yes").astype("boolean").mask(~known)
    again = (
        repeat_contacts(table, customer, within_days)[["call_id", "again"]]
        if customer in table
        else table[["call_id"]].assign(again=pd.array([pd.NA] * len(table), dtype="boolean"))
    )
    table = table.merge(again, on="call_id", how="left")
    table["weekday"] = table["recorded_at"].dt.day_name()
    longest = measured.silences.groupby("call_id")["duration_s"].max()
    table["longest_silence_s"] = table["call_id"].map(longest).fillna(0.0)
    talk = measured.parties
    share = talk.loc[talk["role"] == "agent"].set_index("call_id")["talk_share"]
    table["agent_share"] = table["call_id"].map(share)
    return table if topics is None else table.merge(topics[["call_id", "topic"]], on="call_id", how="left")
