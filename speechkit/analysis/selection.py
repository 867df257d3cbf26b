"""Which calls an analysis is about: a part of a corpus by day, agent, queue or any other column, and its
summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from speechkit.analysis import speakers
from speechkit.analysis.exchange import RULES, Rules
from speechkit.analysis.roles import roles
from speechkit.analysis.trends import in_period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from speechkit.transcripts.schema import Transcript

SUMMARY_COLUMNS = (
    *("call_id", "summary", "summary_quote", "summary_start_s", "reason", "reason_quote", "reason_start_s"),
    *("outcome", "outcome_quote", "outcome_start_s", "resolved"),
    *("mood_start", "mood_end", "mood_trend", "mood_turn_start_s"),
)
"""What is read of the table of summaries; a column that it lacks is missing in every row."""


class Shelf(Protocol):
    """What is used of a corpus: tables by name."""

    @property
    def tables(self) -> list[str]: ...
    def table(self, name: str) -> pd.DataFrame: ...


def among(calls: pd.DataFrame, *, start: str = "", end: str = "", **wanted: str) -> pd.DataFrame:
    """Keep the rows of calls from the day `start` to the day `end`, both included, with these values in their
    columns.

    An empty text means any. ValueError for a day that cannot be read, and for a column that the calls do not
    have.

    >>> among(pd.DataFrame({"call_id": ["a", "b"], "queue": ["billing", "sales"]}), queue="sales", agent="")
      call_id  queue
    0       b  sales
    """
    calls = in_period(calls, start, end)
    for column, value in wanted.items():
        if not value:
            continue
        if column not in calls:
            raise ValueError(
                f"the calls have no column {column!r}. Add it with: speechkit transcribe ... --metadata CSV"
            )
        calls = calls[calls[column] == value]
    return calls.reset_index(drop=True)


def select(transcript: Transcript, *, start: str = "", end: str = "", **wanted: str) -> Transcript:
    """Keep the calls `among` those of a transcript, with all that was said in them.

    >>> from speechkit.transcripts.schema import Transcript
    >>> calls = pd.DataFrame({"call_id": ["a", "b"], "queue": ["billing", "sales"]})
    >>> select(Transcript(calls), queue="sales", agent="").call_ids
    ['b']
    """
    calls = among(transcript.calls, start=start, end=end, **wanted)
    return transcript.filter(call_id=calls["call_id"].tolist())


def parties(
    transcript: speakers.Tables, agent_channel: int | None = 0, *, rules: Rules = RULES, guess: bool = True
) -> pd.DataFrame:
    """Join what is known of each party of each call: `speakers.talk`, its role and the metadata of the call.

    The columns are those of `speakers.talk`, `role` and `role_confidence` of `roles.roles`, and `queue`,
    `agent` and `day` of the call; these are missing where the calls do not have them.
    """
    about = transcript.calls.reindex(columns=["call_id", "queue", "agent", "recorded_at"])
    about = about.assign(day=_days(about)).drop(columns="recorded_at")
    about = about.astype({"queue": "str", "agent": "str"})
    role = roles(transcript, agent_channel, guess=guess).rename(columns={"confidence": "role_confidence"})
    table = speakers.talk(transcript, rules).merge(role.drop(columns="evidence"), on=["call_id", "party"])
    return table.merge(about, on="call_id")


def whole_calls(transcript: speakers.Tables, *, rules: Rules = RULES) -> pd.DataFrame:
    """Join what is known of each call: its columns, its `day`, and those of `speakers.overview`."""
    measured = speakers.overview(transcript, rules).drop(columns="duration_s")
    calls = transcript.calls
    return calls.assign(day=_days(calls)).merge(measured, on="call_id")


def _days(calls: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """The day of each call, missing where it is not known."""
    return pd.to_datetime(calls["recorded_at"]).dt.normalize()


def summaries_of(shelf: Shelf, call_ids: list[str]) -> pd.DataFrame:
    """Return the summaries of some calls, in the order of `call_id`; no rows where there is no table of them.

    The columns are SUMMARY_COLUMNS. A call whose summary failed, or that has no speech, is left out.
    """
    table: Any = pd.DataFrame(columns=list(SUMMARY_COLUMNS))
    if "summaries" in shelf.tables:
        table = shelf.table("summaries")
        if "status" in table:
            table = table[table["status"] == "ok"]
    table = table.reindex(columns=list(SUMMARY_COLUMNS))
    kept: pd.DataFrame = table[table["call_id"].isin(call_ids)].sort_values("call_id", ignore_index=True)
    return kept


def side_of(shelf: Shelf, name: str, call_ids: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a side table (`moods`, `checks`) of some calls; no rows where there is no such table."""
    if name not in shelf.tables:
        return pd.DataFrame({"call_id": pd.Series(dtype="str")})
    table = shelf.table(name)
    return table[table["call_id"].isin(call_ids)].reset_index(drop=True)
