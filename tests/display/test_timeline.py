"""Timelines and comparisons: their findings follow the calls, and what cannot be drawn is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.diarization import score_diarization
from speechkit.analysis.groups import compare
from speechkit.analysis.reference import read_reference
from speechkit.display.comparison import compared
from speechkit.display.picture import Note, Picture
from speechkit.display.timeline import MOST_LANES, call_timeline, errors_timeline
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.sample_call import sample_call


def labels_of(shown: Any) -> list[str]:
    assert isinstance(shown, Picture)
    shown.png()  # it can be drawn
    return [tick.get_text() for tick in shown.figure.axes[0].get_yticklabels()]


def test_a_demo_call_is_told_in_its_title() -> None:
    corpus = open_corpus(demo_data("corpus"))
    first, second = (call_timeline(corpus, call_id) for call_id in ("c01", "c02"))
    assert labels_of(first) == ["Agent", "Customer", "nobody", "confidence"]
    assert isinstance(first, Picture)
    assert isinstance(second, Picture)
    assert first.finding == "c01: Agent has 61% of the speech, on hold for 25 s from 0:45, 1 interruption"
    assert second.finding.endswith("5 interruptions")
    marks = [line for line in second.figure.axes[0].lines if line.get_marker() == "v"]
    assert len(marks[0].get_xdata()) == 5
    assert "triangles: who interrupts" in second.caption


def timeless() -> Transcript:
    one = sample_call(words=False)
    return Transcript(one.calls, one.phrases.assign(start_s=np.nan, end_s=np.nan))


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        pytest.param(Transcript(pd.DataFrame({"call_id": ["c01"]})), "Nothing was recognized in c01",
                     id="no-phrases?"),
        pytest.param(timeless(), "No phrase of c01 has a time", id="no-times?"),
        pytest.param(sample_call(words=False), "No word times", id="no-words?"),
        pytest.param(sample_call(confidence=None), "no confidence, so doubt cannot be shown", id="no-confidence?"),
        pytest.param(sample_call(said=[(None, 1.0, "So it is."), (None, 4.0, "Yes.")]), "one speaker only",
                     id="no-speakers?"),
        pytest.param(sample_call(said=[("1", 1.0, "Hello there.")]), "one speaker only", id="one-phrase?"),
        pytest.param(sample_call(said=[("1", 9.0, "So it is."), ("2", 4.0, "Yes.")]), "Speaker 1 has",
                     id="out-of-order?"),
        pytest.param(sample_call(channels=1), "One channel: speech at the same time is mostly lost", id="mono?"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(one: Transcript, sentence: str) -> None:
    shown = call_timeline(one, "c01")
    if isinstance(shown, Picture):
        shown.png()
        assert sentence in f"{shown.finding} {shown.caption}"
    else:
        assert sentence in shown.text


def test_more_speakers_than_lanes_share_the_last_one() -> None:
    rows = [("c1", f"s{i}", 3.0 * i, 3.0 * i + 2, "so it is") for i in range(40)]
    many = transcript(rows, "call speaker start end text", duration_s=130.0)
    shown = labels_of(call_timeline(many, "c1"))
    assert shown[MOST_LANES - 1 :] == ["34 others", "nobody"]


def test_names_and_roles_of_your_own_are_shown() -> None:
    told = pd.DataFrame(
        {"call_id": "c01", "party": ["1", "2"], "role": ["customer", "agent"], "confidence": 1.0}
    )
    assert labels_of(call_timeline(sample_call(), "c01", roles=told))[:3] == ["Agent", "Customer", "nobody"]
    assert labels_of(call_timeline(sample_call(), "c01", names={"1": "Meg", "2": "Tom"}))[:2] == [
        "Meg",
        "Tom",
    ]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({}, id="of-the-usual-names?"),
        pytest.param({"1": "A supervisor with a long title", "2": "B"}, id="of-a-long-name?"),
    ],
)
def test_nothing_is_cut_off(names: dict[str, str], tmp_path: Path) -> None:
    shown: Any = call_timeline(sample_call(), "c01", names=names)
    shown.png()
    figure, canvas = shown.figure, shown.figure.canvas
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    texts += [label for axes in figure.axes for label in (axes.yaxis.label, *axes.get_yticklabels())]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts if text.get_text()]
    assert min(min(box.x0, box.y0) for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.width
    assert max(box.y1 for box in boxes) <= figure.bbox.height
    assert b"<svg" in shown.save(tmp_path / "a.svg").read_bytes()


def test_the_errors_of_a_diarization_are_drawn_and_counted() -> None:
    columns = "call speaker start end"
    said = transcript([("c1", "anna", 0, 10), ("c1", "ben", 10, 20)], columns, duration_s=30.0)
    heard = transcript(
        [("c1", "1", 0, 10), ("c1", "1", 10, 14), ("c1", "2", 14, 20), ("c1", "2", 25, 27)], columns
    )
    shown = errors_timeline(score_diarization(said, heard), said, heard, "c1")
    assert labels_of(shown) == ["said: anna", "said: ben", "found: 1", "found: 2", "errors"]
    assert isinstance(shown, Picture)
    assert shown.finding == "c1: diarization error rate 30% (4.0 s confused and 2.0 s invented)"
    perfect = errors_timeline(score_diarization(said, said), said, said, "c1")
    assert isinstance(perfect, Picture)
    assert perfect.finding.endswith("0% (no second is wrong)")
    other = errors_timeline(score_diarization(said, heard), said, heard, "c2")
    assert isinstance(other, Note)
    assert "c2 was not scored" in other.text


def test_a_real_call_with_three_people_found_as_two() -> None:
    truth = read_reference(demo_data("truth") / "calls.rttm").filter(call_id=["c07"])
    corpus = open_corpus(demo_data("corpus")).filter(call_id=["c07"])
    shown = errors_timeline(score_diarization(truth, corpus), truth, corpus, "c07")
    assert sum(name.startswith("said") for name in labels_of(shown)) == 3


def agents(shift: float, each: int = 8) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    share = draw.uniform(0.3, 0.5, 2 * each) + shift * (np.arange(2 * each) < each)
    return pd.DataFrame({"agent": np.repeat(["Ann", "Ben"], each), "share": share})


def test_the_finding_is_that_of_the_test_and_turns_with_the_effect() -> None:
    found = [compared(compare(agents(s), "agent", "share"), "the share") for s in (0.4, -0.2, 0.0)]
    titles = [shown.finding for shown in found if isinstance(shown, Picture)]
    assert titles[0].startswith("The share differs by agent")
    assert titles[0].endswith("(Ann)")
    assert titles[1].endswith("(Ben)")
    assert titles[2].startswith("These calls do not tell a difference in the share")
    few = compared(compare(agents(0.4, 2), "agent", "share"), "the share")
    assert isinstance(few, Picture)
    assert "too few calls for an interval to be trusted (under 5): Ann and Ben" in few.caption


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        pytest.param(agents(0.0).iloc[:0], "not known in any call", id="no-calls?"),
        pytest.param(agents(0.0).iloc[:3], "Every call is of Ann", id="one-agent?"),
        pytest.param(agents(0.0).assign(agent=None), "No call says whose it is", id="no-agents?"),
    ],
)
def test_where_there_is_nothing_to_compare_that_is_said(table: pd.DataFrame, sentence: str) -> None:
    shown = compared(compare(table, "agent", "share"), "the share")
    assert isinstance(shown, Note)
    assert sentence in shown.text
