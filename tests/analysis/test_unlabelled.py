"""Phrases without a speaker: filled where the transcript itself shows what is usual, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.analysis.unlabelled import fill_unknown, unlabelled
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.sample_call import sample_call

ALTERNATING = "12" * 15
IN_ROWS = "1111112222" * 8
UNRULY = "1121221112" * 6


def made(speakers: str, channel: int | None = 0) -> Transcript:
    """A call with a phrase a second; `?` is Unknown, `-` has no speaker at all."""
    names = {"?": "Unknown", "-": None}
    rows = [("c1", channel, names.get(s, s), i, i + 0.9) for i, s in enumerate(speakers)]
    return transcript(rows, "call channel speaker start end")


def filled(speakers: str) -> str:
    """What stands in the place of the unlabelled ones."""
    answer = fill_unknown(made(speakers)).phrases
    lost = [i for i, s in enumerate(speakers) if s in "?-"]
    assert answer["filled"].tolist() == [
        i in lost and answer["speaker"][i] in ("1", "2") for i in range(len(answer))
    ]
    return "".join("-" if pd.isna(s) else s[0] for s in answer["speaker"].iloc[lost])


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        pytest.param(ALTERNATING + "1?1", "2", id="what-where-people-alternate?"),
        pytest.param(ALTERNATING + "1-1", "2", id="what-when-the-speaker-is-missing?"),
        pytest.param(ALTERNATING + "3?3", "U", id="what-when-there-are-three?"),
        pytest.param(IN_ROWS + "11?111", "1", id="what-where-phrases-stand-in-rows?"),
        pytest.param(IN_ROWS + "11??11", "11", id="what-is-a-run?"),
        pytest.param(UNRULY + "1?1", "U", id="what-where-nothing-is-usual?"),
        pytest.param(ALTERNATING + "1?2", "U", id="what-between-two-speakers?"),
        pytest.param("?" + ALTERNATING, "U", id="what-is-at-the-start?"),
        pytest.param(ALTERNATING + "?", "U", id="what-is-at-the-end?"),
        pytest.param("121?21", "U", id="what-when-there-are-few-examples?"),
        pytest.param("???", "UUU", id="what-when-nobody-is-labelled?"),
        pytest.param("12", "", id="what-when-all-are?"),
    ],
)
def test_neighbours_settle_it_or_they_do_not(speakers: str, expected: str) -> None:
    if expected == "U" and "3" in speakers:
        speakers = ALTERNATING + "1" + "32" * 12 + "3?3"
    assert filled(speakers) == expected


def test_what_is_unlabelled() -> None:
    assert unlabelled(made("1?2").phrases).tolist() == [False, True, False]
    assert unlabelled(made("1-2").phrases).tolist() == [False, True, False]
    assert unlabelled(made("--").phrases).tolist() == [False, False]  # each channel is a party
    assert unlabelled(made("--", channel=None).phrases).tolist() == [True, True]


def test_the_original_is_not_touched_and_words_follow() -> None:
    said = [("12"[i % 2] if i != 7 else "Unknown", 2.0 * i, "So it is.") for i in range(40)]
    one = sample_call(said=said, duration_s=90.0)
    answer = fill_unknown(one)
    assert one.phrases["speaker"][7] == "Unknown"
    assert answer.phrases["speaker"][7] == "2"
    own = answer.words[answer.words["phrase_id"] == "c01:0008"]
    assert own["speaker"].tolist() == ["2"] * 3
    assert (answer.words["speaker"].isin(["1", "2"])).all()


def test_most_of_what_is_filled_in_the_demo_calls_is_right() -> None:
    calls = Transcript.concat([open_corpus(demo_data("corpus")).filter(channels=1)])
    draw = np.random.default_rng(5)
    lost = pd.Series(draw.random(len(calls.phrases)) < 0.1, calls.phrases.index)
    holed = Transcript(
        calls.calls, calls.phrases.assign(speaker=calls.phrases["speaker"].mask(lost, "Unknown"))
    )
    answer = fill_unknown(holed).phrases
    done = answer["filled"]
    assert done.sum() >= 0.5 * lost.sum()
    assert (answer["speaker"] == calls.phrases["speaker"])[done].mean() > 0.9
