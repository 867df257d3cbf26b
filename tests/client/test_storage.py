"""Storage: Blob storage against a fake of its REST API and against Azurite, and the local service's route."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport

from speechkit import errors
from speechkit.client.rest import SpeechClient
from speechkit.client.storage import BlobStorage, LocalStorage, open_storage, publish_all
from speechkit.progress import Progress
from speechkit.settings import Settings

ACCOUNT_KEY = base64.b64encode(b"the account's key").decode()
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={ACCOUNT_KEY}"
ACCOUNT_URL = "https://contoso.blob.core.windows.net"
DELEGATION = """<?xml version="1.0" encoding="utf-8"?><UserDelegationKey>
<SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>2026-01-01T00:00:00Z</SignedStart>
<SignedExpiry>2026-01-04T00:00:00Z</SignedExpiry><SignedService>b</SignedService>
<SignedVersion>2025-11-05</SignedVersion><Value>{}</Value></UserDelegationKey>""".format(
    base64.b64encode(b"delegated").decode()
)


class FakeBlobs(requests.adapters.BaseAdapter):
    """Blob storage as far as it is used; a request line with a part of `deny` is answered with 403."""

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, tuple[bytes, str]] = {}
        self.containers = {"recordings"}
        self.lines: list[str] = []
        self.deny: tuple[str, ...] = ()
        self.down = False

    def close(self) -> None: ...

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        line = f"{request.method} {unquote(parts.path)}?{parts.query}"
        self.lines.append(line)
        if self.down:
            raise requests.ConnectionError("refused")
        if any(part in line for part in self.deny):
            return self.answer(request, 403, code="AuthorizationPermissionMismatch")
        if "comp=userdelegationkey" in line:
            return self.answer(request, 200, DELEGATION.encode())
        container, _, name = unquote(parts.path).lstrip("/").partition("/")
        if not name:
            if request.method == "PUT":
                self.containers.add(container)
                return self.answer(request, 201)
            known = container in self.containers
            return self.answer(request, 200 if known else 404, code=None if known else "ContainerNotFound")
        if request.method == "PUT":
            body = request.body if isinstance(request.body, bytes) else request.body.read()  # type: ignore[union-attr]
            self.blobs[name] = body, str(request.headers["x-ms-blob-content-md5"])
            return self.answer(request, 201)
        if name not in self.blobs:
            return self.answer(request, 404, code="BlobNotFound")
        if request.method == "DELETE":
            del self.blobs[name]
            return self.answer(request, 202)
        return self.answer(request, 200, headers={"Content-MD5": self.blobs[name][1]})

    def answer(
        self,
        request: requests.PreparedRequest,
        status: int,
        body: bytes = b"",
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response.raw = io.BytesIO(body)
        kind = {"Content-Type": "application/xml"} if body else {}
        response.headers.update({"Content-Length": str(len(body)), **kind, **(headers or {})})
        if code:
            response.headers["x-ms-error-code"] = code
        return response

    def count(self, part: str) -> int:
        return sum(part in line for line in self.lines)


class Identity:
    """A credential of azure-identity, as far as it is used."""

    def __init__(self, signed_in: bool = True) -> None:
        self.signed_in = signed_in

    def get_token(self, *scopes: str, **_: Any) -> Any:
        if not self.signed_in:
            raise ClientAuthenticationError("no one is signed in")
        return SimpleNamespace(token="t0ken", expires_on=time.time() + 3600)


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture
def opened(blobs: FakeBlobs) -> Callable[..., BlobStorage]:
    def make(**options: Any) -> BlobStorage:
        session = requests.Session()
        session.mount("https://", blobs)
        transport = RequestsTransport(session=session, session_owner=False)
        return BlobStorage("recordings", transport=transport, retry_total=0, **options)

    return make


def signed(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_recording_is_uploaded_once_and_again_when_it_differs(opened: Any, blobs: FakeBlobs) -> None:
    storage = opened(connection_string=CONNECTION)
    path = Path("c 1.wav")
    path.write_bytes(b"one")
    first = storage.publish(path, "c 1.wav")
    storage.publish(path, "c 1.wav")
    assert blobs.count("PUT") == 1
    path.write_bytes(b"two")
    storage.publish(path, "c 1.wav")
    assert blobs.count("PUT") == 2
    md5 = base64.b64encode(hashlib.md5(b"two").digest()).decode()
    assert blobs.blobs["c 1.wav"] == (b"two", md5)
    assert first.startswith(f"{ACCOUNT_URL}/recordings/c%201.wav?")
    assert blobs.count("restype=container") == 1, "the container is looked for once"


def test_a_url_is_read_only_for_48_hours_from_some_minutes_ago(opened: Any) -> None:
    Path("c.wav").write_bytes(b"x")
    query = signed(opened(connection_string=CONNECTION).publish(Path("c.wav"), "c.wav"))
    assert (query["sp"], query["sr"]) == ("r", "b")
    now = datetime.now(UTC)
    start, end = (datetime.fromisoformat(query[name]) for name in ("st", "se"))
    assert timedelta(minutes=14) < now - start < timedelta(minutes=17)
    assert timedelta(hours=47, minutes=58) < end - now <= timedelta(hours=48)


def test_user_delegation_comes_before_the_account_key(opened: Any, blobs: FakeBlobs) -> None:
    storage = opened(account_url=ACCOUNT_URL, credential=Identity(), connection_string=CONNECTION)
    Path("c.wav").write_bytes(b"x")
    urls = [storage.publish(Path("c.wav"), f"c{n}.wav") for n in range(3)]
    assert all(signed(url)["skoid"] == "oid" for url in urls)
    assert blobs.count("comp=userdelegationkey") == 1, "one delegation key signs many"
    assert storage.check() == "Entra ID"


@pytest.mark.parametrize(
    ("signed_in", "deny"),
    [
        pytest.param(False, (), id="no-one-is-signed-in"),
        pytest.param(True, ("comp=userdelegationkey",), id="no-role-to-delegate"),
    ],
)
def test_the_account_key_is_used_where_the_identity_may_not(
    opened: Any, blobs: FakeBlobs, signed_in: bool, deny: tuple[str, ...]
) -> None:
    blobs.deny = deny
    storage = opened(account_url=ACCOUNT_URL, credential=Identity(signed_in), connection_string=CONNECTION)
    Path("c.wav").write_bytes(b"x")
    assert "skoid" not in signed(storage.publish(Path("c.wav"), "c.wav"))
    assert storage.check() == "connection string"


def test_a_plain_url_needs_nobody_who_may_sign(opened: Any, blobs: FakeBlobs) -> None:
    blobs.deny = ("comp=userdelegationkey",)
    storage = opened(account_url=ACCOUNT_URL, credential=Identity(), plain_urls=True)
    Path("c 1.wav").write_bytes(b"x")
    assert storage.publish(Path("c 1.wav"), "c 1.wav") == f"{ACCOUNT_URL}/recordings/c%201.wav"
    assert storage.check() == "Entra ID and plain URLs"
    assert blobs.count("comp=userdelegationkey") == 0


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(CONNECTION, id="an-account-key"),
        pytest.param(
            f"BlobEndpoint={ACCOUNT_URL};SharedAccessSignature=sv=1&sp=rw&sig=abc", id="a-signature"
        ),
    ],
)
def test_plain_urls_of_a_storage_that_signs(opened: Any, connection: str) -> None:
    storage = opened(connection_string=connection)
    Path("c.wav").write_bytes(b"x")
    assert storage.plain().publish(Path("c.wav"), "c.wav") == f"{ACCOUNT_URL}/recordings/c.wav"
    assert "sig" in signed(storage.publish(Path("c.wav"), "c.wav")), "itself it goes on signing"


@pytest.mark.parametrize("signed_in", [False, True])
def test_access_denied_says_which_role(opened: Any, blobs: FakeBlobs, signed_in: bool) -> None:
    blobs.deny = ("comp=userdelegationkey",)
    storage = opened(account_url=ACCOUNT_URL, credential=Identity(signed_in))
    Path("c.wav").write_bytes(b"x")
    with pytest.raises(errors.AccessDeniedError, match=r"c.wav.*Storage Blob Data Contributor"):
        storage.publish(Path("c.wav"), "c.wav")


def test_a_container_that_is_missing_is_made(opened: Any, blobs: FakeBlobs) -> None:
    blobs.containers.clear()
    Path("c.wav").write_bytes(b"x")
    opened(connection_string=CONNECTION).publish(Path("c.wav"), "c.wav")
    assert blobs.containers == {"recordings"}


def test_storage_that_cannot_be_reached(opened: Any, blobs: FakeBlobs) -> None:
    blobs.down = True
    Path("c.wav").write_bytes(b"x")
    with pytest.raises(errors.UnreachableError, match=r"c.wav.*STORAGE_ACCOUNT_URL"):
        opened(connection_string=CONNECTION).publish(Path("c.wav"), "c.wav")


def test_a_connection_string_with_a_signature_instead_of_a_key(opened: Any) -> None:
    storage = opened(connection_string=f"BlobEndpoint={ACCOUNT_URL};SharedAccessSignature=sv=1&sp=rw&sig=abc")
    Path("c.wav").write_bytes(b"x")
    assert signed(storage.publish(Path("c.wav"), "c.wav"))["sig"] == "abc"
    assert "abc" not in repr(storage)


def test_remove(opened: Any, blobs: FakeBlobs) -> None:
    storage = opened(connection_string=CONNECTION)
    Path("c.wav").write_bytes(b"x")
    storage.publish(Path("c.wav"), "c.wav")
    storage.remove("c.wav")
    storage.remove("c.wav")
    assert blobs.blobs == {}


def test_no_key_and_no_signature_is_shown(
    opened: Any, blobs: FakeBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    storage = opened(connection_string=CONNECTION)
    Path("c.wav").write_bytes(b"x")
    signature = signed(storage.publish(Path("c.wav"), "c.wav"))["sig"]
    blobs.deny = ("PUT",)
    Path("c.wav").write_bytes(b"y")
    with pytest.raises(errors.AccessDeniedError) as caught:
        storage.publish(Path("c.wav"), "c.wav")
    with pytest.raises(errors.SettingsError) as malformed:
        BlobStorage("recordings", connection_string=f"AccountKey={ACCOUNT_KEY}")
    assert caplog.records
    shown = f"{storage!r} {caught.value} {malformed.value} {caplog.text}"
    assert ACCOUNT_KEY not in shown
    assert signature not in unquote(shown)


# --- which storage -----------------------------------------------------------------------------------------


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]


def client_of(endpoint: str) -> SpeechClient:
    return SpeechClient(endpoint, key="k", transport=httpx.MockTransport(lambda r: httpx.Response(200)))


def test_azure_without_storage_offers_fast_mode() -> None:
    with pytest.raises(errors.SettingsError, match=r"STORAGE_ACCOUNT_URL.*fast mode"):
        open_storage(settings(speech_endpoint="https://a.example"), client_of("https://a.example"))


def test_the_local_service_keeps_recordings_itself_unless_storage_is_configured() -> None:
    local = client_of("http://127.0.0.1:9")
    assert isinstance(open_storage(settings(), local), LocalStorage)
    assert isinstance(open_storage(settings(storage_connection_string=CONNECTION), local), BlobStorage)
    with_url = open_storage(settings(storage_account_url=ACCOUNT_URL), client_of("https://a.example"))
    assert repr(with_url) == f"BlobStorage('recordings', account_url='{ACCOUNT_URL}/')"


def test_the_setting_makes_every_url_plain(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speechkit.client.storage.BlobStorage", lambda name, **options: opened(**options))
    told = settings(storage_connection_string=CONNECTION, storage_plain_urls=True)
    Path("c.wav").write_bytes(b"x")
    storage = open_storage(told, client_of("https://a.example"))
    assert storage.publish(Path("c.wav"), "c.wav") == f"{ACCOUNT_URL}/recordings/c.wav"


def test_many_are_published_and_one_fails() -> None:
    class Some:
        def publish(self, path: Path, name: str) -> str:
            if name == "bad.wav":
                raise errors.ServiceError("no")
            if name == "gone.wav":
                path.read_bytes()
            return f"https://a.example/{name}"

        def remove(self, name: str) -> None: ...

        def plain(self) -> Some:
            return self

    told: list[Progress] = []
    names = ["a.wav", "bad.wav", "gone.wav", "b.wav"]
    answers = publish_all(Some(), {name: Path(name) for name in names}, told.append)
    assert answers["a.wav"] == "https://a.example/a.wav"
    assert isinstance(answers["bad.wav"], errors.ServiceError)
    assert "Check the file" in str(answers["gone.wav"])
    assert (len(answers), told[-1].done, told[-1].total) == (4, 4, 4)
