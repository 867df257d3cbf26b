"""Clients and services as processes that can be killed, forked from one that has imported everything."""

from __future__ import annotations

import faulthandler
import importlib
import os
import resource
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

import speechkit
from speechkit.local.__main__ import main as serve

for name in (
    *("av", "certifi", "httpcore", "pandas", "speechkit.client.batch", "speechkit.local.app"),
    *("speechkit.transcripts.corpus", "speechkit.transcripts.parse", "speechkit.local.stub"),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
):
    importlib.import_module(name)  # once, for all that are forked

KEY = "k-of-faults"
UNTOLD = 70  # the exit code of a process that met an error that nobody told of


def fork(work: Callable[[], int], log: Path) -> int:
    """Run some work in a process of its own; answers its id."""
    pid = os.fork()
    if pid:
        return pid
    code = UNTOLD
    try:
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        faulthandler.enable()
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


class Killer:
    """Kills its process, as the kernel would, at the n-th line of a file of the package, in any thread."""

    def __init__(self, place: str, line: int) -> None:
        self.path = str(Path(speechkit.__file__).parent / place)
        assert Path(self.path).exists(), f"there is no {place} to die in: mend PLACES"
        self.left = line
        threading.settrace(self)
        sys.settrace(self)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """A tracer: of calls, then of the lines of the file."""
        if frame.f_code.co_filename != self.path:
            return None
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self


class Service:
    """A service that can be killed and comes again at the same address."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.pid = 0
        self.disk_bytes: int | None = None
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"api-key": KEY},
            timeout=5,
            limits=httpx.Limits(max_keepalive_connections=0),  # the service may have died since
        )

    def be_there(self, disk_bytes: int | None) -> None:
        """Start it where it is dead, or has another disk than it should."""
        if disk_bytes != self.disk_bytes or not self.alive:
            self.kill()
            self.start(disk_bytes)

    def start(self, disk_bytes: int | None = None) -> None:
        """Start it, and wait until it answers or has ended."""
        self.disk_bytes = disk_bytes
        self.pid = fork(lambda: self._serve(disk_bytes), self.home / "service.log")
        until_s = time.monotonic() + 10
        while self.alive and time.monotonic() < until_s:
            try:
                self.http.get("/")
                return
            except httpx.HTTPError:
                time.sleep(0.01)

    def _serve(self, disk_bytes: int | None) -> int:
        limit(disk_bytes)
        os.environ["SPEECHKIT_HOME"] = str(self.home)
        return serve(["--engine", "none", "--key", KEY, "--port", str(self.port)])

    @property
    def alive(self) -> bool:
        """Whether it runs; one that has ended is forgotten."""
        if self.pid and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = 0
        return self.pid != 0

    def kill(self) -> None:
        """End it without a goodbye."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def jobs(self) -> list[tuple[str, list[str]]]:
        """Every job it ever took, as (the key that the client gave it, the names of its recordings)."""
        path = self.home / "service" / "service.sqlite"
        with sqlite3.connect(
            f"file:{path}?mode=ro", uri=True
        ) as base:  # whoever may write tidies up when it goes
            rows = base.execute(
                "SELECT custom_properties, url, id FROM jobs JOIN inputs ON id = job_id"
            ).fetchall()
        jobs: dict[tuple[str, str], list[str]] = {}
        for key, url, number in rows:
            jobs.setdefault((number, key), []).append(unquote(urlsplit(url).path.rpartition("/")[2]))
        return [(key, names) for (_, key), names in jobs.items()]


def limit(disk_bytes: int | None) -> None:
    """Let no file of this process grow beyond so many bytes: its disk is full."""
    if disk_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk_bytes, disk_bytes))


def _free_port() -> int:
    """A port below those that the system hands out, so that nobody takes it while the service is dead."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")
