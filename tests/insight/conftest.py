"""Transcripts and a model to ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import openai
import pandas as pd
import pytest

from speechkit.transcripts.schema import Transcript
from tests.insight.model_server import ModelServer, model_server


def transcript_of(calls: Mapping[str, Sequence[tuple[str, str]]]) -> Transcript:
    """A transcript of calls, each a list of (speaker, text); a phrase lasts two seconds and starts every three."""
    phrases = [
        {
            "call_id": call_id,
            "phrase_id": f"{call_id}:{number:04d}",
            "channel": 0,
            "speaker": speaker,
            "start_s": 3.0 * number,
            "end_s": 3.0 * number + 2.0,
            "confidence": 0.9,
            "display": text,
        }
        for call_id, turns in calls.items()
        for number, (speaker, text) in enumerate(turns, start=1)
    ]
    about = pd.DataFrame({"call_id": list(calls)})
    return Transcript(about, pd.DataFrame(phrases) if phrases else None)


TWO = (
    ("1", "Thank you for calling, how can I help you?"),
    ("2", "You charged me twice, and I want my money back."),
    ("1", "I have refunded the second payment today."),
)
"""A short call."""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """The model's server."""
    with model_server() as model:
        yield model


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    """The official client of it."""
    http = openai.DefaultHttpx2Client(trust_env=False)
    made = openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="k", timeout=20, max_retries=1, http_client=http
    )
    with made:
        yield made
