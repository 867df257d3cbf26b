"""Times of results: ticks, milliseconds, ISO 8601 or seconds, all made ticks of 100 ns; missing is NaN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from speechkit.limits import TICKS_PER_SECOND

TICKS_PER_MILLISECOND: Final = TICKS_PER_SECOND // 1000
_ISO: Final = re.compile(
    r"(-)?P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$", re.IGNORECASE
)
_NAN: Final = float("nan")


class OddValueError(ValueError):
    """A text stands where a time or a channel should be: the text, and what it should be."""


def spans(items: Sequence[Any], bare: int) -> tuple[list[float], list[float]]:
    """Return starts and lengths of phrases or words in ticks; a number without a unit is `bare` ticks."""
    starts = [item.offset_in_ticks for item in items]
    lengths = [item.duration_in_ticks for item in items]
    if None in starts:
        starts = [
            to_ticks(i.offset_in_ticks, i.offset_milliseconds, i.offset, i.offset_in_seconds, bare)
            for i in items
        ]
    if None in lengths:
        lengths = [
            to_ticks(i.duration_in_ticks, i.duration_milliseconds, i.duration, i.duration_in_seconds, bare)
            for i in items
        ]
    return starts, lengths


def to_ticks(
    ticks: float | None,
    milliseconds: float | None,
    value: float | str | None,
    seconds: float | None,
    bare: int,
) -> float:
    """Return the first of these that is there, in ticks. Raises OddValueError.

    >>> to_ticks(None, None, "PT1M2.5S", None, 1), to_ticks(None, 720, None, None, 1)
    (625000000.0, 7200000)
    """
    if ticks is not None:
        return ticks
    if milliseconds is not None:
        return milliseconds * TICKS_PER_MILLISECOND
    if value is None:
        return _NAN if seconds is None else seconds * TICKS_PER_SECOND
    if not isinstance(value, str):
        return value * bare
    if match := _ISO.match(value):
        sign, *parts = match.groups()
        days, hours, minutes, rest = (float(part or 0) for part in parts)
        total = 86400 * days + 3600 * hours + 60 * minutes + rest
        return float(round((-total if sign else total) * TICKS_PER_SECOND))
    try:
        return float(value) * bare
    except ValueError:
        raise OddValueError(value, "time") from None
