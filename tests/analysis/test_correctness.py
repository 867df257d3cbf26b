"""Which words are right."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings

from speechkit.analysis.accuracy import score
from speechkit.analysis.correctness import judge, reference_for
from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import calls_of, pairs, transcript


def with_words(said: Transcript) -> Transcript:
    """The transcript with a row for each word of its phrases."""
    words = (
        said.phrases.assign(word=said.phrases["lexical"].str.split()).explode("word").dropna(subset="word")
    )
    words["position"] = words.groupby("phrase_id").cumcount()
    words["start_s"] += words["position"] / 100
    columns = ["call_id", "phrase_id", "position", "channel", "speaker", "start_s", "word"]
    return Transcript(said.calls, said.phrases, words[columns])


@given(pairs)
@settings(max_examples=20, deadline=None)
def test_as_many_words_are_wrong_as_the_error_rate_says(texts: list[tuple[list[str], list[str]]]) -> None:
    said, heard = (calls_of([pair[side] for pair in texts]) for side in (0, 1))
    heard = with_words(heard)
    if heard.words.empty:
        return
    judged = judge(heard, said)
    total = score(said, heard).total
    assert judged["right"].notna().all()
    assert (judged["right"] == 0).sum() == total.substitutions + total.insertions
    assert (judged["right"] == 1).sum() == total.hits


@pytest.mark.parametrize(
    ("said", "heard", "right"),
    [
        pytest.param(
            "you owe ten dollars", "you oh $10", [1, 0, 1], id="one-written-word-is-two-spoken-ones?"
        ),
        pytest.param("it is a time out", "it's a timeout", [1, 1, 1], id="spaces-and-contractions-differ?"),
        pytest.param("a timeout today", "a time out today", [1, 1, 1, 1], id="a-compound-is-heard-as-two?"),
        pytest.param("well yes", "oh yes no", [0, 1, 0], id="one-is-missing-and-one-too-many?"),
        pytest.param("yes", "um yes", [None, 1], id="a-hesitation-was-written?"),
    ],
)
def test_a_word_is_right_when(said: str, heard: str, right: list[float | None]) -> None:
    judged = judge(with_words(calls_of([heard.split()])), calls_of([said.split()]))
    assert judged["right"].astype(object).where(judged["right"].notna(), None).tolist() == right


def test_channels_are_judged_apart_though_people_speak_at_once() -> None:
    rows = [("c1", 0, 0.0, 2.0, "alpha bravo delta"), ("c1", 1, 0.005, 2.0, "echo golf hotel")]
    said = transcript(
        [(*row[:2], "ab"[row[1]], *row[2:]) for row in rows], "call channel speaker start end text"
    )
    heard = with_words(transcript(rows, "call channel start end text"))
    assert heard.words["word"].tolist()[:4] == ["alpha", "echo", "bravo", "golf"]  # mixed in time
    judged = judge(heard, said)
    assert judged["right"].tolist() == [1.0] * 6
    assert judged["said_by"].tolist() == ["a", "b"] * 3


def test_one_reference_serves_the_same_dialogue_under_several_conditions() -> None:
    said = transcript([("d1", 0, "anna", "alpha bravo")], "call channel speaker text")
    heard = transcript(
        [("d1-a", 0, "alpha bravo"), ("d1-b", 0, "alpha golf")], "call channel text", dialogue="d1"
    )
    heard = with_words(heard)
    judged = judge(heard, said, by="dialogue")
    assert judged["right"].tolist() == [1, 1, 1, 0]
    assert judged["dialogue"].unique().tolist() == ["d1"]
    assert set(judged["said_by"]) == {"anna"}
    assert reference_for(heard.calls, said, "dialogue").call_ids == ["d1-a", "d1-b"]


def test_what_cannot_be_judged_is_refused() -> None:
    said = calls_of([["alpha"]])
    with pytest.raises(TranscriptError, match="no words"):
        judge(said, said)
    with pytest.raises(TranscriptError, match="other calls"):
        judge(with_words(Transcript(said.calls.assign(call_id="z"), said.phrases.assign(call_id="z"))), said)
    assert isinstance(judge(with_words(said), said), pd.DataFrame)
