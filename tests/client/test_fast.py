"""Fast transcription against a fake Azure: what is sent, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from speechkit import errors
from speechkit.client.fast import Fast
from speechkit.client.plan import make_plan
from speechkit.client.recording import Problem
from speechkit.client.rest import SpeechClient
from speechkit.progress import Progress

Make = Callable[..., Path]


def parts_of(request: httpx.Request) -> dict[str, Message]:
    """Read a multipart body with the standard library."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.content)
    payload = message.get_payload()
    assert isinstance(payload, list)
    return {str(part.get_param("name", header="content-disposition")): part for part in payload}


def test_a_file_goes_with_its_definition(client: SpeechClient, azure: Any, recording: Make) -> None:
    path = recording(Path("call.wav"), 2)
    transcript = Fast(client).transcribe(path, locale="en-GB", phrases=["Contoso"])
    parts = parts_of(azure.requests[-1])
    assert parts["audio"].get_filename() == "call.wav"
    assert parts["audio"].get_payload(decode=True) == path.read_bytes()
    assert parts["definition"].get_content_type() == "application/json"
    assert json.loads(parts["definition"].get_payload(decode=True)) == {
        "locales": ["en-GB"],
        "channels": [0, 1],
        "profanityFilterMode": "Masked",
        "phraseList": {"phrases": ["Contoso"]},
    }
    call = transcript.calls.iloc[0]
    assert (call["call_id"], call["mode"], call["source"]) == ("call", "fast", "call.wav")


def test_a_url_is_read_by_the_service(client: SpeechClient, azure: Any) -> None:
    signed = "https://a.example/x.wav?sig=abc"
    transcript = Fast(client).transcribe(signed)
    parts = parts_of(azure.requests[-1])
    assert set(parts) == {"definition"}
    assert json.loads(parts["definition"].get_payload(decode=True))["audioUrl"] == signed
    assert transcript.calls["source"].tolist() == ["https://a.example/x.wav"]


def test_a_throttled_upload_is_sent_whole_again(client: SpeechClient, azure: Any, recording: Make) -> None:
    path = recording(Path("call.wav"))
    azure.planned = {":transcribe": [httpx.Response(429), httpx.ReadError("lost")]}
    Fast(client).transcribe(path)
    sent = [parts_of(r)["audio"].get_payload(decode=True) for r in azure.requests]
    assert sent == [path.read_bytes()] * 3


@pytest.mark.parametrize(
    ("make", "options", "kind", "says"),
    [
        pytest.param(None, {}, errors.AudioNotFoundError, "no such recording", id="missing"),
        pytest.param(lambda p: p.mkdir(), {}, errors.RequestRefusedError, "folder", id="a-folder"),
        pytest.param(lambda p: p.touch(), {}, errors.EmptyAudioError, "x.wav", id="zero-bytes"),
        pytest.param(lambda p: p.write_text("text"), {}, errors.AudioError, "x.wav", id="text"),
        pytest.param(
            lambda p: None, {"diarization": 1}, errors.RequestRefusedError, "2 to 35", id="one-speaker"
        ),
    ],
)
def test_refused_before_it_is_sent(
    client: SpeechClient, azure: Any, make: Any, options: dict[str, Any], kind: type, says: str
) -> None:
    if make:
        make(Path("x.wav"))
    with pytest.raises(kind, match=says):
        Fast(client).transcribe("x.wav", **options)
    assert azure.requests == []


def test_many_recordings_one_of_which_fails(client: SpeechClient, azure: Any, recording: Make) -> None:
    for n in range(4):
        recording(Path(f"c{n}.wav"), seed=n)
    plan = make_plan(".", mode="fast")
    Path("c2.wav").unlink()
    told: list[Progress] = []
    outcomes = list(Fast(client).transcribe_all(plan, told.append))
    problems = [o for o in outcomes if isinstance(o, Problem)]
    assert sorted(o.call_ids[0] for o in outcomes if not isinstance(o, Problem)) == ["c0", "c1", "c3"]
    assert [(p.call_id, p.row["remedy"]) for p in problems] == [("c2", "Check the file.")]
    assert told[-1].share == 1.0
