"""Distributions and doubtful passages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis import confidence


def transcript(phrases: list[list[tuple[str, float | None]]]) -> SimpleNamespace:
    """A transcript of one call, from the (word, confidence) pairs of each phrase."""
    rows = [
        ("a", f"a:{number:04d}", place, word, value)
        for number, phrase in enumerate(phrases, 1)
        for place, (word, value) in enumerate(phrase)
    ]
    words = pd.DataFrame(rows, columns=["call_id", "phrase_id", "position", "word", "confidence"])
    words = words.assign(channel=0, speaker="1", display=None, start_s=np.arange(len(words), dtype=float))
    words["end_s"] = words["start_s"] + 0.5
    words["confidence"] = words["confidence"].astype(float)
    types = dict.fromkeys(("call_id", "phrase_id", "word", "speaker", "display"), "str")
    return SimpleNamespace(words=words.astype(types), calls=pd.DataFrame(), phrases=pd.DataFrame())


@given(st.lists(st.floats(0, 1) | st.none(), max_size=60), st.sampled_from([0.05, 0.1, 0.2, 0.25]))
def test_every_known_word_falls_into_one_bin(values: list[float | None], width: float) -> None:
    words = pd.DataFrame({"confidence": pd.Series(values, dtype=float)})
    table = confidence.distribution(words, width)
    known = [v for v in values if v is not None]
    assert table["words"].sum() == len(known)
    assert table["share"].sum() == pytest.approx(1.0 if known else 0.0)
    assert table["lower"].tolist() == pytest.approx(list(np.arange(round(1 / width)) * width))


def test_an_edge_belongs_to_the_bin_above_it() -> None:
    table = confidence.distribution(pd.DataFrame({"confidence": [i / 20 for i in range(21)]}))
    assert table["words"].tolist() == [1] * 19 + [2]


def test_a_width_that_does_not_divide_one_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide 1"):
        confidence.distribution(pd.DataFrame({"confidence": [0.5]}), width=0.3)


def test_levels_of_several_groups_count_the_unknown_apart() -> None:
    words = transcript([[("x", 0.2), ("y", None)], [("z", 1.0)]]).words
    table = confidence.levels(words, ["call_id", "phrase_id"])
    assert table["unknown"].tolist() == [1, 0]
    assert table["doubtful_share"].tolist() == [1.0, 0.0]


def test_doubted_words_need_to_be_seen_often() -> None:
    words = transcript([[("hub", 0.1), ("hub", 0.2), ("hub", 0.3), ("rare", 0.0), ("ok", None)]]).words
    assert confidence.doubted(words)["word"].tolist() == ["hub"]
    assert confidence.doubted(words, times=1)["word"].tolist() == ["rare", "hub"]


SURE, UNSURE = 0.95, 0.1


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        pytest.param([[("a", SURE)] * 8], [], id="what-when-all-is-sure?"),
        pytest.param([], [], id="what-when-there-are-no-words?"),
        pytest.param([[("a", None)] * 8], [], id="what-when-nothing-is-known?"),
        pytest.param(
            [[("a", SURE)] * 4 + [("b", UNSURE)] + [("a", SURE)] * 4], [], id="what-of-one-bad-word?"
        ),
        pytest.param([[("b", UNSURE), ("c", UNSURE)]], ["b c"], id="what-of-a-short-phrase?"),
        pytest.param([[("b", UNSURE)], [("c", UNSURE)]], [], id="does-a-passage-cross-phrases?"),
        pytest.param(
            [[("a", SURE)] * 5 + [("b", UNSURE), ("c", UNSURE), ("d", UNSURE)] + [("a", SURE)] * 5],
            ["b c d"],
            id="are-sure-words-trimmed-from-the-edges?",
        ),
        pytest.param(
            [
                [
                    ("b", UNSURE),
                    ("b", UNSURE),
                    ("b", UNSURE),
                    ("a", SURE),
                    ("c", UNSURE),
                    ("c", UNSURE),
                    ("c", UNSURE),
                ]
            ],
            ["b b b a c c c"],
            id="is-a-sure-word-in-the-middle-kept?",
        ),
    ],
)
def test_doubtful(phrases: list[list[tuple[str, float | None]]], expected: list[str]) -> None:
    assert confidence.doubtful(transcript(phrases))["text"].tolist() == expected


def test_a_doubtful_passage_has_its_times_and_its_surroundings() -> None:
    phrase = [(w, SURE) for w in ["i", "have", "the"]] + [("boy", 0.1), ("a", 0.1), ("flex", 0.3)]
    phrase += [(w, SURE) for w in ["plan", "and", "one", "more"]]
    row = confidence.doubtful(transcript([[("hm", SURE)], phrase]), context=2).iloc[0]
    assert (row["start_s"], row["end_s"], row["words"]) == (4.0, 6.5, 3)
    assert row["confidence"] == pytest.approx(0.5 / 3)
    assert (row["before"], row["text"], row["after"]) == ("have the", "boy a flex", "plan and")


def test_the_display_form_is_shown_where_a_word_has_one() -> None:
    given_ = transcript([[("twenty", UNSURE), ("dollars", UNSURE)]])
    given_.words["display"] = pd.Series(["$20", None], dtype="str")
    assert confidence.doubtful(given_)["text"].tolist() == ["$20"]  # which covers both


values = st.lists(st.lists(st.sampled_from([0.05, 0.3, 0.6, 0.95]), min_size=1, max_size=15), max_size=6)


@given(values, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_passages_agree_with_a_loop(phrases: list[list[float]], window: int) -> None:
    given_ = transcript([[(f"w{i}", v) for i, v in enumerate(phrase)] for phrase in phrases])
    answer = confidence.doubtful(given_, window=window, min_words=1)
    assert answer["text"].tolist() == [text for phrase in phrases for text in _slowly(phrase, window)]


def _slowly(phrase: list[float], window: int) -> list[str]:
    low: list[Any] = []
    for place in range(len(phrase)):
        begin = max(0, min(place - (window - 1) // 2, len(phrase) - window))
        part = phrase[begin : begin + window]
        low.append(sum(part) / len(part) < confidence.BELOW - 1e-9)
    found, run = [], []
    for place, doubt in enumerate([*low, False]):
        if doubt:
            run.append(place)
        elif run:
            unsure = [p for p in run if phrase[p] < confidence.BELOW]
            if unsure:
                found.append(" ".join(f"w{p}" for p in range(unsure[0], unsure[-1] + 1)))
            run = []
    return found
