"""Kernels for many reports: forked from a process that has the imports, instead of started anew each time.

`nursery()` starts that process (`speechkit.reports.nursery`) where fork can be trusted, on Linux; inside it, kernels
of the provisioner `speechkit-fork` are forks. Elsewhere, and outside it, the same provisioner starts ordinary
kernels, so that nobody has to know which of the two it is.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

PROVISIONER: Final = "speechkit-fork"
"""The name of `ForkingProvisioner` among jupyter_client's."""
ADDRESS: Final = "SPEECHKIT_NURSERY"
"""The environment variable with the socket of the nursery, in a process whose kernels are forked."""
_START_S: Final = 60.0
_ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's allocator
}
"""Threads do not survive a fork: the nursery must have none."""


@contextmanager
def nursery() -> Iterator[str | None]:
    """Keep a nursery while the block runs; yields its address, or None where kernels cannot be forked.

    Processes that are to have forked kernels call `use_forks` with it.
    """
    if not sys.platform.startswith("linux"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="speechkit-") as folder:
        address = str(Path(folder) / "nursery")
        # as the spec of an ordinary kernel: its debugger wants to see the frozen modules
        command = [sys.executable, "-Xfrozen_modules=off", "-m", "speechkit.reports.nursery", address]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, **_ONE_THREAD}
        )
        try:
            yield address
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@cache
def own_nursery() -> str | None:
    """Start a nursery that ends with this process, the first time, and answer its address."""
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(nursery())


def use_forks(address: str | None) -> None:
    """Let every kernel that this process starts be a fork of the nursery at an address, where there is one.

    The address is handed over, since a process may come from a server that was started before the nursery.
    """
    if address is None:
        os.environ.pop(ADDRESS, None)
    else:
        os.environ[ADDRESS] = address
    from importlib.metadata import EntryPoint

    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    factory: Any = KernelProvisionerFactory.instance()
    target = f"{ForkingProvisioner.__module__}:{ForkingProvisioner.__name__}"
    factory.provisioners[PROVISIONER] = EntryPoint(PROVISIONER, target, factory.GROUP_NAME)
    factory.default_provisioner_name = PROVISIONER


class ForkedKernel:
    """A kernel that a nursery forked, with what jupyter_client uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, line: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line = line

    @classmethod
    def ask(cls, address: str, connection_file: str, cwd: str, env: dict[str, str]) -> ForkedKernel:
        """Ask the nursery for a kernel. OSError when there is no nursery, or it does not answer."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with ExitStack() as unless_it_comes:
            unless_it_comes.callback(line.close)
            until_s = time.monotonic() + _START_S
            while True:
                try:
                    line.connect(address)
                    break
                except FileNotFoundError:  # it is starting
                    if time.monotonic() > until_s:
                        raise
                    time.sleep(0.02)
            line.settimeout(_START_S)
            asked = {"connection_file": connection_file, "cwd": cwd, "env": env}
            line.sendall(json.dumps(asked).encode() + b"\n")
            answer = line.recv(64).split()
            if not answer:
                raise ConnectionResetError("the nursery could not fork a kernel")
            unless_it_comes.pop_all()
        return cls(line, int(answer[0]))

    def poll(self) -> int | None:
        """Answer the exit code, None while the kernel runs; below zero it is the signal that ended it."""
        if self.returncode is None:
            self._line.setblocking(False)
            with suppress(BlockingIOError):
                self._hear()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the kernel, and answer its exit code. TimeoutError after `timeout` seconds."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            self._hear()
        return self.returncode

    def _hear(self) -> None:
        try:
            said = self._line.recv(64).split()
        except ConnectionError:
            said = []
        self.returncode = (
            int(said[0]) if said else -signal.SIGKILL
        )  # the nursery died, and its kernels with it
        self._line.close()

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)


class ForkingProvisioner(LocalProvisioner):
    """Starts kernels as forks of the nursery, where there is one, else as jupyter_client does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel as a fork, which needs no command, or with the command of its kernel spec."""
        address = os.environ.get(ADDRESS)
        if not address or "ipykernel_launcher" not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        connection_file = cmd[cmd.index("-f") + 1]
        cwd = str(kwargs.get("cwd") or Path.cwd())
        env = {name: str(value) for name, value in (kwargs.get("env") or os.environ).items()}
        try:
            kernel: Any = ForkedKernel.ask(address, connection_file, cwd, env)
        except OSError:  # the nursery died; reports still come, only slower
            return await super().launch_kernel(cmd, **kwargs)
        self.process = kernel
        self.pid = self.pgid = kernel.pid  # a session of its own
        self.cwd = cwd
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel, but no interruption while it is being shut down.

        jupyter_client interrupts before it asks for the end; a kernel that is idle then reports an error.
        """
        if not (signum == signal.SIGINT and getattr(self.parent, "shutting_down", False)):
            await super().send_signal(signum)
