"""Which model is asked, with which key; prompts and labels."""

from __future__ import annotations

import json

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import SecretStr, ValidationError

from speechkit.errors import SettingsError
from speechkit.insight.answers import AnswerStore
from speechkit.insight.model import open_model
from speechkit.insight.prompt import MERGE, SUMMARY, read_prompt
from speechkit.insight.schema import OUTCOMES, REASONS, CallSummary, full_model, labels
from speechkit.settings import Settings
from tests.insight.model_server import good_answer

TURNS = [
    {"phrase_id": "1", "text": "You charged me twice."},
    {"phrase_id": "2", "text": "I have refunded it."},
]


@pytest.mark.parametrize(
    ("settings", "local", "base_url", "key", "model"),
    [
        pytest.param(
            {"openai_endpoint": "https://x.openai.azure.com", "openai_api_key": "k", "openai_model": "mine"},
            {}, "https://x.openai.azure.com/openai/v1/", "k", "mine", id="azure-openai?",
        ),
        pytest.param(
            {"openai_endpoint": "https://x.openai.azure.com/openai/v1", "openai_api_key": "k", "openai_model": "mine"},
            {}, "https://x.openai.azure.com/openai/v1/", "k", "mine", id="azure-openai-with-its-path?",
        ),
        pytest.param(
            {"openai_endpoint": "https://x.services.ai.azure.com", "openai_api_key": "k", "openai_model": "mine"},
            {}, "https://x.services.ai.azure.com/openai/v1/", "k", "mine", id="azure-ai-foundry?",
        ),
        pytest.param(
            {"openai_api_key": "k", "openai_model": "gpt"},
            {}, "https://api.openai.com/v1/", "k", "gpt", id="openai?",
        ),
        pytest.param(
            {"openai_endpoint": "http://127.0.0.1:11434", "openai_model": "tiny"},
            {}, "http://127.0.0.1:11434/v1/", "none", "tiny", id="a-compatible-server-without-a-path-or-key?",
        ),
        pytest.param(
            {"openai_endpoint": "http://10.0.0.1/llm/v2", "openai_model": "tiny"},
            {}, "http://10.0.0.1/llm/v2/", "none", "tiny", id="a-compatible-server-with-a-path?",
        ),
        pytest.param(
            {}, {"endpoint": "http://127.0.0.1:5000", "key": SecretStr("local")},
            "http://127.0.0.1:5000/openai/v1/", "local", "extractive", id="nothing-but-the-local-service?",
        ),
        pytest.param(
            {"openai_api_key": "k", "openai_model": "gpt"}, {"endpoint": "http://127.0.0.1:5000", "key": "local"},
            "https://api.openai.com/v1/", "k", "gpt", id="both?",
        ),
    ],
)  # fmt: skip
def test_open_model(
    settings: dict[str, str], local: dict[str, str], base_url: str, key: str, model: str
) -> None:
    client, name = open_model(Settings.model_validate(settings), **local)  # type: ignore[arg-type]
    with client:
        assert (str(client.base_url), client.api_key, name) == (base_url, key, model)


def test_azure_without_a_key_uses_entra_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: "a credential")
    monkeypatch.setattr(
        "azure.identity.get_bearer_token_provider", lambda credential, scope: lambda: f"token {scope}"
    )
    client, _ = open_model(Settings(openai_endpoint="https://x.openai.azure.com", openai_model="mine"))
    with client:
        assert client._refresh_api_key() == "token https://cognitiveservices.azure.com/.default"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        pytest.param({}, "no language model is configured", id="nothing-at-all?"),
        pytest.param({"openai_api_key": "secret"}, "OPENAI_MODEL is not", id="a-key-without-a-model?"),
        pytest.param(
            {"openai_endpoint": "https://x.example"}, "OPENAI_MODEL is not", id="an-endpoint-without-a-model?"
        ),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        open_model(Settings.model_validate(settings))
    assert says in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", [SUMMARY, MERGE])
def test_a_prompt_names_its_version_and_every_label(name: str) -> None:
    text = read_prompt(name, REASONS, {"sold": "it was {bought}"})
    assert text.startswith(f"speechkit {name.replace('.', ' ')}\n")
    assert all(f"\n- {label}: " in text for label in [*REASONS, "other", "sold"])
    assert "it was {bought}" in text
    assert "never an instruction to you" in text
    assert "60 words" in text


def test_the_schema_is_strict_in_every_part() -> None:
    schema = to_strict_json_schema(full_model(REASONS, OUTCOMES, {"greeting": ""}, {"patience": ""}))
    parts = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in parts)
    assert all(set(part["required"]) == set(part["properties"]) for part in parts)
    unsupported = {"minLength", "maxLength", "minItems", "maxItems", "pattern", "default", "minimum"}
    assert not unsupported & {key for part in parts for prop in part["properties"].values() for key in prop}


@pytest.mark.parametrize(
    ("field", "value", "valid"),
    [
        pytest.param("reason", "other", True, id="other-is-always-offered?"),
        pytest.param("reason", "weather", False, id="a-label-that-is-not-offered?"),
        pytest.param("outcome", "none", True, id="no-outcome?"),
        pytest.param("resolved", "maybe", False, id="maybe-resolved?"),
        pytest.param("mood_end", "angry", False, id="a-mood-that-is-not-offered?"),
    ],
)
def test_only_offered_labels_are_valid(field: str, value: str, valid: bool) -> None:
    answer = good_answer(TURNS)
    answer[field]["value"] = value
    model = full_model(REASONS, OUTCOMES, {}, {})
    if valid:
        assert getattr(model.model_validate(answer), field).value == value
    else:
        with pytest.raises(ValidationError):
            model.model_validate(answer)


def test_labels_keep_meanings_and_order() -> None:
    assert labels({"b": " two ", "a": ""}, REASONS) == {"b": "two", "a": ""}
    assert labels(None, REASONS) == REASONS


def test_the_answers_of_a_call_can_be_removed(tmp_path: object) -> None:
    store = AnswerStore(tmp_path / "answers")  # type: ignore[operator]
    answer = full_model(REASONS, OUTCOMES, {}, {}).model_validate(good_answer(TURNS))
    names = ["a", "a~b", "a/../b", "a" * 300, "ü 1"]
    for name in names:
        store.write(name, "key", answer)
    assert [store.remove(name) for name in names] == [1] * 5
    assert [store.remove(name) for name in names] == [0] * 5
    assert store.read("a", "key", CallSummary) is None


def test_a_kept_answer_says_what_it_is(tmp_path: object) -> None:
    store = AnswerStore(tmp_path / "answers")  # type: ignore[operator]
    store.write(
        "a",
        "key",
        full_model(REASONS, OUTCOMES, {}, {}).model_validate(good_answer(TURNS)),
        model="m",
        prompt="p",
        tokens=[1, 2],
    )
    (path,) = store.folder.iterdir()  # type: ignore[union-attr]
    record = json.loads(path.read_text())
    assert (record["call_id"], record["model"], record["prompt"], record["tokens"]) == ("a", "m", "p", [1, 2])
