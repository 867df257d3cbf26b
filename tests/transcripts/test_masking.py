"""Masked transcripts: nothing that was found is left in any form, and what was not found stays as it was."""

from __future__ import annotations

import pandas as pd
import pytest

from speechkit.transcripts.masking import bleeps, find_masks, mask
from speechkit.transcripts.schema import Transcript

CARD = ["four", "one", "one", "one"]


def call(display: str, heard: list[str], agent: str | None = None) -> Transcript:
    """One phrase, a word each second, each shown as it was heard but for the digits, which are shown as one."""
    shown: list[str | None] = []
    for word in heard:
        first = word == CARD[0]
        shown.append("4111" if first else None if word in CARD else word)
    words = pd.DataFrame(
        {
            "call_id": "c1",
            "phrase_id": "c1:0001",
            "position": range(len(heard)),
            "start_s": [float(number) for number in range(len(heard))],
            "end_s": [number + 0.9 for number in range(len(heard))],
            "word": heard,
            "display": shown,
        }
    )
    phrase = {
        "call_id": "c1",
        "phrase_id": "c1:0001",
        "start_s": 0.0,
        "end_s": float(len(heard)),
        "channel": 1,
    }
    forms = {"display": display, "itn": display.lower(), "lexical": " ".join(heard)}
    return Transcript(
        pd.DataFrame({"call_id": ["c1"], "agent": [agent]}), pd.DataFrame([phrase | forms]), words
    )


@pytest.mark.parametrize(
    ("display", "heard", "masked", "lexical", "span"),
    [
        pytest.param("My card ends in 4111 now.", ["my", "card", "ends", "in", *CARD, "now"],
                     "My card ends in [CARD] now.", "my card ends in [CARD] now", (4.0, 7.9), id="digits-of-words?"),
        pytest.param("Mister Hawkins called.", ["mister", "hawkins", "called"], "Mister [NAME] called.",
                     "mister [NAME] called", (1.0, 1.9), id="one-word?"),
        pytest.param("Monica Reyes.", ["monica", "reyes"], "[NAME].", "[NAME]", (0.0, 1.9), id="all-of-a-phrase?"),
    ],
)  # fmt: skip
def test_every_form_is_masked(
    display: str, heard: list[str], masked: str, lexical: str, span: tuple[float, float]
) -> None:
    made = mask(call(display, heard))
    phrase = made.phrases.iloc[0]
    assert (phrase["display"], phrase["itn"], phrase["lexical"]) == (masked, masked, lexical)
    assert pd.isna(phrase["masked"])
    assert " ".join(dict.fromkeys(made.words["word"])) == lexical
    found = find_masks(call(display, heard)).iloc[0]
    assert (found["start_s"], found["end_s"], found["channel"]) == (*span, 1)
    assert len(made.words) == len(heard)


def test_is_what_needs_no_mask_left_alone() -> None:
    given = call("Nothing to hide here.", ["nothing", "to", "hide", "here"])
    assert mask(given) is given


def test_is_the_original_unchanged() -> None:
    given = call("Monica Reyes.", ["monica", "reyes"])
    mask(given)
    assert given.phrases["display"][0] == "Monica Reyes."
    assert given.words["word"].tolist() == ["monica", "reyes"]


def test_does_the_agent_keep_the_name() -> None:
    assert find_masks(call("Thank you, Monica.", ["thank", "you", "monica"], agent="Monica")).empty
    assert len(find_masks(call("Thank you, Monica.", ["thank", "you", "monica"]))) == 1


def test_is_a_phrase_without_words_masked_too() -> None:
    said = pd.DataFrame({"call_id": ["c1"], "phrase_id": ["c1:0001"], "start_s": [0.0], "end_s": [3.0],
                         "display": ["My name is Peter Lang."], "lexical": ["my name is peter lang"]})  # fmt: skip
    made = mask(Transcript(pd.DataFrame({"call_id": ["c1"]}), said))
    assert made.phrases[["display", "lexical"]].iloc[0].tolist() == [
        "My name is [NAME].",
        "my name is [NAME]",
    ]


def test_are_bleeps_wider_than_words_and_merged() -> None:
    masks = pd.DataFrame({"start_s": [0.05, 4.0, 4.95], "end_s": [0.5, 4.9, 6.0]})
    assert bleeps(masks, 0.1) == [(0.0, pytest.approx(0.6)), (3.9, pytest.approx(6.1))]
