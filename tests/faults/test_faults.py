"""Whatever happens to client and service, every recording ends in the corpus once, or among the failures."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


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
@pytest.mark.timeout(900)
def test_two_hundred_bad_days() -> None:
    play("5-204", lanes=4)
