"""Where a hypothesis sounds like an expected phrase."""

from __future__ import annotations

import pytest

from speechkit.local.phrase_list import MOST, MOST_PHRASES, TOLERANCE, PhraseList

PHONES = {
    "zorvane": "Z AO R V EY N", "sore": "S AO R", "vein": "V EY N", "my": "M AY", "new": "N UW", "is": "IH Z",
    "hub": "HH AH B", "up": "AH P", "plan": "P L AE N", "plane": "P L EY N", "brio": "B R IY OW", "trio": "T R IY OW",
    "flex": "F L EH K S", "brioflex": "B R IY OW F L EH K S", "cat": "K AE T", "vein's": "V EY N Z",
}  # fmt: skip


def listed(*phrases: str, weight: float = 1.0) -> PhraseList:
    return PhraseList(phrases, lambda word: PHONES[word].split(), weight)


@pytest.mark.parametrize(
    ("phrases", "heard", "expected"),
    [
        pytest.param(["Zorvane"], "my sore vein is", "my Zorvane is", id="two-words-for-one?"),
        pytest.param(["Zorvane"], "my sore vein.", "my Zorvane.", id="a-mark-stays?"),
        pytest.param(["Zorvane"], "sore vein's hub,", "Zorvane's hub,", id="a-genitive-stays?"),
        pytest.param(["Zorvane"], "my zorvane,", "my Zorvane,", id="only-its-capital-is-wrong?"),
        pytest.param(["Brioflex plan"], "my trio flex plane is", "my Brioflex plan is", id="several-words?"),
        pytest.param(["  Brioflex   plan "], "trio flex plane", "Brioflex plan", id="spaces-in-the-list?"),
    ],
)
def test_the_nearest_place(phrases: list[str], heard: str, expected: str) -> None:
    words = heard.split()
    assert " ".join(listed(*phrases).candidates(words)[0].put_into(words)) == expected


@pytest.mark.parametrize(
    ("phrases", "heard"),
    [
        pytest.param(["Zorvane"], "my Zorvane is", id="already-right?"),
        pytest.param(["Zorvane"], "my new cat", id="nothing-alike?"),
        pytest.param(["Zorvane"], "", id="no-words?"),
        pytest.param(["Zorvane"], "... -", id="only-marks?"),
        pytest.param([], "my sore vein", id="an-empty-list?"),
        pytest.param(["", " ", "?!"], "my sore vein", id="phrases-without-a-word?"),
    ],
)
def test_no_candidate(phrases: list[str], heard: str) -> None:
    assert listed(*phrases).candidates(heard.split()) == []


def test_tolerance_follows_likeness_length_and_weight() -> None:
    def most(phrase: str, heard: str, weight: float = 1.0) -> float:
        return max(c.tolerance for c in listed(phrase, weight=weight).candidates(heard.split()))

    assert most("Brioflex", "brioflex") == TOLERANCE
    assert most("Brioflex", "brioflex") > most("Brioflex", "trio flex") > 0
    assert most("Brioflex", "trio flex", 2.0) == 2 * most("Brioflex", "trio flex")
    assert most("Hub", "hub") < most("Zorvane", "zorvane") < TOLERANCE


def test_a_weight_of_nothing_is_no_list() -> None:
    assert not listed("Zorvane", weight=0.0)
    assert listed("Zorvane")


def test_only_so_many_are_judged_and_listed() -> None:
    many = PhraseList([f"{'a' * (i + 1)}" for i in range(MOST_PHRASES + 5)], lambda word: ["AH"] * len(word))
    assert len(many.candidates(["a" * 50])) == MOST - 1  # one of the nearest is what was heard
    assert many.candidates(["a" * 2 * MOST_PHRASES]) == []
