"""A Dask scheduler and its workers, as processes of their own on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import ROOT


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers on loopback; yields the address, and ends them all."""
    file = folder / "scheduler.json"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    place = ["--local-directory", str(folder), "--nthreads", "1", "--host", "127.0.0.1"]
    commands = [
        ["distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0"],
        *([["distributed.cli.dask_worker", *common, *place]] * workers),
    ]
    with ExitStack() as ends, (folder / "log").open("w") as log:
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=folder, env=env, stdout=log, stderr=log
            )
            ends.callback(process.wait, 30)
            ends.callback(process.terminate)
        for _ in range(600):
            if file.exists() and file.stat().st_size:
                break
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"])
