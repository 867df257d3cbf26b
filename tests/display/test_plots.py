"""Figures: their findings follow the tables, and where there is nothing to draw there is a sentence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from speechkit.analysis import confidence, speakers, trends
from speechkit.analysis.roles import roles
from speechkit.display import plots
from speechkit.display.canvas import luminance
from speechkit.display.picture import Note, Picture
from speechkit.transcripts.schema import Transcript


def transcript(agent: int = 0, pause_s: float = 10.0) -> Transcript:
    """Two stereo calls in which channel `agent` says the longer phrases, a mono one, and one without
    speech."""
    rows = []
    for call, channels in (("a", 2), ("b", 2), ("m", 1)):
        at = 0.0
        for number in range(6):
            channel = number % 2
            text = "one two three four five six seven eight" if channel == agent else "yes please"
            lasts = 4.0 if channel == agent else 1.0
            speaker = None if channels == 2 else str(channel + 1)
            spot = channel if channels == 2 else 0
            rows.append((call, f"{call}:{number:04d}", spot, speaker, at, at + lasts, text))
            at += lasts + (pause_s if number == 3 and call == "b" else 0.5)
    phrases = pd.DataFrame(
        rows, columns=["call_id", "phrase_id", "channel", "speaker", "start_s", "end_s", "lexical"]
    )
    calls = pd.DataFrame(
        {"call_id": list("abmv"), "channels": [2, 2, 1, 1], "duration_s": [20.0, 40.0, 20.0, 30.0]}
    )
    dates = pd.to_datetime(["2026-09-07", "2026-09-07", "2026-09-10", None])
    return Transcript(calls.assign(recorded_at=dates, queue=["billing", "sales", "sales", None]), phrases)


def talk_of(calls: Transcript) -> pd.DataFrame:
    talk = speakers.talk(calls).merge(roles(calls), on=["call_id", "party"])
    return talk.merge(calls.calls[["call_id", "queue"]], on="call_id")


SUMMARIES = pd.DataFrame(
    {
        "call_id": list("abc"),
        "reason": ["billing", "billing", "delivery"],
        "outcome": ["refund", "none", "none"],
    }
)
EMPTY = Transcript(transcript().calls.iloc[:0])
FIGURES: dict[str, Callable[[Transcript], Any]] = {
    "volume": lambda t: plots.volume(trends.volume(t.calls)),
    "talk_shares": lambda t: plots.talk_shares(talk_of(t)),
    "pace": lambda t: plots.pace(talk_of(t), least_s=2.0),
    "silences": lambda t: plots.silences(speakers.overview(t), speakers.silences(t)),
    "confidence": lambda t: plots.confidence(confidence.distribution(t.words)),
    "monologues": lambda t: plots.monologues(talk_of(t)),
    "crossed": lambda t: plots.crossed(trends.crossed(SUMMARIES[SUMMARIES["call_id"].isin(t.call_ids)])),
}


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_is_a_sentence(name: str) -> None:
    note = FIGURES[name](EMPTY)
    assert isinstance(note, Note)
    assert note.text.endswith((".", "CORPUS"))


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "confidence"])
def test_every_figure_has_a_finding_a_caption_an_alt_text_and_units(name: str) -> None:
    picture = FIGURES[name](transcript())
    assert isinstance(picture, Picture)
    assert picture.finding
    assert picture.finding in picture.alt
    assert picture.caption.endswith(".")
    axes = picture.figure.axes[0]
    assert axes.get_xlabel()
    assert picture.figure.get_suptitle().replace("\n", " ") == picture.finding
    title = picture.figure._suptitle  # type: ignore[attr-defined]
    picture.figure.draw_without_rendering()  # text is laid out when it is drawn
    box = title.get_window_extent()
    assert box.x1 <= picture.figure.bbox.x1, "the title is clipped"


def test_the_opposite_effect_gives_the_opposite_finding() -> None:
    much, little = (
        plots.talk_shares(talk_of(transcript(agent=0))),
        plots.talk_shares(talk_of(transcript(agent=1))),
    )
    assert isinstance(much, Picture)
    assert isinstance(little, Picture)
    assert much.finding == "Agents do 80% of the talking, and more than 60% in all 2 calls"
    assert little.finding == "Agents do 20% of the talking, and more than 60% in none of 2 calls"
    assert "nobody knows who the agent is: 1 call." in much.caption


@pytest.mark.parametrize(
    ("calls", "drawn"),
    [pytest.param(300, 300, id="every-mark-of-some?"), pytest.param(5001, 300, id="some-of-very-many?")],
)
def test_marks_that_would_lie_on_one_another_are_not_drawn(calls: int, drawn: int) -> None:
    shares = [(number + 1) / calls for number in range(calls)]
    rows = {"call_id": [f"c{n:05d}" for n in range(calls)], "role": "agent", "talk_s": 9.0, "queue": "sales"}
    picture = plots.talk_shares(pd.DataFrame(rows).assign(talk_share=shares))
    assert isinstance(picture, Picture)
    marks = picture.figure.axes[0].collections[0].get_offsets()
    assert len(marks) == drawn
    assert (marks[:, 0].max(), marks[:, 0].min()) == pytest.approx(
        (100, 100 / calls)
    )  # the ends are among them
    assert ("300 are drawn" in picture.caption) == (drawn < calls)


def test_silence_names_the_longest_and_the_call_without_speech() -> None:
    picture = FIGURES["silences"](transcript(pause_s=17.0))
    assert "longest, 17 s, in b at 0:11" in picture.finding
    assert "No speech at all: v." in picture.caption


def test_one_day_of_calls_is_a_sentence() -> None:
    calls = transcript().calls
    assert plots.volume(trends.volume(calls.iloc[:1])) == Note("The only call came on 7 Sep 2026.")
    assert plots.volume(trends.volume(calls.iloc[:2])) == Note("All 2 calls came on 7 Sep 2026.")


def test_volume_says_when_most_calls_came() -> None:
    assert FIGURES["volume"](transcript()).finding == "3 calls in 4 days; most on Mon 7 Sep (2)"


def test_confidence_counts_what_is_below() -> None:
    table = confidence.distribution(pd.DataFrame({"confidence": [0.2, 0.45, 0.5, 0.9]}))
    picture = plots.confidence(table)
    assert isinstance(picture, Picture)
    assert picture.finding == "50% of 4 words have a confidence below 0.5"


def test_ties_are_not_broken_in_a_title() -> None:
    table = trends.crossed(SUMMARIES.assign(reason=["x", "y", "z"]))
    picture = plots.crossed(table)
    assert isinstance(picture, Picture)
    assert picture.finding.startswith("No reason leads: 3 have 1 of 3 calls each")


def test_a_picture_is_a_png_with_its_alt_text_at_twice_the_size(tmp_path: Path) -> None:
    picture = FIGURES["volume"](transcript())
    data = picture.save(tmp_path / "new" / "volume.png").read_bytes()
    width, _ = struct.unpack(">II", data[16:24])
    assert width == int(2 * 96 * 6.4)
    assert picture.alt.encode() in data
    assert b"Software" not in data
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "volume.png"]
    assert picture.save(tmp_path / "volume.svg").read_text().startswith("<?xml")


def test_drawing_leaves_the_style_of_the_caller_as_it_was() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"axes.grid": False, "font.size": 7.0}):
        FIGURES["volume"](transcript())
        assert mpl.rcParams["font.size"] == 7.0
        assert not mpl.rcParams["axes.grid"]


def test_a_picture_publishes_its_alt_text_and_caption(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[Any, ...]] = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda *args: published.append(args))
    picture = Picture(FIGURES["volume"](transcript()).figure, "finding", "<caption>", "alt")
    picture._ipython_display_()
    assert published[0][1]["image/png"]["alt"] == "alt"
    assert "&lt;caption&gt;" in published[1][0]["text/html"]


def test_luminance_of_black_and_white() -> None:
    assert luminance((0, 0, 0)) == 0.0
    assert luminance((1, 1, 1)) == pytest.approx(1.0)
