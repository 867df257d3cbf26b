"""The rows of words that are compared: what was said on a channel, in a call or by a party, in order."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from speechkit.analysis.normalize import Rules, normalize_words
from speechkit.transcripts.parties import parties

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from speechkit.analysis.speakers import Tables

Form = Literal["lexical", "display"]
Key = tuple[str, Hashable]
FORMS: tuple[Form, ...] = ("lexical", "display")


@dataclass(frozen=True)
class Stream:
    """The words of a row in their normal form, and for each the row of the phrases table it stands in."""

    words: list[str]
    phrase: NDArray[np.int64]


def texts(phrases: pd.DataFrame, form: Form = "lexical") -> pd.Series[str]:
    """Return the text of phrases: as spoken (`lexical`) or as people read it (`display`), else another."""
    if form not in FORMS:
        raise ValueError(f"form={form!r} is not a form of a transcript. Take one of {', '.join(FORMS)}.")
    order = ("lexical", "display", "itn") if form == "lexical" else ("display", "itn", "lexical")
    held = [phrases[name] for name in order if name in phrases]
    answer = held[0]
    for other in held[1:]:
        answer = answer.fillna(other)
    return answer.fillna("")


def read_streams(
    transcript: Tables, keys: Sequence[Hashable], rules: Rules, form: Form = "lexical"
) -> dict[Key, Stream]:
    """Put the phrases of each call and key into one row of words, phrases in the order of the table.

    `keys` names for each phrase the row that it belongs to: its channel, its party, or one for all.
    """
    phrases = transcript.phrases
    spoken: dict[Key, list[str]] = {}
    places: dict[Key, list[tuple[int, int]]] = {}
    rows = zip(phrases["call_id"], keys, texts(phrases, form), strict=True)
    for place, (call_id, key, text) in enumerate(rows):
        said = text.split()
        spoken.setdefault((call_id, key), []).extend(said)
        places.setdefault((call_id, key), []).append((place, len(said)))
    answer = {}
    for at, words in spoken.items():
        normal = normalize_words(words, rules)
        phrase = np.repeat(*np.array(places[at], np.int64).T)
        answer[at] = Stream(normal.words, phrase[np.array(normal.origins, np.int64)])
    return answer


def by_party(transcript: Tables) -> list[str]:
    """The party of each phrase."""
    return parties(transcript.phrases)


def by_channel(transcript: Tables) -> list[int]:
    """The channel of each phrase, -1 where it is not known."""
    return [int(c) for c in transcript.phrases["channel"].to_numpy(np.int64, na_value=-1)]
