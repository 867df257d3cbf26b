"""`/openai/v1`, as the official openai package meets it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from speechkit.insight.prompt import SUMMARY, read_prompt
from speechkit.insight.schema import OUTCOMES, REASONS, CallSummary, answer_model
from tests.local.service_fixture import KEY, Inside

TURNS = [
    ("p1", "agent", "Thank you for calling Larkfield Home, this is Megan. How can I help you?"),
    ("p2", "customer", "You charged my card twice for the Brioflex plan, and I want a refund."),
    ("p3", "agent", "I am sorry. I have refunded the second payment of thirty four dollars."),
    ("p4", "customer", "Great, thank you so much."),
]
SYSTEM = read_prompt(SUMMARY, REASONS, OUTCOMES)
USER = json.dumps({"turns": [dict(zip(("phrase_id", "speaker", "text"), t, strict=True)) for t in TURNS]})
MESSAGES: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
SCHEMA = answer_model(REASONS, OUTCOMES)


@pytest.fixture
def client(local: Inside) -> openai.OpenAI:
    """The official client, speaking to a service inside the test."""
    base = "http://127.0.0.1:5000/openai/v1"
    return openai.OpenAI(base_url=base, api_key=KEY, http_client=local.client, max_retries=0)


def check(answer: Any) -> None:
    """What must be true of the summary of TURNS."""
    assert isinstance(answer, CallSummary)
    texts = {phrase_id: text for phrase_id, _, text in TURNS}
    for claim in (answer.reason, answer.outcome, answer.resolved, *answer.summary):
        assert claim.quote in texts[claim.phrase_id]
    assert (answer.reason.value, answer.outcome.value) == ("billing", "refund")


def test_chat_completions_parse(client: openai.OpenAI) -> None:
    made = client.chat.completions.parse(model="extractive", messages=MESSAGES, response_format=SCHEMA)
    check(made.choices[0].message.parsed)
    assert (made.model, made.choices[0].finish_reason) == ("extractive", "stop")
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 100


def test_responses_parse(client: openai.OpenAI) -> None:
    made = client.responses.parse(model="extractive", instructions=SYSTEM, input=USER, text_format=SCHEMA)
    check(made.output_parsed)
    assert made.usage is not None
    assert made.usage.output_tokens > 20


def test_responses_take_messages_too(client: openai.OpenAI) -> None:
    content: Any = [{"type": "input_text", "text": USER}]
    messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
    made = client.responses.parse(model="extractive", input=messages, text_format=SCHEMA)
    check(made.output_parsed)


def test_the_same_call_gets_the_same_answer(client: openai.OpenAI) -> None:
    first, second = (
        client.chat.completions.parse(model="extractive", messages=MESSAGES, response_format=SCHEMA)
        for _ in range(2)
    )
    assert first.choices[0].message.content == second.choices[0].message.content


def test_models(client: openai.OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["extractive"]
    assert client.models.retrieve("extractive").owned_by == "speechkit"
    with pytest.raises(openai.NotFoundError, match="extractive does"):
        client.models.retrieve("gpt-5")


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_is_refused_in_the_clients_own_words(local: Inside, key: str) -> None:
    client = openai.OpenAI(
        base_url="http://127.0.0.1:5000/openai/v1",
        api_key=key or "none",
        http_client=local.client,
        max_retries=0,
    )
    with pytest.raises(openai.AuthenticationError) as refused:
        client.models.list()
    assert refused.value.code == "invalid_api_key"


def test_the_key_as_azure_sends_it(local: Inside) -> None:
    answer = local.client.get("/openai/v1/models", headers={"api-key": KEY})
    assert answer.status_code == 200


QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA.model_json_schema()}}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        pytest.param({"response_format": None}, openai.BadRequestError, "JSON schema", id="no schema?"),
        pytest.param(
            {"response_format": {"type": "json_object"}},
            openai.BadRequestError,
            "JSON schema",
            id="any JSON?",
        ),
        pytest.param({"messages": QUESTION}, openai.BadRequestError, "speechkit", id="another question?"),
        pytest.param({"messages": []}, openai.BadRequestError, "list of messages", id="no messages?"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            openai.BadRequestError,
            "messages of text",
            id="a picture?",
        ),
        pytest.param({"stream": True}, openai.BadRequestError, "Streaming", id="a stream?"),
        pytest.param({"n": 2}, openai.BadRequestError, "one choice", id="two choices?"),
        pytest.param({"tools": [{"type": "function"}]}, openai.BadRequestError, "Tools", id="tools?"),
        pytest.param({"model": "gpt-5"}, openai.NotFoundError, "extractive does", id="another model?"),
    ],
)
def test_what_is_not_served_is_said(
    client: openai.OpenAI, changes: dict[str, Any], error: type[openai.APIStatusError], says: str
) -> None:
    asked: dict[str, Any] = {"model": "extractive", "messages": MESSAGES, "response_format": FORMAT}
    asked = {name: value for name, value in (asked | changes).items() if value is not None}
    with pytest.raises(error, match=says) as refused:
        client.chat.completions.create(**asked)
    assert refused.value.type == "invalid_request_error"  # type: ignore[union-attr]


def test_responses_refuse_in_the_same_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="JSON schema") as refused:
        client.responses.create(model="extractive", input="What is the capital of France?")
    assert refused.value.param == "text.format"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/chat/completions", b"{", 400),
        ("POST", "/chat/completions", b"[]", 400),
        ("POST", "/responses", b"", 400),
        ("POST", "/embeddings", b"{}", 404),
        ("DELETE", "/models/extractive", b"", 405),
    ],
)
def test_every_refusal_has_openais_shape(
    local: Inside, method: str, path: str, body: bytes, status: int
) -> None:
    answer = local.client.request(method, f"/openai/v1{path}", content=body, headers={"api-key": KEY})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
