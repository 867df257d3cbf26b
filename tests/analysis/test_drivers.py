"""What goes with an outcome: found where it is there, not found where it is not, and never by many questions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from speechkit.analysis.drivers import COLUMNS, drivers
from speechkit.analysis.findings import judge, smallest


def calls(size: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "call_id": [f"c{number:04d}" for number in range(size)],
            "agent": rng.choice(list("ABCDEFGH"), size),
            "topic": rng.choice(["billing", "fault"], size),
            "unresolved": rng.random(size) < 0.25,
            "silence": rng.normal(10, 2, size),
        }
    )


def found(table: pd.DataFrame, **wanted: str) -> list[str]:
    kept = table[table["found"]]
    for column, value in wanted.items():
        kept = kept[kept[column] == value]
    return sorted(kept["value"])


def test_is_an_agent_found_who_differs() -> None:
    table = calls()
    bad = table["agent"] == "C"
    table.loc[bad, "unresolved"] = np.random.default_rng(2).random(int(bad.sum())) < 0.7
    answer = drivers(table, ["unresolved", "silence"], ["agent", "topic"], within="topic")
    assert list(answer) == list(COLUMNS)
    assert found(answer) == ["C"]
    row = answer.iloc[0]
    assert row["low"] < row["difference"] < row["high"]
    assert set(row["call_ids"]) == set(table.loc[bad & table["unresolved"], "call_id"])


def test_is_nothing_found_in_calls_without_effects() -> None:
    found_any = [
        drivers(calls(seed=seed), ["unresolved", "silence"], ["agent", "topic"])["found"].any()
        for seed in range(12)
    ]
    assert sum(found_any) <= 2  # .05 of 12, and chance


def test_is_an_agent_not_blamed_for_hard_cases() -> None:
    """A gets nearly all faults, and faults are seldom resolved, whoever answers (Simpson's paradox)."""
    rng = np.random.default_rng(3)
    table = calls(800)
    table["topic"] = np.where(rng.random(800) < np.where(table["agent"] == "A", 0.9, 0.1), "fault", "billing")
    table["unresolved"] = rng.random(800) < np.where(table["topic"] == "fault", 0.7, 0.1)
    assert "A" in found(drivers(table, ["unresolved"], ["agent"]))
    assert "A" not in found(drivers(table, ["unresolved"], ["agent"], within="topic"))


def test_is_one_comparison_as_sure_as_fishers_exact_test() -> None:
    table = calls(120)
    table["half"] = np.where(np.arange(120) < 60, "first", "second")
    for share in (0.25, 0.35, 0.45):
        table["unresolved"] = np.random.default_rng(5).random(120) < np.where(
            table["half"] == "first", share, 0.2
        )
        counts = pd.crosstab(table["half"], table["unresolved"]).to_numpy()
        ours = drivers(table, ["unresolved"], ["half"])["p_value"].iloc[0]
        assert ours == pytest.approx(fisher_exact(counts).pvalue, abs=0.03)


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        pytest.param({"agent": "A"}, 0, id="is-one-agent-compared-with-nobody?"),
        pytest.param({"unresolved": pd.NA}, 0, id="is-an-unknown-outcome-no-outcome?"),
        pytest.param({"unresolved": True}, 0, id="is-the-same-outcome-everywhere-nothing-to-compare?"),
    ],
)
def test_what_cannot_be_compared(change: dict[str, object], rows: int) -> None:
    table = calls(60).astype({"unresolved": "boolean"}).assign(**change)
    assert len(drivers(table, ["unresolved"], ["agent"])) == rows


def test_does_an_unknown_column_say_so() -> None:
    with pytest.raises(ValueError, match="no column 'moon'"):
        drivers(calls(10), ["unresolved"], ["moon"])


def test_are_questions_judged_together() -> None:
    table = judge({"a": 0.01, "b": 0.02, "c": 0.5, "not asked": smallest(pd.DataFrame())})
    assert table["adjusted"].round(3).tolist()[:3] == [0.03, 0.04, 0.5]
    assert table["found"].tolist() == [True, True, False, False]
