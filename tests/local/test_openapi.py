"""The service's own OpenAPI document: it names what is served, and schemathesis finds the service true to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import hypothesis
import jsonschema
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from speechkit.local.openapi import document
from tests.local.service_fixture import KEY, OLD, Running, start
from tests.local.test_contract import TABLE

EXAMPLES = 12  # of each kind an operation, beside the systematic ones


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of its own whose recognizer hears `Hello.` in everything: many requests come."""
    running = start(tmp_path_factory.mktemp("odd"), "--engine", "odd_engine:Engine")
    yield running
    assert running.end() == 0


# --- the document ------------------------------------------------------------------------------------------------


def test_it_is_served_without_a_key(odd: Running) -> None:
    answer = httpx.get(f"{odd.endpoint}/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document()


def test_it_names_every_route_that_is_served() -> None:
    named = {f"{m.upper()} {p}" for p, item in document()["paths"].items() for m in item if m != "parameters"}
    assert named == {route for route, (here, _) in TABLE.items() if here == "served"}


def test_its_references_lead_somewhere_and_its_schemas_are_schemas() -> None:
    schemas = document()["components"]["schemas"]
    text = str(document())
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= set(schemas)
    assert "#/$defs/" not in text
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_its_shape_is_that_of_the_api(shared: Path) -> None:
    digest = json.loads((shared / "contract" / "routes-2024-11-15.json").read_text())["definitions"]
    ours = document()["components"]["schemas"]
    pairs = {
        "job": "Transcription",
        "file": "File",
        "fast_result": "TranscribeResult",
        "files": "PaginatedFiles",
        "jobs": "PaginatedTranscriptions",
        "models": "PaginatedBaseModels",
        "locales": "TranscriptionLocales",
        "webhook": "WebHook",
        "webhooks": "PaginatedWebHooks",
        "webhook_registration": "WebHook",
        "webhook_update": "WebHookUpdate",
    }
    for name, theirs in pairs.items():
        known = set(digest[theirs]["properties"])
        new = {"project", "contentContainerUrl", "dataset"} if name == "job" else set()
        assert set(ours[name]["properties"]) - new <= known, name


# --- the service, through the document ---------------------------------------------------------------------------


# The document as it is served (see above), ready to make requests of good and of bad data.
CONFIG = {
    "generation": {"mode": "all"},
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 401, 404]}},
}
api = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig.from_dict(CONFIG))


@pytest.mark.slow
@api.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(
    case: schemathesis.Case, odd: Running, greeting: Path
) -> None:
    without = []
    if isinstance(case.body, dict) and "audio" in case.body and case.meta.generation.mode.is_positive:
        case.body = {
            **case.body,
            "audio": greeting.read_bytes(),
        }  # the dictionary belongs to other cases, too
        without.append(negative_data_rejection)  # bytes are no text, and schemathesis takes it for a fault
        if case.query["api-version"] == OLD and "phraseList" in (case.body.get("definition") or {}):
            without.append(positive_data_acceptance)  # that version does not know it
    if case.path == "/transcriptions/locales":
        without.append(unsupported_method)  # PATCH and DELETE are those of a job with a strange id
    # Within the case, where schemathesis sees it: else it takes the key for missing, and the answer for a fault.
    case.headers["Ocp-Apim-Subscription-Key"] = KEY
    case.call_and_validate(f"{odd.endpoint}/speechtotext", excluded_checks=without)
