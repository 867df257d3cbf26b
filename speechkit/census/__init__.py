"""Names that are common in the United States: a recognizer expects them, and masking finds them.

Most are from the lists of the census of 1990, which are in the public domain; what is also a word, a place or a firm
of its own is left out.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def given_names() -> frozenset[str]:
    """Given names, in small letters.

    >>> "gwendolyn" in given_names(), "mark" in given_names()
    (True, False)
    """
    return _listed("given_names")


@cache
def names() -> frozenset[str]:
    """Given names and surnames, in small letters.

    >>> "thornton" in names(), "baker" in names()
    (True, False)
    """
    return given_names() | _listed("surnames")


def _listed(kind: str) -> frozenset[str]:
    lines = Path(__file__).with_name(f"{kind}.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).lower().split())
