"""From words to phrases."""

from __future__ import annotations

import pytest

from speechkit.local.phrases import LONG_S, PAUSE_S, HeardWord, Others, cut_phrases
from speechkit.local.recognition import Word
from speechkit.local.recognizer import Hypothesis
from speechkit.local.vocabulary import Spoken


def heard(
    text: str, segment: int = 0, start_s: float = 0.0, speaker: int | None = None, step_s: float = 0.5
) -> list[HeardWord]:
    return [
        HeardWord(
            Word(t, t.lower(), start_s + i * step_s, start_s + i * step_s + 0.4, 0.5 + 0.1 * i),
            segment,
            i,
            speaker,
        )
        for i, t in enumerate(text.split())
    ]


def hypothesis(text: str, score: float) -> Hypothesis:
    return Hypothesis(tuple(Spoken(word, 0.5) for word in text.split()), 10 * score, score)


LONG = " ".join(["word"] * round(LONG_S / 0.5 + 2))


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        pytest.param([("one two", 0, 0.0, None)], ["One two."], id="a-full-stop-at-the-end?"),
        pytest.param([("one two,", 0, 0.0, None)], ["One two."], id="no-comma-at-the-end?"),
        pytest.param([("one?", 0, 0.0, None)], ["One?"], id="its-own-mark?"),
        pytest.param([("one,.", 0, 0.0, None)], ["One."], id="two-marks?"),
        pytest.param([("one,", 0, 0.0, None), ("And two", 1, 0.5, None)], ["One, and two."], id="a-cut-sentence?"),
        pytest.param([("Mr. Foster", 0, 0.0, None)], ["Mr. Foster."], id="an-abbreviation?"),
        pytest.param([("a,", 0, 0.0, None), ("Megan b", 1, 0.5, None)], ["A, Megan b."], id="a-name-keeps-it?"),
        pytest.param([("one.", 0, 0.0, None), ("and two", 1, 0.5, None)], ["One. And two."], id="a-new-sentence?"),
        pytest.param([("one", 0, 0.0, None), ("two", 0, 0.4 + PAUSE_S + 0.1, None)], ["One.", "Two."], id="a-pause?"),
        pytest.param([("one", 0, 0.0, None), ("two", 0, 0.4 + PAUSE_S - 0.1, None)], ["One two."], id="a-short-pause?"),
        pytest.param([("one", 0, 0.0, 1), ("two", 0, 0.5, 2)], ["One.", "Two."], id="another-speaker?"),
        pytest.param([], [], id="nothing?"),
    ],
)  # fmt: skip
def test_phrases(parts: list[tuple[str, int, float, int | None]], texts: list[str]) -> None:
    words = [
        word for text, segment, start_s, speaker in parts for word in heard(text, segment, start_s, speaker)
    ]
    assert [phrase.text for phrase in cut_phrases(words)] == texts


@pytest.mark.parametrize(
    ("mark", "count"),
    [pytest.param(".", 2, id="at-the-end-of-a-sentence?"), pytest.param(",", 1, id="not-within?")],
)
def test_a_long_phrase_ends_with_its_sentence(mark: str, count: int) -> None:
    words = heard(f"{LONG}{mark} more")
    assert len(cut_phrases(words)) == count


def test_times_and_confidence() -> None:
    (phrase,) = cut_phrases(heard("one two three", start_s=2.0, speaker=1))
    assert (phrase.start_s, phrase.end_s, phrase.speaker) == (2.0, 3.4, 1)
    assert phrase.confidence == pytest.approx(0.6)
    assert phrase.alternatives == []


def test_alternatives_stand_in_place_of_their_part() -> None:
    words = [*heard("I sent it", 0, 0.0), *heard("by mail.", 1, 1.5)]
    others = [
        Others(("I", "sent", "it"), (hypothesis("I send it", -0.5), hypothesis("Ice sent it", -0.2))),
        Others(("by", "mail."), (hypothesis("by male.", -0.3), hypothesis("By mail", -0.1))),
    ]
    (phrase,) = cut_phrases(words, others, nbest=4)
    assert phrase.text == "I sent it by mail."
    texts = [alternative.text for alternative in phrase.alternatives]
    assert texts == ["Ice sent it by mail.", "I sent it by male.", "I send it by mail."]
    assert cut_phrases(words, others, nbest=2)[0].alternatives == phrase.alternatives[:1]
