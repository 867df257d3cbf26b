"""Whatever happens to client and service, every recording ends in the corpus once, or among the failures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from speechkit import open_corpus
from tests.conftest import ROOT
from tests.faults.schedule import Schedule, record
from tests.local.service_fixture import KEY, start, wait_until


def play(seeds: str, lanes: int) -> None:
    """Play schedules; the harness forks, so it has a process of its own without threads."""
    played = subprocess.run(
        [sys.executable, "-m", "tests.faults.harness", seeds, "--lanes", str(lanes)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert played.returncode == 0, played.stdout + played.stderr


def test_five_bad_days() -> None:
    play("0-4", lanes=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_bad_days() -> None:
    play("5-204", lanes=4)  # 450 s of processor


def test_a_command_that_was_killed_goes_on_by_its_name(tmp_path: Path) -> None:
    running = start(tmp_path / "home", "--engine", "none")
    record(Schedule(0, 1, {f"call{n}.wav": 844 + 2 * n for n in range(3)}, []), tmp_path / "calls")
    ours = {"SPEECHKIT_HOME": str(running.home), "SPEECH_ENDPOINT": running.endpoint, "SPEECH_KEY": KEY}
    environment = os.environ | ours | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "speechkit.cli"]
    bad = {"kind": "stuck"}
    httpx.post(f"{running.endpoint}/misbehave", json=bad, headers={"api-key": KEY}).raise_for_status()
    transcribe = [*command, "transcribe", "calls", "--out", "corpus", "--name", "night"]
    with subprocess.Popen(
        transcribe, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as killed:
        wait_until(lambda: httpx.get(running.endpoint).json()["jobs"]["Running"])
        killed.kill()
    httpx.delete(f"{running.endpoint}/misbehave", headers={"api-key": KEY})
    resumed = subprocess.run(
        [*command, "runs", "resume", "night"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert open_corpus(tmp_path / "corpus").call_ids == ["call0", "call1", "call2"]
    assert sum(httpx.get(running.endpoint).json()["jobs"].values()) == 1
    assert running.end() == 0
