"""Where a person should listen again, what that costs, and what it brings.

A word whose calibrated confidence is p is wrong with the chance 1 - p: that many errors are expected of it. An
item of the review is a stretch of a phrase around a word under a threshold, or around several that are heard in
one go: whoever hears it judges every word in it. What was said and never written has no word, and no threshold
finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from speechkit.analysis.confidence import by_phrase, passages
from speechkit.transcripts.tokens import written

if TYPE_CHECKING:
    from speechkit.analysis.speakers import Tables

LISTEN_S: Final = 3.0
"""Listened to for an item of a word or two."""

LEAD_S: Final = 0.5
"""Heard at least before the first word and after the last one of an item."""

THRESHOLDS: Final = 60
_MARGIN: Final = 1e-9  # a confidence of just the threshold is not under it


def curve(words: pd.DataFrame, listen_s: float = LISTEN_S) -> pd.DataFrame:
    """Tell for many thresholds how long the listening takes and how many errors it should catch.

    `words` are those of a transcript; their confidence is the column `calibrated` where there is one. The
    answer has, from few items to all, `below` (the threshold), `items`, `minutes` (of listening, without the
    time to think and type), `expected` (errors in the items, by the confidence), `share` (of all errors
    expected), and `caught` (errors in the items) where the words are judged (`right`).

    >>> words = pd.DataFrame({"phrase_id": "a:0001", "word": "so", "start_s": [0, 1, 2], "end_s": [0.9, 1.9, 2.9],
    ...                       "confidence": [0.9, 0.5, 0.9]})
    >>> curve(words).round(2)[["below", "items", "minutes", "expected", "share"]]
       below  items  minutes  expected  share
    0    0.9      1     0.05       0.7    1.0
    1    1.0      1     0.06       0.7    1.0
    """
    words = by_phrase(words)
    sure = _confidence(words)
    known = sure[~np.isnan(sure)]
    rows: list[tuple[float, ...]] = []
    if len(known):
        values = np.quantile(known, np.linspace(0, 1, THRESHOLDS), method="nearest")
        thresholds = np.unique(np.append(values, 1.0))[1:]  # under the least there is no word
        forms = _forms(words)
        rows = [(below, *_worth(words, forms, sure, below, listen_s)) for below in thresholds]
    table = pd.DataFrame(rows, columns=["below", "items", "minutes", "expected", "caught"], dtype=float)
    table.insert(4, "share", table["expected"] / max(float((1 - known).sum()), _MARGIN))
    return table.drop(columns=[] if "right" in words else "caught").astype({"items": "int64"})


def choose(table: pd.DataFrame, minutes: float | None = None) -> pd.Series[Any]:
    """Choose a row of `curve`: the lowest threshold that fills the `minutes` a person has.

    Without `minutes`, the threshold where listening pays best against hearing everything: where the share of
    the errors caught is furthest above the share of the longest listening. ValueError for an empty table.
    """
    if table.empty:
        raise ValueError("no word has a confidence, so no threshold can be chosen.")
    if minutes is None:
        place = int(np.argmax(table["share"] - table["minutes"] / table["minutes"].max()))
    else:
        place = int(max(np.flatnonzero(table["minutes"] <= minutes), default=0))
    chosen: pd.Series[Any] = table.iloc[place]
    return chosen


def queue(transcript: Tables, below: float, listen_s: float = LISTEN_S) -> pd.DataFrame:
    """List what to listen to, the most expected errors for each second of listening first.

    The columns are those of `confidence.passages`, with the confidence that counts (calibrated where there is a
    column of that name); then `pieces` (of the text, each with whether it is doubted), `from_s` and `to_s`
    (what to hear, within the call), `expected` (errors) and `rate` (of them in a second).
    """
    words = by_phrase(transcript.words)
    words = words.assign(confidence=_confidence(words))
    sure, text, forms = words["confidence"].to_numpy(), written(words).to_numpy(), _forms(words)
    first, last, start, end = _items(words, forms, sure, below, listen_s)
    table = passages(words, first, last)
    lasts = table["call_id"].map(transcript.calls.set_index("call_id")["duration_s"]).fillna(np.inf)
    low = sure < below - _MARGIN
    pieces = [
        _pieces(forms[a : b + 1], text[a : b + 1], low[a : b + 1]) for a, b in zip(first, last, strict=True)
    ]
    table["pieces"] = pd.Series(pieces, dtype=object)
    table["from_s"], table["to_s"] = start, np.minimum(end, np.maximum(lasts, table["end_s"]))
    table["expected"] = table["words"] * (1 - table["confidence"])
    table["rate"] = table["expected"] / (table["to_s"] - table["from_s"])
    return table.sort_values(["rate", "call_id", "start_s"], ascending=[False, True, True], ignore_index=True)


def _confidence(words: pd.DataFrame) -> Any:
    known = "calibrated" in words and words["calibrated"].notna().any()
    return words["calibrated" if known else "confidence"].to_numpy(dtype=float, na_value=np.nan)


def _items(
    words: pd.DataFrame, form: Any, sure: Any, below: float, listen_s: float
) -> tuple[Any, Any, Any, Any]:
    """The places of the first and the last word of each item, and from when to when it is heard."""
    opening = np.flatnonzero(np.diff(form, prepend=-1))  # of each display form, which is not cut in two
    closing = np.append(opening[1:], len(form))[: len(opening)] - 1
    phrase = pd.factorize(words["phrase_id"])[0][opening]
    starts, ends = words["start_s"].to_numpy()[opening], words["end_s"].to_numpy()[closing]
    marked = np.unique(form[sure < below - _MARGIN])
    begin, finish = _window(starts[marked], ends[marked], listen_s)
    opens = np.append(True, (phrase[marked][1:] != phrase[marked][:-1]) | ~(begin[1:] < finish[:-1]))
    opens = opens[: len(marked)]
    first, last = marked[opens], marked[np.append(opens[1:], True)[: len(marked)]]
    begin, finish = _window(starts[first], ends[last], listen_s)
    # what of the same phrase has its middle in there: one rising row of times through all phrases
    middle = np.nan_to_num((starts + ends) / 2)
    far = float(np.max(middle, initial=0.0)) + 2 * listen_s + 1
    line = np.maximum.accumulate(phrase * far + middle)
    first = np.minimum(first, np.searchsorted(line, phrase[first] * far + np.nan_to_num(begin), "left"))
    last = np.maximum(last, np.searchsorted(line, phrase[last] * far + np.nan_to_num(finish), "right") - 1)
    return opening[first], closing[last], begin, finish


def _forms(words: pd.DataFrame) -> Any:
    """Number the display forms: words that one form covers have one number."""
    opens = (written(words) != "").to_numpy() | (words["phrase_id"] != words["phrase_id"].shift()).to_numpy()
    return np.cumsum(opens) - 1


def _pieces(form: Any, text: Any, low: Any) -> list[tuple[str, bool]]:
    """The texts of display forms, each with whether one of its words is doubted."""
    places = np.flatnonzero(np.diff(form, prepend=-1))
    return list(zip(text[places].tolist(), np.logical_or.reduceat(low, places).tolist(), strict=True))


def _worth(words: pd.DataFrame, form: Any, sure: Any, below: float, listen_s: float) -> tuple[float, ...]:
    """The number of items under a threshold, the minutes, and the errors that are expected and that there are."""
    first, last, start, end = _items(words, form, sure, below, listen_s)
    wrong = 1 - words["right"].to_numpy(float) if "right" in words else np.zeros(len(words))
    totals = (np.append(0.0, np.nancumsum(errors)) for errors in (1 - sure, wrong))
    expected, caught = (float((total[last + 1] - total[first]).sum()) for total in totals)
    return len(first), float(np.nansum(end - start)) / 60, expected, caught


def _window(start: Any, end: Any, listen_s: float) -> tuple[Any, Any]:
    """What is heard of an item: `listen_s` around its middle, more where it is long."""
    half = np.maximum(listen_s / 2, (end - start) / 2 + LEAD_S)
    middle = (start + end) / 2
    return np.maximum(0.0, middle - half), middle + half
