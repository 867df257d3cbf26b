"""Search: what a person types finds what was said, in a corpus that changes."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit import open_corpus
from speechkit.errors import CorpusError
from speechkit.insight.search import COLUMNS, FILE, RANKED_HITS, matching_calls, search
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.schema import Transcript

SAID = {
    "a": ["Good morning.", "I was refunded twice.", "The late fee stays."],
    "b": ["My parcel is late.", "No fee, please.", "<script>alert(1)</script>", "Café au lait"],
    "c": ["It's the router's light.", "Refund me!"],
}


def made(said: dict[str, list[str]]) -> Transcript:
    rows = [
        (call_id, f"{call_id}:{number:04d}", 2.0 * number, 2.0 * number + 1.5, number % 2, text)
        for call_id, texts in said.items()
        for number, text in enumerate(texts, 1)
    ]
    columns = ["call_id", "phrase_id", "start_s", "end_s", "channel", "display"]
    return Transcript(pd.DataFrame({"call_id": list(said)}), pd.DataFrame(rows, columns=columns))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = open_corpus(tmp_path / "corpus", create=True)
    corpus.add(made(SAID))
    return corpus


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("refund", ["a:0002", "c:0002"], id="does-a-word-find-its-forms?"),
        pytest.param("REFUND", ["a:0002", "c:0002"], id="does-case-not-matter?"),
        pytest.param("late fee", ["a:0003"], id="must-all-words-stand-in-one-phrase?"),
        pytest.param('"fee late"', [], id="does-a-quoted-phrase-keep-its-order?"),
        pytest.param("late -fee", ["b:0001"], id="does-a-minus-leave-out?"),
        pytest.param("rout*", ["c:0001"], id="does-a-star-find-endings?"),
        pytest.param("cafe", ["b:0004"], id="do-accents-not-matter?"),
        pytest.param("it's", ["c:0001"], id="is-an-apostrophe-text?"),
        pytest.param("script", ["b:0003"], id="is-markup-text?"),
        pytest.param('") OR text:(', [], id="is-syntax-text?"),
        pytest.param("", [], id="does-nothing-find-nothing?"),
        pytest.param("-fee", [], id="does-only-a-minus-find-nothing?"),
        pytest.param("zebra", [], id="is-an-unknown-word-not-found?"),
    ],
)
def test_what_a_query_finds(corpus: Corpus, query: str, expected: list[str]) -> None:
    found = search(corpus, query)
    assert list(found) == list(COLUMNS)
    assert sorted(found["phrase_id"]) == expected
    assert matching_calls(corpus, query) == sorted({name[0] for name in expected})


def test_which_passages_come_first(tmp_path: Path) -> None:
    corpus = open_corpus(tmp_path / "many", create=True)
    words = ["the lamp", "a lamp that is red", *[f"lamp {'word ' * 150}"] * 2]
    corpus.add(made({"a": words[::-1], "b": ["lamp"]}))
    assert search(corpus, "lamp")["phrase_id"].tolist() == ["b:0001", "a:0004", "a:0003", "a:0002", "a:0001"]
    assert search(corpus, "lamp", limit=2)["phrase_id"].tolist() == ["b:0001", "a:0004"]
    corpus.add(made({"c": ["one of very many lamps"] * RANKED_HITS}))
    latest = [f"c:{RANKED_HITS - n:04d}" for n in range(3)]
    assert search(corpus, "lamp", limit=3)["phrase_id"].tolist() == latest
    assert search(corpus, "lamp red")["phrase_id"].tolist() == ["a:0003"]


def test_does_a_passage_come_with_what_was_said_around_it(corpus: Corpus) -> None:
    row = search(corpus, "refunded twice").iloc[0]
    assert (row["before"], row["text"], row["after"]) == (*SAID["a"][:2], SAID["a"][2])
    first = search(corpus, "parcel").iloc[0]
    assert pd.isna(first["before"])
    assert (first["start_s"], first["end_s"], first["channel"]) == (2.0, 3.5, 1)


def test_does_the_index_follow_the_corpus(corpus: Corpus) -> None:
    assert len(search(corpus, "refund")) == 2
    corpus.add(made({"d": ["Another refund."]}))
    assert matching_calls(corpus, "refund") == ["a", "c", "d"]
    corpus.add(made({"a": ["Nothing of it."]}), again=True)
    assert matching_calls(corpus, "refund") == ["c", "d"]
    corpus.remove("c")
    assert matching_calls(corpus, "refund") == ["d"]
    assert matching_calls(open_corpus(corpus.path), "light") == []


def test_is_nothing_of_a_removed_call_left_in_the_index(corpus: Corpus) -> None:
    search(corpus, "refund")
    corpus.remove("b")
    search(corpus, "refund")
    index = sqlite3.connect(corpus.path / FILE)
    assert index.execute("SELECT count(*) FROM phrases WHERE text LIKE '%parcel%'").fetchone() == (0,)
    assert index.execute("SELECT count(*) FROM found WHERE found MATCH 'parcel'").fetchone() == (0,)
    index.execute("INSERT INTO found (found) VALUES ('integrity-check')")
    index.close()


def test_can_four_make_the_index_at_once(corpus: Corpus) -> None:
    at_once = Barrier(4)

    def found(_: int) -> list[str]:
        at_once.wait()
        return search(corpus, "the").call_id.tolist()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(found, range(4)))
    assert answers == [answers[0]] * 4


@pytest.mark.parametrize("content", [b"no database at all, but text " * 50, b""], ids=["garbage", "empty"])
def test_is_a_broken_index_made_anew(corpus: Corpus, content: bytes) -> None:
    search(corpus, "refund")
    for path in corpus.path.glob(f"{FILE}*"):
        path.unlink()
    (corpus.path / FILE).write_bytes(content)
    assert len(search(corpus, "refund")) == 2


def test_does_an_index_that_cannot_be_written_say_so(corpus: Corpus) -> None:
    (corpus.path / FILE).mkdir()
    with pytest.raises(CorpusError, match=FILE):
        search(corpus, "refund")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = open_corpus(tmp_path_factory.mktemp("search") / "corpus", create=True)
    corpus.add(made(SAID))
    return corpus


@settings(deadline=None, max_examples=60)
@given(query=st.text(max_size=40))
def test_does_any_text_make_a_query(shared: Corpus, query: str) -> None:
    assert len(search(shared, query)) >= 0
