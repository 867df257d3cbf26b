"""The bodies of requests: read, checked against the API's limits, and completed with its defaults.

Whatever the API documents is either taken or refused with its documented inner code; read-only and unknown
properties are ignored, as the service in the cloud does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from speechkit import limits
from speechkit.local import locales
from speechkit.local.checks import (
    check_url,
    check_urls,
    choice,
    custom_properties,
    display_name,
    flag,
    invalid,
    is_int,
    locale_of,
    part,
    reference,
    text_of,
)
from speechkit.local.envelope import RefusalError
from speechkit.local.results import PROFANITY_MODES, PUNCTUATION_MODES

MAX_BIASING_WEIGHT: Final = 2.0  # phraseList [spec 2025-10-15]
MAX_SAS_MINUTES: Final = 60 * 24 * 31  # of a result URL; the job itself does not live longer


@dataclass(frozen=True)
class Submission:
    """A checked body of `transcriptions:submit`: `properties` with every default filled in."""

    display_name: str
    description: str | None
    custom_properties: dict[str, str] | None
    locale: str
    content_urls: list[str] | None
    container_url: str | None
    model: str | None
    properties: dict[str, Any]


@dataclass(frozen=True)
class FastDefinition:
    """A checked definition of `transcriptions:transcribe`; `channels` is None for all of them mixed, `locale`
    where the recognizer is to find out."""

    locale: str | None
    profanity: Any
    speakers: int | None
    channels: tuple[int, ...] | None
    phrases: tuple[str, ...]
    weight: float
    audio_url: str | None


def read_json(body: bytes) -> dict[str, Any]:
    """A JSON object from the body of a request."""
    if not body.strip():
        raise invalid("EmptyRequest", "The request has no body.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise invalid("NoUtf8WithBom", "The request body must be UTF-8 without a byte order mark.")
    try:
        value = json.loads(body, parse_float=_number)
    except (ValueError, RecursionError):
        raise invalid("InvalidRequestBodyFormat", "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise invalid("InvalidRequestBodyFormat", "The request body must be a JSON object.")
    return value


def _number(text: str) -> float:
    """A number of JSON, where 48.0 is a whole one, too."""
    value = float(text)
    return int(value) if value.is_integer() else value


def parse_submission(
    body: Mapping[str, Any],
    *,
    check_model: Callable[[str, str], None],
    check_destination: Callable[[str], None],
) -> Submission:
    """Check the body of `transcriptions:submit`.

    `check_model(url, locale)` and `check_destination(url)` raise RefusalError for a model that is not one of
    the service's and for a container that it may not write to.
    """
    urls, container = body.get("contentUrls"), body.get("contentContainerUrl")
    given = [name for name in ("contentUrls", "contentContainerUrl", "dataset") if body.get(name)]
    if len(given) != 1:
        raise invalid(
            "OnlyOneOfUrlsOrContainerOrDataset",
            "Exactly one of contentUrls, contentContainerUrl and dataset must be given; "
            + (f"the request has {' and '.join(given)}." if given else "the request has none of them."),
        )
    if "dataset" in given:
        raise invalid("InvalidDataset", "This service keeps no datasets. Use contentUrls.", "dataset")
    if body.get("project"):
        raise invalid("InvalidProject", "This service keeps no projects. Leave project out.", "project")
    if urls:
        check_urls(urls)
    if container:
        check_url(container, "contentContainerUrl")
    locale = locale_of(body.get("locale"), "locale")
    model = reference(body.get("model"), "model")
    if model:
        check_model(model, locale)
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("InvalidPayload", "The property 'properties' is required.", "properties")
    return Submission(
        display_name=display_name(body.get("displayName")),
        description=text_of(body, "description"),
        custom_properties=custom_properties(body.get("customProperties")),
        locale=locale,
        content_urls=urls or None,
        container_url=container or None,
        model=model,
        properties=_properties(properties, locale, check_model, check_destination),
    )


def parse_update(body: Mapping[str, Any], merged: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Check the body of a PATCH: what of displayName, description and customProperties is to be changed.

    `merged` are the customProperties so far where the body is a merge patch: its keys are added to them, and
    those that it sets to null removed.
    """
    if body.get("project"):
        raise invalid("InvalidProject", "This service keeps no projects. Leave project out.", "project")
    changes: dict[str, Any] = {}
    if "displayName" in body:
        changes["displayName"] = display_name(body["displayName"])
    if "description" in body:
        changes["description"] = text_of(body, "description")
    if "customProperties" in body:
        given = body["customProperties"]
        if merged is not None and isinstance(given, dict):
            given = {k: v for k, v in {**merged, **given}.items() if v is not None}
        changes["customProperties"] = custom_properties(given)
    return changes


def parse_definition(
    body: Mapping[str, Any], *, version: str, check_model: Callable[[str, str], None]
) -> FastDefinition:
    """Check the definition of a fast transcription."""
    if version < "2025-10-15":
        for name in ("phraseList", "audioUrl", "enhancedMode"):
            if body.get(name):
                raise invalid("InvalidParameter", f"{name} needs api-version 2025-10-15 or later.", name)
    if part(body, "enhancedMode").get("enabled"):
        raise invalid(
            "InvalidParameter",
            "Enhanced mode (a large speech model, translation) is not served here. Leave enhancedMode out.",
            "enhancedMode",
        )
    locale = _fast_locale(body.get("locales"))
    models = part(body, "models")
    for model_locale, url in models.items():
        check_model(str(url), locale_of(model_locale, "models"))
    asked = part(body, "diarization")
    if "maxSpeakers" in asked:  # which turns diarization on, says the official client
        asked = {"enabled": True} | asked
    diarization = _diarization(asked, True)
    channels = _fast_channels(body.get("channels"))
    speakers = diarization["maxSpeakers"] if diarization and diarization["enabled"] else None
    if speakers and channels and len(channels) > 1:
        raise RefusalError(
            "UnprocessableEntity",
            "Diarization cannot be combined with several channels. Ask for one of them, or leave channels "
            "out to merge them.",
            inner="BadChannelConfiguration",
            target="channels",
        )
    audio_url = body.get("audioUrl")
    if audio_url is not None:
        check_url(audio_url, "audioUrl")
    phrases, weight = _phrases(part(body, "phraseList"))
    return FastDefinition(
        locale=locale,
        profanity=choice(body, "profanityFilterMode", PROFANITY_MODES, "Masked"),
        speakers=speakers,
        channels=channels,
        phrases=phrases,
        weight=weight,
        audio_url=audio_url,
    )


def sas_minutes(value: str | None) -> int:
    """The life of a result URL, from the query."""
    if value is None:
        return limits.RESULT_SAS_MINUTES
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= MAX_SAS_MINUTES:
        raise RefusalError(
            "InvalidArgument",
            f"sasLifetimeMinutes must be a whole number from 1 to {MAX_SAS_MINUTES}.",
            inner="InvalidSasValidityDuration",
            target="sasLifetimeMinutes",
        )
    return int(value)


# --- the properties of a job --------------------------------------------------------------------------------


def _properties(
    given: Mapping[str, Any],
    locale: str,
    check_model: Callable[[str, str], None],
    check_destination: Callable[[str], None],
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "wordLevelTimestampsEnabled": flag(given, "wordLevelTimestampsEnabled"),
        "displayFormWordLevelTimestampsEnabled": flag(given, "displayFormWordLevelTimestampsEnabled"),
        "channels": _channels(given.get("channels")),
        "punctuationMode": choice(given, "punctuationMode", PUNCTUATION_MODES, "DictatedAndAutomatic"),
        "profanityFilterMode": choice(given, "profanityFilterMode", PROFANITY_MODES, "Masked"),
        "timeToLiveHours": _time_to_live(given.get("timeToLiveHours")),
    }
    diarization = _diarization(part(given, "diarization"), given.get("diarization") is not None)
    if diarization:
        made["diarization"] = diarization
    if given.get("languageIdentification") is not None:
        made["languageIdentification"] = _language_identification(
            part(given, "languageIdentification"), locale, check_model
        )
    if given.get("phraseList") is not None:  # ours: the cloud's batch API documents it for fast requests only
        phrases, weight = _phrases(part(given, "phraseList"))
        made["phraseList"] = {"phrases": list(phrases), "biasingWeight": weight}
    destination = given.get("destinationContainerUrl")
    if destination is not None:
        check_url(destination, "destinationContainerUrl", "InvalidParameterValue")
        check_destination(destination)
        made["destinationContainerUrl"] = destination
    return made


def _language_identification(
    given: Mapping[str, Any], locale: str, check_model: Callable[[str, str], None]
) -> dict[str, Any]:
    target = "languageIdentification.candidateLocales"
    mode = choice(given, "mode", ("Continuous", "Single"), "Continuous")
    candidates = given.get("candidateLocales")
    if not isinstance(candidates, list) or not candidates:
        raise invalid("InvalidPayload", f"{target} is required.", target)
    named = list(dict.fromkeys(locale_of(c, target) for c in candidates))
    if mode == "Continuous":
        low, high = limits.MIN_CANDIDATE_LOCALES, limits.MAX_CANDIDATE_LOCALES
        if not low <= len({*named, locale}) <= high:
            raise invalid(
                "InvalidParameterValue",
                f"Continuous language identification takes {low} to {high} candidate locales, the job's own "
                f"included.",
                target,
            )
    made: dict[str, Any] = {"candidateLocales": named, "mode": mode}
    mapping = part(given, "speechModelMapping")
    for name, mapped_model in mapping.items():
        mapped = locale_of(name, "languageIdentification.speechModelMapping")
        if mapped not in named:
            raise invalid(
                "InvalidLocale", f"{name} is a model's locale but not a candidate.", "speechModelMapping"
            )
        check_model(reference(mapped_model, "speechModelMapping") or "", mapped)
    return made | ({"speechModelMapping": dict(mapping)} if mapping else {})


def _diarization(given: Mapping[str, Any], present: bool) -> dict[str, Any] | None:
    if not present:
        return None
    most = given.get("maxSpeakers")
    if most is None:
        most = limits.MIN_SPEAKERS
    low, high = limits.MIN_SPEAKERS, limits.MAX_SPEAKERS
    if not is_int(most) or not low <= most <= high:
        raise invalid(
            "InvalidParameterValue",
            f"diarization.maxSpeakers must be a whole number from {low} to {high}.",
            "diarization.maxSpeakers",
        )
    return {"enabled": flag(given, "enabled"), "maxSpeakers": most}


def _channels(value: Any) -> list[int]:
    if value is None:
        return [0, 1]
    if not isinstance(value, list) or not value or not all(is_int(c) and c >= 0 for c in value):
        raise invalid(
            "InvalidChannels", "channels must be a list of channel numbers, counted from 0.", "channels"
        )
    if len(set(value)) != len(value):
        raise invalid("InvalidChannels", "channels names a channel twice.", "channels")
    return value


def _fast_channels(value: Any) -> tuple[int, ...] | None:
    if value is None or value == []:
        return None
    if (
        not isinstance(value, list)
        or not all(is_int(c) for c in value)
        or sorted(value) not in ([0], [1], [0, 1])
    ):
        raise RefusalError(
            "UnprocessableEntity",
            "channels must be [0], [1] or [0, 1].",
            inner="InvalidChannelSpecification",
            target="channels",
        )
    return tuple(sorted(value))


def _time_to_live(value: Any) -> int:
    low, high = limits.MIN_TIME_TO_LIVE_HOURS, limits.MAX_TIME_TO_LIVE_HOURS
    if not is_int(value) or not low <= value <= high:
        raise invalid(
            "InvalidTimeToLive",
            f"properties.timeToLiveHours is required: a whole number of hours from {low} to {high}.",
            "timeToLiveHours",
        )
    return int(value)


def _phrases(given: Mapping[str, Any]) -> tuple[tuple[str, ...], float]:
    phrases = given.get("phrases") or []
    if not isinstance(phrases, list) or not all(isinstance(p, str) for p in phrases):
        raise invalid("InvalidParameterValue", "phraseList.phrases must be a list of texts.", "phraseList")
    weight = given.get("biasingWeight", 1.0)
    if (
        isinstance(weight, bool)
        or not isinstance(weight, int | float)
        or not 0 <= weight <= MAX_BIASING_WEIGHT
    ):
        raise invalid(
            "InvalidParameterValue",
            f"phraseList.biasingWeight must be a number from 0.0 to {MAX_BIASING_WEIGHT}.",
            "phraseList.biasingWeight",
        )
    return tuple(p.strip() for p in phrases if p.strip()), float(weight)


def _fast_locale(value: Any) -> str | None:
    """The locale to write: the one that fits the candidates; None where the recognizer is to find out."""
    if value is None or value == []:
        return "en-US" if locales.served() == locales.ENGLISH else None
    if not isinstance(value, list):
        raise invalid("InvalidLocale", "locales must be a list of locales.", "locales")
    named = [locale_of(item, "locales") for item in value]
    found = locales.among(named)
    if not found:
        raise invalid("InvalidLocale", locales.not_served(named), "locales")
    return found[0] if len(found) == 1 else None
