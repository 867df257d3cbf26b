"""Short audio over REST."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from speechkit import audio
from speechkit.local.recognition import Alternative, Phrase
from speechkit.local.workers import Task
from tests.local.sdk_session import TICKS
from tests.local.service_fixture import KEY, Ears, Inside, Running, inside, phrase

PATH = "/speech/recognition/conversation/cognitiveservices/v1"
HEADERS = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "audio/wav; codecs=audio/pcm; samplerate=16000"}


def ask(local: Inside, body: bytes = b"sound", path: str = PATH, **query: str) -> Any:
    return local.client.post(path, params={"language": "en-US"} | query, content=body, headers=HEADERS)


def test_a_chunked_body_is_recognized_while_its_length_is_unknown(service: Running, greeting: Path) -> None:
    sound = greeting.read_bytes()
    open_ended = sound[:4] + b"\xff\xff\xff\xff" + sound[8:40] + b"\xff\xff\xff\xff" + sound[44:]

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(open_ended), 4000):
            yield open_ended[start : start + 4000]

    answer = httpx.post(
        f"{service.endpoint}{PATH}",
        params={"language": "en-US", "format": "detailed", "wordLevelTimestamps": "true"},
        content=chunks(),
        headers=HEADERS | {"Expect": "100-continue"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert set(result) == {"RecognitionStatus", "Offset", "Duration", "NBest"}
    best = result["NBest"][0]
    assert "this is megan" in best["Display"].lower()
    assert [w["Word"] for w in best["Words"]] == best["Lexical"].split()
    assert 0 < result["Offset"] < result["Offset"] + result["Duration"] <= 5 * TICKS


def several(task: Task) -> list[Phrase]:
    first = phrase("Damn, it is twenty two.")
    first.alternatives.append(Alternative("Damn it is twenty too.", 0.5))
    return [first, phrase("Thank you.", start_s=4.0)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, "D***, it is 22. Thank you.", id="nothing is asked for?"),
        pytest.param({"profanity": "raw"}, "Damn, it is 22. Thank you.", id="profanity is left?"),
        pytest.param({"profanity": "removed"}, "it is 22. Thank you.", id="profanity is removed?"),
        pytest.param(
            {"path": PATH.replace("conversation", "interactive")},
            "D***, it is 22.",
            id="one phrase is wanted?",
        ),
    ],
)
def test_the_simple_format(tmp_path: Path, query: dict[str, str], expected: str) -> None:
    ears = Ears()
    ears.answer = several
    with inside(None, tmp_path / "state", ears) as local:
        result = ask(local, **query).json()
    assert result["DisplayText"].lower() == expected.lower()
    assert (result["RecognitionStatus"], result["Offset"]) == ("Success", TICKS // 2)


def test_nothing_is_heard(tmp_path: Path) -> None:
    ears = Ears()
    ears.answer = lambda task: []
    with inside(None, tmp_path / "state", ears) as local:
        assert ask(local).json() == {"RecognitionStatus": "InitialSilenceTimeout", "Offset": 0, "Duration": 0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"language": ""}, "not a locale", id="the language is missing?"),
        pytest.param({"language": "de-DE"}, "English only", id="the language is another one?"),
        pytest.param({"format": "long"}, "simple or detailed", id="the format is unknown?"),
        pytest.param({"profanity": "loud"}, "masked, removed or raw", id="the profanity is unknown?"),
        pytest.param({"body": b""}, "no body", id="there is no sound?"),
        pytest.param({"path": PATH.replace("conversation", "chat")}, "mode chat", id="the mode is unknown?"),
    ],
)
def test_a_request_is_refused(local: Inside, change: dict[str, Any], says: str) -> None:
    answer = ask(local, **change)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_longer_sound_is_refused(tmp_path: Path) -> None:
    with inside(None, tmp_path / "state", Ears(duration_s=60.5)) as local:
        answer = ask(local)
    assert answer.status_code == 400
    assert answer.json()["innerError"]["code"] == "AudioLengthLimitExceeded"
    assert "60 s" in answer.json()["message"]


def test_what_is_no_sound_is_refused(service: Running, tmp_path: Path) -> None:
    answer = httpx.post(
        f"{service.endpoint}{PATH}", params={"language": "en-US"}, content=b"hello " * 99, headers=HEADERS
    )
    assert answer.status_code == 400
    assert "the body of the request" in answer.json()["message"]


def test_the_key_is_needed(local: Inside) -> None:
    answer = local.client.post(PATH, params={"language": "en-US"}, content=b"sound")
    assert answer.status_code == 401


def test_ogg_is_recognized(service: Running, greeting: Path, tmp_path: Path) -> None:
    import av

    sound, path = audio.decode(greeting, 16000), tmp_path / "greeting.ogg"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libopus", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound * 32767).astype(np.int16), "s16", "mono"
        )
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    headers = HEADERS | {"Content-Type": "audio/ogg; codecs=opus"}
    answer = httpx.post(
        f"{service.endpoint}{PATH}",
        params={"language": "en-US"},
        content=path.read_bytes(),
        headers=headers,
        timeout=60,
    )
    assert "megan" in answer.json()["DisplayText"].lower()
