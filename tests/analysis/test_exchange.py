"""Turns, answers, interruptions and back-channels: by hand, against a slow reference, and on the demo calls."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit import demo_data, open_corpus
from speechkit.analysis.exchange import ATTEMPT, BACK_CHANNEL, INTERRUPTION, RULES, Rules, overlaps, turns
from speechkit.analysis.timed import read_timed
from tests.analysis.making import transcript

COLUMNS = "call speaker start end text"
LONG = "this is what I wanted to say to you"


def kinds(rows: list[tuple[Any, ...]], rules: Rules = RULES) -> list[tuple[str, str]]:
    found = overlaps(transcript([("c1", *row) for row in rows], COLUMNS), rules)
    return list(zip(found["kind"], found["party"], strict=True))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([("1", 0, 9, LONG), ("2", 4, 4.5, "mm-hm")], [(BACK_CHANNEL, "2")],
                     id="what-is-a-mm-hm-within-a-phrase?"),
        pytest.param([("1", 0, 9, LONG), ("2", 8, 12, LONG)], [(INTERRUPTION, "2")],
                     id="what-when-the-other-takes-the-floor?"),
        pytest.param([("1", 0, 9, LONG), ("2", 3, 7, LONG)], [(ATTEMPT, "2")],
                     id="what-when-the-other-gives-up?"),
        pytest.param([("1", 0, 9, LONG), ("2", 8.6, 12, LONG)], [],
                     id="what-when-they-start-a-little-early?"),
        pytest.param([("1", 0, 4, LONG), ("2", 4.2, 4.6, "okay"), ("1", 4.9, 9, LONG)], [(BACK_CHANNEL, "2")],
                     id="what-is-an-okay-between-two-phrases?"),
        pytest.param([("1", 0, 4, "is that your name?"), ("2", 4.2, 4.6, "yes"), ("1", 4.9, 9, LONG)], [],
                     id="what-is-a-yes-after-a-question?"),
        pytest.param([("1", 0, 4, LONG), ("2", 4.2, 4.6, "never"), ("1", 4.9, 9, LONG)], [],
                     id="what-is-a-word-that-listeners-do-not-say?"),
        pytest.param([("1", 0, 4, LONG), ("2", 4.2, 4.6, "okay")], [],
                     id="what-is-an-okay-at-the-end?"),
        pytest.param([("1", 0, 9, LONG), ("1", 3, 7, LONG)], [],
                     id="what-when-a-speaker-overlaps-itself?"),
        pytest.param([("1", 0, 9, LONG), ("2", 1, 2, "yes"), ("3", 7, 12, LONG)],
                     [(BACK_CHANNEL, "2"), (INTERRUPTION, "3")], id="what-when-three-speak?"),
        pytest.param([], [], id="what-when-nobody-speaks?"),
    ],
)  # fmt: skip
def test_what_is_what(rows: list[tuple[Any, ...]], expected: list[tuple[str, str]]) -> None:
    if rows:
        assert kinds(rows) == expected
        other = overlaps(transcript([("c1", *row) for row in rows], COLUMNS))["other"].tolist()
        assert other == ["1"] * len(expected)


def test_the_rules_can_be_changed() -> None:
    rows = [("1", 0, 9, LONG), ("2", 8.6, 12, LONG)]
    assert kinds(rows, Rules(min_overlap_s=0.3)) == [(INTERRUPTION, "2")]
    rows = [("1", 0, 9, LONG), ("2", 4, 4.5, "mm-hm")]
    assert kinds(rows, Rules(back_channel_words=0)) == [(ATTEMPT, "2")]
    with pytest.raises(ValueError, match="cannot be negative"):
        Rules(max_gap_s=-1)


def test_a_turn_may_go_on_over_a_back_channel() -> None:
    said = [("c1", "1", 0, 4, LONG), ("c1", "2", 4.2, 4.6, "okay"), ("c1", "1", 4.9, 9, LONG)]
    made = transcript(said, COLUMNS)
    assert turns(made)["party"].tolist() == ["1", "2", "1"]
    through = turns(made, Rules(through_back_channels=True))
    assert through[["party", "end_s", "phrases"]].values.tolist() == [["1", 9.0, 2]]


def test_an_answer_is_timed_from_the_end_of_the_other() -> None:
    said = [("1", 0, 4), ("2", 4.5, 6), ("2", 9, 10), ("1", 9.5, 12), ("2", 20, 21)]
    found = turns(transcript([("c1", *row) for row in said], "call speaker start end"))
    # the second turn of 2 answers nobody, the next begins half a second early, the last was waited for
    expected = [np.nan, 0.5, np.nan, -0.5, np.nan]
    assert found["response_s"].tolist() == pytest.approx(expected, nan_ok=True)


times = st.integers(0, 200)
rows_ = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("1234"), times, st.integers(0, 80)), max_size=30
)


@given(rows_)
@settings(max_examples=25, deadline=None)
def test_the_furthest_of_the_others_is_found(rows: list[tuple[str, str, int, int]]) -> None:
    if not rows:
        return
    table = sorted((c, start / 10, (start + long) / 10, s) for c, s, start, long in rows)
    made = transcript([(c, s, a, b) for c, a, b, s in table], "call speaker start end")
    timed = read_timed(made.phrases)
    ends, places = timed.others
    for i in range(len(timed.start)):
        before = [j for j in range(i) if timed.call[j] == timed.call[i] and timed.party[j] != timed.party[i]]
        assert ends[i] == pytest.approx(max((timed.end[j] for j in before), default=-np.inf))
        assert (places[i] in before and timed.end[places[i]] == pytest.approx(ends[i])) or not before


def test_interruptions_of_the_demo_calls_are_the_ones_that_the_dialogues_ask_for() -> None:
    calls = ["c01", "c02", "c06"]
    corpus = open_corpus(demo_data("corpus")).filter(call_id=calls)
    found = overlaps(corpus).query("kind == 'interruption'").groupby("call_id").size().to_dict()
    for call_id in calls:
        wanted = re.findall(r"\[over ([\d.]+)\]", (demo_data("dialogues") / f"{call_id}.txt").read_text())
        assert abs(found.get(call_id, 0) - sum(float(s) >= 0.5 for s in wanted)) <= 1, call_id
    assert found["c02"] == 5


def test_more_than_35_speakers_are_counted_like_two() -> None:
    rows = [("c1", f"s{i}", i, i + 1.7, LONG) for i in range(40)]
    found = overlaps(transcript(rows, COLUMNS))
    assert found["kind"].tolist() == [INTERRUPTION] * 39
    assert isinstance(found, pd.DataFrame)
