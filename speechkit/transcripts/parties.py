"""The parties of a call, and what to call them where people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN: Final = "unknown"


def parties(table: pd.DataFrame) -> list[str]:
    """Name the party of each phrase or word: its speaker, else its channel, else `unknown`.

    >>> import pandas as pd
    >>> parties(pd.DataFrame({"speaker": ["1", None, None], "channel": pd.array([0, 1, None], "Int64")}))
    ['1', 'channel 1', 'unknown']
    """
    return [
        speaker if isinstance(speaker, str) else f"channel {channel}" if has else UNKNOWN
        for speaker, channel, has in zip(
            table["speaker"].tolist(), table["channel"].tolist(), table["channel"].notna(), strict=True
        )
    ]


def labels(found: Iterable[str], names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give each party the label that people read, in the order in which the parties come up.

    `names` maps a party (`"1"`, `"channel 0"`) to a name of your own. Else a bare number becomes `Speaker 1`,
    and the first letter is a capital. White space and control characters become single spaces.

    >>> labels(["1", "channel 0", "1", "Guest-2"], {"channel 0": "Agent"})
    {'1': 'Speaker 1', 'channel 0': 'Agent', 'Guest-2': 'Guest-2'}
    """
    given = names or {}
    labelled = {}
    for party in dict.fromkeys(found):
        usual = f"Speaker {party}" if party.isdecimal() else party[:1].upper() + party[1:]
        printable = "".join(c if c.isprintable() else " " for c in given.get(party) or usual)
        labelled[party] = " ".join(printable.split()) or UNKNOWN.capitalize()
    return labelled
