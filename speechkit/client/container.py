"""Recordings that lie in a container of Blob storage already: they are listed, and read where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from speechkit import audio
from speechkit.client.auth import default_credential, is_loopback
from speechkit.client.secrets import strip_sas
from speechkit.errors import RequestRefusedError, ServiceError


def list_container(url: str) -> Iterator[str]:
    """Yield the URLs of the recordings in a container, below a prefix if the URL goes on after its name.

    The URL has a SAS that may list and read, which each recording's URL then carries; or none: then this
    machine's identity lists, and the URLs are plain, for a service whose own identity may read them. Raises
    RequestRefusedError for what is no URL of a container, ServiceError when it cannot be listed.
    """
    base, name, prefix, sas = split_container(url)
    from azure.core.exceptions import AzureError
    from azure.storage.blob import ContainerClient

    credential: Any = sas or default_credential()
    try:
        with ContainerClient(base, name, credential=credential) as container:
            for blob in container.list_blob_names(name_starts_with=prefix or None):
                if PurePosixPath(blob).suffix.lower() in audio.AUDIO_SUFFIXES:
                    yield f"{base}/{name}/{quote(blob)}" + (f"?{sas}" if sas else "")
    except AzureError as error:
        reason = getattr(error, "error_code", None) or type(error).__name__
        raise ServiceError(
            f"{strip_sas(url)} cannot be listed: {reason}. Give the URL a SAS that may list and read, or your "
            "identity the role Storage Blob Data Reader."
        ) from None


def split_container(url: str) -> tuple[str, str, str, str]:
    """Split the URL of a container, or of a prefix in it: the account's URL, its name, the prefix, the SAS.

    >>> split_container("https://contoso.blob.core.windows.net/calls/2026/11?sv=1&sig=abc")
    ('https://contoso.blob.core.windows.net', 'calls', '2026/11', 'sv=1&sig=abc')
    """
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/").split("/", 2 if is_loopback(url) else 1)
    account = [path.pop(0)] if is_loopback(url) else []  # an emulator has the account in its path
    if parts.scheme not in ("http", "https") or not path or not path[0]:
        raise RequestRefusedError(
            f"{strip_sas(url)!r} is not the URL of a container. It is like "
            "https://ACCOUNT.blob.core.windows.net/CONTAINER, with a prefix behind it if you like."
        )
    base = "/".join([f"{parts.scheme}://{parts.netloc}", *account])
    return base, path[0], path[1] if len(path) > 1 else "", parts.query
