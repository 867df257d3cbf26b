"""What a value in the body of a request may be: each check answers it, or raises RefusalError."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from speechkit import limits
from speechkit.local.envelope import RefusalError

_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[a-z]{4})?-([a-z]{2}|[0-9]{3})", re.IGNORECASE)

# A host's name, or an IPv6 address; other marks are a slip of the pen that would fail much later.
_HOST: Final = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+", re.IGNORECASE)


def canonical_locale(text: str) -> str:
    """A locale as the API writes it.

    >>> canonical_locale("en-us"), canonical_locale("ZH-hant-tw")
    ('en-US', 'zh-Hant-TW')
    """
    language, *rest = text.split("-")
    return "-".join([language.lower(), *(p.title() if len(p) == 4 else p.upper() for p in rest)])


def invalid(inner: str, message: str, target: str | None = None) -> RefusalError:
    """A bad request, as the API refuses it."""
    return RefusalError("InvalidRequest", message, inner=inner, target=target)


def is_int(value: Any) -> bool:
    """Whether a JSON value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def locale_of(value: Any, target: str) -> str:
    """A well-formed locale, in the API's spelling."""
    if not isinstance(value, str) or not _LOCALE.fullmatch(value):
        raise invalid("InvalidLocale", f"{target}: {value!r} is not a locale such as en-US.", target)
    return canonical_locale(value)


def check_urls(urls: Any) -> None:
    """The list of recordings."""
    if not isinstance(urls, list):
        raise invalid("InvalidRecordingsUri", "contentUrls must be a list of URLs.", "contentUrls")
    if len(urls) > limits.MAX_CONTENT_URLS:
        raise invalid(
            "ExceededNumberOfRecordingsUris",
            f"contentUrls has {len(urls)} URLs; at most {limits.MAX_CONTENT_URLS} are allowed in one job.",
            "contentUrls",
        )
    for position, url in enumerate(urls):
        check_url(url, f"contentUrls[{position}]")


def check_url(url: Any, target: str, inner: str = "InvalidRecordingsUri") -> None:
    """An absolute http(s) URL."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        good = parts is not None and parts.scheme in ("http", "https") and parts.port != 0
        good = good and _HOST.fullmatch(parts.hostname or "" if parts else "") is not None
    except ValueError:
        good = False
    if not good:
        raise invalid(
            inner, f"{target} must be an absolute URL that starts with https:// or http://.", target
        )


def display_name(value: Any) -> str:
    """The name of a job."""
    if not isinstance(value, str) or not value:
        raise invalid("InvalidPayload", "displayName is required and must not be empty.", "displayName")
    return value


def custom_properties(value: Any) -> dict[str, str] | None:
    """The caller's own properties of a job."""
    if value is None:
        return None
    good = isinstance(value, dict) and all(
        isinstance(v, str) and len(k) <= 64 and len(v) <= 256 for k, v in value.items()
    )
    if not good or len(value) > limits.MAX_CUSTOM_PROPERTIES:
        raise invalid(
            "InvalidPayload",
            f"customProperties takes at most {limits.MAX_CUSTOM_PROPERTIES} texts, keys of at most 64 and "
            "values of at most 256 characters.",
            "customProperties",
        )
    return dict(value)


def text_of(body: Mapping[str, Any], name: str) -> str | None:
    """An optional text."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid("InvalidPayload", f"{name} must be a text.", name)
    return value


def flag(given: Mapping[str, Any], name: str) -> bool:
    """An optional truth value, false where it is absent."""
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid("InvalidPayload", f"{name} must be true or false.", name)
    return bool(value)


def choice(given: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    """One of some words."""
    value = given.get(name)
    if value is None:
        return default
    if value not in choices:
        raise invalid("InvalidParameterValue", f"{name} must be one of {', '.join(choices)}.", name)
    return str(value)


def part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An optional object, empty where it is absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise invalid("InvalidPayload", f"{name} must be an object.", name)
    return value or {}


def reference(value: Any, target: str) -> str | None:
    """The URL of an entity reference {"self": ...}; null is none."""
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("self"), str):
        raise invalid("InvalidModelUri", f"{target} must be an object with the property 'self'.", target)
    return str(value["self"])
