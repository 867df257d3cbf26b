"""Tables and cards that people read."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from speechkit.display.tables import Cards, Markup, Table, with_passages

EVIL = '<script>alert("1")</script>'


def parsed(page: str) -> ET.Element:
    """The page as a tree: what does not parse is not well-formed."""
    return ET.fromstring(f"<div>{page}</div>")


def test_every_heading_has_a_scope_and_the_table_a_caption() -> None:
    frame = pd.DataFrame({"call_id": ["a"], "talk_s": [61.25], "calls": [["a", "b"]]})
    tree = parsed(Table(frame, "Talk of each call", {"talk_s": "talk, s"})._repr_html_())
    assert tree.findtext(".//caption") == "Talk of each call"
    assert [(h.get("scope"), h.text) for h in tree.iter("th")] == [
        ("col", "call id"),
        ("col", "talk, s"),
        ("col", "calls"),
        ("row", "a"),
    ]
    assert [cell.text for cell in tree.iter("td")] == ["61.2", "a, b"]


def test_what_comes_from_outside_is_escaped() -> None:
    frame = pd.DataFrame({"text": [EVIL], EVIL: [EVIL], "list": [[EVIL]]})
    page = Table(frame, EVIL, formats={EVIL: str})._repr_html_()
    assert "<script>" not in page
    parsed(page)
    assert "<script>" not in Cards([(EVIL, EVIL, EVIL)])._repr_html_()


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    page = Table(pd.DataFrame({"n": range(60)}), "Numbers", most=10)._repr_html_()
    assert page.count("<tr>") == 11
    assert "... and 50 more rows." in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "–", id="what-is-missing?"),
        pytest.param(float("nan"), "–", id="what-is-not-a-number?"),
        pytest.param(1234567, "1,234,567", id="a-large-number?"),
        pytest.param(True, "True", id="a-truth-value?"),
        pytest.param(Markup("<i>x</i>"), None, id="markup?"),
    ],
)
def test_values(value: object, shown: str | None) -> None:
    frame = pd.DataFrame({"row": ["a"], "value": pd.Series([value], dtype=object)})
    cell = parsed(Table(frame, "x")._repr_html_()).find(".//td")
    assert cell is not None
    assert (cell.text == shown) if shown else (cell.find("i") is not None)


def test_passages_mark_the_doubtful_words_and_escape_them() -> None:
    frame = pd.DataFrame({"call_id": ["a"], "before": ["take"], "text": [EVIL], "after": ["plan"]})
    table = with_passages(frame)
    page = Table(table, "Doubtful")._repr_html_()
    assert "take <mark>&lt;script&gt;" in page
    assert "</mark> plan" in page
    assert list(table) == ["call_id", "passage"]


def test_an_empty_table_is_a_sentence() -> None:
    table = Table(pd.DataFrame({"a": pd.Series(dtype="str")}), "Nothing", empty="No <b>call</b>.")
    assert table._repr_html_() == '<p class="speechkit-note">No &lt;b&gt;call&lt;/b&gt;.</p>'
    assert repr(table) == "No <b>call</b>."
