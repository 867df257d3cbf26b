"""Topics: groups of calls by their words, and none where there are none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from speechkit import open_corpus
from speechkit.analysis.topics import call_texts, find_topics
from speechkit.transcripts.schema import Transcript

PARCEL = (
    "the courier lost the parcel",
    "the parcel is damaged the courier says",
    "parcel late courier unknown",
)
BILL = ("the invoice is wrong", "a wrong amount on the invoice was charged", "charged twice on the invoice")


def texts(*said: str) -> pd.Series[str]:
    return pd.Series(said, index=[f"c{number:03d}" for number in range(len(said))], dtype="str")


@pytest.mark.parametrize(
    ("said", "count", "sizes"),
    [
        pytest.param([*PARCEL, *BILL] * 8, None, [24, 24], id="are-two-kinds-of-calls-two-topics?"),
        pytest.param([PARCEL[0]] * 8 + [BILL[0]] * 24, None, [24, 8], id="is-the-largest-first?"),
        pytest.param(["same words here"] * 40, None, [40], id="are-calls-with-the-same-words-one-topic?"),
        pytest.param([*PARCEL, *BILL], None, [6], id="are-few-calls-one-topic?"),
        pytest.param([*PARCEL, *BILL], 2, [3, 3], id="does-a-count-hold-for-few-calls-too?"),
        pytest.param(["yes okay thank you"] * 30, None, [30], id="are-calls-of-courtesies-one-topic?"),
        pytest.param([], None, [], id="is-nothing-no-topic?"),
    ],
)
def test_what_topics_are_found(said: list[str], count: int | None, sizes: list[int]) -> None:
    found = find_topics(texts(*said), count)
    assert found.topics["calls"].tolist() == sizes
    assert sorted(call for ids in found.topics["call_ids"] for call in ids) == found.calls["call_id"].tolist()
    assert found.calls["nearness"].between(0, 1).all()


def test_are_topics_the_same_each_time() -> None:
    said = texts(*[*PARCEL, *BILL] * 8)
    pd.testing.assert_frame_equal(find_topics(said).topics, find_topics(said).topics)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        pytest.param(None, {"a": "hello sir my Bill", "b": "x"}, id="is-all-of-a-call-one-text?"),
        pytest.param(1, {"a": "my Bill"}, id="is-only-the-customer-read-when-asked?"),
    ],
)
def test_texts_of_calls(channel: int | None, expected: dict[str, str], tmp_path: Path) -> None:
    phrases = pd.DataFrame(
        [
            ("a", "a:0001", 0, "hello sir", "Hello, sir."),
            ("a", "a:0002", 1, None, "my Bill"),
            ("b", "b:0001", 0, "x", "X."),
            ("c", "c:0001", 0, None, None),
        ],
        columns=["call_id", "phrase_id", "channel", "lexical", "display"],
    ).assign(start_s=[0.0, 1.0, 0.0, 0.0], end_s=[1.0, 2.0, 1.0, 1.0])
    made = Transcript(pd.DataFrame({"call_id": ["a", "b", "c"]}), phrases)
    assert call_texts(made, channel).to_dict() == expected
    corpus = open_corpus(tmp_path / "corpus", create=True)
    assert call_texts(corpus, channel).to_dict() == {}
    for call_id in "bca":  # a shard each, and not in their order
        corpus.add(made.filter(call_id=call_id))
    pd.testing.assert_series_equal(call_texts(corpus, channel), call_texts(made, channel))
