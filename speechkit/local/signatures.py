"""Signed, expiring URLs: what a shared access signature is to storage, for the service's own files."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, urlencode

_PARAMETERS = (
    "se sig sp sr sv st spr sip ss srt si sdd scid saoid suoid skoid sktid skt ske sks skv "
    "rscc rscd rsce rscl rsct"
)
SAS_PARAMETERS = frozenset(_PARAMETERS.split())
"""The parameters of a SAS of Azure storage, user delegation ones too: what is taken out of a URL that is shown."""


def iso(moment_s: float) -> str:
    """Seconds since 1970 as the API writes them.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Signer:
    """Signs paths with a secret that only the service has, and checks them again.

    >>> import urllib.parse
    >>> signer = Signer(b"secret")
    >>> query = signer.sign("/recordings/a.wav", until_s=2e9)
    >>> signer.check("/recordings/a.wav", dict(urllib.parse.parse_qsl(query)))
    'valid'
    >>> signer.check("/recordings/b.wav", {"se": "2030-01-01T00:00:00Z", "sig": "x"})
    'wrong'
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, path: str, until_s: float) -> str:
        """The query that makes `path` (unquoted) readable without a key until `until_s`, since 1970."""
        expiry = iso(until_s)
        return urlencode({"se": expiry, "sp": "r", "sig": self._signature(path, expiry)})

    def url(self, endpoint: str, path: str, until_s: float) -> str:
        """The whole signed URL."""
        return f"{endpoint}{quote(path)}?{self.sign(path, until_s)}"

    def check(
        self, path: str, query: Mapping[str, str], now_s: float | None = None
    ) -> Literal["valid", "expired", "wrong"]:
        """Whether the query signs this path now."""
        expiry, signature = query.get("se", ""), query.get("sig", "")
        if not hmac.compare_digest(signature.encode(), self._signature(path, expiry).encode()):
            return "wrong"
        return "expired" if iso(time.time() if now_s is None else now_s) >= expiry else "valid"

    def _signature(self, path: str, expiry: str) -> str:
        digest = hmac.new(self._secret, f"r\n{path}\n{expiry}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
