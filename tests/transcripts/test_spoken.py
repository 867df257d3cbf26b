"""A call as people read it."""

from __future__ import annotations

import pandas as pd
import pytest

from speechkit import demo_data, open_corpus
from speechkit.transcripts.schema import Transcript
from speechkit.transcripts.spoken import read_call, read_text


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"display": [" Yes,\n  no. ", None], "lexical": ["yes no", "so it is"]}, id="untidy?"),
        pytest.param({"display": [None, "\x00"], "itn": ["at 5", None]}, id="nothing-to-print?"),
        pytest.param({"display": ["我们 明天见。", "いいえ、 違います。"]}, id="no-spaces?"),
    ],
)
def test_the_text_of_a_phrase_is_that_of_its_tokens(said: dict[str, list[str | None]]) -> None:
    phrases = pd.DataFrame(
        {"call_id": "c", "phrase_id": ["c:1", "c:2"], "start_s": [0.0, 2.0], "end_s": [1.0, 3.0]}
    )
    one = Transcript(pd.DataFrame({"call_id": ["c"]}), phrases.assign(**said))
    texts = dict(zip(one.phrases["phrase_id"], read_text(one.phrases), strict=True))
    shown = {phrase.phrase_id: phrase.text for phrase in read_call(one).phrases}
    assert {key: text for key, text in texts.items() if text} == shown


def test_it_is_so_in_every_demo_call() -> None:
    corpus = open_corpus(demo_data("corpus"))
    for call_id in corpus.call_ids[:8]:
        one = corpus.call(call_id)
        shown = [phrase.text for phrase in read_call(one).phrases]
        assert sorted(filter(None, read_text(one.phrases))) == sorted(shown)
