"""What must never be shown: signatures in URLs and keys in texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

_SIGNED_QUERY: Final = re.compile(r"\?[^\s\"'<>|]*\bsig=[^\s\"'<>|)\],;]*", re.IGNORECASE)
_SIGNATURE: Final = re.compile(r"\b(sig|AccountKey|SharedAccessSignature)=[^\s\"'<>;&]+", re.IGNORECASE)


def strip_sas(text: str) -> str:
    """Remove the signed query of every URL in a text, and whatever else signs or is a key of storage.

    >>> strip_sas("https://a.blob.core.windows.net/calls/c1.wav?sv=2024-11-04&se=2026-11-23&sig=abc%3D")
    'https://a.blob.core.windows.net/calls/c1.wav'
    >>> strip_sas("https://a.example/speechtotext/transcriptions?api-version=2025-10-15")
    'https://a.example/speechtotext/transcriptions?api-version=2025-10-15'
    """
    return _SIGNATURE.sub(r"\1=***", _SIGNED_QUERY.sub("", text))


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Strip signatures from a text, and replace the given secrets by `***`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return strip_sas(text)


class _StripSas(logging.Filter):
    """Strips signatures from what a library logs about its requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        stripped = strip_sas(message)
        if stripped != message:
            record.msg, record.args = stripped, ()
        return True


def strip_library_logs() -> None:
    """Make httpx and urllib3, which log whole URLs, log them without signatures."""
    for name in ("httpx", "urllib3.connectionpool"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, _StripSas) for f in logger.filters):
            logger.addFilter(_StripSas())
