"""Delays and stability of real-time sessions, from events made by hand and by a simulated service."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis.latency import Delays, Stability, measure_latency
from speechkit.errors import TranscriptError
from speechkit.transcripts.events import EVENTS
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import WORDS

Session = tuple[pd.DataFrame, Transcript]


def session(phrases: list[list[str]], delay_s: float = 0.5, every: int = 1, garble: bool = False) -> Session:
    """A service that hears a word every 0.5 s, and tells of it `delay_s` later: `every` so many words."""
    rows: list[dict[str, Any]] = []
    said, words = [], []
    at = 0.0
    for number, phrase in enumerate(phrases, start=1):
        start = at
        for i in range(len(phrase)):
            words.append({"call_id": "c1", "phrase_id": f"c1:{number:04d}", "channel": 0, "position": i,
                          "word": phrase[i], "start_s": at, "end_s": at + 0.4})  # fmt: skip
            if (i + 1) % every == 0:
                text = [*phrase[:i], "zulu" if garble else phrase[i]]
                rows.append({"kind": "hypothesis", "text": " ".join(text), "start_s": start, "end_s": at + 0.4,
                             "arrived_s": at + 0.4 + delay_s})  # fmt: skip
            at += 0.5
        end = words[-1]["end_s"]
        rows.append({"kind": "final", "text": " ".join(phrase).capitalize() + ".", "start_s": start, "end_s": end,
                     "arrived_s": end + 2 * delay_s})  # fmt: skip
        said.append({"call_id": "c1", "phrase_id": f"c1:{number:04d}", "channel": 0, "start_s": start,
                     "end_s": end, "lexical": " ".join(phrase)})  # fmt: skip
        at += 2.0
    events = pd.DataFrame(rows).assign(call_id="c1", channel=0, pace=1.0, cached=False, speaker=None)
    events["sent_s"] = events["arrived_s"]
    table = pd.DataFrame({"call_id": ["c1"]})
    return events[list(EVENTS)], Transcript(table, pd.DataFrame(said), pd.DataFrame(words))


phrases = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=4)


@given(phrases, st.sampled_from([0.1, 0.7]))
@settings(max_examples=25, deadline=None)
def test_a_steady_service_has_the_delay_it_was_given(said: list[list[str]], delay_s: float) -> None:
    result = measure_latency(*session(said, delay_s))
    assert result.first.p50_s == pytest.approx(0.4 + delay_s)
    assert result.shown.p95_s == pytest.approx(delay_s), "each word is shown when it was heard, and stays"
    assert result.stability == Stability(sum(map(len, said)), 0, sum(map(len, said)))
    last = result.words.groupby("phrase_id")["final_after_s"].last()
    assert last.tolist() == pytest.approx([2 * delay_s] * len(said))
    assert (result.words["final_after_s"] >= result.words["shown_after_s"] - 1e-9).all()
    assert result.final.count == result.shown.count == sum(map(len, said))


def test_words_that_change_are_counted_and_shown_late() -> None:
    said = [["alpha", "bravo", "delta"]]
    result = measure_latency(*session(said, 0.5, garble=True))
    # alpha is zulu until the second hypothesis, bravo until the third, delta until the final
    assert result.words["shown_after_s"].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert result.stability == Stability(3, 3, 3)
    assert result.stability.rate == 1.0
    assert result.phrases.iloc[0][["hypotheses", "changed"]].tolist() == [3, 3]


def test_a_line_that_turns_out_to_be_two_phrases_counts_for_both() -> None:
    events, transcript = session([["alpha", "bravo"], ["delta"]])
    finals = events[events["kind"] == "final"]
    line = events.iloc[[0, 0]].assign(
        text=["alpha", "alpha bravo delta"],
        start_s=0.0,
        end_s=[0.4, 3.4],
        arrived_s=[0.9, 3.6],
        sent_s=[0.9, 3.6],
    )
    together = finals.assign(arrived_s=[4.0, 4.1], sent_s=[4.0, 4.1])
    result = measure_latency(pd.concat([line, together]), transcript)
    assert result.stability == Stability(3, 0, 2)
    spoken = transcript.words["end_s"].tolist()
    shown = [a + b for a, b in zip(result.words["shown_after_s"], spoken, strict=True)]
    assert shown == pytest.approx([0.9, 3.6, 3.6])
    assert result.phrases["first_after_s"].tolist() == pytest.approx([0.9, 3.6 - 3.0])


def test_few_hypotheses_or_none() -> None:
    two = measure_latency(*session([["alpha", "bravo", "delta"]], 0.5, every=2))
    assert two.words["shown_after_s"].tolist() == pytest.approx([1.0, 0.5, 1.0])
    events, transcript = session([["alpha"]])
    bare = measure_latency(events[events["kind"] == "final"], transcript)
    assert bare.first.p50_s == pytest.approx(1.4), "the final is the first that one sees"
    assert bare.stability == Stability(1, 0, 0)


def test_an_empty_final_is_no_phrase_and_channels_are_sessions_of_their_own() -> None:
    events, transcript = session([["alpha"], ["bravo"]])
    silence = events.iloc[[1]].assign(text="", arrived_s=99.0, sent_s=99.0)
    assert measure_latency(pd.concat([events, silence]), transcript).final.count == 2
    both = pd.concat([events, events.assign(channel=1)])
    rows = [transcript.phrases, transcript.phrases.assign(channel=1, phrase_id=["c1:0003", "c1:0004"])]
    words = [transcript.words, transcript.words.assign(channel=1, phrase_id=["c1:0003", "c1:0004"])]
    stereo = Transcript(transcript.calls, pd.concat(rows), pd.concat(words))
    result = measure_latency(both, stereo)
    assert result.final.count == 4
    assert set(result.words["phrase_id"]) == {f"c1:000{n}" for n in (1, 2, 3, 4)}


def test_delays_without_any_and_stability_adds_up() -> None:
    assert math.isnan(Delays.of([]).p50_s)
    assert Delays.of([1.0, float("nan"), 3.0]) == Delays(2, 2.0, pytest.approx(2.9))
    assert sum([Stability(4, 1, 2), Stability(6, 1, 3)], Stability()) == Stability(10, 2, 5)
    assert sum([Stability(4, 1), Stability(6, 1)], Stability()).rate == 0.2
    with pytest.raises(TypeError, match="a mean of rates"):
        Stability(4, 1) / 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"pace": 4.0}, "c1: the recording was sent at 4 times its speed", id="sent too fast?"),
        pytest.param({"pace": np.nan}, "sent as fast as the service took it", id="sent without a pace?"),
        pytest.param({"cached": True}, "c1: the answer may come from a cache", id="a cache?"),
        pytest.param(
            {"sent_s": 0.1}, "4 events arrived before their sound was sent", id="before it was spoken?"
        ),
        pytest.param(
            {"kind": "hypothesis"}, "0 finals arrived on channel 0, the transcript has 2", id="no finals?"
        ),
    ],
)
def test_what_delays_cannot_be_measured_on(change: dict[str, Any], says: str) -> None:
    events, transcript = session([["alpha"], ["bravo"]])
    with pytest.raises(TranscriptError, match=says):
        measure_latency(events.assign(**change), transcript)


def test_a_table_without_its_columns_is_named() -> None:
    events, transcript = session([["alpha"]])
    with pytest.raises(TranscriptError, match="the events have no column sent_s"):
        measure_latency(events.drop(columns="sent_s"), transcript)
