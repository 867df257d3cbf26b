"""The written weeks: what was planted is found again, and where nothing was, nothing is."""

from __future__ import annotations

import json
from typing import Any

import make_weeks
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from speechkit import demo_data, open_corpus
from speechkit.analysis import findings, onsets, rhythm, topics
from speechkit.analysis.drivers import drivers
from speechkit.analysis.outcomes import outcomes
from speechkit.transcripts.corpus import Corpus


def asked(corpus: Corpus) -> dict[str, Any]:
    """Put the questions of lesson 07 to a corpus."""
    texts = topics.call_texts(corpus)
    found = topics.find_topics(texts)
    table = outcomes(corpus, found.calls)
    return {
        "topics": found,
        "weekdays": rhythm.weekdays(corpus.calls["recorded_at"]),
        "onsets": onsets.onsets(texts, corpus.calls.set_index("call_id")["recorded_at"]),
        "unresolved": drivers(table, ["unresolved"], ["agent", "topic", "weekday"], within="topic"),
        "again": drivers(table, ["again"], ["resolved", "topic", "agent"], within="topic"),
        "talk": drivers(table, ["longest_silence_s"], ["resolved"]),
    }


def judged(answers: dict[str, Any]) -> pd.DataFrame:
    names = ("onsets", "unresolved", "again", "talk")
    p_values = {name: findings.smallest(answers[name]) for name in names}
    return findings.judge({"weekdays": answers["weekdays"].p_value, **p_values})


def values(table: pd.DataFrame, outcome: str) -> list[tuple[str, str]]:
    kept = table[table["found"] & (table["outcome"] == outcome)]
    return sorted(zip(kept["factor"], kept["value"], strict=True))


def agreement(answers: dict[str, Any], reasons: dict[str, str]) -> float:
    calls = answers["topics"].calls
    return float(adjusted_rand_score([reasons[name] for name in calls["call_id"]], calls["topic"]))


def test_is_everything_found_that_was_planted() -> None:
    truth = json.loads(demo_data("weeks_truth.json").read_text())
    answers = asked(open_corpus(demo_data("weeks")))
    assert agreement(answers, truth["reasons"]) >= 0.7
    days = answers["weekdays"].table.set_index("weekday")["mean"]
    assert days.idxmax() == "Monday"
    first = answers["onsets"].iloc[0]
    assert abs(first["since"] - pd.Timestamp(truth["fault_from"])).days <= 1
    assert {"blinks", "red", "restarts"} & set(first["words"])
    assert values(answers["unresolved"], "unresolved") == [("agent", truth["agent"])]
    assert ("resolved", "no") in values(answers["again"], "again")
    assert ("resolved", "no") in values(answers["talk"], "longest_silence_s")
    assert judged(answers)["found"].all()


def test_is_nothing_found_where_nothing_was_planted() -> None:
    answers = asked(open_corpus(demo_data("weeks_plain")))
    assert agreement(answers, json.loads(demo_data("weeks_plain_truth.json").read_text())["reasons"]) >= 0.7
    assert answers["onsets"].empty
    assert not judged(answers)["found"].any()
    assert not [name for name in ("unresolved", "again", "talk") if answers[name]["found"].any()]


@pytest.mark.slow
def test_is_nothing_found_in_ten_null_corpora(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At the level .05, in 10 corpora at most 2 discoveries (more would happen once in 87 times)."""
    wrong = 0
    for seed in range(100, 110):
        folder = tmp_path_factory.mktemp("null") / "plain"
        make_weeks.write(folder, seed, make_weeks.NONE, summarize=False)
        wrong += bool(judged(asked(open_corpus(folder)))["found"].any())
    assert wrong <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_is_it_found_in_other_weeks_too(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("planted") / "weeks"
    make_weeks.write(folder, seed, make_weeks.PLANTED, summarize=False)
    answers = asked(open_corpus(folder))
    assert agreement(answers, json.loads((folder.parent / "weeks_truth.json").read_text())["reasons"]) >= 0.7
    assert ("agent", "Paula") in values(answers["unresolved"], "unresolved")
    assert judged(answers)["found"].all()


def test_are_the_committed_weeks_what_the_script_writes() -> None:
    for folder, seed, effects in (
        ("weeks", make_weeks.SEED, make_weeks.PLANTED),
        ("weeks_plain", make_weeks.SEED + 1, make_weeks.NONE),
    ):
        made, _ = make_weeks.make(seed, effects)
        pd.testing.assert_frame_equal(made.phrases, open_corpus(demo_data(folder)).phrases)
