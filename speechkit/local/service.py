"""The parts of a running service, and what every route needs of them."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from speechkit import limits
from speechkit.local import locales
from speechkit.local.checks import canonical_locale
from speechkit.local.envelope import RefusalError
from speechkit.local.fetch import Fetcher
from speechkit.local.jobs import FRESH, Jobs, Listener
from speechkit.local.live import Live
from speechkit.local.misbehave import HEADER, Kind, Misbehaviour
from speechkit.local.quota import Quota
from speechkit.local.requests import read_json
from speechkit.local.signatures import Signer
from speechkit.local.store import Store
from speechkit.local.webhooks import Webhooks
from speechkit.local.workers import TaskRunner

PREFIX: Final = "/speechtotext"
_PATCHES: Final = ("application/json", "application/merge-patch+json")
_MODELS: Final = uuid.UUID("6f0a2a52-5a5b-4d38-9f2e-8a3d1f4c7b10")  # the namespace of the base models' ids


@dataclass
class Service:
    """One running service; `key` is what requests must carry.

    `quota` is None where requests are not counted; `fast_bytes` and `fast_s` are the largest and the longest
    recording of a fast transcription.
    """

    key: str
    store: Store
    fetcher: Fetcher
    recognizer: TaskRunner
    listener: Listener
    jobs: Jobs
    live: Live
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    quota: Quota | None = None
    fast_bytes: int = limits.MAX_FAST_BYTES
    fast_s: float = limits.MAX_FAST_S
    open_requests: int = 0
    last_request_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.signer = Signer(self.store.secret)
        self.webhooks = Webhooks(self.store, self.fetcher)
        self.jobs.on_event = self.webhooks.on_event
        self.jobs.on_fetch = self.misbehaviour.fail

    def signed(self, request: Request, path: str, minutes: float) -> str:
        """A URL of this service that can be read without the key for some minutes."""
        expired = self.misbehaves(request, "expired")
        until_s = time.time() + (-60 if expired else minutes * 60)
        return self.signer.url(endpoint_of(request), path, until_s)

    def misbehaves(self, request: Request, kind: Kind) -> bool:
        """Whether this request is to meet a kind of misbehaviour."""
        asked = request.headers.get(HEADER) == kind
        return asked or self.misbehaviour.take(kind, request.url.path) is not None

    @property
    def idle_s(self) -> float:
        """How long nothing was asked, no job ran and nobody was to be called."""
        if self.open_requests or self.jobs.busy or self.webhooks.busy:
            self.last_request_s = time.monotonic()
        return time.monotonic() - self.last_request_s

    def check_model(self, url: str, locale: str) -> None:
        """Refuse a model that is not one of this service's base models for the locale."""
        model_id = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        if f"{PREFIX}/models/base/{model_id}" != urlsplit(url).path.rstrip("/"):
            raise RefusalError(
                "InvalidRequest",
                "The model is not a base model of this service; GET /models/base lists them.",
                inner="InvalidModelUri",
                target="model",
            )
        found = next((name for name in locales.served() if base_model_id(name) == model_id), None)
        if found is None:
            raise RefusalError(
                "InvalidRequest",
                "There is no such base model; GET /models/base lists them.",
                inner="InvalidModel",
                target="model",
            )
        if found != canonical_locale(locale):
            raise RefusalError(
                "InvalidRequest",
                f"The model is for {found}, the request for {locale}.",
                inner="ModelMismatch",
                target="model",
            )

    def check_destination(self, url: str) -> None:
        """Refuse a container that results may not be written to."""
        if not self.fetcher.allows(url):
            host = urlsplit(url).netloc.rpartition("@")[2]
            raise RefusalError(
                "InvalidRequest",
                f"{host} is not on the allow-list of the local service. Start it with --allow {host}.",
                inner="InaccessibleCustomerStorage",
                target="destinationContainerUrl",
            )
        if "si" in parse_qs(urlsplit(url).query):
            raise RefusalError(
                "InvalidRequest",
                "destinationContainerUrl takes an ad hoc SAS only, not one with a stored access policy (si).",
                inner="InaccessibleCustomerStorage",
                target="destinationContainerUrl",
            )


Handler = Callable[[Request, Service], Awaitable[Response]]


def api(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Make a handler of the Speech API an endpoint: its api-version is checked first.

    `Cache-Control: no-cache` is heeded: what was recognized before is recognized again.
    """

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        version_of(request)
        FRESH.set("no-cache" in request.headers.get("Cache-Control", ""))
        return await handler(request, service_of(request))

    return endpoint


def plain(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Make a handler an endpoint that has no api-version."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await handler(request, service_of(request))

    return endpoint


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def version_of(request: Request) -> str:
    """The api-version of a request."""
    version = request.query_params.get("api-version")
    if version not in limits.API_VERSIONS:
        known = " and ".join(limits.API_VERSIONS)
        message = (
            f"The api-version {version} is not supported; {known} are."
            if version
            else f"The query parameter api-version is required; {known} are supported."
        )
        raise RefusalError("InvalidArgument", message, inner="InvalidParameterValue", target="api-version")
    return version


def endpoint_of(request: Request) -> str:
    """The service's own address, as the client wrote it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def id_of(request: Request, name: str = "id") -> str:
    """An id from the path, as it is kept; raises RefusalError for what is none."""
    given = request.path_params[name]
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise RefusalError(
            "InvalidArgument", f"{given!r} is not an id.", inner="InvalidParameterValue", target=name
        ) from None


async def patch_of(request: Request) -> tuple[dict[str, Any], bool]:
    """The body of a PATCH, and whether it is a merge patch."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PATCHES:
        raise RefusalError("UnsupportedMediaType", f"The content type must be {' or '.join(_PATCHES)}.")
    return read_json(await request.body()), kind == _PATCHES[1]


def link(request: Request, path: str) -> str:
    """The link to an entity of the API."""
    return f"{endpoint_of(request)}{PREFIX}{path}?api-version={version_of(request)}"


def base_model_id(locale: str) -> str:
    """The id of the base model of a locale: always the same.

    >>> base_model_id("en-US") == base_model_id("en-US") != base_model_id("en-GB")
    True
    """
    return str(uuid.uuid5(_MODELS, locale))


def public(job_properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of a job as they are shown: without the SAS of its destination."""
    from speechkit.local.fetch import without_sas

    shown = dict(job_properties)
    if "destinationContainerUrl" in shown:
        shown["destinationContainerUrl"] = without_sas(shown["destinationContainerUrl"])
    return shown
