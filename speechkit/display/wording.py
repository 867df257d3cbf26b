"""Numbers and lists as sentences need them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from speechkit.transcripts.schema import clock as clock  # reports write times with the other words


def percent(share: float) -> str:
    """Write a share (0 to 1) in percent; what is not 0 never reads as 0, what is not all never as 100.

    >>> percent(0.138), percent(0.001), percent(0.999), percent(1.0), percent(float("nan"))
    ('14%', 'under 1%', 'over 99%', '100%', 'not known')
    """
    if math.isnan(share):
        return "not known"
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "under 1%"
    if rounded == 100 and share < 1:
        return "over 99%"
    return f"{rounded}%"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun.

    >>> count(1, "call"), count(1200, "call"), count(2, "reply", "replies"), count(0, "call")
    ('1 call', '1,200 calls', '2 replies', 'no calls')
    """
    many = plural or f"{noun}s"
    return f"{number or 'no':{',' if number else ''}} {noun if number == 1 else many}"


def part(number: int, total: int, noun: str) -> str:
    """Write how many of all the things of a kind.

    >>> part(0, 5, "call"), part(2, 5, "call"), part(5, 5, "call"), part(1, 1, "call")
    ('none of 5 calls', '2 of 5 calls', 'all 5 calls', 'the only call')
    """
    if total == 1:
        return f"the only {noun}" if number else f"not the only {noun}"
    if number in (0, total):
        return f"{'all' if number else 'none of'} {count(total, noun)}"
    return f"{number:,} of {count(total, noun)}"


def listing(names: Sequence[str], most: int = 4) -> str:
    """Join names as a sentence does, and count the ones beyond `most`.

    >>> listing(["a"]), listing(["a", "b", "c"]), listing(list("abcdef"), most=3)
    ('a', 'a, b and c', 'a, b, c and 3 more')
    """
    shown = [str(name) for name in names]
    if len(shown) > most:
        shown = [*shown[:most], f"{len(shown) - most:,} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else "none"


def length(seconds: float) -> str:
    """Write a length of time as people say it.

    >>> length(8.26), length(61), length(754), length(5400)
    ('8.3 s', '61 s', '12.6 min', '1.5 h')
    """
    if math.isnan(seconds):
        return "not known"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:,.1f} h"


def day(when: pd.Timestamp, year: bool = True) -> str:
    """Write a day.

    >>> day(pd.Timestamp("2026-09-07")), day(pd.Timestamp("2026-09-07"), year=False)
    ('7 Sep 2026', 'Mon 7 Sep')
    """
    return f"{when.day} {when:%b %Y}" if year else f"{when:%a} {when.day} {when:%b}"


def label(name: str) -> str:
    """Write a label of a table as people read it.

    >>> label("technical_fault"), label("agent")
    ('technical fault', 'agent')
    """
    return name.replace("_", " ")
