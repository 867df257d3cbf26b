"""A process that has imported what reports need, and forks a kernel whenever it is asked for one.

    python -m speechkit.reports.nursery SOCKET

A kernel that is forked starts in a tenth of the time of one that imports pandas and matplotlib itself, and its state
is as clean: it has run nothing but imports. The nursery has one thread, so that a fork of it is sound; it ends, and
its kernels with it, when its stdin closes, that is when whoever started it dies. Linux only: fork is not safe with
the system libraries of macOS, and Windows has none (`speechkit.reports.kernels` starts ordinary kernels there).

One connection to the socket is one kernel: a line of JSON asks (connection_file, cwd, env), a line answers the
process id, a last line its exit code. A closed connection ends its kernel.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

PRELOADED: Final = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "matplotlib_inline.backend_inline"),
    *("IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect"),
    *("IPython.extensions.storemagic", "psutil", "sqlite3", "tornado.platform.asyncio", "zmq.utils.garbage"),
    *("pandas", "pandas.io.formats.string", "pyarrow.parquet", "pyarrow.dataset", "scipy.special", "jinja2"),
    *("av", "soxr", "soundfile"),
    *("matplotlib.figure", "matplotlib.style", "matplotlib.dates", "matplotlib.backends.backend_agg"),
    *("PIL.PngImagePlugin", "speechkit", "speechkit.demo", "speechkit.transcripts.corpus"),
    *("speechkit.transcripts.masking", "speechkit.analysis.confidence", "speechkit.analysis.diagnostics"),
    *("speechkit.analysis.moments", "speechkit.analysis.selection", "speechkit.analysis.speakers"),
    *("speechkit.analysis.trends", "speechkit.display.player", "speechkit.display.plots"),
    *("speechkit.display.story", "speechkit.display.summaries", "speechkit.display.tables"),
    "speechkit.display.timeline",
)
"""What reports import; a report that needs more imports it in its kernel."""
_SET_BY_IMPORTS: dict[str, str] = {}  # of the environment
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def main(address: str) -> None:
    """Import, listen, fork, and tell how kernels end, until stdin closes."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(f"{address}.new")
    listening.listen(64)
    # It has its name once it listens. Who connects now waits for the imports; who is refused knows that we died.
    os.rename(f"{address}.new", address)
    before = set(os.environ)
    _preload()
    _SET_BY_IMPORTS.update((name, value) for name, value in os.environ.items() if name not in before)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    kernels: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as events:
        for source in (sys.stdin.fileno(), listening, woken):
            events.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj == sys.stdin.fileno():
                    _end(kernels)
                    return
                if key.fileobj is listening:
                    line, _ = listening.accept()
                    if pid := _fork(line, [listening, *kernels.values()]):
                        kernels[pid] = line
                        events.register(line, selectors.EVENT_READ, pid)
                elif key.fileobj == woken:
                    with suppress(BlockingIOError):
                        os.read(woken, 4096)
                    _reap(kernels, events)
                elif key.data in kernels and not _heard(kernels[key.data]):
                    with suppress(ProcessLookupError):  # who asked for the kernel is gone
                        os.kill(key.data, signal.SIGKILL)
                    events.unregister(key.fileobj)


def _preload() -> None:
    import gc
    from importlib import import_module
    from importlib.util import find_spec

    for name in PRELOADED:
        if find_spec(name.partition(".")[0]):
            import_module(name)
    _practise()
    gc.collect()
    gc.freeze()  # what is shared with the kernels stays shared: the collector does not write to it


def _practise() -> None:
    """Show a call of two phrases as reports do, so that fonts, styles and templates are read once, not by each."""
    import tempfile
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from speechkit.analysis.diagnostics import diagnose
    from speechkit.analysis.moments import moments
    from speechkit.audio import write_wav
    from speechkit.display import story, tables, timeline
    from speechkit.display.player import player
    from speechkit.display.sound import webm
    from speechkit.transcripts import masking
    from speechkit.transcripts.schema import Transcript

    calls = pd.DataFrame({"call_id": ["a"], "channels": [2], "duration_s": [9.0], "engine": ["none"]})
    said = {"call_id": "a", "start_s": [0.0, 5.0], "end_s": [4.0, 9.0], "channel": [0, 1]}
    phrases = pd.DataFrame(
        {**said, "phrase_id": ["a:1", "a:2"], "display": ["Yes.", "No."], "confidence": 0.5}
    )
    call = Transcript(calls, phrases)
    call = masking.mask(call, masking.find_masks(call))
    moments(call, "a")
    diagnose(call)
    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder) / "a.wav", np.zeros((2, 8000), np.float32), 8000)
        webm(Path(folder) / "a.wav", [(0.1, 0.2)])
    picture: Any = timeline.call_timeline(call, "a")
    picture.png()
    for shown in (
        player(call),
        tables.Table(phrases, "phrases"),
        story.scope(call.calls),
        story.engines(call.calls),
    ):
        shown._repr_html_()


def _heard(line: socket.socket) -> bytes:
    with suppress(OSError):
        return line.recv(4096)
    return b""


def _fork(line: socket.socket, others: list[socket.socket]) -> int:
    """Fork the kernel that a new connection asks for; 0 when it asks for none."""
    line.settimeout(5.0)
    with suppress(OSError, ValueError):
        asked = json.loads(line.makefile("r").readline())
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            for other in [*others, line]:
                other.close()
            _become_kernel(asked, parent)
        line.sendall(f"{pid}\n".encode())
        return pid
    line.close()
    return 0


def _become_kernel(asked: dict[str, Any], parent: int) -> NoReturn:
    """Be an IPython kernel, in a process that has just been forked."""
    code = 1
    try:
        import ctypes
        from importlib.util import find_spec

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be asked to take us with it
            os._exit(1)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(_SET_BY_IMPORTS)
        os.environ.update(asked["env"])
        os.environ.pop("JPY_PARENT_PID", None)  # ipykernel would look for the wrong parent
        os.chdir(asked["cwd"])
        del sys.path[0]  # as ipykernel_launcher does; IPython puts the working folder where it wants it
        launcher = find_spec("ipykernel_launcher")
        sys.argv[:] = [str(launcher.origin if launcher else ""), "-f", asked["connection_file"]]
        import numpy as np
        from ipykernel.kernelapp import IPKernelApp
        from traitlets.config import Config

        np.random.seed()  # the global state is what a fork would share
        told = {
            "IPKernelApp": {"connection_file": asked["connection_file"], "log_level": "CRITICAL"},
            "HistoryManager": {"enabled": False},  # a thousand reports are not what an analyst typed
        }

        class Kernel(IPKernelApp):
            """An ordinary kernel that is told its options without a parser of command lines, which takes long."""

            def parse_command_line(self, argv: object = None) -> None:
                self.update_config(Config(told))

        app: Any = Kernel.instance()
        app.initialize()
        app.start()
        # It may have to flush yet; when what it flushes to ends before, it waits for ten seconds (ipykernel 7).
        app.control_thread.join(2.0)
        atexit._run_exitfuncs()  # as at the end of an ordinary kernel
        app.shell.user_ns.clear()  # and files that were left open are written
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _reap(kernels: dict[int, socket.socket], events: selectors.BaseSelector) -> None:
    """Tell of each kernel that has ended how it did."""
    while kernels:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        line = kernels.pop(pid)
        with suppress(OSError):
            line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        with suppress(KeyError, ValueError):
            events.unregister(line)
        line.close()


def _end(kernels: dict[int, socket.socket]) -> None:
    for pid in kernels:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
