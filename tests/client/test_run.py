"""Runs that are left and taken up again: nothing is lost, nothing is sent twice, and every failure is told."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from speechkit import errors
from speechkit.client import collecting, sending
from speechkit.client.batch import Batch
from speechkit.client.ledger import Ledger
from speechkit.client.options import Options
from speechkit.client.rest import SpeechClient
from speechkit.client.run import Run
from speechkit.client.storage import LocalStorage, sas_end_s
from speechkit.client.watching import Job, eta_s
from speechkit.progress import Progress
from speechkit.transcripts.corpus import open_corpus
from tests.client.conftest import ENDPOINT, KEY, FakeAzure
from tests.conftest import ROOT

Make = Callable[..., Path]
Open = Callable[[], Batch]


class KilledError(BaseException):
    """The process ends here, without a goodbye: no handler of speechkit catches this."""


@pytest.fixture
def another(azure: FakeAzure, tmp_path: Path) -> Open:
    """Another process, that knows nothing but the folder of the ledger."""

    def make() -> Batch:
        client = SpeechClient(ENDPOINT, key=KEY, transport=httpx.MockTransport(azure), sleep=lambda s: None)
        return Batch(client, LocalStorage(client), tmp_path / ".home")

    return make


def sent(azure: FakeAzure) -> list[str]:
    """Every URL that was submitted, in order."""
    return [url.partition("?")[0] for body in azure.bodies for url in body["contentUrls"]]


def killed(*_: object, **__: object) -> None:
    raise KilledError


# --- a process dies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "name"),
    [
        pytest.param(sending, "publish_all", id="before-the-upload"),
        pytest.param(SpeechClient, "post", id="before-the-post"),
        pytest.param(Ledger, "submitted", id="after-the-post-and-before-its-answer-is-kept"),
        pytest.param(SpeechClient, "poll", id="while-it-waits"),
        pytest.param(collecting, "job_files", id="before-the-results-are-read"),
        pytest.param(collecting, "keep", id="before-they-are-written"),
    ],
)
def test_a_process_dies_and_another_goes_on(
    another: Open, azure: FakeAzure, recording: Make, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    for n in range(4):
        recording(Path(f"in/c{n}.wav"), seed=n)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, killed)
        with pytest.raises(KilledError):
            another().submit("in", corpus="corpus", name="night", job_size=2).collect()
    run = another().resume("night").collect()
    assert open_corpus("corpus").call_ids == [f"c{n}" for n in range(4)]
    assert len(run.failures) == 0
    assert len(sent(azure)) == len(set(sent(azure))) == 4, "each recording was sent once"
    requests = len(azure.requests)
    again = another().resume("night").collect()
    assert len(azure.requests) == requests, "a second time there is nothing to do"
    assert again.transcripts.call_ids == run.transcripts.call_ids


def test_it_dies_between_the_corpus_and_the_ledger(
    another: Open, azure: FakeAzure, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording(Path("c.wav"))
    update = Ledger.update

    def dies(ledger: Ledger, rows: list[dict[str, Any]]) -> None:
        if any(row.get("state") == "collected" for row in rows):
            raise KilledError
        update(ledger, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", dies)
        with pytest.raises(KilledError):
            another().submit("c.wav", corpus="corpus", name="night").collect()
    assert open_corpus("corpus").call_ids == ["c"]
    another().resume("night").collect()
    assert open_corpus("corpus").call_ids == ["c"]
    assert len(open_corpus("corpus").phrases) == 1


def test_a_plan_is_left_half_way(another: Open, recording: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from speechkit.client import plan

    monkeypatch.setattr(plan, "_LOOK_AT", 2)
    for n in range(5):
        recording(Path(f"in/c{n}.wav"), seed=n)
    looked: list[str] = []

    def dies(progress: Progress) -> None:
        looked.append(progress.note)
        if len(looked) == 4:
            raise KilledError

    with pytest.raises(KilledError):
        another().submit("in", name="night", progress=dies)
    assert another().ledger.count("night") == {"looked": 2, "listed": 3}
    assert another().resume("night").collect().transcripts.call_ids == [f"c{n}" for n in range(5)]


def test_a_file_that_is_still_being_recorded_is_not_sent_half(
    another: Open, azure: FakeAzure, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording(Path("in/whole.wav"), seed=1)
    recording(Path("in/growing.wav"), seed=2)
    publish_all = sending.publish_all

    def grow_then_publish(*given: Any) -> Any:
        recording(Path("in/growing.wav"), seconds=0.7, seed=2)
        return publish_all(*given)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sending, "publish_all", grow_then_publish)
        run = another().submit("in", corpus="corpus", name="night").collect()
    assert run.failures["file"].tolist() == ["in/growing.wav"]
    assert [url.rpartition("/")[2].partition("-")[0] for url in sent(azure)] == ["whole"]
    assert run.retry_failed() == 1
    assert run.collect().transcripts.call_ids == ["growing", "whole"]
    assert another().submit("in", corpus="corpus", name="later").jobs == []


# --- answers are lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(
    another: Open, azure: FakeAzure, recording: Make, times: int
) -> None:
    recording(Path("a.wav"), 1)
    recording(Path("b.wav"), 2)
    azure.lose_answers = times
    run = another().submit(".").collect()
    assert run.transcripts.call_ids == ["a", "b"]
    assert len(azure.bodies) == 2, "found by its key"


def test_a_post_that_never_arrived_is_sent_again(another: Open, azure: FakeAzure, recording: Make) -> None:
    recording(Path("a.wav"))
    azure.planned = {"transcriptions:submit": [httpx.ReadError("gone"), httpx.Response(503)]}
    assert another().submit("a.wav").collect().transcripts.call_ids == ["a"]
    assert len(azure.bodies) == 1


def test_a_service_that_is_away_leaves_a_run_to_go_on_with(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"))
    azure.planned = {"transcriptions:submit": [httpx.ReadError("gone")] * 3}
    with pytest.raises(errors.UnreachableError) as caught:
        another().submit("a.wav", name="night")
    assert "resume('night')" in caught.value.__notes__[0]
    assert another().resume("night").status == "NotStarted"
    assert another().resume("night").collect().transcripts.call_ids == ["a"]


def test_a_wrong_key_is_said_at_once_and_costs_nothing(
    another: Open, azure: FakeAzure, recording: Make, tmp_path: Path
) -> None:
    recording(Path("a.wav"))
    client = SpeechClient(ENDPOINT, key="wrong", transport=httpx.MockTransport(azure))
    with pytest.raises(errors.AccessDeniedError, match="Check SPEECH_KEY"):
        Batch(client, LocalStorage(client), tmp_path / ".home").submit("a.wav", name="night")
    run = another().resume("night")
    assert len(run.failures) == 0
    assert run.collect().transcripts.call_ids == ["a"]


def test_a_free_resource_is_named_and_the_run_goes_on_with_another(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"))
    inner = {"code": "InvalidSubscription", "message": "Only S0."}
    body = {"code": "InvalidRequest", "message": "Refused.", "innerError": inner}
    azure.planned = {"transcriptions:submit": [httpx.Response(400, json=body)]}
    with pytest.raises(errors.InvalidRequestError, match=r"Standard \(S0\)"):
        another().submit("a.wav", name="night")
    assert another().resume("night").collect().transcripts.call_ids == ["a"]


# --- what is there already -----------------------------------------------------------------------------


def test_what_an_open_run_has_is_left_out_unless_again(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("in/a.wav"), seed=1)
    first = another().submit("in", corpus="corpus", name="first")
    recording(Path("in/b.wav"), seed=2)
    second = another().submit("in", corpus="corpus", name="second")
    assert second.skipped["note"].tolist() == ["is in the run first"]
    assert second.waits_for == ["first"]
    assert len(sent(azure)) == 2
    assert len(another().submit("in", corpus="elsewhere").jobs) == 1, "another corpus is another matter"
    assert len(another().submit("in/a.wav", corpus="corpus", locale="en-GB").jobs) == 1, "other options too"
    assert len(another().submit("in", corpus="corpus", again=True).jobs) == 1
    second.collect()
    first.collect()
    assert open_corpus("corpus").call_ids == ["a", "b"]


def test_two_processes_plan_the_same_folder_at_once(another: Open, azure: FakeAzure, recording: Make) -> None:
    for n in range(6):
        recording(Path(f"in/c{n}.wav"), seed=n)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda name: another().submit("in", corpus="corpus", name=name), ["x", "y"]))
    assert len(sent(azure)) == len(set(sent(azure))) == 6
    for run in runs:
        run.collect()
    assert open_corpus("corpus").call_ids == [f"c{n}" for n in range(6)]


def test_two_processes_share_a_run(another: Open, azure: FakeAzure, recording: Make) -> None:
    for n in range(6):
        recording(Path(f"in/c{n}.wav"), seed=n)
    another().submit("in", corpus="corpus", name="night", job_size=2)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: another().resume("night").collect(), range(2)))
    assert open_corpus("corpus").call_ids == [f"c{n}" for n in range(6)]
    assert [len(run.failures) for run in runs] == [0, 0]
    downloads = [
        r.url.path for r in azure.requests if "/results/" in r.url.path and "report" not in r.url.path
    ]
    assert len(downloads) == 6, "each result was read by one of them"


def test_a_name_is_taken_once(another: Open, recording: Make) -> None:
    recording(Path("a.wav"))
    another().submit("a.wav", name="night")
    with pytest.raises(errors.RunError, match="runs resume night"):
        another().submit("a.wav", name="night")
    with pytest.raises(errors.RunError, match=r"no run 'day'.*night"):
        another().resume("day")
    for name in ("", "../night", ".hidden", "a/b"):
        with pytest.raises(errors.RequestRefusedError, match="name a run"):
            another().submit("a.wav", name=name or " ")


def test_runs_are_listed_the_latest_first(another: Open, recording: Make) -> None:
    recording(Path("a.wav"), seconds=2)
    Path("empty.wav").touch()
    another().submit(".", name="one").collect()
    another().submit("a.wav", name="two")
    table = another().runs()
    assert table["name"].tolist() == ["two", "one"]
    assert table[["recordings", "collected", "failed", "open"]].to_numpy().tolist() == [
        [1, 0, 0, 1],
        [2, 1, 1, 0],
    ]
    assert table["audio_s"].tolist() == [2.0, 2.0]
    assert table["made"].dtype.kind == "M"
    another().resume("one").forget()
    assert another().runs()["name"].tolist() == ["two"]


# --- failures ------------------------------------------------------------------------------------------


def test_a_passing_failure_is_retried_and_a_lasting_one_only_when_mended(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("in/good.wav"), seed=1)
    recording(Path("in/slow.wav"), seed=2)
    recording(Path("in/odd.wav"), seed=3)
    Path("in/broken.wav").write_text("this is not sound")
    azure.failing = {"slow-": "Timeout", "odd-": "InvalidData"}
    run = another().submit("in", corpus="corpus").collect()
    retry = {"in/broken.wav": False, "in/odd.wav": False, "in/slow.wav": True}
    assert run.failures.set_index("file")["retry"].to_dict() == retry
    azure.failing = {}
    assert run.retry_failed() == 1
    assert run.collect().failures["file"].tolist() == ["in/broken.wav", "in/odd.wav"]
    assert run.retry_failed() == 0
    recording(Path("in/broken.wav"), seed=4)
    time.sleep(0.01)
    recording(Path("in/odd.wav"), seed=5)
    assert run.retry_failed() == 2
    assert len(run.collect().failures) == 0
    assert open_corpus("corpus").call_ids == ["broken", "good", "odd", "slow"]
    assert len(sent(azure)) == 6


def test_a_run_is_cancelled_and_what_was_not_done_can_be_retried(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    for n in range(4):
        recording(Path(f"in/c{n}.wav"), seed=n)
    azure.polls = 99
    run = another().submit("in", corpus="corpus", job_size=2)
    azure.jobs["job0"]["polls"] = 99  # the first has ended
    run.watch(deadline_s=0)
    run._ask(run.jobs[0], 0.0)
    run.cancel()
    assert list(azure.jobs) == ["job0"]
    assert [job.status for job in run.jobs] == ["Succeeded", "Cancelled"]
    assert run.collect().transcripts.call_ids == ["c0", "c1"]
    assert run.failures["error"].tolist() == ["the job was cancelled"] * 2
    run.cancel()
    azure.polls = 1
    assert run.retry_failed() == 2
    assert run.collect().transcripts.call_ids == [f"c{n}" for n in range(4)]


def test_one_stuck_job_is_given_up(another: Open, azure: FakeAzure, recording: Make) -> None:
    for n in range(2):
        recording(Path(f"in/c{n}.wav"), seed=n)
    run = another().submit("in", job_size=1)
    azure.jobs["job1"]["polls"] = -(10**6)
    assert run.watch(deadline_s=0.0) in ("NotStarted", "Running")
    base = sqlite3.connect(run.desk.ledger.path or "")
    base.execute("UPDATE jobs SET sent_s = sent_s - 100000 WHERE id = 'job1'")
    base.commit()
    base.close()
    table = run.table
    assert table["warning"].isna().tolist() == [True, False]
    number = int(table["job"].iloc[1])
    assert f"jobs=[{number}]" in str(table["warning"].iloc[1])
    run.cancel(jobs=[number])
    run.collect()
    assert run.retry_failed() == 1
    assert run.collect().transcripts.call_ids == ["c0", "c1"]


# --- several services, and afterwards ------------------------------------------------------------------


def test_two_regions_share_a_run(another: Open, azure: FakeAzure, recording: Make, tmp_path: Path) -> None:
    for n in range(4):
        recording(Path(f"in/c{n}.wav"), seed=n)
    north = FakeAzure()
    far = SpeechClient(
        "https://northeurope.api.cognitive.microsoft.com",
        key=KEY,
        transport=httpx.MockTransport(north),
        sleep=lambda s: None,
    )
    run = another().submit("in", name="both", job_size=1, also=[Batch(far)])
    assert (len(azure.bodies), len(north.bodies)) == (2, 2)
    assert run.table["endpoint"].nunique() == 2
    with pytest.raises(errors.RunError, match=r"northeurope.*not connected"):
        another().resume("both").collect()
    assert another().resume("both", also=[Batch(far)]).collect().transcripts.call_ids == [
        f"c{n}" for n in range(4)
    ]


def test_what_is_remote_is_deleted_afterwards_when_asked(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"))
    run = another().submit("a.wav", delete=True)
    assert len(azure.jobs) == 1
    assert run.collect().transcripts.call_ids == ["a"]
    assert azure.jobs == {}
    deleted = [r.url.path for r in azure.requests if r.method == "DELETE"]
    assert [path.split("/")[1] for path in deleted] == ["speechtotext", "recordings"]
    run.collect()
    assert len([r for r in azure.requests if r.method == "DELETE"]) == 2


def test_audio_that_another_run_waits_for_is_not_deleted(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"))
    waiting = another().submit("a.wav", corpus="other")
    another().submit("a.wav", corpus="corpus", delete=True).collect()
    assert not [r for r in azure.requests if r.method == "DELETE" and "/recordings/" in r.url.path]
    assert waiting.collect().transcripts.call_ids == ["a"]


def test_metadata_goes_with_the_run(another: Open, recording: Make) -> None:
    recording(Path("a.wav"))
    table = pd.DataFrame({"file": ["a.wav"], "queue": ["billing"], "seconds_held": [12]})
    another().submit("a.wav", corpus="corpus", metadata=table, name="night")
    another().resume("night").collect()
    assert open_corpus("corpus").calls[["queue", "seconds_held"]].to_numpy().tolist() == [["billing", 12]]
    with pytest.raises(errors.CorpusError, match="neither call_id nor file"):
        another().submit("a.wav", metadata=pd.DataFrame({"who": ["x"]}))


def test_too_many_hours_are_refused_before_anything_is_sent(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"), seconds=4)
    with pytest.raises(errors.RequestRefusedError, match="are allowed"):
        another().submit("a.wav", max_hours=0.001)
    assert azure.requests == []
    assert len(another().runs()) == 0
    assert len(another().submit("a.wav", max_hours=0.01).jobs) == 1


# --- the ledger ----------------------------------------------------------------------------------------


def test_a_hash_is_not_taken_again_of_a_file_that_did_not_change(
    another: Open, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speechkit import audio

    recording(Path("a.wav"))
    another().submit("a.wav", corpus="corpus").collect()
    hashed: list[Path] = []
    take = audio.content_hash

    def noted(path: Path) -> str:
        hashed.append(path)
        return take(path)

    monkeypatch.setattr(audio, "content_hash", noted)
    assert len(another().submit("a.wav", corpus="corpus").skipped) == 1
    assert hashed == []
    recording(Path("a.wav"), seed=9)
    assert len(another().submit("a.wav", corpus="corpus").jobs) == 1
    assert len(hashed) == 1


def test_no_signature_of_ours_stays_in_the_ledger_and_nobody_else_reads_it(
    another: Open, azure: FakeAzure, recording: Make
) -> None:
    recording(Path("a.wav"))
    run = another().submit("a.wav")
    path = run.desk.ledger.path
    assert path
    assert path.stat().st_mode & 0o077 == 0
    assert any("sig=" in url for body in azure.bodies for url in body["contentUrls"])
    assert "sig=" not in str(run.desk.ledger.read("SELECT * FROM recordings")[0])


def test_a_ledger_opened_twice_is_safe_from_another_process(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    come_and_go = (
        f"from pathlib import Path; from speechkit.client.ledger import Ledger; Ledger(Path({str(path)!r}))"
    )
    ours = os.environ | {"PYTHONPATH": str(ROOT)}
    with Ledger(path) as first, Ledger(path):
        subprocess.run([sys.executable, "-c", come_and_go], env=ours, check=True)
        first.begin("night", "corpus", {}, [])
        look = f"{come_and_go}.run('night')"
        subprocess.run([sys.executable, "-c", look], env=ours, check=True)


def test_a_ledger_of_a_later_version(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "runs.sqlite")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(errors.RunError, match="later speechkit"):
        Ledger(tmp_path / "runs.sqlite")
    (tmp_path / "broken.sqlite").write_text("this is no database" * 100)
    with pytest.raises(errors.RunError, match=r"broken\.sqlite"):
        Ledger(tmp_path / "broken.sqlite")


# --- waiting -------------------------------------------------------------------------------------------


def job(**given: Any) -> Job:
    """A job of 600 s of audio that was sent at 1000 s."""
    zero: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__, None)
    zero |= {"number": 1, "endpoint": ENDPOINT, "status": "Running", "recordings": 2, "known": 2}
    return Job(**zero | {"sent_s": 1000.0, "audio_s": 600.0, "failed": 0, "collected": 0} | given)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([job()], None, id="nothing-has-ended"),
        pytest.param([job(status="Succeeded", ended_s=1100.0)], None, id="nothing-is-left"),
        # latency 300 - 600/5 = 180 s: the other ends at 1000 + 180 + 600/5 = 1300, and it is 1250
        pytest.param(
            [job(status="Succeeded", ended_s=1300.0), job(audio_s=60.0)], 1000 + 180 + 12 - 1250, id="small"
        ),
        # pace: 250 s for 600 s of audio, as much again to come
        pytest.param([job(status="Succeeded", ended_s=1250.0), job()], 250.0, id="one-after-another"),
    ],
)
def test_when_it_may_end(jobs: list[Job], expected: float | None) -> None:
    found = eta_s(jobs, 1250.0)
    if expected is not None and expected < 0:
        expected = 250.0 * 60 / 600  # the pace says more
    assert found == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("given", "now_s", "says"),
    [
        ({}, 1000.0 + 3600, ""),
        ({}, 1000.0 + 25 * 3600, "stuck: has not ended after 25 h"),
        ({"status": "Succeeded"}, 1000.0 + 25 * 3600, ""),
        ({"expires_s": 1000.0 + 7 * 3600}, 1000.0 + 3600 + 60, "its URLs end in 6 h"),
        ({"expires_s": 1000.0 + 7 * 3600}, 1000.0 + 8 * 3600, "its URLs ended 60 min ago"),
        ({"endpoint": "http://127.0.0.1:1"}, 1000.0 + 1300, "stuck"),
    ],
)
def test_what_is_wrong_with_a_job(given: dict[str, Any], now_s: float, says: str) -> None:
    assert job(**given).warning(now_s).startswith(says)
    assert bool(job(**given).warning(now_s)) == bool(says)


def test_when_a_signature_ends() -> None:
    assert sas_end_s("https://a.example/c.wav") is None
    assert sas_end_s("https://a.example/c.wav?se=soon") is None
    assert sas_end_s("https://a.example/c?se=1970-01-02") == 86400.0


def test_the_run_of_another_day_asks_at_once(another: Open, azure: FakeAzure, recording: Make) -> None:
    recording(Path("a.wav"))
    run = another().submit("a.wav", name="night")
    run.desk.ledger.write("UPDATE jobs SET sent_s = sent_s - 1000")
    waits: list[float] = []
    later = another().resume("night")
    later.desk.clients[0].sleep = waits.append
    later.watch()
    assert waits[0] == 0.0


def test_options_survive_the_ledger(another: Open, azure: FakeAzure, recording: Make) -> None:
    recording(Path("a.wav"))
    run = another().submit("a.wav", diarization=5, profanity="Removed")
    (row,) = run.desk.select("1")
    assert Options.of_json(row["options"]) == Options(diarization=5, profanity="Removed")
    assert azure.bodies[0]["properties"]["diarization"] == {"enabled": True, "maxSpeakers": 5}
    assert isinstance(run, Run)


def test_metadata_from_names_or_from_the_table_of_recordings(another: Open, recording: Make) -> None:
    recording(Path("in/amy_sales.wav"), seed=1)
    another().submit("in", corpus="one", metadata="{agent}_{queue}").collect()
    assert open_corpus("one").calls[["agent", "queue"]].to_numpy().tolist() == [["amy", "sales"]]
    table = pd.DataFrame({"file": ["in/amy_sales.wav"], "queue": ["billing"]})
    another().submit(table, corpus="two").collect()
    assert open_corpus("two").calls["queue"].tolist() == ["billing"]
    with pytest.raises(errors.RequestRefusedError, match="column `file`"):
        another().submit(table.drop(columns="file"))
    with pytest.raises(errors.RequestRefusedError, match="no other"):
        another().submit(table, metadata=table)
