"""Figures of summaries: what their titles say is in the tables."""

from __future__ import annotations

import pandas as pd

from speechkit.display import summaries
from speechkit.display.picture import Note, Picture


def test_the_title_of_a_mood_says_where_it_turns_and_how_much_is_negative() -> None:
    moods = pd.DataFrame(
        {"start_s": [5.0, 20.0, 70.0, 90.0], "mood": ["negative", "neutral", "neutral", "positive"]}
    )
    turned = summaries.mood(moods, 70.0, "c01")
    assert isinstance(turned, Picture)
    assert turned.finding == "The customer's mood in c01 turns at 1:10; 25% of the turns are negative"
    same = summaries.mood(moods, float("nan"))
    assert isinstance(same, Picture)
    assert "does not turn" in same.finding
    assert isinstance(summaries.mood(moods.head(0)), Note)


def test_the_title_of_a_checklist_names_what_is_found_least() -> None:
    rows = [
        ("c1", "name", "said"),
        ("c1", "bye", "missed"),
        ("c2", "name", "said"),
        ("c2", "bye", "unproved"),
    ]
    checks = pd.DataFrame(rows, columns=["call_id", "item", "value"]).assign(kind="checklist")
    drawn = summaries.checklist(checks)
    assert isinstance(drawn, Picture)
    assert drawn.finding == "50% of the checklist's items are found; least often bye, in 0 of 2 calls"
    assert isinstance(summaries.checklist(checks, "rubric"), Note)
    assert isinstance(summaries.checklist(checks.iloc[:0].drop(columns="kind")), Note)


def test_a_checklist_of_many_calls_is_told_in_shares() -> None:
    calls = [f"c{number}" for number in range(summaries.MOST_CALLS + 1)]
    checks = pd.DataFrame(
        {"call_id": calls, "item": "name", "value": ["said", *["missed"] * summaries.MOST_CALLS]}
    )
    drawn = summaries.checklist(checks.assign(kind="checklist"))
    assert isinstance(drawn, Picture)
    (axes,) = drawn.figure.axes
    assert [round(bar.get_width(), 3) for bar in axes.patches] == [round(1 / len(calls), 3)]


def test_the_title_of_moods_counts_calls_that_end_better_and_worse() -> None:
    told = pd.DataFrame(
        {
            "mood_start": ["negative", "neutral", "positive", "neutral", None],
            "mood_end": ["neutral", "positive", "neutral", "neutral", "positive"],
        }
    )
    drawn = summaries.moods(told)
    assert isinstance(drawn, Picture)
    assert drawn.finding == "50% of 4 calls end in a better mood than they began, 25% in a worse one"
    assert "can be named in no calls" in drawn.caption
    assert isinstance(summaries.moods(told.iloc[:0]), Note)
