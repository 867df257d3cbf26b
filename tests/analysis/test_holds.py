"""Holds: silences with a reason."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.holds import holds
from tests.analysis.making import transcript


@pytest.mark.parametrize(
    ("before", "after", "wait_s", "quote"),
    [
        pytest.param("May I put you on hold?", "So.", 9, "May I put you on hold?", id="who-asks-to-wait?"),
        pytest.param("Well.", "Thank you for waiting.", 9, "Thank you for waiting.", id="who-gives-thanks?"),
        pytest.param("Well.", "So.", 9, None, id="what-when-nobody-says-so?"),
        pytest.param("Well.", "So.", 16, "", id="what-when-it-is-very-long?"),
        pytest.param("One moment please.", "So.", 4, None, id="what-when-it-is-short?"),
    ],
)
def test_a_hold_has_its_evidence(before: str, after: str, wait_s: float, quote: str | None) -> None:
    said = [("c1", "1", 0.0, 3.0, before), ("c1", "2", 3.0 + wait_s, 16.0 + wait_s, after)]
    found = holds(transcript(said, "call speaker start end display", duration_s=60.0))
    if quote is None:
        assert found.empty
    else:
        assert found[["start_s", "end_s"]].values.tolist() == [[3.0, 3.0 + wait_s]]
        assert found["quote"].fillna("").tolist() == [quote]


def test_what_was_said_long_before_is_no_evidence() -> None:
    said = [
        ("c1", "1", 0.0, 2.0, "Please hold."),
        ("c1", "1", 30.0, 31.0, "So."),
        ("c1", "1", 40.0, 41.0, "Yes."),
    ]
    found = holds(transcript(said, "call speaker start end display", duration_s=41.0))
    assert found["start_s"].tolist() == [2.0]


def test_the_holds_of_the_demo_calls_are_found_and_no_others() -> None:
    truth: dict[str, Any] = json.loads((demo_data("truth") / "calls.json").read_text())
    real = {(call, round(h["start_s"] / 5)) for call, one in truth.items() for h in one["holds"]}
    found = holds(open_corpus(demo_data("corpus")))
    assert len(real) >= 4
    assert {(row.call_id, round(row.start_s / 5)) for row in found.itertuples()} == real


def test_no_phrases_no_holds() -> None:
    made = transcript([("c1", "1", 0.0, 3.0, "Hold on.")], "call speaker start end display", duration_s=90.0)
    assert holds(made).empty
    assert isinstance(holds(made), pd.DataFrame)
