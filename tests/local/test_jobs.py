"""The life of jobs: partial failures, what is refused of a recording, locales, deletion."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from speechkit.local.recognition import Sound
from speechkit.local.workers import (
    EngineUnavailableError,
    Task,
    UnusableAudioError,
)
from tests.local.service_fixture import (
    Inside,
    failures,
    inside,
    job_id,
    phrase,
    results_of,
    submission,
    wait_for_job,
    wait_until,
)


def test_one_bad_url_among_good_ones_fails_alone(local: Inside) -> None:
    urls = [local.publish(name="a.wav"), "https://not.allowed/x.wav?sig=secret", local.publish(name="b.wav")]
    job, files = local.transcribe(*urls)
    assert job["status"] == "Succeeded"
    assert "error" not in job["properties"]
    assert sorted(files) == ["contenturl_0.json", "contenturl_2.json", "report.json"]
    assert [d["status"] for d in files["report.json"]["details"]] == ["Succeeded", "Failed", "Succeeded"]
    assert files["report.json"]["details"][1]["source"] == "https://not.allowed/x.wav"
    ((kind, message),) = failures(files)
    assert (kind, message.startswith("The recordings URI is invalid.")) == ("InvalidUri", True)
    assert "--allow not.allowed" in message
    assert "secret" not in str(files)


def test_a_job_of_which_nothing_could_be_done_has_failed(local: Inside) -> None:
    job, files = local.transcribe("https://not.allowed/x.wav")
    assert job["status"] == "Failed"
    assert job["properties"]["error"]["code"] == "InvalidUri"
    assert list(files) == ["report.json"]
    assert files["report.json"]["failedTranscriptionsCount"] == 1


def test_results_name_their_source_without_its_signature(local: Inside) -> None:
    _, files = local.transcribe(local.publish(name="a b.wav"))
    assert files["contenturl_0.json"]["source"] == "http://127.0.0.1:5000/recordings/a%20b.wav"


@pytest.mark.parametrize(
    ("sound", "properties", "channels"),
    [
        pytest.param(Sound(1, 2), {}, [0], id="mono?"),
        pytest.param(Sound(2, 2), {}, [0, 1], id="stereo?"),
        pytest.param(Sound(2, 2), {"channels": [1]}, [1], id="one of two channels?"),
        pytest.param(Sound(6, 2), {}, [0, 1], id="six channels?"),
        pytest.param(Sound(6, 2), {"channels": [5, 3]}, [3, 5], id="two of six?"),
    ],
)
def test_channels(local: Inside, sound: Sound, properties: dict[str, Any], channels: list[int]) -> None:
    local.ears.sound = sound
    _, files = local.transcribe(local.publish(), **properties)
    heard = files["contenturl_0.json"]["recognizedPhrases"]
    assert [p["channel"] for p in heard] == channels
    assert [task.wanted.channel for task in local.ears.tasks if task.wanted] == channels


@pytest.mark.parametrize(
    ("sound", "properties", "message"),
    [
        pytest.param(
            Sound(1, 2), {"channels": [1]}, "None of the channels", id="a channel that is not there?"
        ),
        pytest.param(
            Sound(2, 2),
            {"diarization": {"enabled": True}},
            "split the channels",
            id="stereo with diarization?",
        ),
        pytest.param(
            Sound(1, 241 * 60),
            {"diarization": {"enabled": True}},
            "at most 240 minutes",
            id="too long for it?",
        ),
    ],
)
def test_recordings_that_do_not_fit_their_options(
    local: Inside, sound: Sound, properties: dict[str, Any], message: str
) -> None:
    local.ears.sound = sound
    job, files = local.transcribe(local.publish(), **properties)
    assert job["status"] == "Failed"
    ((kind, said),) = failures(files)
    assert kind == "InvalidData"
    assert said.startswith("The recordings URI contains invalid data.")
    assert message in said


def test_diarization_of_mono_asks_for_at_most_so_many_speakers(local: Inside) -> None:
    local.ears.answer = lambda task: [phrase(speaker=2)]
    _, files = local.transcribe(local.publish(), diarization={"enabled": True, "maxSpeakers": 7})
    assert files["contenturl_0.json"]["recognizedPhrases"][0]["speaker"] == 2
    assert local.ears.tasks[-1].wanted.speakers == 7  # type: ignore[union-attr]
    _, files = local.transcribe(local.publish(), diarization={"enabled": False, "maxSpeakers": 7})
    assert local.ears.tasks[-1].wanted.speakers is None  # type: ignore[union-attr]


def test_phrases_to_expect_reach_the_recognizer(local: Inside) -> None:
    local.transcribe(local.publish(), phraseList={"phrases": ["Zephyrix", " "], "biasingWeight": 1.5})
    wanted = local.ears.tasks[-1].wanted
    assert wanted is not None
    assert (wanted.phrases, wanted.weight) == (("Zephyrix",), 1.5)
    job, _ = local.transcribe(local.publish())
    assert "phraseList" not in job["properties"]


@pytest.mark.parametrize(
    ("locale", "candidates", "expected"),
    [
        pytest.param("en-GB", None, None, id="plain English?"),
        pytest.param("en-GB", ["de-DE"], "en-GB", id="English among others?"),
        pytest.param("de-DE", ["fr-FR", "en-IN"], "en-IN", id="English as a candidate only?"),
        pytest.param("de-DE", None, "InvalidLocale", id="German?"),
        pytest.param("de-DE", ["fr-FR", "it-IT"], "NoLanguageIdentified", id="no English at all?"),
        pytest.param("en-XX", None, "InvalidLocale", id="an English that nobody speaks?"),
    ],
)
def test_locales(local: Inside, locale: str, candidates: list[str] | None, expected: str | None) -> None:
    body = submission(local.publish()) | {"locale": locale}
    if candidates:
        body["properties"]["languageIdentification"] = {"candidateLocales": candidates}
    job = wait_for_job(local, local.speech("POST", "/transcriptions:submit", json=body).json())
    files = results_of(local, job)
    if job["status"] == "Succeeded":
        assert files["contenturl_0.json"]["recognizedPhrases"][0].get("locale") == expected
    else:
        ((kind, message),) = failures(files)
        assert kind == expected
        assert "recognizes English only" in message


def test_what_was_heard_once_is_not_recognized_again(local: Inside, tmp_path: Path) -> None:
    local.transcribe(local.publish(b"one"))
    local.transcribe(local.publish(b"one", "another name.wav"), profanityFilterMode="None")
    assert len(local.ears.tasks) == 2  # one look, one recognition
    local.transcribe(local.publish(b"one"), diarization={"enabled": True})
    local.transcribe(local.publish(b"two"))
    assert len(local.ears.tasks) == 5
    with inside(None, tmp_path / "other", use_cache=False) as fresh:
        fresh.transcribe(fresh.publish(b"one"))
        fresh.transcribe(fresh.publish(b"one"))
        assert len(fresh.ears.tasks) == 4


def test_a_request_may_ask_for_a_fresh_recognition(local: Inside) -> None:
    anew = {"Cache-Control": "no-cache"}
    local.transcribe(local.publish(b"one"))
    body = submission(local.publish(b"one"))
    for headers in (anew, {}):
        wait_for_job(local, local.speech("POST", "/transcriptions:submit", json=body, headers=headers).json())
        local.speech(
            "POST", "/transcriptions:transcribe", files={"audio": ("a.wav", b"two")}, headers=headers
        )
    assert len(local.ears.tasks) == 2 + 2 + 2, "nothing was recognized again where it was not asked for"


def test_a_recording_that_cannot_be_read_is_named_as_the_caller_knows_it(local: Inside) -> None:
    async def run(task: Task, priority: int) -> bytes:
        raise UnusableAudioError("UnsupportedAudioError", f"{task.path} is no sound; see {task.path.name}.")

    local.ears.run = run  # type: ignore[method-assign]
    _, files = local.transcribe(local.publish(name="calls/x.wav"))
    ((kind, message),) = failures(files)
    assert kind == "InvalidData"
    assert message.endswith("http://127.0.0.1:5000/recordings/calls/x.wav is no sound; see x.wav.")


def test_a_recognizer_that_is_missing_is_said_in_the_report(local: Inside) -> None:
    async def version() -> str:
        raise EngineUnavailableError("the model file x is missing. Run `make models`.")

    local.ears.version = version  # type: ignore[method-assign]
    job, files = local.transcribe(local.publish())
    assert job["status"] == "Failed"
    assert failures(files) == [("Internal", "the model file x is missing. Run `make models`.")]


def test_a_full_disk_fails_the_recording_and_is_named(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.service.store, "succeed_input", full)
    job, files = local.transcribe(local.publish())
    assert job["status"] == "Failed"
    assert failures(files)[0][1].startswith("There is no space left on the service's disk.")


def test_a_deleted_job_stops(local: Inside) -> None:
    url = local.publish()
    local.client.portal.call(local.ears.go.clear)  # type: ignore[union-attr]
    job = local.submit(url)
    wait_until(lambda: local.ears.tasks)
    assert local.service.jobs.busy
    assert local.speech("DELETE", f"/transcriptions/{job_id(job)}").status_code == 204
    wait_until(lambda: not local.service.jobs.busy)
    local.client.portal.call(local.ears.go.set)  # type: ignore[union-attr]
    assert local.get(f"/transcriptions/{job_id(job)}").status_code == 404


def test_a_finished_job_is_removed_when_its_time_is_over(
    local: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = local.transcribe(local.publish(), timeToLiveHours=6)
    now = time.time()
    for hours, there in ((5.9, [job_id(job)]), (6.1, [])):
        monkeypatch.setattr(time, "time", lambda hours=hours: now + hours * 3600)
        local.service.jobs.remove_expired()
        assert [j.id for j in local.service.store.jobs()] == there


def test_a_mistake_of_ours_fails_one_recording_and_is_logged(
    local: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(task: Task) -> Any:
        raise ZeroDivisionError("a bug")

    local.ears.answer = answer
    job, files = local.transcribe(local.publish())
    assert (job["status"], failures(files)) == ("Failed", [("Internal", "a bug")])
    assert "ZeroDivisionError" in caplog.text


def test_a_job_whose_state_cannot_be_written_waits(local: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    from speechkit.local import jobs

    monkeypatch.setattr(jobs, "WAIT_S", 0.05)
    store, tries = local.service.store, []
    finish = store.finish_job

    def full_at_first(*arguments: Any, **keywords: Any) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        finish(*arguments, **keywords)

    monkeypatch.setattr(store, "finish_job", full_at_first)
    job, _ = local.transcribe(local.publish())
    assert (job["status"], len(tries)) == ("Succeeded", 3)
    assert len([t for t in local.ears.tasks if t.wanted]) == 1
