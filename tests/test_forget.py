"""Forgetting a call: nothing of it stays where speechkit put it, the others stay whole, and what stays is said."""

from __future__ import annotations

from pathlib import Path

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from speechkit.cli import app
from speechkit.client.starting import open_ledger
from speechkit.errors import RequestRefusedError, RunError
from speechkit.forget import RECOGNITION_DAYS, forget
from speechkit.insight.answers import AnswerStore
from speechkit.insight.search import search
from speechkit.settings import read_settings
from speechkit.transcripts.corpus import open_corpus
from speechkit.transcripts.corrections import keep_answer
from tests.client.conftest import make_recording
from tests.local.service_fixture import KEY, Running
from tests.sample_call import sample_call

HOME = Path(".home")
SECRET = "quetzal"  # stands in the file's name: whatever holds it, holds something of the call


@pytest.fixture
def service(odd: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The odd service is the one that is configured, and the ledger is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path / HOME))
    monkeypatch.setenv("SPEECH_ENDPOINT", odd.endpoint)
    monkeypatch.setenv("SPEECH_KEY", KEY)
    return odd


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def transcribe(*arguments: str) -> None:
    result = run("transcribe", *arguments, "--out", "corpus")
    assert result.exit_code == 0, result.output


def holding(text: str, *folders: Path) -> list[str]:
    """The files below some folders that hold a text in their bytes or in their names."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if text in path.name or text.encode() in path.read_bytes()]


@pytest.mark.parametrize("mode", ["batch", "fast"])
def test_nothing_of_a_call_stays_and_the_others_are_whole(service: Running, mode: str) -> None:
    make_recording(Path(f"in/{SECRET}.wav"), seed=len(mode))
    make_recording(Path("in/other.wav"), seed=2)
    Path("calls.csv").write_text(f"file,agent\n{SECRET}.wav,amy\nother.wav,bob\n")
    for name in (SECRET, "other"):  # two runs, so that each job holds one call
        transcribe(f"in/{name}.wav", "--mode", mode, "--metadata", "calls.csv")
    corpus = open_corpus("corpus")
    for call_id in (SECRET, "other"):
        keep_answer(
            corpus,
            {"call_id": call_id, "phrase_id": f"{call_id}:0001", "position": 0, "words": 1, "text": "Hello."},
            "accepted",
        )
        (corpus.path / "answers").mkdir(exist_ok=True)
        (corpus.path / "answers" / f"{call_id}~00.json").write_text("{}")
    corpus.write_table("summaries", pd.DataFrame({"call_id": [SECRET, "other"], "model": "extractive"}))
    assert len(search(corpus, "hello")) == 2
    Path("reports/nested").mkdir(parents=True)
    Path("reports/nested/all.html").write_text(f"<b>{SECRET}</b>")
    Path("reports/others.html").write_text(f"other, and {SECRET}-2, which is another call")
    Path(f"reports/{SECRET}.srt").write_text("Hello.")
    for name in ("nested/all", "others"):  # printed: what they say is packed
        Path(f"reports/{name}.pdf").write_bytes(b"%PDF-1.4 packed %%EOF")
    assert len(holding(SECRET, Path("corpus"), HOME)) > 4

    result = run("forget", SECRET, "--corpus", "corpus", "--reports", "reports")
    assert (result.exit_code, "not reached" in result.stderr) == (0, False), result.output
    assert f"stays: the recording itself, in/{SECRET}.wav" in result.stderr
    said = result.stdout
    for what in (
        "calls",
        "phrases",
        "words",
        "corrections",
        "summaries",
        "kept answers",
        "the index",
        "all.html",
    ):
        assert what in said, what
    if mode == "batch":
        assert "in storage" in said
        assert "with its result" in said
        assert "rows of the ledger" in said
    assert "local service recognized" in said
    assert holding(SECRET, Path("corpus"), HOME) == []
    assert holding(SECRET, *service.home.glob("service*")) == []
    assert sorted(path.name for path in Path("reports").rglob("*.*")) == ["others.html", "others.pdf"]

    left = open_corpus("corpus")
    assert left.call_ids == ["other"]
    assert left.calls["agent"].tolist() == ["bob"]
    assert (
        left.table("corrections")["call_id"].tolist()
        == left.table("summaries")["call_id"].tolist()
        == ["other"]
    )
    assert len(search(left, "hello")) == 1
    assert AnswerStore(left.path / "answers").remove("other") == 1

    again = run("forget", SECRET, "--corpus", "corpus", "--reports", "reports")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "Nothing of" in again.stderr


def test_a_recording_is_recognized_again_after_its_call_was_forgotten(service: Running) -> None:
    make_recording(Path("again.wav"), seed=9)
    transcribe("again.wav")
    database = next(service.home.rglob("service.sqlite"))
    digest = open_corpus("corpus").table("calls")["audio_sha256"][0]
    assert holding(digest, database.parent)
    assert run("forget", "again").exit_code == 0  # the ledger knows its corpus
    assert holding(digest, database.parent) == []
    transcribe("again.wav")
    assert open_corpus("corpus").call_ids == ["again"]


def test_a_result_beside_others_stays_and_is_told(service: Running) -> None:
    for seed, name in enumerate(("one", "two")):
        make_recording(Path(f"in/{name}.wav"), seed=20 + seed)
    transcribe("in")
    done = forget("one")
    assert any("which holds 1 other recordings" in line for line in done.stays)
    assert not done.unreached
    assert forget("two").removed
    assert open_corpus("corpus").call_ids == []
    with open_ledger(read_settings().home) as ledger:
        assert ledger.read("SELECT * FROM recordings") == ledger.read("SELECT * FROM jobs") == []


def test_what_cannot_be_reached_is_said_and_known_for_the_next_time(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recording(Path("far.wav"), seed=31)
    transcribe("far.wav")
    monkeypatch.setenv("SPEECH_ENDPOINT", "https://nobody.example")
    result = run("forget", "far")
    assert result.exit_code == 1
    assert "not reached: job" in result.stderr
    assert open_corpus("corpus").call_ids == []
    monkeypatch.setenv("SPEECH_ENDPOINT", service.endpoint)
    result = run("forget", "far")
    assert result.exit_code == 0, result.output
    assert "far-" in result.stdout
    assert holding("far.wav", HOME) == []


def test_what_was_recognized_at_a_url_is_named(service: Running) -> None:
    from speechkit.local.store import RECOGNITION_LIFE_S

    make_recording(Path("behind.wav"), seed=61)
    put = f"{service.endpoint}/recordings/behind.wav"
    sent = httpx.put(put, content=Path("behind.wav").read_bytes(), headers={"Ocp-Apim-Subscription-Key": KEY})
    url = sent.json()["url"]
    transcribe(url)
    (call_id,) = open_corpus("corpus").call_ids
    done = forget(call_id)
    (kept,) = [line for line in done.stays if "recognized at" in line]
    assert "/recordings/behind.wav: it is kept" in kept
    assert "sig=" not in kept
    assert RECOGNITION_DAYS * 86400 == RECOGNITION_LIFE_S
    assert not done.unreached


def test_a_call_that_is_being_transcribed_is_not_forgotten(service: Running) -> None:
    make_recording(Path("busy.wav"), seed=41)
    transcribe("busy.wav")
    with open_ledger(read_settings().home) as ledger:
        ledger.write("UPDATE recordings SET state = 'submitted'")
    with pytest.raises(RunError, match="runs cancel"):
        forget("busy")


def test_a_call_id_of_two_corpora_must_be_told(service: Running) -> None:
    make_recording(Path("twin.wav"), seed=51)
    transcribe("twin.wav")
    assert run("transcribe", "twin.wav", "--out", "second").exit_code == 0
    with pytest.raises(RequestRefusedError, match="--corpus"):
        forget("twin")
    assert forget("twin", "second").removed
    assert open_corpus("corpus").call_ids == ["twin"]


def test_a_call_without_a_run_needs_no_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path / "home"))
    corpus = open_corpus(tmp_path / "corpus", create=True)
    corpus.add(sample_call("a"))
    corpus.write_table("summaries", pd.DataFrame({"call_id": ["a"], "model": ["gpt-9"]}))
    corpus.write_table("events", pd.DataFrame({"call_id": ["gone"], "kind": ["x"]}))
    done = forget("a", corpus.path)
    assert not (tmp_path / "home").exists()
    assert any("provider of the model gpt-9" in line for line in done.stays)
    assert forget("gone", corpus.path).removed, "a side table may know a call that has no transcript"
    assert open_corpus(corpus.path).call_ids == []
    assert forget("never", corpus.path).removed == []
