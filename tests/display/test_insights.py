"""Figures across calls say what is found, and say so when nothing is."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.drivers import drivers
from speechkit.analysis.onsets import COLUMNS as ONSETS
from speechkit.analysis.rhythm import weekdays
from speechkit.analysis.topics import find_topics
from speechkit.audio import decode
from speechkit.display import insights
from speechkit.display.picture import Note, Picture

CALLS = [f"c{number:03d}" for number in range(200)]


def table(effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"call_id": CALLS, "agent": list("ABCD") * 50})
    return frame.assign(unresolved=rng.random(200) < np.where(frame["agent"] == "B", 0.2 + effect, 0.2))


@pytest.mark.parametrize(
    ("effect", "finding"),
    [
        pytest.param(0.6, "Calls left open: agent B ", id="is-the-one-named-that-differs?"),
        pytest.param(
            0.0, "No agent differs in calls left open by more than chance", id="is-chance-called-chance?"
        ),
    ],
)
def test_differences(effect: float, finding: str) -> None:
    shown = insights.differences(
        drivers(table(effect), ["unresolved"], ["agent"]), "unresolved", "agent", "calls left open"
    )
    assert isinstance(shown, Picture)
    assert shown.finding.startswith(finding)
    assert shown.finding in shown.alt


@pytest.mark.parametrize(
    ("only", "drawn"),
    [
        pytest.param("", ["B (50)", "C (50)"], id="are-those-drawn-that-differ-most?"),
        pytest.param("D", ["another (50)", "D (50)"], id="is-the-one-that-the-page-is-about?"),
    ],
)
def test_of_many_groups_some_are_drawn(only: str, drawn: list[str]) -> None:
    found = drivers(table(0.6), ["unresolved"], ["agent"])
    shown = insights.differences(found, "unresolved", "agent", "left open", only=only, most=2)
    assert isinstance(shown, Picture)
    assert [text.get_text() for text in shown.figure.axes[0].get_yticklabels()] == drawn
    assert shown.caption.endswith(f"2 are drawn: those farthest from the others{', and D' if only else ''}.")


def days(extra: int, weeks: int = 8) -> pd.Series[pd.Timestamp]:
    every = pd.date_range("2026-08-03", periods=7 * weeks)
    return pd.Series(every.repeat(10 + np.where(every.day_of_week == 2, extra, 0) + np.arange(7 * weeks) % 3))


@pytest.mark.parametrize(
    ("times", "finding"),
    [
        pytest.param(days(12), "Most calls come on Wednesdays: 23.0 a day", id="is-the-busy-day-named?"),
        pytest.param(days(0), "Weekdays do not differ", id="are-even-days-even?"),
        pytest.param(days(12, weeks=2), "2 weeks of calls are too few", id="are-two-weeks-too-few?"),
    ],
)
def test_weekdays(times: pd.Series[pd.Timestamp], finding: str) -> None:
    shown = insights.weekdays(weekdays(times))
    assert isinstance(shown, Picture)
    assert shown.finding.startswith(finding)


def test_topics_are_drawn_or_told() -> None:
    texts = pd.Series(["parcel courier lost", "invoice charged twice"] * 30, CALLS[:60])
    shown = insights.topics(find_topics(texts))
    assert isinstance(shown, Picture)
    assert shown.finding.startswith("The words fall into 2 topics")
    assert "do not fall into topics" in repr(insights.topics(find_topics(texts.iloc[:4])))
    assert repr(insights.topics(find_topics(texts.iloc[:0]))) == "No call has words, so there are no topics."


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(
            insights.began(pd.DataFrame(columns=list(ONSETS)), pd.Series(dtype="datetime64[ns]")), id="onset"
        ),
        pytest.param(insights.weekdays(weekdays(pd.Series(pd.to_datetime([])))), id="weekdays"),
        pytest.param(
            insights.differences(
                drivers(table(0).assign(agent="A"), ["unresolved"], ["agent"]), "unresolved", "agent"
            ),
            id="drivers",
        ),
    ],
)
def test_is_nothing_a_sentence(shown: Note) -> None:
    assert isinstance(shown, Note)
    assert shown.text.endswith(".")


def test_passages_escape_what_was_said() -> None:
    row = {
        "call_id": "<b>",
        "phrase_id": "p",
        "start_s": 61.0,
        "text": "<script>",
        "before": None,
        "after": "a & b",
    }
    page = insights.Passages(pd.DataFrame([row]), '"<i>', {"p": "data:audio/mpeg;base64,AA"})._repr_html_()
    assert "<script>" not in page
    assert "<mark>&lt;script&gt;</mark>" in page
    assert "a &amp; b" in page
    assert "&lt;b&gt;, 1:01" in page
    assert 'src="data:audio/mpeg;base64,AA"' in page
    assert "Nothing is found" in insights.Passages(pd.DataFrame([row]).iloc[:0], "x")._repr_html_()


def test_passages_hide_what_is_personal_in_text_and_sound(tmp_path: Path) -> None:
    corpus = open_corpus(demo_data("corpus"))
    phrase = corpus.call("c01").phrases.query("channel == 1 and display.str.contains('@')").iloc[0]
    row = {
        **phrase[["call_id", "phrase_id", "start_s", "end_s", "channel", "speaker"]],
        "text": phrase["display"],
    }
    found = pd.DataFrame([row | {"before": None, "after": "4418."}])
    hidden, open_ = (insights.passages(found, "send", corpus, mask=mask) for mask in (True, False))
    assert hidden.found["text"][0] == "Please send it to [EMAIL]."
    assert hidden.found["after"][0] == "[CARD]."
    assert open_.found["text"][0] == phrase["display"]
    loud = []
    for page in (hidden, open_):
        (source,) = page.clips.values() if page.clips else ()
        assert source in page._repr_html_()
        heard = tmp_path / "heard.mp3"
        heard.write_bytes(base64.b64decode(source.partition(",")[2]))
        samples = decode(heard, 16_000)
        assert samples.shape[1] / 16_000 == pytest.approx(phrase["end_s"] - phrase["start_s"] + 0.6, abs=0.1)
        middle = samples[0, round(2.0 * 16_000) : round(2.2 * 16_000)]  # in the address
        spectrum = np.abs(np.fft.rfft(middle))
        loud.append(abs(int(spectrum.argmax()) * 5 - 440) <= 10)
    assert loud == [True, False]
