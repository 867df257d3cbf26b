"""Intervals and paired tests, against scipy and against what theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from speechkit.analysis.accuracy import score
from speechkit.analysis.comparison import compare
from speechkit.analysis.normalize import PLAIN
from speechkit.analysis.rates import ErrorRate
from speechkit.analysis.significance import (
    MOST_EXACT_CALLS,
    difference,
    exchange_test,
    interval,
    matched_pairs,
)
from speechkit.errors import TranscriptError
from tests.analysis.making import WORDS, calls_of, transcript

counts = st.lists(st.integers(0, 9), min_size=2, max_size=8)


def test_the_interval_is_the_bootstrap_of_scipy() -> None:
    draw = np.random.default_rng(3)
    words = draw.integers(80, 400, 40)
    errors = draw.binomial(words, 0.12)
    ours = interval(errors.tolist(), words.tolist(), resamples=4000)
    judge = stats.bootstrap(
        (errors, words),
        lambda e, w, axis: e.sum(axis=axis) / w.sum(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((judge.low, judge.high), abs=0.0015)
    assert ours == interval(errors.tolist(), words.tolist(), resamples=4000), "the same seed, another answer"
    assert ours != interval(errors.tolist(), words.tolist(), resamples=4000, seed=1)


def test_the_interval_covers_the_true_rate_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    hits, runs = 0, 120
    for _ in range(runs):
        words = draw.integers(50, 300, 30)
        rates = np.clip(draw.normal(0.1, 0.03, 30), 0, 1)  # calls differ in how hard they are
        ends = interval(draw.binomial(words, rates).tolist(), words.tolist(), resamples=400)
        hits += ends.low <= 0.1 <= ends.high
    assert hits / runs > 0.88


def test_too_few_calls_have_no_interval() -> None:
    for errors, words in (([], []), ([3], [30]), ([0, 0], [0, 0])):
        ends = interval(errors, words)
        assert math.isnan(ends.low)
        assert math.isnan(ends.high)
        assert str(ends).startswith("no interval")


@given(counts, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_exchange_test_is_the_permutation_test_of_scipy(first: list[int], random: object) -> None:
    second = [random.randint(0, 9) for _ in first]  # type: ignore[attr-defined]
    judge = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.abs((a - b).sum(axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert exchange_test(first, second) == pytest.approx(judge.pvalue)
    assert exchange_test(second, first) == pytest.approx(judge.pvalue)


def test_many_calls_are_exchanged_at_random() -> None:
    first = [3, 5, 2, 4, 6, 2, 3, 5, 4, 1, 2, 6, 3, 4, 7, 2]
    second = [4, 6, 4, 2, 7, 1, 5, 6, 3, 2, 3, 7, 4, 5, 6, 4]
    assert len(first) > MOST_EXACT_CALLS
    judge = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.abs((a - b).sum(axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue
    assert exchange_test(first, second) == pytest.approx(judge, abs=0.012)
    assert exchange_test(first[:8] + [9] * 30, second[:8] + [9] * 30) == exchange_test(first[:8], second[:8])
    assert exchange_test([1] * 20, [2] * 20) <= 0.001
    assert math.isnan(exchange_test([], []))
    assert exchange_test([5], [9]) == 1.0, "one call proves nothing"


def test_matched_pairs_by_hand() -> None:
    """Segments lie between two words that both have right; z is the mean difference over its error."""
    #         |-- 1 --|          |-------- 2 --------|           |- 3 -|   another text: 4
    first = [1, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    second = [0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 0, 2]
    starts = [True] + [False] * 11 + [True]
    changes = [-3, 3, 2]
    result = matched_pairs(first, second, starts)
    assert result.segments == 3
    assert result.mean == pytest.approx(np.mean(changes))
    z = np.mean(changes) / (np.std(changes, ddof=1) / math.sqrt(3))
    assert result.z == pytest.approx(z)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert matched_pairs(first, second, [True] * 13).segments == 5, "a text ends a segment"
    assert math.isnan(matched_pairs([0, 0], [0, 0], [True, False]).p_value)
    assert math.isnan(matched_pairs([1], [0], [True]).p_value)


def test_a_system_that_is_worse_is_found_worse_and_an_equal_one_is_not() -> None:
    draw = np.random.default_rng(5)

    def corrupted(words: list[str], share: float) -> list[str]:
        return [("zulu" if draw.random() < share else word) for word in words]

    said = [[WORDS[i] for i in draw.integers(0, 6, 150)] for _ in range(16)]
    reference = calls_of(said)
    good, same, bad = (
        score(reference, calls_of([corrupted(words, share) for words in said]), rules=PLAIN)
        for share in (0.05, 0.05, 0.10)
    )
    worse = compare(good, bad)
    assert worse.significant
    assert worse.interval.low > 0
    assert worse.segments.p_value < 0.01
    assert worse.difference == pytest.approx(bad.total.rate - good.total.rate)
    assert "points more errors" in str(worse)
    assert "significant" in str(worse)
    equal = compare(good, same)
    assert not equal.significant
    assert equal.interval.low < 0 < equal.interval.high
    assert equal.segments.p_value > 0.05
    assert "not significant" in str(equal)
    back = compare(bad, good)
    assert back.difference == -worse.difference
    assert back.segments.z == pytest.approx(-worse.segments.z)


def test_errors_stand_at_the_words_of_the_reference() -> None:
    said = transcript([("c1", "alpha bravo delta"), ("c2", ""), ("c3", "echo")], "call text")
    heard = transcript(
        [("c1", "golf alpha bravo golf golf"), ("c2", "golf"), ("c3", "echo echo")], "call text"
    )
    errors, starts = score(said, heard, rules=PLAIN).rows.errors_by_word()
    assert errors.sum() == 4, "what stands in a text without words is left out"
    assert errors.tolist() == [1, 1, 1, 1] or errors.tolist() == [1, 0, 2, 1]
    assert starts.tolist() == [True, False, False, True]


def test_what_cannot_be_compared_is_named() -> None:
    one, two = calls_of([["echo"], ["golf"]]), calls_of([["echo"]])
    with pytest.raises(TranscriptError, match="only one of the two was scored for c001"):
        compare(score(one, one), score(one, two))
    with pytest.raises(TranscriptError, match="by different rules"):
        compare(score(one, one), score(one, one, rules=PLAIN))
    other = calls_of([["echo"], ["golf", "golf"]])
    with pytest.raises(TranscriptError, match="c001: the two were scored against different references"):
        compare(score(one, one), score(other, one))
    assert compare(score(two, two), score(two, two)).first == ErrorRate(1, 1)


def test_the_difference_is_paired() -> None:
    """Hard calls are hard for both: the interval of the difference is narrower than those of the rates."""
    draw = np.random.default_rng(11)
    words = [200.0] * 20
    hard = draw.integers(5, 60, 20)
    ours = interval(hard.tolist(), words)
    change = difference(hard.tolist(), (hard + 4).tolist(), words)
    assert change.high - change.low < 0.1 * (ours.high - ours.low)
    assert change.low <= 0.02 <= change.high
