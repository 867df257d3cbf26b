"""Tables that people read: with a caption, headings that a screen reader can name, and every text escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pandas as pd

from speechkit.display.picture import Note
from speechkit.display.wording import count, label

MOST_ROWS = 50
"""Beyond it a table in a notebook is not read but scrolled; the whole is in the DataFrame."""

_HIDDEN: Final = re.compile(r"\[[A-Z]+\]")  # what stands in the place of personal data


@dataclass(frozen=True)
class Table:
    """A DataFrame to be shown: `headings` and `formats` by column, `caption` as its one-line meaning.

    A format turns a value into text; a column without one shows numbers with at most one decimal. Missing
    values show as a dash, and a table without rows as the sentence `empty`. Numbers stand on the right. The
    first column names its row. Only `most` rows are shown, with a line that says how many more there are.

    >>> frame = pd.DataFrame({"call": ["<b>"], "talk_s": [61.5]})
    >>> table = Table(frame, "Talk", formats={"talk_s": "{:.0f} s".format})
    >>> "&lt;b&gt;" in table._repr_html_(), "62 s" in table._repr_html_()
    (True, True)
    """

    frame: pd.DataFrame
    caption: str
    headings: Mapping[Hashable, str] = field(default_factory=dict)
    formats: Mapping[Hashable, Callable[[Any], str]] = field(default_factory=dict)
    most: int = MOST_ROWS
    empty: str = "There is nothing to list."

    def __repr__(self) -> str:
        if self.frame.empty:
            return self.empty
        return f"{self.caption}\n{self.frame.head(self.most).to_string(index=False)}"

    def _repr_html_(self) -> str:
        if self.frame.empty:
            return Note(self.empty)._repr_html_()
        shown = self.frame.head(self.most)
        kinds = {name: _is_number(shown[name]) for name in shown}
        titles = {name: html.escape(self.headings.get(name, label(str(name)))) for name in shown}
        head = "".join(f'<th scope="col"{_number(kinds[name])}>{titles[name]}</th>' for name in shown)
        body = "".join(self._row(row, kinds) for row in shown.to_dict("records"))
        rest = len(self.frame) - len(shown)
        more = f'<p class="speechkit-caption">... and {count(rest, "more row")}.</p>' if rest else ""
        caption = html.escape(self.caption)
        return (
            # a wide table scrolls on a phone: whoever has only a keyboard must be able to reach it
            f'<div class="speechkit-table" role="region" tabindex="0" aria-label="{caption}">'
            f'<table class="speechkit"><caption style="text-align: left">{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
        )

    def _row(self, row: Mapping[Hashable, Any], kinds: Mapping[Hashable, bool]) -> str:
        cells = []
        for place, (name, value) in enumerate(row.items()):
            text = self._text(name, value)
            tag = 'th scope="row"' if place == 0 else "td"
            cells.append(f"<{tag}{_number(kinds[name] and place > 0)}>{text}</{tag.split()[0]}>")
        return f"<tr>{''.join(cells)}</tr>"

    def _text(self, name: Hashable, value: Any) -> str:
        if isinstance(value, Markup):
            return value.html
        if not isinstance(value, list | tuple) and pd.isna(value):
            return "–"
        if name in self.formats:
            shown = self.formats[name](value)
            return shown.html if isinstance(shown, Markup) else html.escape(str(shown))
        if isinstance(value, list | tuple):
            return html.escape(", ".join(str(part) for part in value))
        if isinstance(value, float):
            return f"{value:,.1f}"
        return html.escape(
            f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        )


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already: every part of it from outside was escaped where it was made."""

    html: str

    def __str__(self) -> str:
        return html.unescape(re.sub("<[^>]*>", "", self.html))


def passage(before: str, text: str, after: str) -> Markup:
    """Mark the doubtful words between the words around them.

    What hides several words says so once, and is marked where one of them is doubtful.

    >>> passage("take the", "boy a flex", "").html
    'take the <mark>boy a flex</mark>'
    >>> passage("it is [EMAIL]", "[EMAIL]", "[EMAIL] thanks").html
    'it is <mark>[EMAIL]</mark> thanks'
    >>> passage("it is [EMAIL]", "", "").html
    'it is <mark>[EMAIL]</mark>'
    """
    if not text:  # written together with the word before
        before, _, text = before.rpartition(" ")
    words: list[tuple[str, bool]] = []
    for part, marked in ((before, False), (text, True), (after, False)):
        for word in part.split():
            if words and word == words[-1][0] and _HIDDEN.fullmatch(word):
                words[-1] = (word, marked or words[-1][1])
            else:
                words.append((word, marked))
    runs = (
        (marked, html.escape(" ".join(word for word, _ in run)))
        for marked, run in groupby(words, key=itemgetter(1))
    )
    return Markup(" ".join(f"<mark>{run}</mark>" if marked else run for marked, run in runs))


def with_passages(doubtful: pd.DataFrame) -> pd.DataFrame:
    """Join `before`, `text` and `after` of `confidence.doubtful` into one column `passage`, the doubtful
    words marked."""
    joined = [passage(*row) for row in doubtful[["before", "text", "after"]].itertuples(index=False)]
    kept = doubtful.drop(columns=["before", "text", "after"])
    return kept.assign(passage=pd.Series(joined, index=kept.index, dtype=object))


@dataclass(frozen=True)
class Cards:
    """Short figures side by side: the label, the number, and a word on it; `items` are (label, number, note).

    >>> "<dt>Calls</dt>" in Cards([("Calls", "16", "all of September")])._repr_html_()
    True
    """

    items: Sequence[tuple[str, str, str]]

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {number} {note}".rstrip() for name, number, note in self.items)

    def _repr_html_(self) -> str:
        cards = "".join(
            f"<div><dt>{name}</dt><dd><b>{number}</b> <span>{note}</span></dd></div>"
            for name, number, note in (map(html.escape, item) for item in self.items)
        )
        return f'<dl class="speechkit-cards">{cards}</dl>'


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _number(is_number: bool) -> str:
    # an inline style, since notebooks have no style sheet of ours
    return ' class="number" style="text-align: right"' if is_number else ' style="text-align: left"'
