"""`speechkit summarize` with a model of one's own: its limit of cost, and lists of a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from speechkit.cli import app
from speechkit.transcripts.corpus import open_corpus
from tests.insight.conftest import TWO, transcript_of
from tests.insight.model_server import ModelServer, good_answer


@pytest.fixture
def configured(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """A corpus of eight calls in the folder `corpus`, and a configured model."""
    calls = {name: [*TWO, ("2", f"Call {name}.")] for name in "abcdefgh"}
    open_corpus("corpus", create=True).add(transcript_of(calls))
    settings = {"ENDPOINT": f"{server.url}/v1", "API_KEY": "k", "MODEL": "m"}
    for name, value in settings.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    monkeypatch.setenv("SPEECH_ENDPOINT", "https://region.api.example.com")
    return server


def summarize(*options: str) -> Result:
    return CliRunner().invoke(app, ["summarize", "corpus", *options])


def test_the_limit_of_cost_ends_the_command_and_a_second_run_goes_on(configured: ModelServer) -> None:
    price = ("--price", "1", "10")
    stopped = summarize(*price, "--max-cost", "0.02")
    done = len(configured.requests)
    assert stopped.exit_code == 1
    assert 0 < done < 8
    told = f"{done} call{'s' * (done > 1)} summarized in corpus, {0.003 * done:.4g} spent"
    assert told in stopped.output
    assert stopped.stderr.count("the cost limit of 0.02 would be crossed") == 8 - done
    kept = open_corpus("corpus").table("summaries")
    assert (kept["status"] == "ok").sum() == done
    rest = summarize(*price)
    assert rest.exit_code == 0, rest.output
    assert len(configured.requests) == 8, "what was answered is not asked again"
    nothing = summarize(*price, "--max-cost", "0", "--again")
    assert nothing.exit_code == 1
    assert "0 calls summarized" in nothing.output
    assert len(configured.requests) == 8
    assert (open_corpus("corpus").table("summaries")["status"] == "ok").all(), "what stands there stays"


def test_a_limit_of_cost_without_a_price_asks_nothing(configured: ModelServer) -> None:
    refused = summarize("--max-cost", "1")
    assert refused.exit_code == 1
    assert "price" in refused.stderr
    assert not configured.requests


def test_outcomes_and_levels_of_a_users_own(configured: ModelServer) -> None:
    Path("outcomes.txt").write_text("sold: something was bought\nnot_sold\n")
    Path("rubric.txt").write_text("ownership: says what happens next\npace\n")
    Path("levels.txt").write_text("strong: without being asked\nfair\nweak\n")

    def answer(turns: list[dict[str, str]]) -> dict[str, Any]:
        made = good_answer(turns)
        made["outcome"]["value"] = "sold"
        shown = {"quote": turns[-2]["text"], "phrase_id": turns[-2]["phrase_id"]}
        ratings = [{**shown, "item": "ownership", "value": "fair"}]
        return {
            **made,
            "ratings": [*ratings, {"quote": "", "phrase_id": "", "item": "pace", "value": "weak"}],
        }

    configured.answer = answer
    files = [part for name in ("outcomes", "rubric", "levels") for part in (f"--{name}", f"{name}.txt")]
    result = summarize(*files)
    assert result.exit_code == 0, result.output
    shelf = open_corpus("corpus")
    assert set(shelf.table("summaries")["outcome"]) == {"sold"}
    checks = shelf.table("checks")
    assert checks[["item", "value", "supported"]].drop_duplicates().to_numpy().tolist() == [
        ["ownership", "fair", True],
        ["pace", "weak", False],
    ]
    request = configured.requests[0]
    assert "- strong: without being asked\n- fair\n- weak" in request["messages"][0]["content"]
    schema = request["response_format"]["json_schema"]["schema"]["$defs"]
    assert schema["Ratings"]["properties"]["value"]["enum"] == ["strong", "fair", "weak", "unclear"]
    assert schema["Outcome"]["properties"]["value"]["enum"] == ["sold", "not_sold"]


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        pytest.param(
            "--checklist", "recording:\n  required: true\n", "'required: true' is a field", id="yaml?"
        ),
        pytest.param("--checklist", '[{"item": "recording", "weight": 2}]', "is a field", id="json?"),
        pytest.param("--levels", "good\nbad\n", "rubric", id="levels-without-a-rubric?"),
    ],
)
def test_a_list_with_unknown_fields_is_refused(
    configured: ModelServer, option: str, text: str, says: str
) -> None:
    Path("list.txt").write_text(text)
    refused = summarize(option, "list.txt")
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.output
    assert not configured.requests
