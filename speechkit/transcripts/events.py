"""What arrived while somebody spoke: the hypotheses and finals of real-time sessions, as records and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

HYPOTHESIS, FINAL = "hypothesis", "final"

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call_id": "str",
        "channel": "int64",  # one session a channel
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
    >>> to_table([hello])[["call_id", "kind", "text", "arrived_s"]]
      call_id        kind   text  arrived_s
    0      c1  hypothesis  hello        1.2
    """
    import pandas as pd

    rows: list[Any] = list(events)
    return pd.DataFrame(rows, columns=list(EVENTS)).astype(dict(EVENTS))


def to_transcript(events: Iterable[Event]) -> Transcript:
    """Make a transcript without words of what events say: a phrase an event, in the order of time.

    >>> said = Event("c1", 0, FINAL, "Hello.", "Guest-1", 0.5, 0.9, 1.4, 1.4, 1.0)
    >>> print(to_transcript([said]).text())
    [0:00] Guest-1: Hello.
    """
    import pandas as pd

    from speechkit.transcripts.schema import Transcript

    heard = sorted(events, key=lambda e: (e.call_id, e.start_s, e.channel))
    rows = [
        {"call_id": e.call_id, "phrase_id": f"{e.call_id}:{number:04d}", "channel": e.channel,
         "speaker": e.speaker, "start_s": e.start_s, "end_s": e.end_s, "display": e.text}
        for number, e in enumerate(heard, start=1)
    ]  # fmt: skip
    calls = pd.DataFrame({"call_id": list(dict.fromkeys(e.call_id for e in heard))}, dtype="str")
    return Transcript(calls, pd.DataFrame(rows) if rows else None)
