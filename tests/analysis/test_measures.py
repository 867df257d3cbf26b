"""Measured in parts or in one piece: the tables are the same, and what goes wrong meanwhile is named."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from speechkit import demo_data, open_corpus
from speechkit.analysis import confidence, measures, selection, speakers
from speechkit.analysis.measures import Measures, measure
from speechkit.analysis.outcomes import outcomes
from speechkit.errors import CorpusError
from speechkit.progress import Progress
from speechkit.transcripts import corpus as corpus_module
from speechkit.transcripts import masking
from speechkit.transcripts.corpus import Corpus
from speechkit.transcripts.schema import Transcript
from tests.analysis.making import transcript
from tests.cluster import cluster

TABLES = ("calls", "parties", "silences", "confidence")


def shelf(folder: Path, made: Transcript, *shards: int) -> Corpus:
    """Keep calls in a corpus, in shards of so many calls each and one of the rest."""
    corpus = open_corpus(folder / "corpus", create=True)
    ids = made.call_ids
    for many in (*shards, len(ids)):
        corpus.add(made.filter(call_id=ids[:many]))
        ids = ids[many:]
    return corpus


def same(left: Measures, right: Measures) -> None:
    for name in TABLES:
        assert_frame_equal(getattr(left, name), getattr(right, name))
    assert left.unsure == right.unsure
    assert left.doubtful_share == pytest.approx(right.doubtful_share, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "at_once"),
    [
        pytest.param("corpus", 3, id="the-demo-calls-in-sixes?"),
        pytest.param("mono", 1, id="one-channel-one-call-at-a-time?"),
        pytest.param("weeks", 100, id="eight-weeks-without-words?"),
    ],
)
def test_parts_add_up_to_the_whole(name: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = open_corpus(demo_data(name))
    whole = Transcript(corpus.calls, corpus.phrases, corpus.words)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", at_once)
    told: list[Progress] = []
    found = measure(corpus, passages=5, progress=told.append)
    assert_frame_equal(found.calls, selection.whole_calls(whole))
    assert_frame_equal(found.parties, selection.parties(whole))
    assert_frame_equal(found.silences, speakers.silences(whole))
    assert_frame_equal(found.confidence, confidence.distribution(whole.words))
    same(found, measure(whole, passages=5))
    assert [round(p.share * len(told)) for p in told] == list(range(1, len(told) + 1))
    assert told[-1].eta_s == 0
    assert len(told) > 5


@pytest.mark.parametrize("masked", [False, True], ids=["plain?", "masked?"])
@pytest.mark.parametrize("passages", [0, 1, 7, 10_000])
def test_the_unsure_calls_hold_the_least_sure_passages(passages: int, masked: bool) -> None:
    corpus = open_corpus(demo_data("mono"))
    hide = masking.mask if masked else lambda calls: calls
    every = confidence.doubtful(hide(corpus)).nsmallest(passages, "confidence")
    unsure = measure(corpus, passages=passages).unsure
    some = confidence.doubtful(hide(corpus.read(unsure))).nsmallest(passages, "confidence")
    assert_frame_equal(some.reset_index(drop=True), every.reset_index(drop=True))
    assert set(unsure) == set(every["call_id"])


def test_chosen_calls_alone_are_measured() -> None:
    corpus = open_corpus(demo_data("mono"))
    calls = corpus.calls.iloc[1:4]
    found = measure(corpus, calls)
    same(found, measure(corpus.filter(call_id=calls["call_id"].tolist())))
    assert found.calls["call_id"].tolist() == calls["call_id"].tolist()


def test_without_a_limit_the_words_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = open_corpus(demo_data("mono"))
    read: list[str] = []
    real = corpus_module.shards.read_shard
    monkeypatch.setattr(
        corpus_module.shards,
        "read_shard",
        lambda path, *a: (read.append(path.parent.name), real(path, *a))[1],
    )
    found = measure(corpus, below=None)
    assert set(read) == {"calls", "phrases"}
    assert math.isnan(found.doubtful_share)
    assert_frame_equal(found.parties, measure(corpus).parties)


# --- few calls, odd calls


def test_an_empty_corpus_has_nothing_to_measure(tmp_path: Path) -> None:
    empty = open_corpus(tmp_path / "corpus", create=True)
    found = measure(empty)
    same(found, measure(Transcript(empty.calls)))
    assert [len(getattr(found, name)) for name in TABLES] == [0, 0, 0, 20]
    assert set(found.calls) == set(measure(transcript([("a", 0, "hi")], "call channel text")).calls)
    assert outcomes(empty).empty


def test_no_call_of_many_is_chosen() -> None:
    corpus = open_corpus(demo_data("mono"))
    found = measure(corpus, corpus.calls.iloc[:0])
    assert repr(found) == "Measures(0 calls, 0 parties)"
    assert corpus.read(found.unsure).call_ids == []


_call = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["1", "2", None]),
        st.floats(0, 50).map(lambda s: round(s, 2)),
        st.sampled_from(["how can i help you", "my order", "yes", ""]),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=10)
@given(st.lists(_call, min_size=1, max_size=5), st.integers(0, 3), st.integers(1, 3))
def test_however_calls_are_divided_nothing_changes(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[list[tuple[int, str, float, str]]],
    first: int,
    most: int,
) -> None:
    """Calls without phrases, without words, in shards and parts of any size."""
    names = [f"c{number}" for number in range(len(said))]
    rows = [
        {"call_id": name, "phrase_id": f"{name}:{n:04d}", "channel": channel, "speaker": speaker,
         "start_s": start, "end_s": start + 2, "lexical": text}
        for name, call in zip(names, said, strict=True)
        for n, (channel, speaker, start, text) in enumerate(call)
    ]  # fmt: skip
    words = [
        {
            "call_id": row["call_id"],
            "phrase_id": row["phrase_id"],
            "word": word,
            "confidence": 0.1 + len(word) / 20,
        }
        for row in rows[::2]
        for word in str(row["lexical"]).split()
    ]
    about = pd.DataFrame({"call_id": names, "duration_s": 60.0, "channels": [1, 2, 2, 1, 2][: len(names)]})
    made = Transcript(about, pd.DataFrame(rows) if rows else None, pd.DataFrame(words) if words else None)
    corpus = shelf(tmp_path_factory.mktemp("divided"), made, first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "CALLS_AT_ONCE", most)
        same(measure(corpus), measure(made))


# --- what goes wrong meanwhile


def test_a_shard_that_is_lost_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = shelf(tmp_path, open_corpus(demo_data("mono")), 2, 2)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", 2)

    def lose(progress: Progress) -> None:
        max((corpus.path / "words").iterdir()).unlink(missing_ok=True)

    with pytest.raises(CorpusError, match=r"words/000003-\w+\.parquet is missing\. Restore it"):
        measure(corpus, progress=lose)


def test_other_processes_measure_the_same_and_tell_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = shelf(tmp_path, open_corpus(demo_data("mono")), 2, 2)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", 2)
    told: list[Progress] = []
    same(measure(corpus, workers=2, progress=told.append), measure(corpus))
    assert [progress.done for progress in told] == [1, 2, 3, 4]
    max((corpus.path / "words").iterdir()).unlink()
    with pytest.raises(CorpusError, match=r"is missing\. Restore it"):
        measure(corpus, workers=2)


def test_a_call_that_is_removed_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = shelf(tmp_path, open_corpus(demo_data("mono")), 2, 2)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", 2)
    last = corpus.call_ids[-1]

    def forget(progress: Progress) -> None:
        if progress.done == 1:
            open_corpus(corpus.path).remove(last)

    with pytest.raises(CorpusError, match=f"has no call '{last}'"):
        measure(corpus, progress=forget)


def test_a_shard_that_is_replaced_meanwhile_is_read_from_where_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_calls = open_corpus(demo_data("mono"))
    corpus = shelf(tmp_path, given_calls, 2, 2)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", 2)

    def replace(progress: Progress) -> None:
        open_corpus(corpus.path).add(given_calls.filter(call_id=given_calls.call_ids[4:]), again=True)

    same(measure(corpus, progress=replace), measure(given_calls))


@pytest.mark.slow
def test_the_workers_of_a_scheduler_measure_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    corpus = open_corpus(demo_data("corpus"))
    here = measure(corpus)
    monkeypatch.setattr(measures, "CALLS_AT_ONCE", 3)
    with cluster(tmp_path, workers=2) as address:
        same(measure(corpus, scheduler=address), here)
