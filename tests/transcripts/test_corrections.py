"""Answers of a person, kept; and the transcript that follows from them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from speechkit.errors import TranscriptError
from speechkit.transcripts.corpus import Corpus, open_corpus
from speechkit.transcripts.corrections import answers, corrected, keep_answer, stale
from speechkit.transcripts.schema import Transcript

ITEM = {"call_id": "c1", "phrase_id": "c1:0001", "position": 1, "words": 3, "text": "boy a flex"}


def call(text: str = "The boy a flex plan, please.") -> Transcript:
    """A call of one phrase, a word a second."""
    pieces = text.split()
    said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "start_s": [0.0], "display": [text],
                         "lexical": [text.lower()], "itn": [text], "masked": [text]})  # fmt: skip
    words = pd.DataFrame({"call_id": "c1", "phrase_id": "c1:0001", "word": [p.strip(",.").lower() for p in pieces],
                          "display": pieces, "confidence": 0.4,
                          "start_s": [float(i) for i in range(len(pieces))],
                          "end_s": [i + 0.9 for i in range(len(pieces))]})  # fmt: skip
    return Transcript(pd.DataFrame({"call_id": ["c1"]}), said, words)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    made = open_corpus(tmp_path / "corpus", create=True)
    made.add(call())
    return made


def test_an_answer_is_on_the_disk_and_the_original_stays(corpus: Corpus) -> None:
    keep_answer(corpus, ITEM, "corrected", "Brioflex")
    again = open_corpus(corpus.path)
    given = answers(again)
    assert given[["old", "new", "verdict"]].to_numpy().tolist() == [["boy a flex", "Brioflex", "corrected"]]
    assert abs(given["answered_at"].iloc[0] - pd.Timestamp.now("UTC").tz_localize(None)) < pd.Timedelta(
        "1min"
    )
    assert again.phrases["display"].tolist() == ["The boy a flex plan, please."]
    better = corrected(again, given)
    assert better.phrases["display"].tolist() == ["The Brioflex plan, please."]
    assert better.phrases["lexical"].tolist() == ["the brioflex plan please"]
    assert better.phrases[["itn", "masked"]].isna().all(axis=None)
    words = better.words
    assert words["word"].tolist() == ["the", "brioflex", "plan", "please"]
    assert words["position"].tolist() == [0, 1, 2, 3]
    assert words["corrected"].tolist() == [False, True, False, False]
    assert words.loc[1, ["start_s", "end_s"]].tolist() == [1.0, 3.9]
    assert pd.isna(words.loc[1, "confidence"])
    assert words.loc[0, "confidence"] == 0.4


def test_answers_are_added_and_never_changed(corpus: Corpus) -> None:
    for number in range(4):
        keep_answer(corpus, ITEM, "corrected", f"word{number}")
    keep_answer(corpus, ITEM, "skipped")
    given = answers(corpus)
    assert given["new"].tolist()[:4] == ["word0", "word1", "word2", "word3"]
    assert given["answer_id"].is_unique
    assert (
        corrected(corpus, given).words["word"].tolist()[1] == "word3"
    )  # the last holds; a skip says nothing


def test_people_who_answer_at_once_lose_nothing(corpus: Corpus) -> None:
    def answer(number: int) -> None:
        keep_answer(open_corpus(corpus.path), ITEM, "corrected", f"word{number}")

    with ThreadPoolExecutor(4) as people:
        list(people.map(answer, range(8)))
    assert sorted(answers(corpus)["new"]) == [f"word{i}" for i in range(8)]


def test_a_writer_that_dies_leaves_the_answers_before(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    keep_answer(corpus, ITEM, "accepted")

    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(Exception, match="No space left"):
        keep_answer(corpus, ITEM, "corrected", "lost")
    monkeypatch.undo()
    assert answers(open_corpus(corpus.path))["verdict"].tolist() == ["accepted"]


def given(*rows: dict[str, Any]) -> pd.DataFrame:
    base = {"call_id": "c1", "phrase_id": "c1:0001", "position": 1, "words": 1, "old": "boy", "new": "x",
            "verdict": "corrected"}  # fmt: skip
    return pd.DataFrame([base | row for row in rows])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        pytest.param(
            [{"old": "toy"}], "The boy a flex plan, please.", id="the-old-text-is-not-there-any-more?"
        ),
        pytest.param([{"phrase_id": "c9:0001"}], "The boy a flex plan, please.", id="the-phrase-is-gone?"),
        pytest.param([{"position": 17}], "The boy a flex plan, please.", id="the-place-is-past-the-end?"),
        pytest.param([{"new": ""}], "The a flex plan, please.", id="nothing-was-said?"),
        pytest.param([{"new": "big red"}], "The big red a flex plan, please.", id="there-are-more-words?"),
        pytest.param(
            [{}, {"position": 4, "old": "plan,", "new": "van,"}],
            "The x a flex van, please.",
            id="two-places-are-corrected?",
        ),
        pytest.param(
            [{}, {"words": 3, "old": "boy a flex", "new": "Brioflex"}],
            "The Brioflex plan, please.",
            id="a-later-answer-reaches-further?",
        ),
        pytest.param(
            [{}, {"verdict": "accepted"}], "The boy a flex plan, please.", id="it-is-accepted-after-all?"
        ),
    ],
)
def test_what_follows_when(rows: list[dict[str, Any]], text: str) -> None:
    better = corrected(call(), given(*rows))
    assert better.phrases["display"].tolist() == [text]
    assert better.words["display"].str.cat(sep=" ") == text


def test_a_number_is_corrected_as_it_is_read() -> None:
    known = call("you owe twenty two dollars now")
    shown = ["You", "owe", "$22", None, None, "now."]
    said = known.phrases.assign(display="You owe $22 now.")
    known = Transcript(known.calls, said, known.words.assign(display=shown))
    better = corrected(known, given({"position": 2, "words": 3, "old": "$22", "new": "$20"}))
    assert better.phrases["display"].tolist() == ["You owe $20 now."]
    assert better.words["word"].tolist() == ["you", "owe", "20", "now"]
    other = corrected(known, given({"position": 5, "old": "now.", "new": "today."}))
    assert other.phrases["display"].tolist() == ["You owe $22 today."]
    assert other.phrases["lexical"].tolist() == ["you owe twenty two dollars today"]


def test_a_phrase_of_which_nothing_is_left_has_no_text() -> None:
    better = corrected(call("Noise"), given({"position": 0, "old": "Noise", "new": ""}))
    assert better.words.empty
    assert better.phrases["display"].isna().all()


def test_answers_about_a_text_that_changed_are_stale() -> None:
    rows = given({}, {"old": "toy"}, {"position": 17})
    assert stale(call(), rows)["old"].tolist() == ["toy", "boy"]


def test_calibrated_words_can_be_corrected_too() -> None:
    known = call()
    tables = known.calls, known.phrases, known.words.assign(calibrated=0.7)
    assert corrected(Transcript(*tables), given({})).words["calibrated"].isna().tolist() == [
        False, True, False, False, False, False
    ]  # fmt: skip


def test_without_answers_nothing_changes_and_without_words_nothing_can() -> None:
    none = given().reindex(columns=["phrase_id", "position", "words", "old", "new", "verdict"])
    same = corrected(call(), none)
    assert same.text() == call().text()
    assert not same.words["corrected"].any()
    with pytest.raises(TranscriptError, match="no words to correct"):
        corrected(Transcript(call().calls, call().phrases), given({}))


@pytest.mark.parametrize(
    ("verdict", "new"),
    [
        pytest.param("maybe", None, id="the-verdict-is-none?"),
        pytest.param("corrected", None, id="a-correction-has-no-text?"),
        pytest.param("accepted", "text", id="an-acceptance-has-one?"),
    ],
)
def test_an_answer_is_refused_when(verdict: Any, new: str | None, corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"take one of|has a text"):
        keep_answer(corpus, ITEM, verdict, new)
    assert answers(corpus).empty
