"""Checklists, rubrics, promises, products and moods: what is shown has its proof in the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechkit.errors import SettingsError
from speechkit.insight.moods import SCORES, mood_change
from speechkit.insight.schema import OUTCOMES, REASONS, full_model, read_labels
from speechkit.insight.summaries import summarize_calls
from speechkit.local import language
from speechkit.transcripts.corpus import open_corpus
from tests.insight.conftest import transcript_of
from tests.insight.model_server import ModelServer, good_answer

CALL = (
    ("agent", "Thank you for calling, this call may be recorded for quality."),
    ("customer", "My thermostat is broken again, this is ridiculous and I am angry."),
    ("agent", "I am sorry to hear that, can I have your account number?"),
    ("customer", "It is the third time that it is broken, and nobody helps me."),
    ("agent", "I will send you a new thermostat tomorrow, free of charge."),
    ("customer", "Oh, that is great, thank you."),
    ("agent", "Is there anything else that I can do for you?"),
    ("customer", "No, that is perfect, thanks, I am happy."),
)
CHECKLIST = {"recording": "this call may be recorded; calls are recorded", "goodbye": "have a wonderful day"}


def answering(**lists: Any) -> Any:
    return lambda turns: {**good_answer(turns), **lists}


def check(item: str, value: str, quote: str = "", phrase_id: str = "") -> dict[str, str]:
    return {"item": item, "value": value, "quote": quote, "phrase_id": phrase_id}


@pytest.mark.parametrize(
    ("given_", "value", "supported"),
    [
        pytest.param(
            [check("recording", "said", "this call may be recorded", "1")], "said", True, id="said?"
        ),
        pytest.param([check("recording", "said", "we record you", "1")], "unproved", False, id="never-said?"),
        pytest.param([check("recording", "said")], "unproved", False, id="said-without-a-quote?"),
        pytest.param([check("recording", "missed")], "missed", False, id="missed?"),
        pytest.param([], "unclear", False, id="not-answered?"),
        pytest.param(
            [check("recording", "missed"), check("recording", "said", "this call may be recorded", "1")],
            "said",
            True,
            id="both-with-proof?",
        ),
    ],
)
def test_an_item_is_said_only_with_its_proof(
    server: ModelServer, client: openai.OpenAI, given_: list[dict[str, str]], value: str, supported: bool
) -> None:
    server.answer = answering(checks=given_)
    result = summarize_calls(transcript_of({"a": CALL}), client=client, model="m", checklist=["recording"])
    row = result.checks.iloc[0]
    assert (row["kind"], row["item"], row["value"], bool(row["supported"])) == (
        "checklist", "recording", value, supported,
    )  # fmt: skip
    assert pd.isna(row["quote"]) is not supported
    assert (row["phrase_id"] == "a:0001") is supported


def test_a_rubric_is_judged_and_what_is_unclear_stays_unclear(
    server: ModelServer, client: openai.OpenAI
) -> None:
    server.answer = answering(
        ratings=[check("empathy", "met", "I am sorry to hear that", "3"), check("pace", "unclear")]
    )
    found = summarize_calls(
        transcript_of({"a": CALL}), client=client, model="m", rubric={"empathy": "shows regret", "pace": ""}
    )
    assert found.checks[["kind", "item", "value", "start_s"]].values.tolist()[0] == [
        "rubric",
        "empathy",
        "met",
        9.0,
    ]
    assert found.checks["value"].tolist()[1] == "unclear"
    system = server.requests[0]["messages"][0]["content"]
    assert "- empathy: shows regret" in system
    assert "Checklist" not in system


def test_promises_and_products_are_claims_and_the_unproved_ones_are_marked(
    server: ModelServer, client: openai.OpenAI
) -> None:
    server.answer = answering(
        promises=[{"quote": "free of charge", "phrase_id": "5", "text": "It costs nothing."}],
        products=[
            {"quote": "My thermostat is broken", "phrase_id": "2", "text": "thermostat"},
            {"quote": "my new car", "phrase_id": "2", "text": "car"},
        ],
    )
    result = summarize_calls(transcript_of({"a": CALL}), client=client, model="m")
    found = result.claims[result.claims["field"].isin(["promise", "product"])]
    assert found[["field", "text", "supported"]].values.tolist() == [
        ["promise", "It costs nothing.", True],
        ["product", "thermostat", True],
        ["product", "car", False],
    ]
    assert result.calls["unsupported"].tolist() == [1]


def test_moods_are_of_turns_that_exist_and_turn_where_they_change(
    server: ModelServer, client: openai.OpenAI
) -> None:
    values = {"2": "negative", "4": "negative", "6": "positive", "8": "positive", "99": "negative"}
    server.answer = answering(turn_moods=[{"phrase_id": n, "value": mood} for n, mood in values.items()])
    result = summarize_calls(transcript_of({"a": CALL}), client=client, model="m")
    assert result.moods["phrase_id"].tolist() == ["a:0002", "a:0004", "a:0006", "a:0008"]
    row = result.calls.iloc[0]
    assert (row["mood_trend"], row["mood_turn"], row["mood_turn_phrase_id"]) == ("better", "better", "a:0006")
    assert row["mood_turn_quote"] == "Oh, that is great, thank you."


def test_a_long_call_puts_its_lists_together(
    server: ModelServer, client: openai.OpenAI, tmp_path: Path
) -> None:
    server.answer = lambda turns: {
        **good_answer(turns),
        "turn_moods": [{"phrase_id": turn["phrase_id"], "value": "neutral"} for turn in turns],
        "checks": [
            check("recording", "said", "this call may be recorded", "1")
            if turns[0]["phrase_id"] == "1"
            else check("recording", "missed")
        ],
    }
    corpus = open_corpus(tmp_path / "corpus", create=True)
    corpus.add(transcript_of({"a": CALL}))
    asked = {"client": client, "model": "m", "checklist": ["recording"], "max_characters": 200}
    result = summarize_calls(corpus, **asked)  # type: ignore[arg-type]
    assert len(server.requests) > 2
    assert result.checks["value"].tolist() == ["said"]
    assert len(result.moods) == len(CALL)
    assert corpus.table("checks").equals(result.checks)
    again = summarize_calls(corpus, **asked)  # type: ignore[arg-type]
    assert again.calls["kept"].tolist() == [True]
    pd.testing.assert_frame_equal(again.moods, result.moods)


def test_extractive_finds_what_is_said_in_such_words_and_knows_that_it_cannot_judge() -> None:
    from speechkit.insight.prompt import SUMMARY, read_prompt
    from speechkit.insight.turns import Turn, as_json

    turns = [Turn(str(n), f"a:{n:04d}", who, 0, 1, 1, text) for n, (who, text) in enumerate(CALL, 1)]
    rubric = {"empathy": "shows regret"}
    model = full_model(REASONS, OUTCOMES, CHECKLIST, rubric)
    messages = [
        {
            "role": "system",
            "content": read_prompt(SUMMARY, REASONS, OUTCOMES, checklist=CHECKLIST, rubric=rubric),
        },
        {"role": "user", "content": as_json(turns)},
    ]
    answer: Any = model.model_validate(language.answer(messages, model.model_json_schema()))
    assert [(one.item, one.value) for one in answer.checks] == [("recording", "said"), ("goodbye", "missed")]
    assert answer.checks[0].quote in CALL[0][1]
    assert [one.value for one in answer.ratings] == ["unclear"]
    assert [claim.text for claim in answer.products] == ["thermostat"]
    assert ["free of charge" in claim.quote for claim in answer.promises] == [True]
    moods = {one.phrase_id: one.value for one in answer.turn_moods}
    assert set(moods) == {"2", "4", "6", "8"}, "only the customer's turns are judged"
    assert (moods["2"], moods["8"]) == ("negative", "positive")


@given(st.lists(st.sampled_from(sorted(SCORES)), max_size=30))
def test_the_place_where_moods_turn_is_one_of_them(moods: list[str]) -> None:
    trend, at = mood_change(moods)
    assert (trend in ("better", "worse")) == (at is not None)
    if at is not None:
        assert 0 < at < len(moods)
        turned = mood_change(
            [{"negative": "positive", "positive": "negative"}.get(mood, mood) for mood in moods]
        )
        assert turned == ({"better": "worse", "worse": "better"}[str(trend)], at), (
            "mirrored moods turn there, too"
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "there is none", id="empty?"),
        pytest.param("# only a comment", "there is none", id="only-a-comment?"),
        pytest.param("a: x\na: y", "twice", id="twice?"),
        pytest.param(": x", "empty", id="no-name?"),
        pytest.param("word " * 40, "too long", id="a-sentence-without-a-name?"),
    ],
)
def test_a_file_of_items_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_labels(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_labels(tmp_path / "absent.txt")


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        pytest.param({"recording": {"required": True, "weight": 2}}, "fields required, weight", id="fields?"),
        pytest.param([{"item": "recording"}], "fields item", id="a-list-of-dicts?"),
        pytest.param({"recording": 3}, "one is a int", id="a-number?"),
    ],
)
def test_items_with_unknown_fields_are_refused(client: openai.OpenAI, given_: Any, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        summarize_calls(transcript_of({"a": CALL}), client=client, model="m", checklist=given_)


@pytest.mark.parametrize("levels", [["only"], ["good", "unclear"], ["good", "unproved"]])
def test_levels_that_cannot_be_used(client: openai.OpenAI, levels: list[str]) -> None:
    options = {"client": client, "model": "m", "rubric": ["pace"], "levels": levels}
    with pytest.raises(SettingsError, match="two or more, and none is called"):
        summarize_calls(transcript_of({"a": CALL}), **options)


def test_a_file_of_items(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# ours\nrecording: this call: recorded\n\ngoodbye\n")
    assert read_labels(path) == {"recording": "this call: recorded", "goodbye": ""}
