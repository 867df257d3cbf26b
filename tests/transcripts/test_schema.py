"""The transcript model: dtypes, order, keys, and what can be asked of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.errors import TranscriptError
from speechkit.transcripts.schema import CALLS, PHRASES, TABLES, WORDS, Transcript, empty, from_columns


def two_calls() -> Transcript:
    calls = pd.DataFrame({"call_id": ["b", "a"], "duration_s": [60.0, 30.0], "queue": ["sales", "billing"]})
    phrases = pd.DataFrame(
        {
            "call_id": ["b", "a", "a", "a"],
            "phrase_id": ["b:0001", "a:0002", "a:0001", "a:0003"],
            "channel": [0, 1, 0, 0],
            "speaker": [None, "2", "1", "1"],
            "start_s": [0.0, 2.0, 2.0, 5.5],
            "end_s": [1.0, 3.0, 4.0, 6.0],
            "display": ["Hello.", "Yes?", "Good morning.", "Bye."],
        }
    )
    words = pd.DataFrame(
        {
            "call_id": ["a", "a", "a", "b"],
            "phrase_id": ["a:0001", "a:0001", "a:0002", "b:0001"],
            "start_s": [2.0, 3.0, 2.0, 0.0],
            "channel": [0, 0, 1, 0],
            "word": ["good", "morning", "yes", "hello"],
        }
    )
    return Transcript(calls, phrases, words)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(column): str(dtype) for column, dtype in frame.dtypes.items()}


@pytest.mark.parametrize("name", TABLES)
def test_empty_tables_have_the_dtypes_of_the_model(name: str) -> None:
    assert dtypes(empty(name)) == dict(TABLES[name])
    assert len(empty(name)) == 0


def test_tables_have_the_dtypes_of_the_model() -> None:
    transcript = two_calls()
    assert dtypes(transcript.calls) == {**CALLS, "queue": "str"}
    assert dtypes(transcript.phrases) == dict(PHRASES)
    assert dtypes(transcript.words) == dict(WORDS)


def test_rows_stand_in_order() -> None:
    transcript = two_calls()
    assert transcript.call_ids == ["a", "b"]
    assert transcript.phrases["phrase_id"].tolist() == ["a:0001", "a:0002", "a:0003", "b:0001"]
    assert transcript.words["word"].tolist() == ["good", "yes", "morning", "hello"]
    assert transcript.words["position"].tolist() == [0, 0, 1, 0]


def test_what_is_missing_is_na() -> None:
    phrases = two_calls().phrases
    assert phrases["confidence"].isna().all()
    assert phrases["lexical"].isna().all()
    assert phrases["speaker"].isna().tolist() == [False, False, False, True]


def test_numbers_that_are_ids_become_text() -> None:
    phrases = pd.DataFrame({"call_id": [7, 7], "phrase_id": ["a", "b"], "speaker": [1.0, np.nan]})
    transcript = Transcript(
        pd.DataFrame({"call_id": [7], "recorded_at": ["2026-09-07T09:14:00+02:00"]}), phrases
    )
    assert transcript.call_ids == ["7"]
    assert transcript.phrases["speaker"].iloc[0] == "1"
    assert transcript.calls["recorded_at"].iloc[0] == pd.Timestamp("2026-09-07T07:14:00")


@pytest.mark.parametrize(
    ("calls", "phrases", "words", "says"),
    [
        ({"source": ["x"]}, None, None, "calls has no column call_id"),
        ({"call_id": [None]}, None, None, "no call_id"),
        ({"call_id": ["a", "a"]}, None, None, "'a' stands twice"),
        ({"call_id": ["a"], "duration_s": ["long"]}, None, None, "duration_s of calls cannot be float64"),
        ({"call_id": ["a"]}, {"call_id": ["a"]}, None, "phrases has no column phrase_id"),
        (
            {"call_id": ["a"]},
            {"call_id": ["b"], "phrase_id": ["b:1"]},
            None,
            "'b', which calls does not have",
        ),
        ({"call_id": ["a"]}, {"call_id": ["a"] * 2, "phrase_id": ["p"] * 2}, None, "'p' stands twice"),
        (
            {"call_id": ["a"]},
            {"call_id": ["a"], "phrase_id": ["p"]},
            {"call_id": ["a"], "phrase_id": ["q"]},
            "'q', which phrases does not have",
        ),
    ],
)
def test_tables_that_contradict_are_refused(
    calls: dict[str, list[object]],
    phrases: dict[str, list[object]] | None,
    words: dict[str, list[object]] | None,
    says: str,
) -> None:
    frames = [None if table is None else pd.DataFrame(table) for table in (calls, phrases, words)]
    assert frames[0] is not None
    with pytest.raises(TranscriptError, match=says):
        Transcript(*frames)


def test_a_call_is_a_transcript_of_its_own() -> None:
    one = two_calls().call("b")
    assert (one.call_ids, len(one.phrases), one.words["word"].tolist()) == (["b"], 1, ["hello"])
    with pytest.raises(TranscriptError, match=r"no call 'c'\. The calls are: a, b"):
        two_calls().call("c")


def test_filter_picks_calls_or_phrases() -> None:
    transcript = two_calls()
    assert transcript.filter(queue="sales").call_ids == ["b"]
    assert transcript.filter(queue=["sales", "billing"]).call_ids == ["a", "b"]
    spoken = transcript.filter(speaker="2")
    assert spoken.call_ids == ["a", "b"]
    assert spoken.phrases["phrase_id"].tolist() == ["a:0002"]
    assert spoken.words["word"].tolist() == ["yes"]
    assert len(transcript.filter(call_id="a", channel=0).phrases) == 2
    with pytest.raises(TranscriptError, match=r"no column 'agent'.*queue"):
        transcript.filter(agent="Megan")


def test_text_is_what_people_read() -> None:
    assert two_calls().text("a") == "[0:02] 1: Good morning.\n[0:02] 2: Yes?\n[0:05] 1: Bye."
    assert two_calls().text().startswith("# a\n[0:02] 1: Good morning.")
    assert two_calls().text("b") == "[0:00] Hello."
    nobody = two_calls().phrases.assign(speaker=None)
    assert "channel 1: Yes?" in Transcript(two_calls().calls, nobody).text("a")
    assert Transcript(empty("calls")).text() == ""


def test_concat_joins_different_calls() -> None:
    both = two_calls()
    joined = Transcript.concat([both.call("b"), both.call("a")])
    for name in TABLES:
        pd.testing.assert_frame_equal(joined.table(name), both.table(name))
    with pytest.raises(TranscriptError, match="'a' stands twice"):
        Transcript.concat([both, both.call("a")])
    assert Transcript.concat([]).call_ids == []


def test_columns_that_one_part_lacks_are_missing_there() -> None:
    more = Transcript(pd.DataFrame({"call_id": ["c"], "agent": ["Megan"]}))
    joined = Transcript.concat([two_calls(), more])
    assert joined.calls["agent"].fillna("nobody").tolist() == ["nobody", "nobody", "Megan"]
    assert dtypes(joined.calls)["queue"] == "str"


def test_a_notebook_shows_it_in_short() -> None:
    transcript = two_calls()
    assert repr(transcript) == "Transcript(2 calls, 4 phrases, 4 words, 0:01:30)"
    shown = Transcript(pd.DataFrame({"call_id": [f"<b>{n}" for n in range(9)]}))._repr_html_()
    assert "9 calls" in shown
    assert "4 more calls" in shown
    assert "&lt;b&gt;0" in shown
    assert "engine" not in shown


def test_tables_are_asked_for_by_name() -> None:
    assert list(two_calls().table("words", ["word"])) == ["word"]
    with pytest.raises(TranscriptError, match="no table 'turns'"):
        two_calls().table("turns")


times = st.one_of(st.just(float("nan")), st.floats(0, 10_000))
rows = st.lists(st.tuples(st.sampled_from("abc"), times, st.sampled_from([None, 0, 1])), max_size=30)


@settings(deadline=None, max_examples=50)
@given(rows)
def test_any_rows_come_into_order(rows: list[tuple[str, float, int | None]]) -> None:
    phrases = from_columns(
        "phrases",
        {
            "call_id": [row[0] for row in rows],
            "phrase_id": [str(n) for n in range(len(rows))],
            "start_s": [row[1] for row in rows],
            "channel": [row[2] for row in rows],
        },
    )
    made = Transcript(pd.DataFrame({"call_id": ["c", "a", "b"]}), phrases).phrases
    keys = [
        (c, float("inf") if s != s else s, -1 if ch is None else ch, int(p))
        for c, s, ch, p in zip(
            made["call_id"],
            made["start_s"],
            made["channel"].astype(object).where(made["channel"].notna(), None),
            made["phrase_id"],
            strict=True,
        )
    ]
    assert keys == sorted(keys)
    assert len(made) == len(rows)
