"""Azure Speech's REST API over httpx: one client, one retry decision, one mapping of errors."""

from __future__ import annotations

import logging
import random
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from pydantic import SecretStr

from speechkit import limits
from speechkit.client.auth import Signer, is_loopback
from speechkit.client.secrets import mask, strip_library_logs, strip_sas
from speechkit.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    StatusError,
    ThrottledError,
    UnreachableError,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
FAST_TIMEOUT_S: Final = 3600.0  # fast transcription answers when the recording is done
ATTEMPTS: Final = 6
FIRST_DELAY_S: Final = 1.0  # doubled each time
FIRST_DELAY_LOCAL_S: Final = 0.1  # nobody who listens here is far away
MAX_DELAY_S: Final = 60.0
MAX_RETRY_AFTER_S: Final = 240.0  # 429 may ask for minutes: back off 1-2-4-4 minutes [quota]

log = logging.getLogger("speechkit")
log.addHandler(logging.NullHandler())

_REQUEST_IDS: Final = ("apim-request-id", "x-ms-request-id", "x-requestid", "x-request-id")
_ERRORS: Final[dict[int, type[StatusError]]] = {
    400: InvalidRequestError,
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: NotFoundError,
    422: InvalidRequestError,
    429: ThrottledError,
}
_REMEDIES: Final = {
    "InvalidSubscription": "Batch and fast mode need a Standard (S0) Speech resource; F0 has neither.",
    "InvalidLocale": "Give a locale that the service knows, such as en-US.",
    "ExceededNumberOfRecordingsUris": f"Send at most {limits.MAX_CONTENT_URLS} recordings in a job.",
    "AudioLengthLimitExceeded": "Use batch mode for long recordings.",
    "InvalidAudioFormat": "Convert the recording to WAV or FLAC.",
    "EmptyAudioFile": "Leave the recording out: it holds no sound.",
    400: "Correct the request.",
    401: "Check SPEECH_KEY, and that SPEECH_ENDPOINT is the endpoint of the same resource and region.",
    403: "Give the identity the role Cognitive Services Speech User, or check the resource's network rules.",
    404: "Check the name; jobs and results are deleted when their time to live is over.",
    413: f"Send smaller recordings: fast mode takes {limits.MAX_FAST_BYTES // 10**6} MB, batch more.",
    422: "Correct the request, or convert the recording to WAV.",
    429: "Wait some minutes, and send fewer requests at once.",
    507: "Free some space on the disk of the service.",
}


class SpeechClient:
    """Speaks to one Speech endpoint: Azure's, or the local service's, in the same words.

    `key` and `credential` (of azure-identity) sign requests, the credential first. `transport` replaces the
    network, for tests. Every method raises the ServiceError tree of `speechkit.errors`; 429 is retried, and
    so are 408, 5xx and lost connections where doing it twice does no harm. `fresh` asks that nothing be answered
    from a cache, for measuring.

    >>> SpeechClient("http://127.0.0.1:8000", key="secret")
    SpeechClient('http://127.0.0.1:8000', api_version='2025-10-15', key=***)
    """

    def __init__(
        self,
        endpoint: str,
        *,
        key: str | SecretStr | None = None,
        credential: TokenCredential | None = None,
        api_version: str = limits.DEFAULT_API_VERSION,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        fresh: bool = False,
    ) -> None:
        strip_library_logs()
        self.endpoint = endpoint.rstrip("/").removesuffix("/speechtotext")
        self.api_version = api_version
        self.sleep = sleep
        self.attempts = ATTEMPTS
        secret = SecretStr(key) if isinstance(key, str) else key
        self.signer = Signer(self.endpoint, secret, credential)
        direct = is_loopback(self.endpoint)  # a proxy of the environment does not lead back to this machine
        headers = {"Cache-Control": "no-cache"} if fresh else None
        usual: dict[str, Any] = {"timeout": TIMEOUT, "transport": transport, "trust_env": not direct}
        self._signed = httpx.Client(auth=self.signer, headers=headers, **usual)
        self._plain = httpx.Client(follow_redirects=True, **usual)
        # A notebook never closes what connect() answered: its connections go with it.
        for http in (self._signed, self._plain):
            weakref.finalize(self, http.close)

    def __repr__(self) -> str:
        return f"SpeechClient({self.endpoint!r}, api_version={self.api_version!r}, {self.signer.way}=***)"

    def __enter__(self) -> SpeechClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._signed.close()
        self._plain.close()

    @property
    def is_local(self) -> bool:
        """Whether the service runs on this machine: it may then be asked more often."""
        return is_loopback(self.endpoint)

    @property
    def engine(self) -> str:
        """Who recognizes, as transcripts keep it: a result does not name its recognizer."""
        return "speechkit local" if self.is_local else f"Azure Speech {self.api_version}"

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """GET a path below /speechtotext, or the URL of a job or a page, and answer its JSON object."""
        return _object(self._request("GET", path, params=params))

    def poll(self, path: str) -> tuple[dict[str, Any], float | None]:
        """GET something that changes, and answer it with the seconds that Retry-After asks to wait, if
        any."""
        response = self._request("GET", path)
        return _object(response), retry_after_s(response.headers)

    def post(
        self, path: str, json: Mapping[str, object], *, idempotent: bool = False, **params: object
    ) -> dict[str, Any]:
        """POST a JSON object. It is sent again only after 429, or when it cannot have arrived."""
        response = self._request("POST", path, params=params, json=json, idempotent=idempotent)
        return _object(response)

    def post_files(
        self, path: str, files: Mapping[str, tuple[str | None, Path | str, str]]
    ) -> dict[str, Any]:
        """POST multipart/form-data: each part is (file name, path to stream or text, media type)."""

        def parts(opened: ExitStack) -> dict[str, Any]:
            return {
                "files": {
                    part: (
                        name,
                        opened.enter_context(data.open("rb")) if isinstance(data, Path) else data,
                        kind,
                    )
                    for part, (name, data, kind) in files.items()
                },
                "timeout": httpx.Timeout(FAST_TIMEOUT_S, connect=10.0),
            }

        return _object(self._request("POST", path, idempotent=True, body=parts))

    def patch(self, path: str, json: Mapping[str, object]) -> dict[str, Any]:
        """PATCH with a JSON object."""
        return _object(self._request("PATCH", path, json=json, idempotent=True))

    def delete(self, path: str) -> None:
        """DELETE; what is not there counts as deleted."""
        try:
            self._request("DELETE", path)
        except NotFoundError:
            return

    def put_file(self, path: str, file: Path) -> dict[str, Any]:
        """PUT a file, streamed, to a path of the endpoint that starts with a slash."""
        return _object(self._request("PUT", path, body=lambda opened: {"content": _blocks(opened, file)}))

    def pages(self, path: str, **params: object) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page of `@nextLink`."""
        page = self.get(path, **params)
        while True:
            yield from page.get("values") or []
            following = page.get("@nextLink") or page.get("nextLink")
            if not following:
                return
            page = self.get(following)

    def download(self, url: str) -> bytes:
        """GET a signed URL, without the key header."""
        try:
            return self._request("GET", url, client=self._plain).content
        except AccessDeniedError as error:
            raise AccessDeniedError(
                f"{strip_sas(url)} cannot be read: its signature has expired. Collect again for a new one.",
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            ) from None

    def upload_url(self, name: str) -> str:
        """Answer the path at which the local service takes a recording of that name."""
        return f"/recordings/{quote(name, safe='')}"

    # --- one request, and the decision to send it again -----------------------------------------------------

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Mapping[str, object] | None = None,
        body: Callable[[ExitStack], dict[str, Any]] | None = None,
        idempotent: bool | None = None,
        client: httpx.Client | None = None,
    ) -> httpx.Response:
        url, query = (path, None) if client else self._address(path, params or {})
        repeatable = method in ("GET", "PUT", "DELETE") if idempotent is None else idempotent
        sender = client or self._signed
        for attempt in range(1, self.attempts + 1):
            failure: httpx.HTTPError | httpx.Response
            try:
                with ExitStack() as opened:
                    extra = body(opened) if body else {}
                    if json is not None:
                        extra["json"] = json
                    failure = response = sender.request(method, url, params=query, **extra)
                if response.is_success:
                    return response
            except httpx.InvalidURL as error:
                raise ServiceError(
                    f"{strip_sas(url)} is not a URL: {error}. Check SPEECH_ENDPOINT."
                ) from None
            except httpx.HTTPError as error:
                failure = error
            reason = retry_reason(failure, repeatable)
            if reason is None or attempt == self.attempts:
                self._fail(method, url, failure)
            delay_s = retry_delay_s(failure, attempt, FIRST_DELAY_LOCAL_S if self.is_local else FIRST_DELAY_S)
            log.info("%s %s: %s, again in %.1f s", method, strip_sas(url), reason, delay_s)
            self.sleep(delay_s)
        raise AssertionError("unreachable")

    def _address(self, path: str, params: Mapping[str, object]) -> tuple[str, dict[str, str]]:
        """Return the URL and query of a path, or of a URL the service gave, always at our own endpoint.

        Azure names the region's host in links, whatever host was asked; and the key goes nowhere else.
        """
        query = {name: str(value) for name, value in params.items() if value is not None}
        if path.startswith("/"):
            return self.endpoint + path, query
        if path.startswith(("http://", "https://")):
            parts = urlsplit(path)
            _, found, path = parts.path.partition("/speechtotext/")
            if not found:
                raise ServiceError(f"{strip_sas(parts.geturl())} is not a link of the Speech service.")
            query = dict(parse_qsl(parts.query)) | query
        return f"{self.endpoint}/speechtotext/{path}", {"api-version": self.api_version} | query

    def _fail(self, method: str, url: str, failure: httpx.HTTPError | httpx.Response) -> NoReturn:
        """Raise the failure as an error of speechkit, with nothing secret in it."""
        if isinstance(failure, httpx.Response):
            raise status_error(failure, self.signer.secrets)
        host = urlsplit(url).netloc
        what = "no answer in time" if isinstance(failure, httpx.TimeoutException) else "no connection"
        cause = mask(str(failure), self.signer.secrets) or type(failure).__name__
        raise UnreachableError(
            f"{host} cannot be reached: {what} ({cause}). "
            + (
                "Does the local service still run? Connect again; `speechkit doctor` says more."
                if is_loopback(url)
                else "Check the network and the address."
            )
        ) from None


def retry_reason(failure: httpx.HTTPError | httpx.Response, repeatable: bool) -> str | None:
    """Say why a request should be sent again, or None when it should not.

    429 says that nothing was done; a connection that was never made did nothing either. 408, 5xx and a lost
    answer leave it open, so only what may be done twice is repeated.

    >>> retry_reason(httpx.Response(429), False), retry_reason(httpx.Response(503), False)
    ('429', None)
    """
    if isinstance(failure, httpx.Response):
        status = failure.status_code
        if status == 429 or (
            repeatable and (status == 408 or (status >= 500 and status not in (501, 505, 507)))
        ):
            return str(status)
        return None
    if isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection"
    if isinstance(failure, httpx.TransportError) and not isinstance(failure, httpx.UnsupportedProtocol):
        return f"lost answer ({type(failure).__name__})" if repeatable else None
    return None


def retry_delay_s(failure: httpx.HTTPError | httpx.Response, attempt: int, first_s: float) -> float:
    """Return how long to wait: what Retry-After asks (at most 240 s), else ever longer, with jitter."""
    if isinstance(failure, httpx.Response):
        asked = retry_after_s(failure.headers)
        if asked is not None:
            return min(asked, MAX_RETRY_AFTER_S) * random.uniform(1.0, 1.1)  # never earlier than asked
    doubled: float = min(MAX_DELAY_S, first_s * 2.0 ** (attempt - 1))
    return doubled * random.uniform(0.75, 1.0)


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read `retry-after-ms`, or `Retry-After` in seconds or as a date; None when neither is there.

    >>> retry_after_s({"retry-after": "2"}), retry_after_s({"retry-after-ms": "250"})
    (2.0, 0.25)
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * unit_s
        except ValueError:
            try:
                at = parsedate_to_datetime(text)
            except ValueError:
                continue
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            seconds = (at - (now or datetime.now(UTC))).total_seconds()
        if seconds == seconds:  # not NaN
            return max(0.0, seconds)
    return None


def status_error(response: httpx.Response, secrets: list[str]) -> StatusError:
    """Turn a failing answer into the error of its status: the API's envelope, the gateway's, or neither."""
    code, inner, message = read_envelope(response)
    status = response.status_code
    request_id = next((response.headers[name] for name in _REQUEST_IDS if name in response.headers), None)
    named = "/".join(c for c in (code, inner) if c and c != str(status))
    remedy = next((_REMEDIES[c] for c in (inner, code, status) if c in _REMEDIES), "Try again later.")
    text = f"{response.request.url.netloc.decode()} answered {status}{f' {named}' if named else ''}"
    text += f": {message.strip().rstrip('.')}. {remedy}"
    if request_id:
        text += f" (request {request_id})"
    kind = _ERRORS.get(status, StatusError)
    return kind(mask(text, secrets), status=status, code=code, inner_code=inner, request_id=request_id)


def read_envelope(response: httpx.Response) -> tuple[str | None, str | None, str]:
    """Read (code, innermost code, message) of `{code, message, innerError}` or `{error: {code, message}}`."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if not isinstance(body, dict) or not ("code" in body or "message" in body):
        return None, None, response.reason_phrase or "no explanation"
    code, message, inner_code = body.get("code"), body.get("message"), None
    inner = body.get("innerError")
    while isinstance(inner, dict):
        inner_code, message = inner.get("code") or inner_code, inner.get("message") or message
        inner = inner.get("innerError")
    return (
        str(code) if code is not None else None,
        str(inner_code) if inner_code is not None else None,
        str(message or "no explanation"),
    )


def _blocks(opened: ExitStack, path: Path) -> Iterator[bytes]:
    file: BinaryIO = opened.enter_context(path.open("rb"))
    return iter(lambda: file.read(1 << 20), b"")


def _object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one when there is no body."""
    if not response.content:
        return {}
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        address = strip_sas(str(response.request.url))
        raise ServiceError(f"{address} did not answer as the Speech service does. Check SPEECH_ENDPOINT.")
    return found
