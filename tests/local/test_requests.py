"""Bodies of requests: defaults, limits and inner codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.local.envelope import RefusalError
from speechkit.local.requests import parse_definition, parse_submission, parse_update, read_json, sas_minutes

URL = "https://account.blob.core.windows.net/calls/a.wav"


def submission(**changes: Any) -> dict[str, Any]:
    body = {
        "displayName": "calls",
        "locale": "en-US",
        "contentUrls": [URL],
        "properties": {"timeToLiveHours": 48},
    } | changes
    return {name: value for name, value in body.items() if value != "absent"}


def properties(**changes: Any) -> dict[str, Any]:
    return submission(properties={"timeToLiveHours": 48} | changes)


def allow(*_: str) -> None:
    """Every model and every container will do."""


def parse(body: dict[str, Any]) -> Any:
    return parse_submission(body, check_model=allow, check_destination=allow)


def refuse_model(url: str, locale: str) -> None:
    raise RefusalError("InvalidRequest", "No such model.", inner="InvalidModel")


# --- a submission -------------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_service() -> None:
    made = parse(submission())
    assert made.properties == {
        "wordLevelTimestampsEnabled": False,
        "displayFormWordLevelTimestampsEnabled": False,
        "channels": [0, 1],
        "punctuationMode": "DictatedAndAutomatic",
        "profanityFilterMode": "Masked",
        "timeToLiveHours": 48,
    }
    assert (made.model, made.description, made.custom_properties, made.container_url) == (None,) * 4


def test_everything_documented_is_taken() -> None:
    asked = {
        "wordLevelTimestampsEnabled": True,
        "displayFormWordLevelTimestampsEnabled": True,
        "channels": [1],
        "punctuationMode": "Dictated",
        "profanityFilterMode": "Tags",
        "timeToLiveHours": 744,
        "diarization": {"enabled": True, "maxSpeakers": 35},
        "languageIdentification": {"candidateLocales": ["en-US", "de-DE"], "mode": "Single"},
        "destinationContainerUrl": "https://account.blob.core.windows.net/results?sig=x",
    }
    made = parse(submission(locale="EN-gb", customProperties={"a": "b"}, description="d", properties=asked))
    assert made.properties == asked
    assert (made.locale, made.custom_properties, made.description) == ("en-GB", {"a": "b"}, "d")


def test_diarization_defaults_to_two_speakers_and_off() -> None:
    assert parse(properties(diarization={})).properties["diarization"] == {"enabled": False, "maxSpeakers": 2}


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        pytest.param(submission(description=5), "InvalidPayload", id="a description that is no text?"),
        pytest.param(submission(locale="english"), "InvalidLocale", id="a locale that is none?"),
        pytest.param(submission(locale=7), "InvalidLocale", id="a locale that is a number?"),
        pytest.param(submission(properties="absent"), "InvalidPayload", id="no properties?"),
        pytest.param(properties(timeToLiveHours="48"), "InvalidTimeToLive", id="hours as a text?"),
        pytest.param(properties(timeToLiveHours=True), "InvalidTimeToLive", id="true hours to live?"),
        pytest.param(submission(contentUrls=[]), "OnlyOneOfUrlsOrContainerOrDataset", id="an empty list?"),
        pytest.param(
            submission(contentUrls="absent", dataset={"self": URL}), "InvalidDataset", id="a dataset?"
        ),
        pytest.param(submission(project={"self": URL}), "InvalidProject", id="a project?"),
        pytest.param(submission(contentUrls=URL), "InvalidRecordingsUri", id="one URL, not a list?"),
        pytest.param(submission(contentUrls=["file:///etc/passwd"]), "InvalidRecordingsUri", id="a file?"),
        pytest.param(submission(contentUrls=["https://[bad"]), "InvalidRecordingsUri", id="a broken URL?"),
        pytest.param(submission(contentUrls=[None]), "InvalidRecordingsUri", id="null among the URLs?"),
        pytest.param(submission(model="m"), "InvalidModelUri", id="a model that is a text?"),
        pytest.param(submission(customProperties={"k": 1}), "InvalidPayload", id="a number as own property?"),
        pytest.param(properties(channels=[]), "InvalidChannels", id="no channels?"),
        pytest.param(properties(channels=[0, 0]), "InvalidChannels", id="a channel twice?"),
        pytest.param(properties(channels=[-1]), "InvalidChannels", id="a negative channel?"),
        pytest.param(properties(channels=[True]), "InvalidChannels", id="true as a channel?"),
        pytest.param(properties(channels=0), "InvalidChannels", id="a channel, not a list?"),
        pytest.param(properties(punctuationMode="Some"), "InvalidParameterValue", id="another punctuation?"),
        pytest.param(properties(profanityFilterMode="masked"), "InvalidParameterValue", id="another case?"),
        pytest.param(properties(wordLevelTimestampsEnabled="yes"), "InvalidPayload", id="yes for true?"),
        pytest.param(properties(diarization={"enabled": 1}), "InvalidPayload", id="enabled by 1?"),
        pytest.param(properties(diarization=True), "InvalidPayload", id="diarization by true?"),
        pytest.param(
            properties(languageIdentification={"candidateLocales": ["en-US", "xx"], "mode": "Single"}),
            "InvalidLocale",
            id="a candidate that is no locale?",
        ),
        pytest.param(
            properties(destinationContainerUrl="results"), "InvalidParameterValue", id="a relative container?"
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_inner_code(body: dict[str, Any], inner: str) -> None:
    with pytest.raises(RefusalError) as refused:
        parse(body)
    assert (refused.value.status, refused.value.code, refused.value.inner) == (400, "InvalidRequest", inner)


def test_a_model_is_checked_where_it_is_given() -> None:
    given = [
        submission(model={"self": "https://host/speechtotext/models/base/7"}),
        properties(
            languageIdentification={
                "candidateLocales": ["en-US", "en-GB"],
                "speechModelMapping": {"en-GB": {"self": URL}},
            }
        ),
    ]
    for body in given:
        with pytest.raises(RefusalError, match="No such model"):
            parse_submission(body, check_model=refuse_model, check_destination=allow)
    assert parse(submission(model=None)).model is None


def test_a_container_that_may_not_be_written_is_refused() -> None:
    def refuse(url: str) -> None:
        raise RefusalError("InvalidRequest", "not there", inner="InaccessibleCustomerStorage")

    with pytest.raises(RefusalError, match="not there"):
        parse_submission(properties(destinationContainerUrl=URL), check_model=allow, check_destination=refuse)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("channels", "diarization", "languageIdentification", "punctuationMode", "profanityFilterMode"),
        *("timeToLiveHours", "wordLevelTimestampsEnabled", "destinationContainerUrl"),
    ]
)


def refused_status(body: dict[str, Any]) -> int | None:
    """The status that a body is refused with; None where it is taken."""
    try:
        parse(body)
    except RefusalError as refused:
        return refused.status
    return None


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from([*submission(), "model", "customProperties", "dataset"]), value=JSON)
def test_any_value_anywhere_is_taken_or_refused(name: str, value: Any) -> None:
    assert refused_status(submission() | {name: value}) in (None, 400)


@settings(max_examples=60, deadline=None)
@given(name=NAMES, value=JSON)
def test_any_property_is_taken_or_refused(name: str, value: Any) -> None:
    assert refused_status(properties(**{name: value})) in (None, 400)


# --- a change -----------------------------------------------------------------------------------------------


def test_a_change_replaces_and_a_merge_patch_merges() -> None:
    body = {"displayName": "new", "customProperties": {"a": "1", "b": None}}
    with pytest.raises(RefusalError, match="customProperties"):
        parse_update(body)
    changes = parse_update(body, {"b": "2", "c": "3"})
    assert changes == {"displayName": "new", "customProperties": {"a": "1", "c": "3"}}
    assert parse_update({"customProperties": {"a": "1"}}) == {"customProperties": {"a": "1"}}
    assert parse_update({"description": None, "status": "Failed"}) == {"description": None}


# --- the definition of a fast transcription -----------------------------------------------------------------


def define(body: dict[str, Any], version: str = "2025-10-15") -> Any:
    return parse_definition(body, version=version, check_model=allow)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {}, {"locale": "en-US", "profanity": "Masked", "speakers": None, "channels": None}, id="none?"
        ),
        pytest.param({"locales": []}, {"locale": "en-US"}, id="a locale to be found out?"),
        pytest.param({"locales": ["de-DE", "en-in"]}, {"locale": "en-IN"}, id="candidates?"),
        pytest.param({"diarization": {"enabled": True, "maxSpeakers": 3}}, {"speakers": 3}, id="speakers?"),
        pytest.param(
            {"diarization": {"maxSpeakers": 3}}, {"speakers": 3}, id="speakers, as the client asks?"
        ),
        pytest.param({"diarization": {"enabled": False, "maxSpeakers": 3}}, {"speakers": None}, id="off?"),
        pytest.param({"diarization": {}}, {"speakers": None}, id="nothing about it?"),
        pytest.param({"channels": [1, 0]}, {"channels": (0, 1)}, id="both channels?"),
        pytest.param(
            {"channels": [1], "diarization": {"enabled": True}},
            {"channels": (1,), "speakers": 2},
            id="one channel with speakers?",
        ),
        pytest.param(
            {"phraseList": {"phrases": ["Zephyrix ", ""]}}, {"phrases": ("Zephyrix",)}, id="phrases?"
        ),
        pytest.param(
            {"phraseList": {"phrases": ["a"], "biasingWeight": 0}},
            {"phrases": ("a",), "weight": 0.0},
            id="phrases of no weight?",
        ),
        pytest.param({"enhancedMode": {"enabled": False}}, {"audio_url": None}, id="enhanced mode, off?"),
        pytest.param({"audioUrl": URL}, {"audio_url": URL}, id="a URL?"),
        pytest.param({"models": {"en-US": URL}}, {"locale": "en-US"}, id="a model?"),
    ],
)
def test_definitions_are_taken(body: dict[str, Any], expected: dict[str, Any]) -> None:
    made = define(body)
    assert {name: getattr(made, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("body", "status", "inner"),
    [
        pytest.param({"locales": ["de-DE"]}, 400, "InvalidLocale", id="no English?"),
        pytest.param({"locales": "en-US"}, 400, "InvalidLocale", id="a locale, not a list?"),
        pytest.param({"channels": [0, 0]}, 422, "InvalidChannelSpecification", id="a channel twice?"),
        pytest.param({"channels": ["0"]}, 422, "InvalidChannelSpecification", id="a channel as a text?"),
        pytest.param({"phraseList": {"phrases": "a"}}, 400, "InvalidParameterValue", id="one phrase?"),
        pytest.param({"profanityFilterMode": "no"}, 400, "InvalidParameterValue", id="another filter?"),
    ],
)
def test_definitions_are_refused(body: dict[str, Any], status: int, inner: str) -> None:
    with pytest.raises(RefusalError) as refused:
        define(body)
    assert (refused.value.status, refused.value.inner) == (status, inner)


@pytest.mark.parametrize("name", ["phraseList", "audioUrl", "enhancedMode"])
def test_the_older_version_knows_nothing_of_what_came_later(name: str) -> None:
    with pytest.raises(RefusalError, match="2025-10-15"):
        define({name: {"phrases": ["a"]} if name != "audioUrl" else URL}, "2024-11-15")


# --- around a body ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        pytest.param(b"", "EmptyRequest", id="nothing?"),
        pytest.param(b"\xef\xbb\xbf{}", "NoUtf8WithBom", id="a byte order mark?"),
        pytest.param(b"{", "InvalidRequestBodyFormat", id="no JSON?"),
        pytest.param(b"[]", "InvalidRequestBodyFormat", id="a list?"),
        pytest.param(b"[" * 100_000, "InvalidRequestBodyFormat", id="a very deep list?"),
        pytest.param(b'"\xff"', "InvalidRequestBodyFormat", id="not UTF-8?"),
    ],
)
def test_bodies_that_are_no_json_object(body: bytes, inner: str) -> None:
    with pytest.raises(RefusalError) as refused:
        read_json(body)
    assert refused.value.inner == inner


def test_a_json_object_is_read() -> None:
    assert read_json(json.dumps({"a": "ü"}).encode()) == {"a": "ü"}


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "forever", "44641", "9" * 30])
def test_lifetimes_of_urls_that_are_refused(text: str) -> None:
    with pytest.raises(RefusalError) as refused:
        sas_minutes(text)
    assert refused.value.inner == "InvalidSasValidityDuration"


def test_lifetimes_of_urls() -> None:
    assert (sas_minutes(None), sas_minutes("1"), sas_minutes("44640")) == (720, 1, 44640)
