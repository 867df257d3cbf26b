"""What arrived while somebody spoke: the hypotheses and finals of real-time sessions, as records and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

HYPOTHESIS, FINAL = "hypothesis", "final"

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call_id": "str",
        "channel": "Int64",  # one session a channel
        "kind": "str",  # hypothesis or final
        "text": "str",
        "speaker": "str",  # as far as it is known when the text arrives
        "start_s": "float64",  # where the text begins and ends in the recording
        "end_s": "float64",
        "sent_s": "float64",  # how much of the recording had been sent when it arrived
        "arrived_s": "float64",  # since the recording began to be played to the service
        "pace": "float64",  # seconds of sound sent in a second; missing: as fast as the service takes it
        "cached": "bool",  # whether the answer may come from a cache
    }
)
"""The columns of a table of events, in order of arrival within a call and channel."""


class Event(NamedTuple):
    """A text that arrived; the columns of `EVENTS`, None where a value is missing."""

    call_id: str
    channel: int
    kind: str
    text: str
    speaker: str | None
    start_s: float
    end_s: float
    sent_s: float
    arrived_s: float
    pace: float | None
    cached: bool = False


def to_table(events: Iterable[Event]) -> pd.DataFrame:
    """Make the table of events, which `corpus.write_table("events", ...)` keeps beside the transcripts.

    >>> hello = Event("c1", 0, HYPOTHESIS, "hello", None, 0.5, 0.9, 1.2, 1.2, 1.0)
    >>> to_table([hello]).loc[0, ["kind", "text", "arrived_s"]].tolist()
    ['hypothesis', 'hello', 1.2]
    """
    import pandas as pd

    rows: list[Any] = list(events)
    return pd.DataFrame(rows, columns=list(EVENTS)).astype(dict(EVENTS))
