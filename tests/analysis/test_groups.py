"""Groups of calls compared: intervals and a test that know chance when they see it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.groups import compare
from speechkit.analysis.significance import exchange_test, interval


def calls(draw: np.random.Generator, shift: float, each: int = 12) -> pd.DataFrame:
    agents = np.repeat(["Ann", "Ben", "Cid"], each)
    silence = draw.uniform(5, 15, 3 * each) + shift * (agents == "Ben")
    return pd.DataFrame({"agent": agents, "silence_s": silence, "duration_s": 60.0})


def test_values_are_weighted_and_intervals_those_of_the_bootstrap() -> None:
    table = pd.DataFrame(
        {"agent": ["a", "a", "a", "b", None], "top": [1.0, 2, 6, 3, 1], "all": [10.0, 10, 20, 6, 10]}
    )
    found = compare(table, "agent", "top", "all").table
    assert found[["agent", "calls", "value"]].values.tolist() == [
        ["b", 1, 0.5],
        ["a", 3, 9 / 40],
        ["not known", 1, 0.1],
    ]
    span = interval([1, 2, 6], [10, 10, 20])
    assert found.loc[1, ["low", "high"]].tolist() == [span.low, span.high]
    assert np.isnan(found.loc[0, "low"])


def test_the_test_finds_a_difference_and_no_difference_of_chance() -> None:
    assert compare(calls(np.random.default_rng(1), 8.0), "agent", "silence_s", "duration_s").p_value < 0.01
    # where nothing differs the p-value is below 0.05 in one of twenty
    chance = [
        compare(calls(np.random.default_rng(i), 0.0, 6), "agent", "silence_s", resamples=200).p_value
        for i in range(40)
    ]
    assert 0 <= np.mean(np.array(chance) < 0.05) <= 0.15
    assert 0.3 < np.median(chance) < 0.7


def test_two_groups_of_one_call_each_cannot_be_tested() -> None:
    two = pd.DataFrame({"agent": ["a", "b"], "x": [1.0, 2.0]})
    assert np.isnan(compare(two, "agent", "x").p_value)
    assert np.isnan(compare(two.assign(agent="a"), "agent", "x").p_value)


def test_with_two_groups_it_is_near_the_test_that_lists_every_exchange() -> None:
    first, second = [5.0, 4, 6, 3, 5], [9.0, 7, 8, 6, 9]
    table = pd.DataFrame({"agent": ["a"] * 5 + ["b"] * 5, "x": first + second})
    # all 252 ways to deal ten calls: 2 lie as far apart; 4 more where ties allow an exchange
    assert compare(table, "agent", "x", resamples=4000).p_value == pytest.approx(4 / 252, abs=0.012)
    assert exchange_test(first, second) <= 0.1


def test_missing_values_and_columns_are_left_out() -> None:
    table = pd.DataFrame({"agent": ["a", "a", "b"], "x": [1.0, np.nan, 3.0]})
    assert compare(table, "agent", "x").table["calls"].tolist() == [1, 1]
    assert compare(table, "queue", "x").table["queue"].tolist() == ["not known"]
    assert compare(table.iloc[:0], "agent", "x").table.empty
