"""Where recordings wait for the recognizer: Blob storage, or the local service's own route."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from speechkit import limits
from speechkit.client.auth import default_credential
from speechkit.client.rest import SpeechClient
from speechkit.client.secrets import strip_sas
from speechkit.errors import (
    AccessDeniedError,
    NotFoundError,
    ServiceError,
    SettingsError,
    SpeechkitError,
    StatusError,
    ThrottledError,
    UnreachableError,
)
from speechkit.progress import Progress, ProgressCallback
from speechkit.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import BlobServiceClient, UserDelegationKey

UPLOADS: Final = 8  # at once: most calls go in one PUT, so only many at a time are faster than one
_DELEGATION_HOURS: Final = 72  # a delegation key serves many signatures; it may live 7 days


class Storage(Protocol):
    """Makes recordings readable for the service, and removes them again."""

    def publish(self, path: Path, name: str) -> str:
        """Store a file under a name, unless the same bytes are there, and answer a URL to read it."""

    def remove(self, name: str) -> None:
        """Remove what was stored under a name; nothing there is fine."""

    def plain(self) -> Storage:
        """The same storage with URLs that carry no signature, where a service's own identity can read them."""


class LocalStorage:
    """The local service keeps the recordings it is given, and signs their URLs itself."""

    def __init__(self, client: SpeechClient) -> None:
        self._client = client

    def publish(self, path: Path, name: str) -> str:
        """PUT the recording and answer its signed, expiring URL."""
        return str(self._client.put_file(self._client.upload_url(name), path)["url"])

    def remove(self, name: str) -> None:
        """Remove the recording."""
        self._client.delete(self._client.upload_url(name))

    def plain(self) -> LocalStorage:
        """Itself: the local service has no identity, and reads what it signed."""
        return self


class BlobStorage:
    """A container of Azure Blob storage.

    With `account_url` and a credential (of azure-identity) URLs are signed by user delegation; with a
    connection string by the account key; with both, the key is used only where the identity is not allowed
    to. With `plain_urls` nothing is signed: the Speech resource's own managed identity has to be allowed to read.
    """

    def __init__(
        self,
        container: str,
        *,
        account_url: str | None = None,
        credential: TokenCredential | None = None,
        connection_string: str | None = None,
        plain_urls: bool = False,
        **client_options: Any,
    ) -> None:
        from azure.storage.blob import BlobServiceClient

        self._container = container
        self._plain_urls = plain_urls
        self._by_key: BlobServiceClient | None = None
        self._by_identity: BlobServiceClient | None = None
        if connection_string:
            try:
                self._by_key = BlobServiceClient.from_connection_string(connection_string, **client_options)
            except ValueError:
                raise SettingsError(
                    "STORAGE_CONNECTION_STRING is not a connection string. Copy it from the account's "
                    "access keys; it starts with DefaultEndpointsProtocol= or BlobEndpoint=."
                ) from None
        if account_url:
            self._by_identity = BlobServiceClient(
                account_url, credential=credential or default_credential(), **client_options
            )
        if not connection_string and not account_url:
            raise SettingsError("Blob storage needs STORAGE_ACCOUNT_URL or STORAGE_CONNECTION_STRING.")
        self._delegation: tuple[UserDelegationKey, datetime] | None = None
        self._has_container = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"BlobStorage({self._container!r}, account_url={strip_sas(self._service.primary_endpoint)!r})"

    @property
    def _service(self) -> BlobServiceClient:
        service = self._by_identity or self._by_key
        assert service is not None
        return service

    def publish(self, path: Path, name: str) -> str:
        """Upload the recording unless a blob with the same MD5 is there; answer its URL, signed for 48 h or
        plain."""
        from azure.core.exceptions import ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        with self._told_plainly(f"{path.name} to container {self._container}"):
            self._check_access()
            blob = self._service.get_blob_client(self._container, name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").digest()
                try:
                    there = bytes(blob.get_blob_properties().content_settings.content_md5 or b"")
                except ResourceNotFoundError:
                    there = b""
                if there != digest:
                    file.seek(0)
                    blob.upload_blob(
                        file, overwrite=True, content_settings=ContentSettings(content_md5=bytearray(digest))
                    )
            return self._url(name)

    def remove(self, name: str) -> None:
        """Delete the blob."""
        from azure.core.exceptions import ResourceNotFoundError

        with self._told_plainly(f"{name} of container {self._container}"):
            try:
                self._service.get_blob_client(self._container, name).delete_blob()
            except ResourceNotFoundError:
                return

    def plain(self) -> BlobStorage:
        """The same container, with plain URLs."""
        storage = copy(self)
        storage._plain_urls = True
        return storage

    def check(self) -> str:
        """Answer in words how the container is reached, or raise what publishing would raise."""
        with self._told_plainly(f"container {self._container}"):
            self._check_access()
            self._url("check")
        way = "Entra ID" if self._by_identity else "connection string"
        return f"{way} and plain URLs" if self._plain_urls else way

    def _check_access(self) -> None:
        """Make sure once that the container is there, and fall back to the key where the identity may not."""
        from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError

        with self._lock:
            if self._has_container:
                return
            try:
                container = self._service.get_container_client(self._container)
                if not container.exists():
                    with suppress(ResourceExistsError):  # another process was faster
                        container.create_container()
                if self._by_identity and not self._plain_urls:
                    self._delegation_key()
            except (ClientAuthenticationError, HttpResponseError) as error:
                denied = isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403)
                if not (denied and self._by_identity and self._by_key):
                    raise
                self._by_identity = None
            self._has_container = True

    def _url(self, name: str) -> str:
        """Answer the URL of a blob: plain, or signed to read it from some minutes ago until 48 h from now."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        blob = self._service.get_blob_client(self._container, name)
        plain = blob.url.partition("?")[0]
        by: dict[str, Any]
        if self._plain_urls:
            return plain
        if self._by_identity:
            with self._lock:
                by = {"user_delegation_key": self._delegation_key()}
        elif key := getattr(self._service.credential, "account_key", None):
            by = {"account_key": key}
        else:  # the connection string holds a signature instead of a key: it signs this URL too
            return str(blob.url)
        account = self._service.account_name
        if account is None:
            raise SettingsError(f"{self!r}: the account's name is not known. Use the account's own URL.")
        now = datetime.now(UTC)
        sas = generate_blob_sas(
            account,
            self._container,
            name,
            permission=BlobSasPermissions(read=True),
            start=now - timedelta(minutes=limits.SAS_CLOCK_SKEW_MINUTES),
            expiry=now + timedelta(hours=limits.SAS_LIFETIME_HOURS),
            **by,
        )
        return f"{plain}?{sas}"

    def _delegation_key(self) -> UserDelegationKey:
        """Return a user delegation key that outlives a signature made now. The lock is held."""
        now = datetime.now(UTC)
        if self._delegation is None or self._delegation[1] < now + timedelta(hours=limits.SAS_LIFETIME_HOURS):
            start = now - timedelta(minutes=limits.SAS_CLOCK_SKEW_MINUTES)
            until = now + timedelta(hours=_DELEGATION_HOURS)
            self._delegation = self._service.get_user_delegation_key(start, until), until
        return self._delegation[0]

    @contextmanager
    def _told_plainly(self, what: str) -> Iterator[None]:
        """Turn the errors of azure-core into ours, without what they say about requests."""
        from azure.core import exceptions as azure

        try:
            yield
        except azure.ClientAuthenticationError as error:
            raise _denied(what, error.status_code or 401) from None
        except azure.HttpResponseError as error:
            status = error.status_code or 0
            reason = getattr(error, "error_code", None) or error.reason or "no explanation"
            if status in (401, 403):
                raise _denied(what, status) from None
            kind = NotFoundError if status == 404 else StatusError
            raise kind(
                f"{what}: storage answered {status} {reason}. Check STORAGE_CONTAINER and the account.",
                status=status,
                code=str(reason),
            ) from None
        except (azure.ServiceRequestError, azure.ServiceResponseError):
            raise UnreachableError(
                f"{what}: storage cannot be reached. Check the network and STORAGE_ACCOUNT_URL."
            ) from None
        except azure.AzureError as error:
            raise ServiceError(f"{what}: {strip_sas(str(error))}") from None


def _denied(what: str, status: int) -> AccessDeniedError:
    return AccessDeniedError(
        f"{what}: access denied. Give your identity the role Storage Blob Data Contributor on the account, "
        "or set STORAGE_CONNECTION_STRING.",
        status=status,
    )


def sas_end_s(url: str) -> float | None:
    """Return when the signature of a URL ends, in seconds since 1970; None where it says nothing.

    >>> sas_end_s("https://a.example/c.wav?se=2026-11-23T12:00:00Z&sig=abc")
    1795435200.0
    """
    text = parse_qs(urlsplit(url).query).get("se", [""])[0]
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()


def has_storage(settings: Settings, client: SpeechClient) -> bool:
    """Whether recordings of this machine can be handed to the service at all."""
    return bool(settings.storage_account_url or settings.storage_connection_string) or client.is_local


def no_storage() -> SettingsError:
    """The error for Azure without storage, which batch needs and fast mode does not."""
    return SettingsError(
        "batch transcription on Azure reads recordings from Blob storage, and none is configured. Set "
        "STORAGE_ACCOUNT_URL (with Entra ID) or STORAGE_CONNECTION_STRING, give https:// URLs that the "
        "service can read, or use fast mode, which needs no storage: `speechkit transcribe --mode fast`, "
        "or speech.fast.transcribe(path)."
    )


def open_storage(settings: Settings, client: SpeechClient) -> Storage:
    """Open the configured container; without one, the local service's own route; else SettingsError.

    A container is used with the local service too: that is how it is tried out with Azurite.
    """
    if not has_storage(settings, client):
        raise no_storage()
    if not settings.storage_account_url and not settings.storage_connection_string:
        return LocalStorage(client)
    secret = settings.storage_connection_string
    return BlobStorage(
        settings.storage_container,
        account_url=settings.storage_account_url,
        connection_string=secret.get_secret_value() if secret else None,
        plain_urls=settings.storage_plain_urls,
    )


def publish_all(
    storage: Storage, files: Mapping[str, Path], progress: ProgressCallback | None = None
) -> dict[str, str | SpeechkitError]:
    """Publish files under their names, some at a time; answer the URL of each, or the error that it met.

    What would meet every file, such as a wrong key or no connection, is raised at once.
    """
    answers: dict[str, str | SpeechkitError] = {}

    def publish(name: str) -> str | SpeechkitError:
        try:
            return storage.publish(files[name], name)
        except (AccessDeniedError, SettingsError, ThrottledError, UnreachableError):
            raise
        except SpeechkitError as error:
            return error
        except OSError as error:
            return ServiceError(f"{files[name]} cannot be read for upload: {error.strerror}. Check the file.")

    with ThreadPoolExecutor(UPLOADS, thread_name_prefix="speechkit-upload") as pool:
        waiting = {pool.submit(publish, name): name for name in files}
        try:
            for done in as_completed(waiting):
                answers[waiting[done]] = done.result()
                if progress:
                    progress(Progress("upload", len(answers), len(files), files[waiting[done]].name))
        finally:  # after Ctrl-C nothing more is begun
            pool.shutdown(wait=False, cancel_futures=True)
    return answers
