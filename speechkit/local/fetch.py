"""Where recordings come from and results go to: the service's own uploads, and storage on an allow-list."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from speechkit import limits
from speechkit.errors import ServiceError
from speechkit.local.signatures import SAS_PARAMETERS, Signer
from speechkit.local.store import Recording, Store, is_full

RECORDINGS: Final = "/recordings/"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CONNECT_S: Final = 10.0
_READ_S: Final = 60.0

# The messages that jobs of Azure Speech end with; a plain sentence of ours follows each.
_INVALID: Final = "The recordings URI is invalid."
_DENIED: Final = "Authentication failed for recordings URI."
_DATA: Final = "The recordings URI contains invalid data."
_TIMEOUT: Final = "Timeout when downloading recordings URI."


class FetchError(ServiceError):
    """A recording could not be fetched; `kind` is the errorKind of the report."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Fetched:
    """A recording on disk: `temporary` when it was downloaded for this job and is to be removed after it."""

    path: Path
    hash: str
    temporary: bool

    def release(self) -> None:
        """Remove what was downloaded."""
        if self.temporary:
            self.path.unlink(missing_ok=True)


class Fetcher:
    """Fetches recordings from the service's own uploads and from allowed hosts, nothing else.

    `allowed` are hosts, or hosts with a port. Redirects are not followed: they would lead past the list.
    """

    def __init__(self, store: Store, folder: Path, allowed: Iterable[str]) -> None:
        self._store = store
        self._signer = Signer(store.secret)
        self._recordings = folder / "recordings"
        self._downloads = folder / "downloads"
        self._allowed = frozenset(host.lower() for host in allowed)
        for path in (self._recordings, self._downloads):
            path.mkdir(parents=True, exist_ok=True)
        for left in self._downloads.iterdir():  # of a service that was killed
            left.unlink(missing_ok=True)

    def allows(self, url: str) -> bool:
        """Whether the host of a URL is on the list."""
        parts = urlsplit(url)
        try:
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError):
            return False
        host = parts.hostname or ""
        return bool({host, f"{host}:{port}"} & self._allowed)

    def keep(self, path: Path) -> None:
        """Move what has arrived whole among the uploads, under the same file name."""
        os.replace(path, self._recordings / path.name)

    def upload(self, recording: Recording) -> Path:
        """Where an uploaded recording lies."""
        return self._recordings / recording.file

    def download_path(self, name: str) -> Path:
        """A new file for what arrives; it keeps the suffix."""
        return self._downloads / f"{uuid.uuid4().hex}{Path(name).suffix[:10]}"

    def remove_upload(self, file: str | None) -> None:
        """Remove the file of an upload."""
        if file:
            (self._recordings / file).unlink(missing_ok=True)

    def sweep_uploads(self) -> None:
        """Remove files that no recording owns any more."""
        owned = self._store.recording_files()
        for path in self._recordings.iterdir():
            if path.name not in owned:
                path.unlink(missing_ok=True)

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> Fetched:
        """Get the recording behind a URL onto the disk; `max_bytes` is the batch limit unless it is given."""
        own = self._own(url)
        if own is not None:
            return own
        if not self.allows(url):
            raise FetchError("InvalidUri", f"{_INVALID} {self._not_allowed(url)}")
        return await self._download(url, max_bytes or limits.MAX_BATCH_BYTES)

    async def list_container(self, url: str) -> list[tuple[str, str]]:
        """The blobs of a container as (URL with the container's SAS, name), in the order of their names."""
        if not self.allows(url):
            raise FetchError("InvalidUri", f"{_INVALID} {self._not_allowed(url)}")
        sizes = await asyncio.to_thread(_list_blobs, url)
        most, most_bytes = limits.MAX_BLOBS_PER_CONTAINER, limits.MAX_CONTAINER_BYTES
        if len(sizes) > most or sum(sizes.values()) > most_bytes:
            raise FetchError(
                "InvalidUri",
                f"{_INVALID} The container holds {len(sizes)} blobs and {sum(sizes.values()) / 1e9:.1f} GB; "
                f"at most {most} and {most_bytes / 1e9:.0f} GB are read.",
            )
        parts = urlsplit(url)
        base = parts.path.rstrip("/")
        return [(urlunsplit(parts._replace(path=f"{base}/{quote(name)}")), name) for name in sorted(sizes)]

    async def write(self, container_url: str, name: str, content: bytes) -> None:
        """Write a result to a container."""
        if not self.allows(container_url):
            raise FetchError("InvalidUri", self._not_allowed(container_url))
        await asyncio.to_thread(_write_blob, container_url, name, content)

    def _own(self, url: str) -> Fetched | None:
        """The upload that a URL of this service names; a signature of ours says that it is one."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        if parts.hostname not in LOOPBACK or not path.startswith(RECORDINGS):
            return None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        verdict = self._signer.check(path, query)
        if verdict == "wrong" and self.allows(url):
            return None  # another server on this machine that may be read from
        if verdict != "valid":
            reason = (
                "Its signature has expired."
                if verdict == "expired"
                else "Its signature is not of this service."
            )
            raise FetchError("InvalidUri", f"{_DENIED} {reason} Publish the recording again.")
        recording = self._store.recording(path.removeprefix(RECORDINGS))
        if recording is None or not self.upload(recording).exists():
            raise FetchError(
                "InvalidUri", f"{_INVALID} There is no such recording (any more). Publish it again."
            )
        return Fetched(self.upload(recording), recording.hash, temporary=False)

    async def _download(self, url: str, max_bytes: int) -> Fetched:
        import httpx

        parts = urlsplit(url)
        path = self.download_path(unquote(parts.path))
        digest, size = hashlib.sha256(), 0
        try:
            async with (
                httpx.AsyncClient(
                    timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
                    trust_env=parts.hostname not in LOOPBACK,  # no proxy to this machine
                ) as client,
                client.stream("GET", url) as response,
            ):
                if response.status_code != 200:
                    raise _refused(response.status_code)
                with path.open("wb") as file:
                    async for chunk in response.aiter_bytes(1 << 20):
                        size += len(chunk)
                        if size > max_bytes:
                            raise FetchError(
                                "InvalidData",
                                f"{_DATA} The recording is larger than {max_bytes / 1e6:.0f} MB.",
                            )
                        digest.update(chunk)
                        file.write(chunk)
        except BaseException as error:
            path.unlink(missing_ok=True)
            raise _as_fetch_error(error) from error
        return Fetched(path, digest.hexdigest(), temporary=True)

    def _not_allowed(self, url: str) -> str:
        host = urlsplit(url).netloc.rpartition("@")[2]
        return (
            f"The local service fetches from its own uploads and from allowed hosts only, and {host} is not "
            f"one of them. Start it with --allow {host}, or publish the recording to the service itself."
        )


def without_sas(url: str) -> str:
    """A URL as it may be shown: without the signature and what belongs to it.

    >>> without_sas("https://a.blob.core.windows.net/c/x.wav?sv=2024&sig=secret&id=7")
    'https://a.blob.core.windows.net/c/x.wav?id=7'
    """
    parts = urlsplit(url)
    rest = [
        (n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n.lower() not in SAS_PARAMETERS
    ]
    return urlunsplit(parts._replace(query=urlencode(rest), fragment=""))


def configured_hosts(extra: Iterable[str] = ()) -> list[str]:
    """The hosts to read from: configured storage, SPEECHKIT_ALLOWED_HOSTS (with commas), `extra`."""
    hosts = [*extra, *os.environ.get("SPEECHKIT_ALLOWED_HOSTS", "").split(",")]
    hosts.append(urlsplit(os.environ.get("STORAGE_ACCOUNT_URL", "")).netloc)
    settings = dict(
        part.split("=", 1)
        for part in os.environ.get("STORAGE_CONNECTION_STRING", "").split(";")
        if "=" in part
    )
    if "BlobEndpoint" in settings:
        hosts.append(urlsplit(settings["BlobEndpoint"]).netloc)
    elif "AccountName" in settings:
        hosts.append(f"{settings['AccountName']}.blob.{settings.get('EndpointSuffix', 'core.windows.net')}")
    if os.environ.get("STORAGE_CONNECTION_STRING", "").startswith("UseDevelopmentStorage=true"):
        hosts.append("127.0.0.1:10000")  # where Azurite listens
    return [host.strip() for host in hosts if host.strip()]


def _refused(status: int) -> FetchError:
    if status in (401, 403):
        return FetchError(
            "InvalidUri", f"{_DENIED} The storage answered {status}: the SAS is missing or expired."
        )
    if status == 429 or status >= 500:
        return FetchError("Transient", f"The storage answered {status}. Try again later.")
    return FetchError("InvalidUri", f"{_INVALID} The storage answered {status}.")


def _as_fetch_error(error: BaseException) -> BaseException:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return FetchError("Timeout", _TIMEOUT)
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        return FetchError("InvalidUri", f"{_INVALID} It cannot be reached: {type(error).__name__}.")
    if is_full(error):
        return FetchError(
            "Internal", "There is no space left on the service's disk. Free some and submit again."
        )
    return error


def _list_blobs(url: str) -> dict[str, int]:
    """The bytes of each blob by its name, without empty ones: the folders of a hierarchical account."""
    with _storage_errors(), _container(url) as container:
        return {blob.name: blob.size for blob in container.list_blobs() if blob.size}


def _write_blob(url: str, name: str, content: bytes) -> None:
    from azure.storage.blob import ContentSettings

    with _storage_errors(), _container(url) as container:
        container.upload_blob(
            name, content, overwrite=True, content_settings=ContentSettings(content_type="application/json")
        )


def _container(url: str) -> Any:
    from azure.storage.blob import ContainerClient

    return ContainerClient.from_container_url(url, retry_total=2, connection_timeout=_CONNECT_S)


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the storage package's errors into ours."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, ValueError) as error:
        if status := getattr(error, "status_code", None):
            raise _refused(status) from None
        raise FetchError("InvalidUri", f"{_INVALID} The container cannot be reached.") from None
