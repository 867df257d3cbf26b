"""Figures of confidence: their findings follow the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis import calibration, confidence, review
from speechkit.display import doubts
from speechkit.display.picture import Note, Picture


def judged(power: float = 1.0, size: int = 3000) -> pd.DataFrame:
    """Words that are right with the chance confidence ** power: under 1 the recognizer is too modest."""
    draw = np.random.default_rng(3)
    sure = draw.beta(3, 1, size)
    words = pd.DataFrame({"call_id": draw.choice(list("abcdef"), size), "confidence": sure})
    words["right"] = (draw.random(size) < sure**power).astype(float)
    words["phrase_id"], words["word"] = [f"p{i // 10}" for i in range(size)], "so"
    words["start_s"] = np.arange(size) * 0.4
    words["end_s"] = words["start_s"] + 0.3
    words["condition"] = np.where(words["call_id"] < "d", "noisy_line", "quiet")
    noisy = words["condition"] == "noisy_line"
    words.loc[noisy, "confidence"] *= 0.7
    return words


@pytest.mark.parametrize(
    ("power", "finding"),
    [
        pytest.param(0.3, "The recognizer is too modest", id="it-is-better-than-it-says?"),
        pytest.param(4.0, "The recognizer is too sure", id="it-is-worse-than-it-says?"),
    ],
)
def test_the_reliability_curve_says_which_way_it_errs(power: float, finding: str) -> None:
    shown: Any = doubts.reliability(calibration.reliability(judged(power)))
    assert shown.finding.startswith(finding)


def test_what_a_calibration_mends_is_said() -> None:
    words = judged(0.3).assign(calibrated=lambda w: w["confidence"] ** 0.3)
    curves = (calibration.reliability(words, column) for column in ("confidence", "calibrated"))
    shown: Any = doubts.reliability(*curves)
    before, after = (float(part.split()[0].strip(";")) for part in shown.finding.split("by ")[1:])
    assert before > 4 * after


def test_a_gain_that_is_not_certain_is_said_to_be_none() -> None:
    table = pd.DataFrame({"measure": list(calibration.MEASURES), "before": 0.2, "after": 0.1,
                          "gain": [0.1, 0.1, -0.1, 0.1], "low": [0.05, -0.1, -0.2, 0.05],
                          "high": [0.2, 0.3, -0.05, 0.2], "certain": [True, False, True, True]})  # fmt: skip
    shown: Any = doubts.gains(table)
    assert shown.finding == (
        "Recalibration: calibration error (ECE) and average precision better; AUC worse; no certain change in "
        "Brier score"
    )
    nothing: Any = doubts.gains(table.assign(certain=False))
    assert nothing.finding.startswith("Recalibration: nothing is certainly better; no certain change in ")


def test_groups_and_levels_name_their_ends() -> None:
    words = judged()
    levels: Any = doubts.levels(confidence.levels(words, "condition"), "condition")
    assert levels.finding.startswith("Mean confidence by condition: from 0.5")
    assert "(noisy line) to 0.7" in levels.finding
    groups: Any = doubts.groups(words, "condition")
    assert isinstance(groups, Picture)
    many: Any = doubts.levels(confidence.levels(words, "phrase_id"), "phrase_id")
    assert "The 14 lowest and highest of 300 are shown." in many.caption


def test_the_listening_curve_tells_the_chosen_point() -> None:
    table = review.curve(judged())
    shown: Any = doubts.listening(table, review.choose(table, 5), 1200.0)
    assert "minutes of listening" in shown.finding
    assert isinstance(shown, Picture)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda w: doubts.levels(confidence.levels(w, "condition"), "condition"), id="levels"),
        pytest.param(lambda w: doubts.groups(w[w["condition"] == "quiet"], "condition"), id="one-group"),
        pytest.param(lambda w: doubts.reliability(pd.DataFrame()), id="nothing-judged"),
        pytest.param(
            lambda w: doubts.listening(review.curve(w), pd.Series(dtype=float), 1.0), id="listening"
        ),
    ],
)
def test_where_nothing_can_be_drawn_a_sentence_says_why(shown: Any) -> None:
    assert isinstance(shown(judged().assign(confidence=np.nan)), Note)
