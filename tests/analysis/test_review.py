"""What listening again costs and brings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from speechkit.analysis.review import LEAD_S, LISTEN_S, choose, curve, queue
from speechkit.transcripts.schema import Transcript


def made(phrases: list[list[float | None]], gap_s: float = 1.0, channels: tuple[int, ...] = ()) -> Transcript:
    """A call of phrases 20 s apart, from the confidences of their words; with `channels`, all at once."""
    rows = [
        (
            "a",
            f"a:{n:04d}",
            i,
            channels[n] if channels else 0,
            (0 if channels else 20.0 * n) + i * gap_s,
            f"w{i}",
            c,
        )
        for n, phrase in enumerate(phrases)
        for i, c in enumerate(phrase)
    ]
    words = pd.DataFrame(
        rows, columns=["call_id", "phrase_id", "position", "channel", "start_s", "word", "confidence"]
    )
    words["end_s"] = words["start_s"] + 0.5
    said = words.drop_duplicates("phrase_id")[["call_id", "phrase_id", "channel", "start_s"]]
    last = float(words["end_s"].max())
    return Transcript(pd.DataFrame({"call_id": ["a"], "duration_s": [last]}), said, words)


def test_words_heard_in_one_go_are_one_item() -> None:
    far, near = (made([[0.2, 0.9, 0.9, 0.9, 0.2]], gap) for gap in (1.0, 0.5))
    two = queue(far, 0.5)
    assert two["text"].tolist() == ["w0 w1", "w3 w4"]  # with the sure word beside it: it is heard too
    assert two["pieces"].tolist() == [[("w0", True), ("w1", False)], [("w3", False), ("w4", True)]]
    table = queue(near, 0.5)
    assert table["words"].tolist() == [5]
    assert [low for _, low in table["pieces"].iloc[0]] == [True, False, False, False, True]
    assert table["expected"].tolist() == pytest.approx([0.8 + 0.1 * 3 + 0.8])
    assert table["text"].tolist() == ["w0 w1 w2 w3 w4"]


def test_a_number_is_not_cut_in_two() -> None:
    call = made([[0.9, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]], gap_s=0.6)
    shown = ["owe", "$22", None, None, None, None, None, "now."]  # written at the first of its words
    table = queue(Transcript(call.calls, call.phrases, call.words.assign(display=shown)), 0.5)
    assert table["text"].tolist() == ["owe $22 now."]
    assert table["pieces"].iloc[0] == [("owe", False), ("$22", True), ("now.", False)]
    assert table[["position", "words"]].to_numpy().tolist() == [[0, 8]]
    assert table["expected"].tolist() == pytest.approx([0.8 + 7 * 0.1])


def test_items_do_not_reach_over_the_ends_of_phrases_and_calls() -> None:
    table = queue(made([[0.1], [0.1]], channels=(0, 1)), 0.5)
    assert table["phrase_id"].tolist() == ["a:0000", "a:0001"]
    assert (table["from_s"] >= 0).all()
    assert (table["to_s"] <= 0.5).all()


def test_people_who_speak_at_once_do_not_cut_each_others_items() -> None:
    table = queue(made([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]], gap_s=0.4, channels=(0, 1)), 0.5)
    assert table["words"].tolist() == [3, 3]


def test_what_brings_most_for_the_time_comes_first() -> None:
    table = queue(made([[0.9, 0.9], [0.4], [0.1], [None]]), 0.95)
    assert table["phrase_id"].tolist() == ["a:0002", "a:0001", "a:0000"]
    assert table["rate"].is_monotonic_decreasing
    assert (table["to_s"] - table["from_s"] <= LISTEN_S + 2 * LEAD_S).all()


def test_the_queue_follows_the_calibrated_confidence() -> None:
    call = made([[0.2], [0.9]])
    better = Transcript(call.calls, call.phrases, call.words.assign(calibrated=[0.9, 0.2]))
    assert queue(call, 0.5)["phrase_id"].tolist() == ["a:0000"]
    assert queue(better, 0.5)["phrase_id"].tolist() == ["a:0001"]


def test_the_curve_tells_of_each_threshold_what_the_queue_holds() -> None:
    draw = np.random.default_rng(1)
    call = made([draw.random(8).tolist() for _ in range(40)], gap_s=0.7)
    words = call.words.assign(right=(draw.random(320) < call.words["confidence"]).astype(float))
    table = curve(words)
    assert table["below"].is_monotonic_increasing
    assert table["share"].iloc[-1] == pytest.approx(1.0)
    assert table["caught"].iloc[-1] == (words["right"] == 0).sum()
    for _, row in table.iloc[::15].iterrows():
        items = queue(call, row["below"])
        assert len(items) == row["items"]
        assert items["expected"].sum() == pytest.approx(row["expected"])
    assert "caught" not in curve(call.words)


def test_a_threshold_is_chosen_by_the_time_there_is_or_by_what_pays() -> None:
    table = curve(made([[0.1], [0.2], *[[0.95, 0.96, 0.97]] * 20]).words)
    assert choose(table, minutes=0.11)["items"] == 2
    assert choose(table, minutes=0.0)["items"] == table["items"].iloc[0]
    assert choose(table, minutes=99)["share"] == pytest.approx(1.0)
    assert choose(table)["items"] < table["items"].max()
    nothing = curve(made([[None]]).words)
    assert nothing.empty
    with pytest.raises(ValueError, match="no word has a confidence"):
        choose(nothing)
