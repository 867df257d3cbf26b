"""Word and character error rates, judged by jiwer; counts, classes, guards."""

from __future__ import annotations

import statistics
from itertools import chain

import jiwer
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.analysis.accuracy import score
from speechkit.analysis.alignment import HIT, INSERTION, JOINED, Compounds, Vocabulary, align
from speechkit.analysis.normalize import ENGLISH, PLAIN, Rules
from speechkit.analysis.rates import ErrorRate
from speechkit.errors import TranscriptError
from tests.analysis.making import WORDS, calls_of, pairs, transcript

TWO = [("c1", 0, "a", "please pay twenty two dollars"), ("c1", 1, "b", "i will"), ("c2", 0, "a", "good bye")]
HEARD = [("c1", 0, "1", "please $22"), ("c1", 1, "2", "i will not"), ("c2", 0, "1", "goodbye")]
COLUMNS = "call channel speaker text"


# --- against jiwer -------------------------------------------------------------------------------------------


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_jiwer(calls: list[tuple[list[str], list[str]]]) -> None:
    result = score(calls_of([r for r, _ in calls]), calls_of([h for _, h in calls]), rules=PLAIN)
    heard = [(" ".join(r), " ".join(h)) for r, h in calls if r]  # jiwer takes no empty reference among others
    judge = jiwer.process_words([r for r, _ in heard], [h for _, h in heard])
    invented = sum(len(h) for r, h in calls if not r)
    got = result.total
    assert (got.hits, got.substitutions, got.deletions) == (judge.hits, judge.substitutions, judge.deletions)
    assert got.insertions == judge.insertions + invented
    if not invented:
        assert got.rate == pytest.approx(judge.wer)
    letters = result.characters()
    by_letters = jiwer.process_characters([r for r, _ in heard], [h for _, h in heard])
    assert letters.hits == by_letters.hits
    assert letters.errors - sum(len(" ".join(h)) for r, h in calls if not r) == (
        by_letters.substitutions + by_letters.deletions + by_letters.insertions
    )


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.lists(st.sampled_from(WORDS), max_size=30))
@settings(max_examples=60, deadline=None)
def test_an_alignment_holds_each_word_once_and_in_order(said: list[str], heard: list[str]) -> None:
    vocabulary = Vocabulary()
    left, right = vocabulary.ids(said), vocabulary.ids(heard)
    rows = align(left, right)
    assert rows.reference[rows.reference >= 0].tolist() == list(range(len(said)))
    assert rows.hypothesis[rows.hypothesis >= 0].tolist() == list(range(len(heard)))
    same = rows.kind == HIT
    assert (left[rows.reference[same]] == right[rows.hypothesis[same]]).all()


# --- compounds -----------------------------------------------------------------------------------------------

syllables = st.lists(st.sampled_from(["time", "out", "timeout", "in", "to", "into", "so"]), max_size=12)


@given(syllables, syllables)
@settings(max_examples=60, deadline=None)
def test_compounds_only_ever_cost_less(said: list[str], heard: list[str]) -> None:
    vocabulary = Vocabulary()
    left, right = vocabulary.ids(said), vocabulary.ids(heard)
    plain, joined = align(left, right), align(left, right, Compounds(vocabulary.words))
    assert sum(joined.counts[1:]) <= sum(plain.counts[1:])
    assert sum(joined.counts[:3]) == len(said)
    assert joined.reference[(joined.kind != INSERTION) & (joined.kind != JOINED)].tolist() == list(
        range(len(said))
    )
    heard_places = joined.hypothesis[joined.hypothesis >= 0]
    assert sorted(set(heard_places.tolist())) == list(range(len(heard)))


@given(st.lists(st.sampled_from(["time out", "timeout", "into", "in to", "so"]), min_size=1, max_size=10))
@settings(max_examples=30, deadline=None)
def test_spaces_in_other_places_cost_nothing(units: list[str]) -> None:
    said, heard = [u.split() for u in units], [[u.replace(" ", "")] for u in units]
    result = score(
        calls_of([list(chain.from_iterable(said))]),
        calls_of([list(chain.from_iterable(heard))]),
        rules=Rules(numbers=False),
    )
    assert result.total == ErrorRate(sum(map(len, said)), sum(map(len, said)))


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        pytest.param("the u s a today", "the usa today", 0, id="letters that are a word?"),
        pytest.param("the usa today", "the u s a today", 0, id="a word that is letters?"),
        pytest.param("a new time out is", "a knew timeout was", 2, id="a compound between errors?"),
        pytest.param("log in in the app", "login in the app", 0, id="a compound before its own end?"),
        pytest.param("time out", "time in", 1, id="no compound?"),
        pytest.param("to day", "today now", 1, id="a compound and an insertion?"),
        pytest.param(
            " ".join(["so"] * 99) + " time out", " ".join(["no"] * 99) + " timeout", 99, id="far on?"
        ),
    ],
)
def test_compounds(said: str, heard: str, errors: int) -> None:
    assert score(calls_of([said.split()]), calls_of([heard.split()])).total.errors == errors


# --- how calls are told apart --------------------------------------------------------------------------------


def test_channels_are_scored_apart_and_words_add_up_by_every_column() -> None:
    reference = transcript(TWO, COLUMNS)
    result = score(reference, transcript(HEARD, COLUMNS, queue="sales", channels=2))
    assert result.total == ErrorRate(9, 8, 0, 1, 1)
    assert {k: v.errors for k, v in result.by("channel").items()} == {"0": 1, "1": 1}
    assert {k: v.rate for k, v in result.by("call_id").items()} == {"c1": 2 / 7, "c2": 0.0}
    assert {k: v.total for k, v in result.by("speaker").items()} == {"a": 7, "b": 2}
    assert result.by("queue")["sales"] == result.total
    for column in ("call_id", "channel", "speaker", "queue", "class"):
        scores = result.by(column)
        assert scores.total == result.total, column
        assert scores.table["errors"].sum() == 2
        assert "wer" in scores._repr_html_()
    with pytest.raises(
        TranscriptError, match=r"no column 'agent' to score by\. The columns are: call_id, channel"
    ):
        result.by("agent")


def test_a_missing_speaker_is_unknown_and_inserted_words_belong_to_the_word_before() -> None:
    reference = transcript([("c1", None, "yes"), ("c1", "b", "no way")], "call speaker text")
    result = score(reference, transcript([("c1", None, "oh yes no way at all")], "call speaker text"))
    assert {k: (v.total, v.insertions) for k, v in result.by("speaker").items()} == {
        "b": (2, 2),
        "unknown": (1, 1),
    }
    assert result.words["kind"].tolist() == ["inserted", "right", "right", "right", "inserted", "inserted"]
    assert result.words.loc[0, ["reference", "phrase_id"]].tolist()[1] == "c1:0001"


def test_phrases_may_be_cut_anywhere() -> None:
    """Where a recognizer ends its phrases changes nothing, also inside a number."""
    said = transcript([("c1", "it is seven four two nine zero one three okay")], "call text")
    whole = transcript([("c1", "It is 742-9013, okay?")], "call text")
    cut = transcript([("c1", "It is 742."), ("c1", "9013."), ("c1", "Okay?")], "call text")
    assert score(said, whole).total == score(said, cut).total == ErrorRate(10, 10)


def test_the_form_that_is_compared_can_be_chosen() -> None:
    heard = transcript([("c1", "one", "two")], "call text display")
    assert score(transcript([("c1", "two")], "call text"), heard).total.errors == 1
    assert score(transcript([("c1", "two")], "call text"), heard, form="display").total.errors == 0
    only_display = transcript([("c1", None, "Two.")], "call text display")
    assert score(transcript([("c1", "two")], "call text"), only_display).total.errors == 0
    with pytest.raises(ValueError, match="form='itn'"):
        score(heard, heard, form="itn")  # type: ignore[arg-type]


def test_words_by_class() -> None:
    said = [("c1", 0, "a", "the brio flex costs twenty two dollars for one megan")]
    heard = [("c1", 0, "a", "a brio flecks costs brioflex twenty dollars for one may")]
    result = score(transcript(said, COLUMNS), transcript(heard, COLUMNS))
    scores = result.by("class", {"product": ["Brio Flex"], "person": ["Megan"]})
    assert {k: (v.total, v.errors) for k, v in scores.items()} == {
        "product": (2, 2),  # flex, and the brioflex that nobody said
        "person": (1, 1),
        "number": (2, 1),
        "function word": (2, 1),
        "other": (3, 0),
    }
    recall = result.recall({"product": ["Brio Flex"], "person": ["Megan"]}).set_index("word")
    assert recall.loc["brio", ["said", "found", "false"]].tolist() == [1, 1, 0]
    assert recall.loc["flex", ["said", "found", "written", "recall"]].tolist() == [1, 0, 0, 0.0]
    assert recall.loc["brioflex", ["said", "written", "false"]].tolist() == [0, 1, 1]
    assert np.isnan(recall.loc["brioflex", "recall"])
    assert recall.loc["megan", "class"] == "person"
    assert result.recall(["Zebra"]).empty


def test_the_most_frequent_errors_with_a_place_to_listen_to() -> None:
    rows = [("c1", 4.0, 5.0, "a plan please"), ("c2", 7.0, 8.0, "a plan"), ("c3", 1.0, 2.0, "a plan b")]
    heard = [("c1", 4.0, 5.0, "a plant please"), ("c2", 7.0, 8.0, "a plant"), ("c3", 1.0, 2.0, "a plan")]
    result = score(transcript(rows, "call start end text"), transcript(heard, "call start end text"))
    first = result.confusions().iloc[0]
    assert first.tolist() == ["substituted", "plan", "plant", 2, 2, "c1", 4.0]
    assert result.confusions().iloc[1].drop("hypothesis").tolist() == ["missing", "b", 1, 1, "c3", 1.0]


# --- rates ---------------------------------------------------------------------------------------------------

counts = st.tuples(*[st.integers(0, 50)] * 4)


@given(st.lists(counts, max_size=6))
def test_rates_add_up_by_their_counts(rows: list[tuple[int, int, int, int]]) -> None:
    rates = [ErrorRate(h + s + d, h, s, d, i) for h, s, d, i in rows]
    whole = sum(rates, ErrorRate())
    assert whole.errors == sum(s + d + i for _, s, d, i in rows)
    assert whole.total == sum(h + s + d for h, s, d, _ in rows)
    if whole.total:
        assert whole.rate == whole.errors / whole.total
    assert sum(reversed(rates), ErrorRate()) == whole


def test_a_mean_of_rates_is_refused() -> None:
    rates = [ErrorRate(2, 1, 1), ErrorRate(4, 4)]
    with pytest.raises(TypeError, match="a mean of rates is not the rate of the whole"):
        sum(rates) / 2
    for mean in (lambda: np.mean(rates), lambda: statistics.mean(rates), lambda: pd.Series(rates).mean()):
        with pytest.raises(TypeError):
            mean()
    with pytest.raises(TypeError, match="words and characters cannot be added"):
        rates[0] + ErrorRate(unit="character")
    with pytest.raises(ValueError, match="5 words cannot be 1 right"):
        ErrorRate(5, 1, 1, 1)
    with pytest.raises(AttributeError):
        rates[0].hits = 3  # type: ignore[misc]
    assert np.isnan(ErrorRate(0, 0, 0, 0, 3).rate)


# --- what is refused or doubted ------------------------------------------------------------------------------


def test_a_reference_for_other_calls_is_named() -> None:
    with pytest.raises(TranscriptError, match="it has x1, the transcript has c000, c001"):
        score(transcript([("x1", "yes")], "call text"), calls_of([["yes"], ["no"]]))
    result = score(transcript([("c001", "no"), ("x1", "yes")], "call text"), calls_of([["yes"], ["no"]]))
    assert result.notes[:2] == (
        "1 call of the transcript without a reference, not scored: c000.",
        "1 call of the reference without a transcript, not scored: x1.",
    )
    assert result.total == ErrorRate(1, 1)


def test_empty_texts_and_rates_above_one_are_said_with_their_numbers() -> None:
    said, heard = [["yes", "no"], [], ["a"], ["b"], []], [[], ["oh", "no"], ["x", "y", "z"], ["b"], []]
    result = score(calls_of(said), calls_of(heard), rules=PLAIN)
    assert result.notes == (
        "c000: the transcript has no words, the reference 2: all are missing.",
        "c001: the reference has no words, the transcript 2: all are inserted.",
        "c002: a word error rate of 300% (3 errors on 1 words). "
        "Is it the reference of this call, in this language?",
    )
    assert result.total == ErrorRate(4, 1, 1, 2, 4)
    assert np.isnan(result.by("call_id")["c001"].rate)
    with pytest.raises(TranscriptError, match="the reference has no words for c000"):
        score(calls_of([[]]), calls_of([["yes"]]))


def test_a_mono_reference_for_a_stereo_call() -> None:
    mono = transcript([("c1", 0, "hello yes bye")], "call channel text")
    stereo = transcript(
        [("c1", 0, "hello"), ("c1", 1, "yes"), ("c1", 0, "bye")], "call channel text", channels=2
    )
    for said, heard in (
        (mono, stereo),
        (stereo, transcript([("c1", 0, "hello yes bye")], "call channel text", channels=1)),
    ):
        with pytest.raises(TranscriptError, match=r"c1: the reference is of channel.*channels='mixed'"):
            score(said, heard)
        assert score(said, heard, channels="mixed").total == ErrorRate(3, 3)
    unknown = transcript([("c1", "hello yes bye")], "call text")
    assert score(unknown, mono).total == ErrorRate(3, 3), "one channel is one channel"
    with pytest.raises(TranscriptError, match="of no known channel, the transcript of channels 0 and 1"):
        score(unknown, stereo)
    silent = transcript([("c1", 0, "hello"), ("c1", 0, "bye")], "call channel text", channels=2)
    assert score(stereo, silent).total.deletions == 1, (
        "a channel on which nothing was heard is no contradiction"
    )
    with pytest.raises(ValueError, match="take 'apart' or 'mixed'"):
        score(mono, mono, channels="both")  # type: ignore[arg-type]


def test_what_a_result_says_of_itself() -> None:
    result = score(calls_of([["yes"], ["no", "way"]]), calls_of([["yes"], ["no", "day"]]))
    assert repr(result).startswith(
        "Accuracy(33.3% of 3 words: 1 substituted, 0 missing, 0 inserted; 0.0% to 50.0% (95%"
    )
    assert result.rules == ENGLISH
    assert str(result.by("call_id")).splitlines()[0].startswith("c000: 0.0% of 1 words")
