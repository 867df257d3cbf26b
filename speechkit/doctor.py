"""What is configured, what answers, what is missing and how to mend it: `speechkit doctor`."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from speechkit.errors import SpeechkitError

if TYPE_CHECKING:
    from speechkit.settings import Settings

LOW_DISK_BYTES: Final = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `ok`, `off` (not used, which is fine) or `broken`, and what to do
    then."""

    what: str
    state: Literal["ok", "off", "broken"]
    message: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; nothing is started, and no secret is in a finding."""
    from speechkit import __version__
    from speechkit.settings import read_settings

    yield Finding("speechkit", "ok", f"{__version__} on Python {platform.python_version()}")
    try:
        settings = read_settings()
    except SpeechkitError as error:
        yield _broken("settings", error)
        return
    yield _settings(settings)
    yield _checked("home", lambda: _home(settings))
    if settings.mode == "azure":
        yield _checked("Azure Speech", lambda: _azure(settings))
        yield _checked("storage", lambda: _storage(settings))
    else:
        yield _checked("local service", lambda: _local(settings))
    yield _realtime()
    yield _checked("language model", lambda: _model(settings))
    yield _checked("demo data", _demo)


def _checked(what: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except SpeechkitError as error:
        return _broken(what, error)


def _broken(what: str, error: SpeechkitError) -> Finding:
    from speechkit.client.recording import split_message

    message, remedy = split_message(str(error))
    return Finding(what, "broken", message, remedy)


def _realtime() -> Finding:
    """Whether the Speech SDK is there; to do without it is fine, to have one that does not load is not."""
    from importlib.util import find_spec

    from speechkit.client.sessions import load_sdk

    if find_spec("azure.cognitiveservices") is None:
        return Finding("real time", "off", "without the Speech SDK", "pip install 'speechkit[realtime]'")
    return _checked("real time", lambda: Finding("real time", "ok", f"Speech SDK {load_sdk().__version__}"))


def _settings(settings: Settings) -> Finding:
    if settings.speech_key and not settings.speech_endpoint:
        remedy = "Set SPEECH_ENDPOINT to the endpoint of the resource, or unset SPEECH_KEY."
        return Finding(
            "settings",
            "broken",
            "SPEECH_KEY is set, and nothing goes to Azure without SPEECH_ENDPOINT",
            remedy,
        )
    return Finding("settings", "ok", _configured(settings))


def _configured(settings: Settings) -> str:
    """Name the settings that are set, with their values only where they are no secrets."""
    shown = {
        "SPEECH_ENDPOINT": settings.speech_endpoint,
        "SPEECH_KEY": settings.speech_key and "(set)",
        "STORAGE_ACCOUNT_URL": settings.storage_account_url,
        "STORAGE_CONNECTION_STRING": settings.storage_connection_string and "(set)",
        "OPENAI_ENDPOINT": settings.openai_endpoint,
        "OPENAI_API_KEY": settings.openai_api_key and "(set)",
        "OPENAI_MODEL": settings.openai_model,
    }
    said = [f"{name}={value}" for name, value in shown.items() if value]
    return ", ".join(said) or "nothing is set: everything runs on this machine"


def _home(settings: Settings) -> Finding:
    home = settings.home.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor.part"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
        free = shutil.disk_usage(home).free
    except OSError as error:
        remedy = "Set SPEECHKIT_HOME to a folder that can be written, or free some space."
        return Finding("home", "broken", f"{home} cannot be written: {error.strerror}", remedy)
    if free < LOW_DISK_BYTES:
        return Finding("home", "broken", f"{home}: {free / 1e6:.0f} MB are free", "Free some space.")
    return Finding("home", "ok", f"{home}, {free / 1e9:.0f} GB free")


def _azure(settings: Settings) -> Finding:
    from speechkit.connect import connect

    speech = connect(settings, quiet=True)
    speech.client.attempts = 1
    locales = speech.client.get("transcriptions/locales").get("Submit") or []
    way = speech.client.signer.way
    return Finding(
        "Azure Speech", "ok", f"{speech.endpoint} answers, with {way}; batch in {len(locales)} locales"
    )


def _storage(settings: Settings) -> Finding:
    from speechkit.client.storage import BlobStorage
    from speechkit.connect import connect

    storage = connect(settings, quiet=True).storage
    if storage is None:
        return Finding(
            "storage",
            "off",
            "none: batch reads https:// URLs only, fast mode reads files",
            "Set STORAGE_ACCOUNT_URL or STORAGE_CONNECTION_STRING to send files in batches.",
        )
    if isinstance(storage, BlobStorage):
        return Finding("storage", "ok", f"container {settings.storage_container}, with {storage.check()}")
    return Finding("storage", "ok", "the service keeps recordings itself")


def _local(settings: Settings) -> Finding:
    from speechkit.connect import find_service, missing_extra

    missing = missing_extra()
    if missing:
        remedy = "Run `pip install 'speechkit[local]'`, or set SPEECH_ENDPOINT and SPEECH_KEY to use Azure."
        return Finding("local service", "broken", f"not installed: {', '.join(missing)} missing", remedy)
    service = find_service(settings)
    if service is None:
        return Finding("local service", "off", "installed, not running; it starts when it is needed")
    jobs = ", ".join(f"{count} {status}" for status, count in dict(service.health.get("jobs") or {}).items())
    engine = service.health.get("engine")
    return Finding(
        "local service",
        "ok",
        f"{service.endpoint} answers: process {service.pid}, version {service.version}, engine {engine}, "
        f"jobs: {jobs or 'none'}",
    )


def _model(settings: Settings) -> Finding:
    if not (settings.openai_endpoint or settings.openai_api_key):
        if settings.mode == "local":
            return Finding("language model", "ok", "the local service's own, `extractive`")
        return Finding(
            "language model",
            "off",
            "none is configured, so calls are not summarized",
            "Set OPENAI_ENDPOINT, OPENAI_API_KEY and OPENAI_MODEL.",
        )
    import openai

    from speechkit.insight.model import open_model

    client, model = open_model(settings)
    host = urlsplit(str(client.base_url)).netloc
    try:
        client.with_options(max_retries=0, timeout=10.0).models.list()
    except openai.APIStatusError as error:
        if error.status_code in (404, 405):  # a server without this list may still answer
            return Finding("language model", "ok", f"{host} answers; model {model}")
        return Finding(
            "language model",
            "broken",
            f"{host} answers {error.status_code}",
            "Check OPENAI_ENDPOINT and OPENAI_API_KEY.",
        )
    except openai.OpenAIError as error:
        remedy = "Check OPENAI_ENDPOINT and the network."
        return Finding(
            "language model", "broken", f"{host} cannot be reached ({type(error).__name__})", remedy
        )
    return Finding("language model", "ok", f"{host} answers; model {model}")


def _demo() -> Finding:
    from speechkit.demo import demo_data

    try:
        return Finding("demo data", "ok", str(demo_data()))
    except SpeechkitError as error:
        found = _broken("demo data", error)
        return Finding("demo data", "off", found.message, found.remedy)
