"""The command: what it does on good input, and one clear line for each kind of bad input."""

from __future__ import annotations

import os
import pty
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

import speechkit
from speechkit import demo_data, errors
from speechkit.cli import app
from speechkit.client.rest import SpeechClient
from speechkit.connect import connect
from speechkit.transcripts.corpus import open_corpus
from tests.client.conftest import make_recording
from tests.client.scripted_speech import Script, scripted
from tests.local.service_fixture import KEY, Running

COMMAND = [sys.executable, "-m", "speechkit.cli"]


@pytest.fixture
def service(odd: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The odd service is the one that is configured."""
    monkeypatch.setenv("SPEECH_ENDPOINT", odd.endpoint)
    monkeypatch.setenv("SPEECH_KEY", KEY)
    return odd


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def one_line(result: Result) -> str:
    """What went wrong: one line, without a traceback."""
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = [line for line in result.stderr.splitlines() if not re.match(r"(plan|upload|transcribe) ", line)]
    assert len(lines) == 1, result.stderr
    return lines[0]


# --- good input ----------------------------------------------------------------------------------------


def test_real_time_keeps_its_events_beside_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    make_recording(Path("in/mono.wav"), 1, seed=1)
    make_recording(Path("in/stereo.wav"), 2, seed=2)
    with scripted(Script([(0.0, "hi", "")], key=KEY)) as script:
        monkeypatch.setenv("SPEECH_ENDPOINT", script.url)
        monkeypatch.setenv("SPEECH_KEY", KEY)
        result = run("transcribe", "in", "--out", "corpus", "--mode", "realtime", "--pace", "4")
    assert result.exit_code == 0, result.output
    corpus = open_corpus("corpus")
    assert corpus.calls["mode"].tolist() == ["realtime"] * 2
    finals = corpus.table("events").query("kind == 'final'")
    assert sorted(finals[["call_id", "channel"]].itertuples(index=False, name=None)) == [
        ("mono", 0),
        ("stereo", 0),
        ("stereo", 1),
    ]
    assert set(finals["pace"]) == {4.0}


def test_a_pace_is_for_real_time_only() -> None:
    result = run("transcribe", "in", "--out", "corpus", "--mode", "fast", "--pace", "1")
    assert result.exit_code == 2
    assert "it is for --mode realtime" in result.output
    assert not Path("corpus").exists()


@pytest.mark.parametrize("mode", ["batch", "fast"])
def test_a_folder_becomes_a_corpus_and_a_second_run_sends_only_what_is_new(
    service: Running, mode: str
) -> None:
    make_recording(Path("in/mono.wav"), 1, seed=1)
    make_recording(Path("in/stereo.wav"), 2, seed=2)
    Path("calls.csv").write_text("file,queue,recorded_at\nmono.wav,billing,2026-09-07T09:14:00\n")
    first = run("transcribe", "in", "--out", "corpus", "--mode", mode, "--metadata", "calls.csv")
    assert first.exit_code == 0, first.output
    assert first.stdout == "2 calls transcribed (0:00:01) in corpus\n"
    corpus = open_corpus("corpus")
    assert corpus.call_ids == ["mono", "stereo"]
    assert corpus.calls["mode"].tolist() == [mode] * 2
    assert corpus.calls["source"].tolist() == ["in/mono.wav", "in/stereo.wav"]
    assert corpus.calls["queue"].tolist()[0] == "billing"
    assert str(corpus.calls["recorded_at"].iloc[0]) == "2026-09-07 09:14:00"
    assert corpus.call("stereo").phrases["channel"].tolist() == [0, 1]

    make_recording(Path("in/new.wav"), 1, seed=3)
    shutil.move("in", "moved")
    second = run("transcribe", "moved", "--out", "corpus", "--mode", mode)
    assert second.stdout == "1 call transcribed (0:00:00) in corpus; left out: 2, already there\n"
    assert open_corpus("corpus").call_ids == ["mono", "new", "stereo"]
    third = run("transcribe", "moved", "--out", "corpus", "--mode", mode)
    assert third.stdout == "0 calls transcribed (0:00:00) in corpus; left out: 3, already there\n"
    assert "local service" not in third.stderr, "nothing is asked for nothing"
    again = run("transcribe", "moved/new.wav", "--out", "corpus", "--mode", mode, "--again")
    assert again.stdout == "1 call transcribed (0:00:00) in corpus\n"
    assert open_corpus("corpus").call_ids == ["mono", "new", "stereo"]
    assert open_corpus("corpus").calls["queue"].tolist()[0] == "billing"


def test_two_files_of_one_stem_are_two_calls(service: Running) -> None:
    make_recording(Path("a/call.wav"), seed=1)
    make_recording(Path("b/call.wav"), seed=2)
    assert run("transcribe", "a", "--out", "corpus").exit_code == 0
    assert run("transcribe", "a", "b", "--out", "corpus").exit_code == 0
    first, second = open_corpus("corpus").call_ids
    assert first == "call"
    assert re.fullmatch("call-[0-9a-f]{16}", second)


def test_how_speakers_are_told_apart(service: Running) -> None:
    make_recording(Path("mono.wav"), 1, seed=1)
    make_recording(Path("stereo.wav"), 2, seed=2)
    told: list[tuple[str, list[str], int | None]] = [
        ("mono", [], 2),
        ("mono", ["--diarize", "5"], 5),
        ("mono", ["--diarize", "0"], None),
        ("stereo", [], None),
    ]
    with SpeechClient(service.endpoint, key=KEY) as client:
        seen = {job["self"] for job in client.pages("transcriptions")}
        for stem, diarize, expected in told:
            result = run("transcribe", f"{stem}.wav", "--out", "corpus", "--again", *diarize)
            assert result.exit_code == 0, result.output
            (job,) = [job for job in client.pages("transcriptions") if job["self"] not in seen]
            seen.add(job["self"])
            found = job["properties"].get("diarization") or {"enabled": False}
            assert (found["maxSpeakers"] if found["enabled"] else None) == expected
            if stem == "stereo":
                assert job["properties"]["channels"] == [0, 1]


def test_bars_in_a_terminal(service: Running) -> None:
    make_recording(Path("in/a.wav"))
    Path("in/bad.wav").touch()
    master, slave = pty.openpty()
    command = [*COMMAND, "transcribe", "in", "--out", "corpus"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                block = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            shown += block
    os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 1
    assert re.search(r"transcribe .*100%", text)
    assert "what to do" in text
    assert "bad.wav" in text


def test_summarize_and_report(shared: Path) -> None:
    """With the real recognizer and the real `extractive` model of the service that the tests share."""
    shutil.copy(shared / "speech" / "whatstheweatherlike.wav", "call.wav")
    transcribed = run("transcribe", "call.wav", "--out", "corpus")
    assert transcribed.exit_code == 0, transcribed.output
    result = run("summarize", "corpus")
    assert result.exit_code == 0, result.output
    assert result.stdout == "1 call summarized in corpus\n"
    assert open_corpus("corpus").table("summaries")["call_id"].tolist() == ["call"]
    for arguments, says in [
        (["nothing_of_that_name"], "nothing_of_that_name"),
        (["insight_report", "-p", "tittle=x"], "tittle"),
    ]:
        refused = run("report", *arguments, "--corpus", "corpus", "--out", "report.html")
        assert says in one_line(refused)
        assert not Path("report.html").exists()
    assert run("report", "x", "--corpus", "c", "--out", "o.html", "-p", "no equals sign").exit_code == 2


# --- bad input -----------------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    whole = make_recording(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def strange_codec(path: Path) -> None:
    """A WAV whose header names a codec that no one has."""
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 4036, b"WAVE", b"fmt ", 16, 0x4242, 1, 8000, 8000, 1, 8)
    path.write_bytes(head + struct.pack("<4sI", b"data", 4000) + bytes(4000))


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        pytest.param(lambda p: None, [], "no such recording. Check the path", id="missing"),
        pytest.param(
            lambda p: p.mkdir(), [], "holds no recordings. Give a folder", id="folder-without-audio"
        ),
        pytest.param(lambda p: p.touch(), [], "zero bytes", id="zero-bytes"),
        pytest.param(truncated, [], "cut|header|shorter", id="truncated"),
        pytest.param(lambda p: p.write_text("a letter\n" * 99), [], "not|no RIFF", id="text-named-wav"),
        pytest.param(strange_codec, [], "codec|decode", id="unsupported-codec"),
        pytest.param(
            lambda p: make_recording(p, 2),
            ["--diarize", "2"],
            "is stereo.*split",
            id="stereo-with-diarization",
        ),
        pytest.param(lambda p: make_recording(p, 6), [], "6 channels.*Split", id="surround"),
        pytest.param(make_recording, ["--locale", "de-DE"], "English only.*locale", id="locale-not-served"),
    ],
)
@pytest.mark.parametrize("mode", ["batch", "fast"])
def test_a_bad_recording_is_named_and_the_good_one_is_finished(
    service: Running, make: Callable[[Path], object], options: list[str], says: str, mode: str
) -> None:
    make(Path("bad.wav"))
    make_recording(Path("good.wav"), seed=7)
    result = run("transcribe", "bad.wav", "good.wav", "--out", "corpus", "--mode", mode, *options)
    assert result.exit_code == 1
    failed = result.stderr[result.stderr.index("failed:") :]
    assert re.search(rf"^  bad\.wav: .*({says})", failed, re.M), failed
    finished = [] if "--locale" in options else ["good"]
    assert open_corpus("corpus").call_ids == finished
    assert f"{len(finished)} call" in result.stdout


def test_a_recording_without_its_header(service: Running, shared: Path) -> None:
    shutil.copy(shared / "speech" / "missing_wav_header.wav", "headless.wav")
    result = run("transcribe", "headless.wav", "--out", "corpus")
    assert result.exit_code == 1
    assert re.search(r"headless\.wav: has no RIFF header\. .*ffmpeg", result.stderr)


def test_an_unreachable_url_among_good_ones(service: Running) -> None:
    make_recording(Path("good.wav"))
    url = "http://127.0.0.1:9/far.wav"
    result = run("transcribe", "good.wav", f"{url}?sig=abc", "--out", "corpus")
    assert result.exit_code == 1
    assert f"  {url}: InvalidUri" in result.stderr
    assert "abc" not in result.output
    assert open_corpus("corpus").call_ids == ["good"]


def occupied() -> None:
    Path("corpus").write_text("a file")


def foreign() -> None:
    Path("corpus").mkdir()
    Path("corpus/letter.txt").write_text("private")


@pytest.mark.parametrize(
    ("prepare", "arguments", "says"),
    [
        pytest.param(None, ["--diarize", "1"], "2 to 35 speakers", id="one-speaker"),
        pytest.param(None, ["--diarize", "36"], "2 to 35 speakers", id="36-speakers"),
        pytest.param(None, ["--locale", "english"], "like en-US", id="no-locale"),
        pytest.param(None, ["--metadata", "gone.csv"], "gone.csv", id="metadata-missing"),
        pytest.param(occupied, [], "is a file, not a corpus", id="out-is-a-file"),
        pytest.param(foreign, [], "holds other files", id="out-is-another-folder"),
        pytest.param(
            lambda: Path("side.csv").write_text("who,queue\na,b\n"),
            ["--metadata", "side.csv"],
            "neither call_id nor file",
            id="metadata-without-a-key",
        ),
    ],
)
def test_what_is_refused_before_anything_is_done(
    service: Running, prepare: Callable[[], object] | None, arguments: list[str], says: str
) -> None:
    make_recording(Path("call.wav"))
    if prepare:
        prepare()
    assert says in one_line(run("transcribe", "call.wav", "--out", "corpus", *arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["transcribe", "--out", "corpus"], id="no-paths"),
        pytest.param(["transcribe", "call.wav"], id="no-out"),
        pytest.param(["transcribe", "call.wav", "--out", "c", "--mode", "slow"], id="no-such-mode"),
        pytest.param(["transcribe", "call.wav", "--out", "c", "--diarize", "two"], id="no-number"),
        pytest.param(["transcript"], id="no-such-command"),
    ],
)
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({"SPEECH_KEY": "wrong"}, "answered 401.*Check SPEECH_KEY", id="wrong-key"),
        pytest.param({"SPEECH_ENDPOINT": "somewhere"}, "SPEECH_ENDPOINT .*must start with", id="no-url"),
        pytest.param({"SPEECH_API_VERSION": "v3.2"}, "SPEECH_API_VERSION", id="retired-version"),
        pytest.param({"SPEECH_ENDPOINT": "http://127.0.0.1:9"}, "127.0.0.1:9 cannot be reached", id="nobody"),
        pytest.param(
            {"SPEECH_ENDPOINT": "https://contoso.cognitiveservices.azure.com"},
            "STORAGE_ACCOUNT_URL.*--mode fast",
            id="azure-without-storage",
        ),
        pytest.param(
            {"STORAGE_CONNECTION_STRING": "nonsense"}, "not a connection string", id="malformed-storage"
        ),
    ],
)
def test_what_is_configured_wrongly(
    service: Running, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str
) -> None:
    make_recording(Path("call.wav"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = run("transcribe", "call.wav", "--out", "corpus")
    last = result.stderr.splitlines()[-1]
    assert result.exit_code == 1
    assert re.search(says, last), last
    assert "wrong" not in result.output.replace("wrong API endpoint", "")


def test_no_space_on_the_disk(service: Running) -> None:
    """A limit on the size of files stands in for a full disk: a write fails half-way."""
    make_recording(Path("call.wav"))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    command = [*COMMAND, "transcribe", "call.wav", "--out", "corpus"]
    failed = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    assert re.search(r"ledger.*space.*", failed.stderr.splitlines()[-1]), failed.stderr
    assert open_corpus("corpus").call_ids == []
    assert subprocess.run(command, capture_output=True).returncode == 0, "a second time it is all there"
    assert open_corpus("corpus").call_ids == ["call"]


def test_ctrl_c(service: Running) -> None:
    make_recording(Path("call.wav"), seed=11)
    key = {"Ocp-Apim-Subscription-Key": KEY}
    httpx.post(f"{service.endpoint}/misbehave", json={"kind": "stuck"}, headers=key).raise_for_status()
    command = [*COMMAND, "transcribe", "call.wav", "--out", "corpus"]
    # a shell that runs the tests in the background has its children ignore Ctrl-C
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        assert process.stderr
        said = next(line for line in process.stderr if line.startswith("transcribe"))
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    httpx.delete(f"{service.endpoint}/misbehave", headers=key).raise_for_status()
    assert said.startswith("transcribe 0%")
    assert process.returncode == 130
    last = re.fullmatch(
        r"speechkit: stopped\. Go on with: speechkit (runs resume (\S+))", rest.splitlines()[-1]
    )
    assert last, rest
    assert "Traceback" not in rest
    assert last[2] in run("runs").stdout
    assert "It has not ended" in run("runs", "show", last[2]).stderr
    resumed = run(*last[1].split())
    assert resumed.stdout.startswith("1 call transcribed in "), resumed.output
    assert open_corpus("corpus").call_ids == ["call"]
    assert run(*last[1].split()).stdout.startswith("0 calls transcribed in "), "twice changes nothing"


def test_summarize_without_a_corpus_or_a_model(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in one_line(run("summarize", "nowhere"))
    make_recording(Path("call.wav"))
    assert run("transcribe", "call.wav", "--out", "corpus").exit_code == 0
    assert "OPENAI_ENDPOINT" in one_line(run("summarize", "corpus"))


# --- doctor, serve, stop, version ----------------------------------------------------------------------


def test_doctor_when_all_is_well() -> None:
    connect(quiet=True)
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "everything runs on this machine" in result.stdout
    assert re.search(r"ok +local service: http://127.0.0.1:\d+ answers", result.stdout)
    assert f"speechkit: {speechkit.__version__} on Python" in result.stdout
    assert re.search(r"ok +real time: Speech SDK 1\.\d+", result.stdout)


def test_doctor_tells_of_a_speech_sdk_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise errors.SettingsError("the Speech SDK does not load here. Install libssl3.")

    monkeypatch.setattr("speechkit.client.sessions.load_sdk", broken)
    result = run("doctor")
    assert result.exit_code == 1
    assert (
        "broken  real time: the Speech SDK does not load here\n        -> Install libssl3." in result.stdout
    )


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({"SPEECH_KEY": "wr0ng"}, "Azure Speech: .*401", id="wrong-key"),
        pytest.param(
            {"SPEECH_ENDPOINT": "http://127.0.0.1:9"}, "Azure Speech: .*cannot be reached", id="nobody"
        ),
        pytest.param({"SPEECH_ENDPOINT": "ftp://x"}, "settings: .*SPEECH_ENDPOINT", id="no-url"),
        pytest.param(
            {"SPEECH_ENDPOINT": ""}, "settings: .*without SPEECH_ENDPOINT", id="key-without-endpoint"
        ),
        pytest.param({"SPEECHKIT_HOME": "file/home"}, "home: .*cannot be written", id="no-home"),
        pytest.param(
            {"OPENAI_ENDPOINT": "http://127.0.0.1:9", "OPENAI_API_KEY": "wr0ng", "OPENAI_MODEL": "m"},
            "language model: .*cannot be reached",
            id="no-model-server",
        ),
        pytest.param({"OPENAI_API_KEY": "wr0ng"}, "language model: .*OPENAI_MODEL", id="no-model-named"),
    ],
)
def test_doctor_names_what_is_broken(
    service: Running, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str
) -> None:
    Path("file").touch()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = run("doctor")
    assert result.exit_code == 1
    broken = [line for line in result.stdout.splitlines() if line.startswith("broken")]
    assert len(broken) == 1, result.stdout
    assert re.search(says, broken[0]), broken
    after = result.stdout.split(broken[0])[1].splitlines()[1]
    assert after.strip().startswith("-> ") or ": name the model" in broken[0], "what to do is said"
    assert "wr0ng" not in result.output
    assert KEY not in result.output


def test_doctor_with_a_service_and_no_storage(service: Running) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert f"SPEECH_ENDPOINT={service.endpoint}, SPEECH_KEY=(set)" in result.stdout
    assert re.search(r"ok +Azure Speech: .* answers, with key; batch in \d+ locales", result.stdout)
    assert "the service keeps recordings itself" in result.stdout
    assert re.search(r"off +language model", result.stdout)


def test_serve_runs_in_the_foreground_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path / "home"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [*COMMAND, "serve", "--port", port]
    options = ["--key", "k3y-of-mine", "--state", str(tmp_path / "state")]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout
        assert f"http://127.0.0.1:{port}" in served.stdout.readline()
        assert httpx.get(f"http://127.0.0.1:{port}").json()["pid"] == served.pid
        assert b"k3y-of-mine" not in Path(f"/proc/{served.pid}/cmdline").read_bytes()
        answer = httpx.get(f"http://127.0.0.1:{port}/misbehave", headers={"api-key": "k3y-of-mine"})
        assert answer.status_code == 200
        second = subprocess.run([*command, "--state", "other"], capture_output=True, text=True)
        assert second.returncode == 1
        assert re.search(rf"port {port} cannot be used.*--port", second.stderr)
        assert "Traceback" not in second.stderr
        assert run("stop").stdout == "the local service has ended\n"
        served.communicate(timeout=20)
    assert served.returncode == 0
    assert run("stop").stdout == "no local service is running\n"


def test_version() -> None:
    assert run("version").stdout == f"speechkit {speechkit.__version__}\n"


def test_search_prints_passages_or_says_that_there_are_none(tmp_path: Path) -> None:
    corpus = shutil.copytree(demo_data("weeks"), tmp_path / "weeks")
    found = run("search", str(corpus), '"late fee"', "--limit", "3")
    assert found.exit_code == 0
    assert found.stdout.count("late fee") == len(found.stdout.splitlines()) == 3
    assert one_line(run("search", str(corpus), "zebra")).startswith("Nothing is found")


def test_a_dry_run_sends_nothing_and_says_what_it_costs(service: Running) -> None:
    make_recording(Path("in/a.wav"), 1, seconds=36)
    Path("in/bad.wav").touch()
    dry = run("transcribe", "in", "--out", "corpus", "--dry-run", "--price", "10")
    assert dry.exit_code == 1
    assert dry.stdout == "1 recording to send (0.01 h, 0.10 at 10 an hour) in 1 job; left out: 0\n"
    assert "bad.wav" in dry.stderr
    assert not Path("corpus").exists()
    refused = run("transcribe", "in/a.wav", "--out", "corpus", "--max-hours", "0.001")
    assert "hours of audio would be sent" in one_line(refused)


def test_runs_of_a_name(service: Running) -> None:
    make_recording(Path("a_b.wav"), seed=21)
    name = f"night-{os.getpid()}"
    options = ["--name", name, "--delete", "--metadata", "{agent}_{queue}"]
    assert run("transcribe", "a_b.wav", "--out", "corpus", *options).exit_code == 0
    assert open_corpus("corpus").calls[["agent", "queue"]].to_numpy().tolist() == [["a", "b"]]
    shown = run("runs", "show", name)
    assert "1 collected" in shown.stdout
    assert "Succeeded" in shown.stdout
    assert run("runs", "cancel", name).exit_code == 0
    assert "there is no run 'of-nobody'" in one_line(run("runs", "show", "of-nobody"))
    assert "already" in one_line(run("transcribe", "a_b.wav", "--out", "corpus", "--again", "--name", name))
