"""Fast transcription: its parts, its options, its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from speechkit.local.workers import EngineUnavailableError, UnusableAudioError, WorkerDiedError
from tests.local.service_fixture import (
    NEW,
    OLD,
    Ears,
    Inside,
    inside,
    phrase,
)

JOBS = "/transcriptions"


def fast(local: Inside, definition: Any = None, version: str = NEW, audio: Any = ("a.wav", b"sound")) -> Any:
    files: dict[str, Any] = {}
    if audio is not None:
        files["audio"] = audio
    if definition is not None:
        files["definition"] = (None, json.dumps(definition), "application/json")
    return local.speech("POST", f"{JOBS}:transcribe", version, files=files)


def test_a_fast_transcription_with_every_kind_of_definition(local: Inside) -> None:
    expected = fast(local).json()
    assert expected["combinedPhrases"] == [{"text": "Hello there."}]
    assert fast(local, {"locales": ["en-US"]}).json() == expected
    as_text = local.speech(
        "POST", f"{JOBS}:transcribe", files={"audio": ("a.wav", b"sound")}, data={"definition": "{}"}
    )
    assert as_text.json() == expected
    as_file = local.speech(
        "POST",
        f"{JOBS}:transcribe",
        files={"audio": ("a.wav", b"sound"), "definition": ("d.json", b"{}", "application/json")},
    )
    assert as_file.json() == expected
    assert fast(local, {"audioUrl": local.publish()}, audio=None).json() == expected
    assert fast(local, {"audioUrl": "https://not.allowed/x.wav"}).json() == expected  # the audio wins


def test_what_a_fast_transcription_asks_of_the_recognizer(tmp_path: Path) -> None:
    ears = Ears(channels=2)
    ears.answer = lambda task: [phrase(speaker=1 if task.wanted and task.wanted.speakers else None)]
    with inside(None, tmp_path, ears, use_cache=False) as local:
        assert [p.get("channel") for p in fast(local, {"channels": [0, 1]}).json()["phrases"]] == [0, 1]
        assert [p.get("channel") for p in fast(local, {"channels": [1]}).json()["phrases"]] == [1]
        definition = {
            "diarization": {"enabled": True, "maxSpeakers": 4},
            "phraseList": {"phrases": ["Quovira"]},
        }
        mixed = fast(local, definition).json()
        assert [p["speaker"] for p in mixed["phrases"]] == [1]
        del definition["phraseList"]
        assert fast(local, definition, OLD).json()["phrases"][0]["speaker"] == 0
    wanted = [task.wanted for task in ears.tasks if task.wanted]
    assert [w.channel for w in wanted] == [0, 1, 1, None, None]
    assert (wanted[3].speakers, wanted[3].phrases) == (4, ("Quovira",))


@pytest.mark.parametrize(
    ("definition", "audio", "status", "inner"),
    [
        pytest.param({}, None, 400, "EmptyRequest", id="no audio?"),
        pytest.param({}, (None, b"sound"), 400, "InvalidPayload", id="audio without a filename?"),
        pytest.param({}, ("a.wav", b""), 422, "EmptyAudioFile", id="empty audio?"),
        pytest.param({"locales": ["de-DE"]}, ("a.wav", b"x"), 400, "InvalidLocale", id="German?"),
        pytest.param([], ("a.wav", b"x"), 400, "InvalidRequestBodyFormat", id="a list as definition?"),
        pytest.param({"models": {"en-US": "x"}}, ("a.wav", b"x"), 400, "InvalidModelUri", id="a model?"),
        pytest.param(
            {"audioUrl": "https://not.allowed/x.wav"},
            None,
            400,
            "InvalidRecordingsUri",
            id="a URL elsewhere?",
        ),
    ],
)
def test_fast_transcriptions_that_are_refused(
    local: Inside, definition: Any, audio: Any, status: int, inner: str
) -> None:
    answer = fast(local, definition, audio=audio)
    assert (answer.status_code, answer.json()["innerError"]["code"]) == (status, inner)


@pytest.mark.parametrize(
    ("error", "status", "code", "inner"),
    [
        (UnusableAudioError("EmptyAudioError", "PATH is empty"), 422, "UnprocessableEntity",
         "EmptyAudioFile"),
        (UnusableAudioError("TruncatedAudioError", "PATH is cut off"), 422, "UnprocessableEntity",
         "InvalidAudioFormat"),
        (EngineUnavailableError("no model"), 503, "ServiceUnavailable", None),
        (WorkerDiedError("twice"), 500, "InternalServerError", None),
    ],
)  # fmt: skip
def test_what_goes_wrong_with_a_recording(
    local: Inside, error: Exception, status: int, code: str, inner: str | None
) -> None:
    async def run(task: Any, priority: int) -> bytes:
        if isinstance(error, UnusableAudioError):
            raise UnusableAudioError(error.kind, str(error).replace("PATH", str(task.path)))
        raise error

    local.ears.run = run  # type: ignore[method-assign]
    answer = fast(local, audio=("my call.wav", b"sound"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().get("innerError", {}).get("code") == inner
    if inner:
        assert answer.json()["message"].startswith("my call.wav is ")


def test_recordings_that_are_too_long_or_too_large(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    local.ears.sound = Ears(duration_s=2 * 3600 + 1).sound
    assert fast(local).json()["innerError"]["code"] == "AudioLengthLimitExceeded"
    local.service.fast_bytes = 100
    answer = fast(local, audio=("a.wav", b"x" * 101))
    assert (answer.status_code, answer.json()["innerError"]["code"]) == (422, "AudioLengthLimitExceeded")
    monkeypatch.setattr("speechkit.local.fast_routes._OVERHEAD_BYTES", 0)
    stated = fast(local, audio=("a.wav", b"y" * 200))

    def chunks() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        yield b"x" * 200

    streamed = local.speech(
        "POST",
        f"{JOBS}:transcribe",
        content=chunks(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    for answer in (stated, streamed):
        assert answer.json()["innerError"]["code"] == "AudioLengthLimitExceeded"


def test_a_fast_transcription_leaves_nothing_behind(local: Inside, tmp_path: Path) -> None:
    fast(local)
    assert not any(f.is_file() for f in (tmp_path / "state").rglob("*"))
