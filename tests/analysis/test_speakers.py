"""Talk, turns and silence, against a slow reference that walks over hundredths of a second."""

from __future__ import annotations

import statistics
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis import exchange, speakers
from speechkit.analysis.exchange import Rules
from speechkit.transcripts.parties import parties


def transcript(
    rows: list[tuple[Any, ...]], durations: dict[str, float] | None = None, channels: int = 1
) -> SimpleNamespace:
    """A transcript of (call, speaker, channel, start, end, text) rows."""
    phrases = pd.DataFrame(rows, columns=["call_id", "speaker", "channel", "start_s", "end_s", "lexical"])
    phrases = phrases.astype(
        {"call_id": "str", "speaker": "str", "channel": "Int64", "lexical": "str"}
        | {"start_s": float, "end_s": float}
    )
    phrases["phrase_id"] = pd.Series([f"p{i}" for i in range(len(phrases))], dtype="str")
    lasts = durations or {call: float(part["end_s"].max()) for call, part in phrases.groupby("call_id")}
    calls = pd.DataFrame({"call_id": list(lasts), "duration_s": list(lasts.values())})
    calls = calls.astype({"call_id": "str", "duration_s": float}).assign(channels=channels)
    return SimpleNamespace(calls=calls, phrases=phrases, words=pd.DataFrame())


# Tenths of a second make every sum exact, so that the slow reference can count them.
tenths = st.integers(0, 300)
spoken = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2", None]), tenths, st.integers(1, 60)),
    max_size=25,
)


@given(spoken)
@settings(max_examples=20, deadline=None)
def test_talk_and_silence_agree_with_counting_tenths(rows: list[tuple[str, str | None, int, int]]) -> None:
    table = [(c, s, 0, start / 10, (start + long) / 10, "a b") for c, s, start, long in rows]
    given_ = transcript(table, durations={"a": 40.0, "b": 40.0})
    party = {None: "channel 0", "1": "1", "2": "2"}
    grid: dict[tuple[str, str], np.ndarray] = {}
    for call, speaker, start, long in rows:
        line = grid.setdefault((call, party[speaker]), np.zeros(400, dtype=bool))
        line[start : start + long] = True
    talk = speakers.talk(given_).set_index(["call_id", "party"])
    assert set(talk.index) == set(grid)
    for key, line in grid.items():
        others = sum(g.sum() for k, g in grid.items() if k[0] == key[0] and k != key)
        assert talk.loc[key, "talk_s"] == pytest.approx(line.sum() / 10)
        assert talk.loc[key, "listen_ratio"] == pytest.approx(others / line.sum())
    whole = speakers.overview(given_).set_index("call_id")
    for call in "ab":
        lines = [line for (c, _), line in grid.items() if c == call]
        heard = np.any(lines, axis=0) if lines else np.zeros(400, dtype=bool)
        assert whole.loc[call, "speech_s"] == pytest.approx(heard.sum() / 10)
        assert whole.loc[call, "silence_s"] == pytest.approx((~heard).sum() / 10)
        assert whole.loc[call, "overlap_s"] == pytest.approx((sum(g.sum() for g in lines) - heard.sum()) / 10)
        places = speakers.silences(given_, min_s=0.05)
        assert places.loc[places["call_id"] == call, "duration_s"].sum() == pytest.approx((~heard).sum() / 10)


@given(spoken)
@settings(max_examples=40, deadline=None)
def test_turns_hold_every_phrase_once(rows: list[tuple[str, str | None, int, int]]) -> None:
    given_ = transcript([(c, s, 0, a / 10, (a + long) / 10, "one two") for c, s, a, long in rows])
    turns = exchange.turns(given_)
    assert turns["phrases"].sum() == len(rows)
    assert turns["words"].sum() == 2 * len(rows)
    assert turns["call_id"].is_monotonic_increasing
    for _, part in turns.groupby("call_id"):
        assert part["turn"].tolist() == list(range(1, len(part) + 1))
        assert part["start_s"].is_monotonic_increasing


def test_parties_have_the_names_that_transcripts_give_them() -> None:
    rows = [
        ("a", "1", 0, 0, 1, "x"),
        ("a", None, 1, 0, 1, "x"),
        ("a", None, None, 0, 1, "x"),
        ("a", "", 0, 0, 1, "x"),
    ]
    table = transcript(rows).phrases
    assert speakers.who(table).tolist() == parties(table)


def test_a_long_pause_ends_a_turn_and_a_short_one_does_not() -> None:
    rows = [("a", "1", 0, 0, 2, "x"), ("a", "1", 0, 3.9, 5, "x"), ("a", "1", 0, 7.1, 8, "x")]
    assert exchange.turns(transcript(rows))["phrases"].tolist() == [2, 1]
    assert exchange.turns(transcript(rows), Rules(max_gap_s=3))["phrases"].tolist() == [3]


def test_the_longest_turn_has_its_place() -> None:
    rows = [("a", "1", 0, 0, 2, "x"), ("a", "2", 0, 3, 4, "x"), ("a", "1", 0, 5, 9, "x")]
    talk = speakers.talk(transcript(rows)).set_index("party")
    assert talk.loc["1", ["longest_turn_s", "longest_turn_start_s"]].tolist() == [4.0, 5.0]
    assert talk.loc["1", "turns"] == 2


def test_rows_out_of_order_give_the_same_answers() -> None:
    rows = [("b", "1", 0, 0, 2, "x y"), ("a", "2", 0, 8, 9, "z"), ("a", "1", 0, 1, 4, "x")]
    for function in (exchange.turns, speakers.talk, speakers.overview):
        ordered = sorted(rows, key=lambda r: (r[0], r[3]))
        left, right = function(transcript(rows)), function(transcript(ordered))
        same = [column for column in left if column != "phrase_id"]
        pd.testing.assert_frame_equal(left[same], right[same])


@pytest.mark.parametrize("function", [exchange.turns, speakers.talk, speakers.silences, speakers.overview])
def test_a_transcript_without_phrases_is_a_table_without_failures(function: Any) -> None:
    assert len(function(transcript([], durations={}))) == 0
    silent = function(transcript([], durations={"a": 12.0}))
    assert len(silent) == (1 if function in (speakers.silences, speakers.overview) else 0)


def test_a_recording_without_speech_is_one_silence() -> None:
    silent = transcript([("a", "1", 0, 0, 10, "x")], durations={"a": 10.0, "b": 30.0})
    places = speakers.silences(silent)
    assert places[["call_id", "duration_s", "place"]].values.tolist() == [["b", 30.0, "all"]]
    whole = speakers.overview(silent).set_index("call_id")
    assert whole.loc["b", "silence_share"] == 1.0
    assert np.isnan(whole.loc["b", "words_per_minute"])


def test_silences_say_who_spoke_before_and_after() -> None:
    rows = [("a", "1", 0, 5, 20, "x"), ("a", "2", 0, 6, 7, "x"), ("a", "2", 0, 30, 31, "x")]
    places = speakers.silences(transcript(rows, durations={"a": 40.0}))
    assert places["place"].tolist() == ["start", "middle", "end"]
    # speaker 1 still spoke when the short phrase of speaker 2 was over
    assert places.loc[1, ["before", "after", "phrase_id"]].tolist() == ["1", "2", "p2"]
    assert places["duration_s"].tolist() == [5.0, 10.0, 9.0]


def test_a_phrase_without_times_or_with_its_end_before_its_start_adds_no_time() -> None:
    rows = [("a", "1", 0, 5, 4, "x"), ("a", "1", 0, None, None, "x"), ("a", "2", 0, 6, 8, "x")]
    talk = speakers.talk(transcript(rows, durations={"a": 9.0})).set_index("party")
    assert talk.loc["1", "talk_s"] == 0.0
    assert np.isnan(talk.loc["1", "words_per_minute"])


def test_the_display_form_is_counted_where_there_is_no_lexical_one() -> None:
    given_ = transcript([("a", "1", 0, 0, 60, None)])
    given_.phrases["display"] = "Fine,  thank you. "
    assert speakers.talk(given_)["words"].tolist() == [3]


@given(spoken)
@settings(max_examples=20, deadline=None)
def test_the_slow_way_finds_the_same_responses_and_interruptions(rows: list[tuple[Any, ...]]) -> None:
    table = sorted((c, start / 10, (start + long) / 10, s or "channel 0") for c, s, start, long in rows)
    given_ = transcript([(c, None if s == "channel 0" else s, 0, a, b, "a b c d e") for c, a, b, s in table])
    talk = speakers.talk(given_).set_index(["call_id", "party"])
    turns = exchange.turns(given_)
    cut: dict[tuple[str, str], int] = dict.fromkeys(talk.index, 0)
    for place, (call, start, end, party) in enumerate(table):
        others = [e for c, _, e, p in table[:place] if c == call and p != party]
        furthest = max(others, default=-1.0)
        cut[call, party] += furthest - start > 0.5 and furthest < end
    for key, row in talk.iterrows():
        own = turns[(turns["call_id"] == key[0]) & (turns["party"] == key[1])]["response_s"].dropna()
        assert row["response_s"] == pytest.approx(statistics.median(own) if len(own) else np.nan, nan_ok=True)
        assert row["interruptions"] == cut[key]
    assert speakers.overview(given_)["interruptions"].sum() == sum(cut.values())


def test_two_thousand_calls_take_a_tenth_of_a_second() -> None:
    rng = np.random.default_rng(7)
    calls, each = 2000, 20
    start = np.cumsum(rng.uniform(1, 5, (calls, each)), axis=1)
    ids = np.repeat([f"c{i:04d}" for i in range(calls)], each)
    phrases = pd.DataFrame({"call_id": ids, "phrase_id": ids, "channel": rng.integers(0, 2, calls * each)})
    phrases = phrases.assign(speaker=None, lexical="hello how are you", start_s=start.ravel())
    phrases["end_s"] = phrases["start_s"] + rng.uniform(0.5, 4, calls * each)
    phrases = phrases.astype({"speaker": "str", "channel": "Int64", "call_id": "str", "lexical": "str"})
    given_ = SimpleNamespace(phrases=phrases, calls=pd.DataFrame(), words=pd.DataFrame())
    speakers.talk(given_)
    before = time.process_time()
    speakers.talk(given_)
    # about 0.04 s of CPU here; ten times that would mean that a loop over rows has come back
    assert time.process_time() - before < 0.4
