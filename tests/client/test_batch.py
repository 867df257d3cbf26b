"""Batch: publish, submit, watch, collect, against a fake Azure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from speechkit import errors, limits
from speechkit.client.batch import Batch
from speechkit.client.plan import Plan
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import LocalStorage
from speechkit.progress import Progress
from speechkit.transcripts.corpus import open_corpus

Make = Callable[..., Path]


@pytest.fixture
def batch(client: SpeechClient, storage: LocalStorage, tmp_path: Path) -> Batch:
    return Batch(client, storage, tmp_path / ".home")


def test_from_files_to_transcripts(batch: Batch, azure: Any, recording: Make) -> None:
    for n in range(5):
        recording(Path(f"calls/c{n}.wav"), 1 + (n == 4), seed=n)
    told: list[Progress] = []
    run = batch.submit("calls", name="evening", progress=told.append)
    assert [job.id for job in run.jobs] == ["job0", "job1"]
    assert [len(body["contentUrls"]) for body in azure.bodies] == [4, 1]
    assert all(body["displayName"] == "evening" for body in azure.bodies)
    assert azure.bodies[0]["customProperties"]["speechkit_run"] == "evening"
    assert run.watch(told.append) == "Succeeded"
    collected = run.collect(told.append)
    assert len(collected.failures) == 0
    calls = collected.transcripts.calls
    assert calls["call_id"].tolist() == [f"c{n}" for n in range(5)]
    assert calls["source"].tolist() == [f"calls/c{n}.wav" for n in range(5)]
    assert calls["audio_sha256"].str.len().tolist() == [64] * 5
    assert calls["mode"].tolist() == ["batch"] * 5
    assert collected.transcripts.phrases["phrase_id"].tolist() == [f"c{n}:0001" for n in range(5)]
    steps = [p.step for p in told]
    assert list(dict.fromkeys(steps)) == ["plan", "upload", "transcribe", "collect"]
    for step in set(steps):
        assert [p.share for p in told if p.step == step][-1] == 1.0, step
    assert all("sig=" not in str(p) for p in told)


def test_a_corpus_makes_a_second_run_send_only_what_is_new(batch: Batch, azure: Any, recording: Make) -> None:
    for n in range(2):
        recording(Path(f"calls/c{n}.wav"), seed=n)
        batch.submit("calls", corpus="corpus").collect()
    corpus = open_corpus("corpus")
    assert corpus.call_ids == ["c0", "c1"]
    assert [len(body["contentUrls"]) for body in azure.bodies] == [1, 1]
    run = batch.submit("calls", corpus=corpus)
    assert (run.jobs, run.watch(), len(run.collect().failures)) == ([], "Succeeded", 0)
    assert run.skipped["note"].tolist() == ["is in the corpus as c0", "is in the corpus as c1"]
    again = batch.submit("calls", corpus=corpus, again=True).collect()
    assert again.transcripts.call_ids == ["c0", "c1"]
    assert open_corpus("corpus").call_ids == ["c0", "c1"]


def test_results_are_matched_by_source_signed_or_not(batch: Batch, azure: Any, recording: Make) -> None:
    for n in range(3):
        recording(Path(f"call {n} ü.wav"), seed=n)
    for spoken in (
        lambda url: url,
        lambda url: url.partition("?")[0],
        lambda url: str(httpx.URL(url).copy_with(query=b"sv=2025-01-01")),
    ):
        azure.spoken_source = spoken
        collected = batch.submit(".").collect()
        assert collected.transcripts.call_ids == [f"call {n} ü" for n in range(3)]
        assert len(collected.failures) == 0


def test_a_failing_recording_does_not_take_the_others_with_it(
    batch: Batch, azure: Any, recording: Make
) -> None:
    for n in range(4):
        recording(Path(f"c{n}.wav"), seed=n)
    Path("empty.wav").touch()
    azure.failing = {"c1-": "Timeout", "c2-": "lost"}
    collected = batch.submit(".").collect()
    assert collected.transcripts.call_ids == ["c0", "c3"]
    rows = {row.file: (row.call_id, row.error, row.remedy) for row in collected.failures.itertuples()}
    assert set(rows) == {"empty.wav", "c1.wav", "c2.wav"}
    assert rows["c1.wav"] == ("c1", "Timeout: The recording cannot be used", "Transcribe it again.")
    assert rows["c2.wav"] == ("c2", "the service gave no result", "Transcribe it again.")
    assert collected.failures.set_index("file")["retry"].to_dict() == {
        "empty.wav": False,
        "c1.wav": True,
        "c2.wav": True,
    }
    assert re.fullmatch(r"Run\('run-.*', 1 jobs, Succeeded: 2 collected, 3 failed\)", repr(collected))


def test_an_unreachable_url_among_good_ones(batch: Batch, azure: Any) -> None:
    azure.failing = {"nowhere": "InvalidUri"}
    urls = ["https://a.example/good.wav?sig=abc", "https://nowhere.example/bad.wav?sig=abc"]
    run = batch.submit(urls)
    assert run.watch() == "Succeeded"
    collected = run.collect()
    assert collected.transcripts.call_ids == ["good"]
    assert collected.transcripts.calls["source"].tolist() == ["https://a.example/good.wav"]
    failure = collected.failures.iloc[0]
    assert failure["file"] == "https://nowhere.example/bad.wav"
    assert "can read the URL" in failure["remedy"]


def test_urls_need_no_storage_and_files_do(client: SpeechClient, recording: Make) -> None:
    batch = Batch(client)
    assert batch.submit("https://a.example/c.wav").collect().transcripts.call_ids == ["c"]
    recording(Path("c.wav"))
    with pytest.raises(errors.SettingsError, match=r"STORAGE_ACCOUNT_URL.*--mode fast"):
        batch.submit("c.wav")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "neither was"),
        ({"container": ""}, "neither was"),
        ({"recordings": Plan(()), "locale": "en-GB"}, r"give locale to plan\(\)"),
        ({"recordings": ["https://a.example/c.wav"], "container": "https://a.example/c"}, "both were"),
    ],
)
def test_either_recordings_or_a_container(
    batch: Batch, azure: Any, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.RequestRefusedError, match=says):
        batch.submit(**arguments)
    assert azure.requests == []


def test_stereo_with_diarization_is_refused_before_the_upload(
    batch: Batch, azure: Any, recording: Make
) -> None:
    recording(Path("call_17.wav"), 2)
    with pytest.raises(errors.RequestRefusedError, match=r"call_17.wav is stereo.*split"):
        batch.submit("call_17.wav", diarization=2)
    assert azure.requests == []


def test_1001_recordings_are_two_jobs(batch: Batch, azure: Any) -> None:
    run = batch.submit([f"https://a.example/c{n}.wav" for n in range(1001)])
    assert [len(body["contentUrls"]) for body in azure.bodies] == [1000, 1]
    assert len(run.jobs) == 2


def test_an_upload_that_fails_is_a_failure_of_its_recording(
    batch: Batch, azure: Any, recording: Make
) -> None:
    recording(Path("good.wav"), seed=1)
    recording(Path("bad.wav"), seed=2)
    full = httpx.Response(507, json={"code": "InternalServerError", "message": "No space left on the disk."})
    azure.planned = {"/recordings/bad": [full]}
    collected = batch.submit(".").collect()
    assert collected.transcripts.call_ids == ["good"]
    failure = collected.failures.iloc[0]
    assert (failure["file"], failure["call_id"]) == ("bad.wav", "bad")
    assert "Free some space" in failure["remedy"]


def test_one_job_of_two_is_refused(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"), 1)
    recording(Path("b.wav"), 2)
    azure.planned = {
        "transcriptions:submit": [httpx.Response(400, json={"code": "InvalidRequest", "message": "no"})]
    }
    collected = batch.submit(".").collect()
    assert collected.transcripts.call_ids == ["b"]
    assert collected.failures["file"].tolist() == ["a.wav"]


def test_no_job_could_be_started(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"))
    azure.planned = {
        "transcriptions:submit": [httpx.Response(400, json={"code": "InvalidRequest", "message": "no"})]
    }
    with pytest.raises(errors.InvalidRequestError, match="no"):
        batch.submit("a.wav")


def test_the_wrong_key(azure: Any, recording: Make) -> None:
    client = SpeechClient("https://a.example", key="wrong", transport=httpx.MockTransport(azure))
    with pytest.raises(errors.AccessDeniedError, match="Check SPEECH_KEY"):
        Batch(client).submit("https://a.example/c.wav")
    recording(Path("a.wav"))
    with pytest.raises(errors.AccessDeniedError, match="Check SPEECH_KEY"):
        Batch(client, LocalStorage(client)).submit("a.wav")


def test_a_job_that_fails(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"))
    azure.job_error = {"code": "InvalidData", "message": "Nothing works."}
    azure.failing = {"a-": "lost"}
    run = batch.submit("a.wav")
    assert run.watch() == "Failed"
    failure = run.collect().failures.iloc[0]
    assert failure["error"] == "job job0 failed: InvalidData Nothing works"


def test_a_job_that_was_deleted(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"))
    run = batch.submit("a.wav")
    azure.jobs.clear()
    assert run.watch() == "Failed"
    assert "deleted" in run.collect().failures["error"].item()


def test_a_result_that_is_no_transcript(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"), seed=1)
    recording(Path("b.wav"), seed=2)
    azure.planned = {"contenturl_0": [httpx.Response(200, text="<html>")]}
    run = batch.submit(".")
    collected = run.collect()
    assert collected.transcripts.call_ids == ["b"]
    assert collected.failures["file"].tolist() == ["a.wav"]
    assert len(run.collect().failures) == 0, "a second time reads it"


@pytest.mark.parametrize("file", ["contenturl_1", "report.json"])
def test_an_expired_link_is_asked_for_again(batch: Batch, azure: Any, recording: Make, file: str) -> None:
    recording(Path("a.wav"), seed=1)
    recording(Path("b.wav"), seed=2)
    azure.planned = {f"/results/job0/{file}": [httpx.Response(403, text="AuthenticationFailed")]}
    collected = batch.submit(".").collect()
    assert collected.transcripts.call_ids == ["a", "b"]
    assert len(collected.failures) == 0


def test_a_link_that_never_works_is_one_failure(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"), seed=1)
    recording(Path("b.wav"), seed=2)
    azure.planned = {"/results/job0/contenturl_1": [httpx.Response(403) for _ in range(2)]}
    run = batch.submit(".")
    collected = run.collect()
    assert collected.transcripts.call_ids == ["a"]
    assert collected.failures["call_id"].tolist() == ["b"]
    assert "Collect again" in collected.failures["remedy"].item()
    assert run.collect().transcripts.call_ids == ["a", "b"]


def test_while_a_result_cannot_be_read_nobody_is_said_to_have_none(
    batch: Batch, azure: Any, recording: Make
) -> None:
    recording(Path("a.wav"), seed=1)
    recording(Path("b.wav"), seed=2)
    azure.failing = {"a-": "lost"}  # neither result nor word in the report
    azure.planned = {"/results/job0/contenturl_1": [httpx.Response(403) for _ in range(2)]}
    run = batch.submit(".").collect()
    assert run.is_open
    assert run.failures["call_id"].tolist() == ["a", "b"]
    assert run.collect().transcripts.call_ids == ["b"]
    assert run.failures["call_id"].tolist() == ["a"]
    assert not run.is_open


def test_polling_on_azure_is_slow_and_ever_slower(batch: Batch, azure: Any, waits: list[float]) -> None:
    azure.polls = 9
    batch.submit("https://a.example/c.wav").watch()
    assert waits[0] == pytest.approx(limits.POLL_AZURE_S, abs=1)
    assert waits == sorted(waits)
    assert waits[-1] == limits.POLL_AZURE_MAX_S


def test_polling_here_is_quick(azure: Any, waits: list[float]) -> None:
    from tests.client.conftest import KEY

    azure.polls = 12
    client = SpeechClient(
        "http://127.0.0.1:1", key=KEY, transport=httpx.MockTransport(azure), sleep=waits.append
    )
    Batch(client).submit("https://a.example/c.wav").watch()
    assert waits[0] == pytest.approx(limits.POLL_LOCAL_S, abs=0.2)
    assert max(waits) <= limits.POLL_LOCAL_MAX_S


def test_watching_ends_at_its_deadline_and_goes_on_later(
    batch: Batch, azure: Any, waits: list[float]
) -> None:
    azure.polls = 3
    run = batch.submit("https://a.example/c.wav")
    assert run.watch(deadline_s=0) == "NotStarted"
    assert waits == []
    assert run.watch() == "Succeeded"


def test_the_eta_comes_from_jobs_that_have_ended(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"), 1, 3.0)
    recording(Path("b.wav"), 2, 1.0)
    told: list[Progress] = []
    run = batch.submit(".")
    azure.jobs["job0"]["polls"] = -1  # takes longer than the other
    azure.jobs["job1"]["polls"] = 1
    run.watch(told.append)
    shares = [(p.share, p.eta_s is not None) for p in told]
    assert shares == [(0.0, False), (0.25, True), (0.25, True), (1.0, False)]
    assert told[1].note == "1 of 2 jobs, 2 recordings"


def test_delete_removes_jobs_and_audio(batch: Batch, azure: Any, recording: Make) -> None:
    recording(Path("a.wav"))
    run = batch.submit("a.wav")
    run.collect()
    run.delete()
    assert azure.jobs == {}
    deleted = [r.url.path for r in azure.requests if r.method == "DELETE"]
    assert deleted[0] == "/speechtotext/transcriptions/job0"
    assert deleted[1].startswith("/recordings/a-")
