"""What a confidence is worth, and the map that mends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from speechkit.analysis import calibration
from speechkit.analysis.calibration import (
    METHODS,
    Calibration,
    cross_calibrated,
    fit,
    gain,
    measure,
    reliability,
)
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript


def made(size: int, power: float = 0.5, seed: int = 0, digits: int = 3) -> pd.DataFrame:
    """Words of 12 calls and 3 voices that are right with the chance confidence ** power."""
    draw = np.random.default_rng(seed)
    confidence = draw.beta(4, 1, size).round(digits)
    return pd.DataFrame(
        {
            "call_id": draw.integers(0, 12, size).astype(str),
            "said_by": draw.choice(list("xyz"), size),
            "confidence": confidence,
            "right": (draw.random(size) < confidence**power).astype(float),
        }
    )


def value(table: pd.DataFrame, name: str, column: str = "value") -> float:
    return float(table.set_index("measure").loc[name, column])


# --- measures, judged by scikit-learn ---


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.6, 0.9, 1.0]), st.booleans()), min_size=2, max_size=60
    )
)
@settings(max_examples=40, deadline=None)
def test_measures_are_those_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    words = pd.DataFrame(
        {"call_id": "a", "confidence": [c for c, _ in rows], "right": [float(r) for _, r in rows]}
    )
    table = measure(words)
    wrong, doubt = 1 - words["right"], 1 - words["confidence"]
    assert value(table, "brier") == pytest.approx(brier_score_loss(words["right"], words["confidence"]))
    if wrong.nunique() == 2:
        assert value(table, "auc") == pytest.approx(roc_auc_score(wrong, doubt))
        assert value(table, "average_precision") == pytest.approx(average_precision_score(wrong, doubt))
    else:
        assert np.isnan(value(table, "auc"))


def test_the_calibration_error_is_small_for_an_honest_confidence_and_known_for_one_that_lies() -> None:
    assert value(measure(made(20_000, power=1)), "ece") < 0.015
    lying = made(20_000, power=1).assign(confidence=lambda w: w["confidence"] - 0.2)
    assert value(measure(lying), "ece") == pytest.approx(0.2, abs=0.015)


def test_intervals_are_of_calls_not_of_words() -> None:
    words = made(3000)
    ten_fold = pd.concat(
        [words] * 10
    )  # the same calls: no more is known, though there are ten times the words
    for table in (measure(words), measure(ten_fold)):
        assert value(table, "brier", "low") < value(table, "brier") < value(table, "brier", "high")
    assert value(measure(ten_fold), "brier", "low") == pytest.approx(value(measure(words), "brier", "low"))
    alone = measure(words.assign(call_id="one"))
    assert alone[["low", "high"]].notna().sum().sum() in (0, 8)
    assert np.isnan(value(alone, "auc", "low"))


def test_words_that_cannot_be_judged_change_nothing() -> None:
    words = made(500)
    more = pd.concat([words, words.assign(right=np.nan), words.assign(confidence=np.nan)])
    pd.testing.assert_frame_equal(measure(more), measure(words))
    with pytest.raises(TranscriptError, match="no word has both"):
        measure(words.assign(right=np.nan))


def test_a_reliability_curve_holds_every_word_and_keeps_equal_confidences_together() -> None:
    table = reliability(made(5000))
    assert table["words"].sum() == 5000
    assert table["words"].max() < 2 * table["words"].min()
    assert ((table["low"] < table["right"]) & (table["right"] < table["high"])).all()
    flat = reliability(
        pd.DataFrame({"confidence": [0.9] * 80 + [0.1] * 20, "right": [1.0] * 80 + [0.0] * 20})
    )
    assert flat["words"].tolist() == [20, 80]


# --- the map ---


def test_isotonic_is_that_of_scikit_learn() -> None:
    words = made(2000)
    judge = IsotonicRegression(out_of_bounds="clip").fit(words["confidence"], words["right"])
    at = np.linspace(0, 1, 301)
    assert fit(words, "isotonic").of(at) == pytest.approx(judge.predict(at), abs=1e-9)


def test_logistic_is_that_of_scikit_learn() -> None:
    words = made(5000, digits=6)
    odds = np.log(words["confidence"] / (1 - words["confidence"])).to_numpy()[:, None]
    judge = LogisticRegression(C=np.inf).fit(odds, words["right"])
    at = np.array([0.05, 0.3, 0.5, 0.8, 0.95, 0.99])
    expected = judge.predict_proba(np.log(at / (1 - at))[:, None])[:, 1]
    assert fit(words, "logistic").of(at) == pytest.approx(
        expected, abs=0.01
    )  # Platt's targets, straight lines


@pytest.mark.parametrize("method", METHODS)
def test_a_map_rises_stays_within_0_and_1_and_keeps_what_is_missing(method: Any) -> None:
    found = fit(made(3000), method)
    values = found.of(np.linspace(0, 1, 500))
    assert (np.diff(values) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= 1
    assert np.isnan(found.of([np.nan])).all()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(made(100), id="there-are-few-words?"),
        pytest.param(made(900).assign(right=1.0), id="all-words-are-right?"),
        pytest.param(made(900).assign(confidence=0.0, right=0.0), id="all-words-are-wrong?"),
    ],
)
def test_no_map_is_made_when(words: pd.DataFrame) -> None:
    with pytest.raises(TranscriptError, match="too few"):
        fit(words)


def test_a_method_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="isotonic, logistic"):
        fit(made(900), "magic")  # type: ignore[arg-type]


# --- judged on folds that share nothing ---


def test_a_word_is_calibrated_by_words_of_other_calls_and_other_voices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = made(3000)
    trained: list[pd.DataFrame] = []
    original = fit

    def spy(train: pd.DataFrame, method: Any) -> Calibration:
        trained.append(train)
        return original(train, method)

    monkeypatch.setattr(calibration, "fit", spy)
    answer = cross_calibrated(words, "isotonic")
    assert answer.notna().all()
    assert len(trained) == 15  # 5 blocks of calls, 3 voices
    for train in trained:
        left_out = words.drop(index=train.index)
        assert train["said_by"].nunique() == 2
        voice = (set("xyz") - set(train["said_by"])).pop()
        calls = set(words["call_id"]) - set(train["call_id"])
        assert len(calls) in (2, 3)
        assert ((left_out["said_by"] == voice) | left_out["call_id"].isin(calls)).all()


def test_a_voice_that_is_recognized_otherwise_shows_in_the_folds_only() -> None:
    """Fitted on all, a voice's own words mend it; on other voices' words nobody can know."""
    words = made(6000, power=1)
    odd = words["said_by"] == "x"
    words.loc[odd, "right"] = (words.loc[odd, "confidence"] > 2).astype(float)  # always wrong
    honest = cross_calibrated(words, apart=("call_id", "said_by"))
    leaky = cross_calibrated(words, apart=("call_id",))
    assert honest[odd].mean() > 0.7
    assert leaky[odd].mean() < honest[odd].mean() - 0.15


def test_what_is_not_known_of_a_word_leaves_it_out_of_the_folds() -> None:
    words = made(2000)
    words.loc[:99, "said_by"] = None
    answer = cross_calibrated(words)
    assert answer[:100].isna().all()
    assert answer[100:].notna().all()
    alone = cross_calibrated(words.assign(call_id="one"))
    assert alone.isna().all()  # no other call to learn from


def test_a_gain_is_certain_where_there_is_one_and_not_where_there_is_none() -> None:
    words = made(6000)
    words["calibrated"] = cross_calibrated(words, "logistic")
    table = gain(words)
    assert value(table, "ece", "gain") > 0.05
    assert table.set_index("measure")["certain"][["ece", "brier"]].tolist() == [True, True]
    same = made(6000, power=1)
    same["calibrated"] = cross_calibrated(same, "logistic")
    assert not gain(same).set_index("measure")["certain"]["brier"]


# --- kept and applied ---


def of_engine(engine: str | None) -> Transcript:
    calls = pd.DataFrame({"call_id": ["c1"], "engine": [engine]})
    phrases = pd.DataFrame(
        {"call_id": ["c1"] * 2, "phrase_id": ["c1:0001", "c1:0002"], "start_s": [0.0, 5.0]}
    )
    words = pd.DataFrame({"call_id": "c1", "phrase_id": "c1:0001", "word": list("abc"), "start_s": [0.0, 1, 2],
                          "confidence": [0.2, 0.8, None]})  # fmt: skip
    return Transcript(calls, phrases, words)


def test_a_calibration_is_kept_and_applied_to_words_and_phrases(tmp_path: Path) -> None:
    found = fit(made(3000).assign(engine="one"))
    kept = calibration.read_calibration(found.save(tmp_path / "c.json"))
    assert kept == found
    assert kept.engine == "one"
    better = kept.apply(of_engine("one"))
    expected = found.of([0.2, 0.8])
    assert better.words["calibrated"].tolist()[:2] == pytest.approx(expected)
    assert np.isnan(better.words["calibrated"].iloc[2])
    assert better.phrases["calibrated"].iloc[0] == pytest.approx(expected.mean())
    assert np.isnan(better.phrases["calibrated"].iloc[1])
    assert "calibrated" not in of_engine("one").words
    assert kept.apply(of_engine(None)).words["calibrated"].notna().sum() == 2
    with pytest.raises(TranscriptError, match="fitted on one, and there are calls of two"):
        kept.apply(of_engine("two"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="it-is-empty?"),
        pytest.param("[1]", id="it-is-a-list?"),
        pytest.param('{"format": "other"}', id="it-is-something-else?"),
        pytest.param(
            json.dumps({"format": "speechkit calibration", "knots": [[1]]}), id="a-part-is-missing?"
        ),
    ],
)
def test_a_file_is_no_calibration_when(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(TranscriptError, match=r"c\.json is no calibration"):
        calibration.read_calibration(tmp_path / "c.json")


def test_a_calibration_that_is_not_there_is_told() -> None:
    with pytest.raises(TranscriptError, match="nowhere is no calibration"):
        calibration.read_calibration("nowhere")
