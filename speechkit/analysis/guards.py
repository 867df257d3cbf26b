"""What is refused or doubted before a rate is believed: each says so with the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.streams import by_channel
from speechkit.errors import TranscriptError

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables


def shared_calls(reference: Tables, transcript: Tables) -> tuple[list[str], list[str]]:
    """Return the calls that both have, in order, and notes that name the others.

    Raises TranscriptError where there is none that both have.
    """
    known, found = (set(map(str, t.calls["call_id"])) for t in (reference, transcript))
    both = sorted(known & found)
    if not both:
        raise TranscriptError(
            f"the reference is of other calls: it has {some(known)}, the transcript has {some(found)}. "
            "Give the reference of these calls, or name the files after them."
        )
    notes = []
    if missing := sorted(found - known):
        notes.append(f"{_calls(missing)} of the transcript without a reference, not scored: {some(missing)}.")
    if others := sorted(known - found):
        notes.append(f"{_calls(others)} of the reference without a transcript, not scored: {some(others)}.")
    return both, notes


def check_channels(call_ids: Sequence[str], reference: Tables, transcript: Tables) -> set[str]:
    """Refuse a mono reference for a stereo call, and the reverse: TranscriptError names the call.

    A channel of the reference on which nothing was recognized is no contradiction. The answer are the calls
    of one channel whose number only one side knows: they are one row of words.
    """
    said, heard = (_channels(tables) for tables in (reference, transcript))
    merged = set()
    for call_id in call_ids:
        own, other = said.get(call_id, set()), heard.get(call_id, set())
        if own == other or not own or not other:
            continue
        if len(own) == len(other) == 1 and -1 in own | other:
            merged.add(call_id)
        elif not (len(own) > 1 and other < own and _is_stereo(transcript, call_id)):
            raise TranscriptError(
                f"{call_id}: the reference is of {_named(own)}, the transcript of {_named(other)}. Give a "
                "reference with the same channels, or score all channels as one with channels='mixed'."
            )
    return merged


def doubts(rates: Mapping[str, ErrorRate], heard: Mapping[str, int]) -> list[str]:
    """Say of calls what is improbable: no words on one side, more errors than words.

    `heard` counts the words of the transcript by call.

    >>> doubts({"c1": ErrorRate(38, 0, 38, 0, 16)}, {"c1": 54})  # doctest: +NORMALIZE_WHITESPACE
    ['c1: a word error rate of 142% (54 errors on 38 words). Is it the reference of this call, in this
    language?']
    """
    notes = []
    for call_id, rate in rates.items():
        said, found = f"{rate.total:,}", f"{heard.get(call_id, 0):,}"
        if not rate.total:
            if heard.get(call_id):
                notes.append(
                    f"{call_id}: the reference has no words, the transcript {found}: all are inserted."
                )
        elif not heard.get(call_id):
            notes.append(f"{call_id}: the transcript has no words, the reference {said}: all are missing.")
        elif rate.rate > 1:
            notes.append(
                f"{call_id}: a word error rate of {100 * rate.rate:.0f}% ({rate.errors:,} errors on {said} "
                "words). Is it the reference of this call, in this language?"
            )
    return notes


def some(names: Sequence[str] | set[str], most: int = 5) -> str:
    """Name the first few.

    >>> some({"c2", "c1"}), some([]), some(list("abcdef"), 2)
    ('c1, c2', 'none', 'a, b and 4 more')
    """
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return (", ".join(ordered[:most]) or "none") + more


def _channels(tables: Tables) -> dict[str, set[int]]:
    phrases = tables.phrases[["call_id"]].assign(channel=by_channel(tables)).drop_duplicates()
    return {str(name): set(group) for name, group in phrases.groupby("call_id")["channel"]}


def _is_stereo(tables: Tables, call_id: str) -> bool:
    """Say whether the recording may have more channels than something was heard on."""
    channels = tables.calls.loc[tables.calls["call_id"] == call_id, "channels"]
    return bool((channels.isna() | (channels > 1)).all())


def _named(channels: set[int]) -> str:
    if channels == {-1}:
        return "no known channel"
    return f"channel{'s' if len(channels) > 1 else ''} {' and '.join(map(str, sorted(channels)))}"


def _calls(names: Sequence[str]) -> str:
    return f"{len(names)} call{'s' if len(names) != 1 else ''}"
