"""The contract: every fact of Azure's REST API that the local service keeps, asked of it one by one.

The facts are those of the digest of the API (routes, defaults, limits, errors) and of its documentation; the
sections follow theirs. What judges other than ourselves say is in test_judges.py and test_openapi.py.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest

from speechkit import limits
from speechkit.local import batch_routes, fast_routes, model_routes, webhook_routes
from speechkit.local.__main__ import _parser
from speechkit.local.envelope import STATUS_OF, RefusalError
from speechkit.local.fetch import Fetcher, FetchError
from speechkit.local.misbehave import Kind
from speechkit.local.quota import Quota
from speechkit.local.recognition import Sound
from speechkit.local.service import PREFIX
from speechkit.local.store import Store
from tests.conftest import ROOT
from tests.local.service_fixture import (
    KEY,
    NEW,
    OLD,
    Ears,
    Inside,
    inside,
    job_id,
    phrase,
    results_of,
    submission,
    wait_for_job,
)

JOBS = "/transcriptions"
SUBMIT, FAST = f"{JOBS}:submit", f"{JOBS}:transcribe"
GONE = "788a1f24-f980-4809-8978-e5cf41f77b35"
URL = "https://not.allowed/a.wav"

Ask = Callable[[Inside], Any]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """One service inside the test for every fact, with a finished job in it; two channels in everything."""
    ears = Ears(channels=2)
    ears.answer = lambda task: [phrase(speaker=1 if task.wanted and task.wanted.speakers else None)]
    with inside(None, tmp_path_factory.mktemp("state"), ears) as made:
        made.transcribe(made.publish())
        yield made


def facts(*rows: tuple[str, Ask, Any]) -> Any:
    """A table of (question, what is asked, the answer)."""
    return pytest.mark.parametrize(("ask", "answer"), [pytest.param(a, b, id=q) for q, a, b in rows])


# --- what is asked: small words for requests ------------------------------------------------------------------


def body(**changes: Any) -> dict[str, Any]:
    """A good submission with changes; None takes a property away."""
    made = submission(URL) | changes
    return {name: value for name, value in made.items() if value is not None}


def submit(s: Inside, version: str = NEW, **changes: Any) -> Any:
    return s.speech("POST", SUBMIT, version, json=body(**changes))


def asked(s: Inside, **properties: Any) -> Any:
    """A submission with properties."""
    return submit(s, properties={"timeToLiveHours": 48} | properties)


def fast(s: Inside, definition: Any = None, audio: Any = ("a.wav", b"sound"), version: str = NEW) -> Any:
    files = {} if audio is None else {"audio": audio}
    if definition is not None:
        files["definition"] = (None, json.dumps(definition), "application/json")
    return s.speech("POST", FAST, version, files=files)


def verdict(answer: Any) -> tuple[int, str, str] | int:
    """Of a refusal its status, code and inner code; of an acceptance its status."""
    if answer.status_code < 400:
        return int(answer.status_code)
    error = answer.json()
    return answer.status_code, error["code"], error.get("innerError", {}).get("code", "")


def refused(inner: str, code: str = "InvalidRequest") -> tuple[int, str, str]:
    return STATUS_OF[code], code, inner


def listing(s: Inside, path: str = JOBS, **query: Any) -> Any:
    return s.speech("GET", path, params=query)


def first(s: Inside) -> dict[str, Any]:
    """The finished job."""
    return dict(listing(s, top=1).json()["values"][0])


def files(s: Inside, **query: Any) -> Any:
    return listing(s, f"{JOBS}/{job_id(first(s))}/files", **query)


def contents(s: Inside) -> dict[str, Any]:
    return results_of(s, first(s))


def result(s: Inside) -> dict[str, Any]:
    return dict(contents(s)["contenturl_0.json"])


def minutes_of(url: str) -> int:
    """How long a signed URL is good for."""
    expiry = datetime.fromisoformat(parse_qs(urlsplit(url).query)["se"][0])
    return round((expiry.timestamp() - time.time()) / 60)


def bare(s: Inside, headers: dict[str, str], path: str = JOBS, query: str = f"api-version={NEW}") -> Any:
    return s.client.get(f"{PREFIX}{path}?{query}", headers=headers)


def patch(s: Inside, change: Any, kind: str = "application/json") -> Any:
    path = f"{JOBS}/{job_id(first(s))}"
    return s.speech("PATCH", path, content=json.dumps(change), headers={"Content-Type": kind})


def own(s: Inside, count: int = 1, key: int = 1, value: int = 1) -> Any:
    """A submission with so many customProperties of such lengths."""
    return submit(s, customProperties={f"{i}".ljust(key, "k"): "v" * value for i in range(count)})


def identify(s: Inside, candidates: int, mode: str | None = None) -> Any:
    """A submission with so many candidate locales, the job's own among them."""
    others = [f"a{a}-A{b}" for a in "abcdefgh" for b in "ABCDE"][: candidates - 1]
    asked_for = {"candidateLocales": ["en-US", *others]} | ({"mode": mode} if mode else {})
    return asked(s, languageIdentification=asked_for)


# --- 1. addresses, versions, keys, headers ---------------------------------------------------------------------

GATEWAY = {
    "error": {
        "code": "401",
        "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your resource.",
    }
}
VERSION = (400, "InvalidArgument", "InvalidParameterValue")


@facts(
    ("what-does-the-gateway-say-without-a-key?", lambda s: bare(s, {}).json(), GATEWAY),
    ("with-which-status?", lambda s: bare(s, {}).status_code, 401),
    ("with-a-wrong-key?", lambda s: bare(s, {"Ocp-Apim-Subscription-Key": "x"}).json(), GATEWAY),
    ("with-a-wrong-token?", lambda s: bare(s, {"Authorization": "Bearer x"}).json(), GATEWAY),
    ("with-the-header-of-another-API?", lambda s: bare(s, {"api-key": KEY}).status_code, 401),
    ("before-it-looks-at-the-route?", lambda s: bare(s, {}, "/nothing", "").json(), GATEWAY),
    ("is-a-bearer-token-taken?", lambda s: bare(s, {"Authorization": f"Bearer {KEY}"}).status_code, 200),
    ("is-api-version-required?", lambda s: verdict(s.speech("GET", JOBS, None)), VERSION),
    ("is-the-preview-refused?", lambda s: verdict(s.speech("GET", JOBS, "2024-05-15-preview")), VERSION),
    ("is-2024-11-15-served?", lambda s: s.speech("GET", JOBS, OLD).status_code, 200),
    ("is-2025-10-15-served?", lambda s: s.speech("GET", JOBS, NEW).status_code, 200),
    ("are-v3-paths-retired?", lambda s: s.speech("GET", "/v3.2/transcriptions").status_code, 404),
    ("who-knows-a-request-by-its-id?", lambda s: uuid.UUID(listing(s).headers["apim-request-id"]).version, 4),
    ("versions?", lambda s: listing(s).headers["api-supported-versions"], f"{OLD}, {NEW}"),
    ("old-ones?", lambda s: listing(s).headers["api-deprecated-versions"], "2024-05-15-preview"),
    ("may-a-browser-guess-types?", lambda s: listing(s).headers["x-content-type-options"], "nosniff"),
    ("may-a-cache-keep-it?", lambda s: listing(s).headers["cache-control"], "no-store"),
)
def test_addresses_versions_keys_and_headers(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


# --- 2. routes, links, pages, filters --------------------------------------------------------------------------


def found(s: Inside, expression: str) -> int:
    """How many jobs a filter finds."""
    return len(listing(s, filter=expression, top=1000).json()["values"])


def named(s: Inside, name: str) -> Any:
    return submit(s, displayName=name)


SINCE, UNTIL = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
FILTER, PAGES = (
    refused("UnsupportedFilter", "InvalidArgument"),
    refused("UnsupportedPagination", "InvalidArgument"),
)
MERGE = "application/merge-patch+json"


@facts(
    ("what-does-a-submission-answer?", lambda s: submit(s).status_code, 201),
    ("where-is-the-job?", lambda s: (a := submit(s)).headers["location"] == a.json()["self"], True),
    (
        "does-self-end-in-the-version?",
        lambda s: submit(s, OLD).json()["self"].rpartition("?")[2],
        f"api-version={OLD}",
    ),
    ("does-every-link?", lambda s: first(s)["links"]["files"].endswith(f"/files?api-version={NEW}"), True),
    ("is-the-id-where-the-official-sample-looks?", lambda s: str(uuid.UUID(job_id(first(s)))), None),
    ("is-a-job-read?", lambda s: listing(s, f"{JOBS}/{job_id(first(s))}").json() == first(s), True),
    ("is-JSON-a-change?", lambda s: patch(s, {"displayName": "calls"}).status_code, 200),
    ("is-a-merge-patch?", lambda s: patch(s, {"displayName": "calls"}, MERGE).status_code, 200),
    ("is-a-text-a-change?", lambda s: verdict(patch(s, {}, "text/plain")), (415, "UnsupportedMediaType", "")),
    ("is-a-status-changed?", lambda s: patch(s, {"status": "Failed"}).json()["status"], "Succeeded"),
    ("is-a-job-that-is-gone-deleted?", lambda s: s.speech("DELETE", f"{JOBS}/{GONE}").status_code, 204),
    ("is-it-read?", lambda s: verdict(listing(s, f"{JOBS}/{GONE}")), (404, "NotFound", "")),
    ("which-locales?", lambda s: list(listing(s, f"{JOBS}/locales").json()), ["Submit", "Transcribe"]),
    ("does-a-page-have-values?", lambda s: list(listing(s, top=1000).json()), ["values"]),
    (
        "and-a-next-link-where-there-is-more?",
        lambda s: named(s, "m") and list(listing(s, top=1).json()),
        ["values", "@nextLink"],
    ),
    (
        "does-that-keep-the-version?",
        lambda s: f"api-version={NEW}" in listing(s, top=1).json()["@nextLink"],
        True,
    ),
    ("is-top-0-refused?", lambda s: verdict(listing(s, top=0)), PAGES),
    ("is-skip-below-0-refused?", lambda s: verdict(listing(s, skip=-1)), PAGES),
    ("eq-on-a-name?", lambda s: named(s, "one's own") and found(s, "displayName eq 'one''s own'"), 1),
    (
        "ne-on-a-name?",
        lambda s: found(s, "displayName ne 'one''s own'") + 1 == found(s, f"createdDateTime gt {SINCE}"),
        True,
    ),
    ("on-a-description?", lambda s: submit(s, description="d7") and found(s, "description eq 'd7'"), 1),
    ("on-a-status?", lambda s: found(s, "status eq 'Succeeded'"), 1),
    ("on-a-locale?", lambda s: submit(s, locale="en-GB") and found(s, "locale eq 'en-GB'"), 1),
    ("gt-on-a-date?", lambda s: found(s, f"createdDateTime gt {UNTIL}"), 0),
    ("ge-on-another?", lambda s: found(s, f"lastActionDateTime ge {SINCE} and status eq 'Succeeded'"), 1),
    ("lt-and-le?", lambda s: found(s, f"createdDateTime lt {SINCE} or createdDateTime le {SINCE}"), 0),
    ("not?", lambda s: found(s, f"not (createdDateTime lt {UNTIL})"), 0),
    ("gt-on-a-text?", lambda s: verdict(listing(s, filter="status gt 'A'")), FILTER),
    ("what-no-job-has?", lambda s: verdict(listing(s, filter="kind eq 'Audio'")), FILTER),
    ("files-by-kind?", lambda s: len(files(s, filter="kind eq 'TranscriptionReport'").json()["values"]), 1),
    ("files-by-name?", lambda s: len(files(s, filter="name eq 'contenturl_0.json'").json()["values"]), 1),
    ("files-by-date?", lambda s: len(files(s, filter=f"createdDateTime gt {SINCE}").json()["values"]), 2),
    ("files-page-by-page?", lambda s: len(files(s, top=1, skip=1).json()["values"]), 1),
    (
        "one-file?",
        lambda s: [
            listing(s, urlsplit(f["self"]).path.removeprefix(PREFIX)).json()["name"] == f["name"]
            for f in files(s).json()["values"]
        ],
        [True, True],
    ),
    (
        "a-file-that-is-gone?",
        lambda s: verdict(listing(s, f"{JOBS}/{job_id(first(s))}/files/{GONE}")),
        (404, "NotFound", ""),
    ),
    (
        "an-older-version-for-a-newer-job?",
        lambda s: verdict(s.speech("GET", f"{JOBS}/{job_id(first(s))}", OLD)),
        refused("InvalidTranscription"),
    ),
    (
        "a-newer-version-for-an-older-job?",
        lambda s: s.speech("GET", f"{JOBS}/{job_id(submit(s, OLD).json())}", NEW).status_code,
        200,
    ),
)
def test_routes_links_pages_and_filters(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer if answer is not None else ask(here)


def test_is_a_page_100_long(here: Inside) -> None:
    for _ in range(101):
        assert submit(here).status_code == 201
    page = listing(here).json()
    assert len(page["values"]) == 100
    assert "@nextLink" in page


# --- 3. the body of a submission -------------------------------------------------------------------------------

DEFAULTS = {
    "wordLevelTimestampsEnabled": False,
    "displayFormWordLevelTimestampsEnabled": False,
    "channels": [0, 1],
    "punctuationMode": "DictatedAndAutomatic",
    "profanityFilterMode": "Masked",
    "timeToLiveHours": 48,
}
ONE = refused("OnlyOneOfUrlsOrContainerOrDataset")
BAD, TTL = refused("InvalidPayload"), refused("InvalidTimeToLive")
VALUE = refused("InvalidParameterValue")
CONTAINER = "https://account.blob.core.windows.net/c?sv=1&sig=x"


@facts(
    ("which-properties-by-default?", lambda s: submit(s).json()["properties"], DEFAULTS),
    ("must-it-have-a-name?", lambda s: verdict(submit(s, displayName=None)), BAD),
    ("of-one-letter?", lambda s: verdict(submit(s, displayName="n")), 201),
    ("of-none?", lambda s: verdict(submit(s, displayName="")), BAD),
    ("must-it-have-a-locale?", lambda s: verdict(submit(s, locale=None)), refused("InvalidLocale")),
    ("must-it-say-how-long-it-lives?", lambda s: verdict(submit(s, properties={})), TTL),
    ("5-hours?", lambda s: verdict(asked(s, timeToLiveHours=5)), TTL),
    ("6-hours?", lambda s: verdict(asked(s, timeToLiveHours=6)), 201),
    ("744-hours?", lambda s: verdict(asked(s, timeToLiveHours=744)), 201),
    ("745-hours?", lambda s: verdict(asked(s, timeToLiveHours=745)), TTL),
    ("neither-URLs-nor-container?", lambda s: verdict(submit(s, contentUrls=None)), ONE),
    ("both?", lambda s: verdict(submit(s, contentContainerUrl=CONTAINER)), ONE),
    ("URLs-and-a-dataset?", lambda s: verdict(submit(s, dataset={"self": URL})), ONE),
    (
        "a-container-alone?",
        lambda s: verdict(submit(s, contentUrls=None, contentContainerUrl=CONTAINER)),
        201,
    ),
    ("1000-URLs?", lambda s: verdict(submit(s, contentUrls=[URL] * 1000)), 201),
    (
        "1001-URLs?",
        lambda s: verdict(submit(s, contentUrls=[URL] * 1001)),
        refused("ExceededNumberOfRecordingsUris"),
    ),
    (
        "a-path-as-a-URL?",
        lambda s: verdict(submit(s, contentUrls=["a.wav"])),
        refused("InvalidRecordingsUri"),
    ),
    ("are-URLs-shown-again?", lambda s: "contentUrls" in submit(s).json(), False),
    (
        "is-the-container?",
        lambda s: "contentContainerUrl" in submit(s, contentUrls=None, contentContainerUrl=CONTAINER).json(),
        False,
    ),
    ("10-properties-of-ones-own?", lambda s: verdict(own(s, 10)), 201),
    ("11-of-them?", lambda s: verdict(own(s, 11)), BAD),
    ("a-key-of-64?", lambda s: verdict(own(s, key=64)), 201),
    ("of-65?", lambda s: verdict(own(s, key=65)), BAD),
    ("a-value-of-256?", lambda s: verdict(own(s, value=256)), 201),
    ("of-257?", lambda s: verdict(own(s, value=257)), BAD),
    (
        "null-for-a-model?",
        lambda s: verdict(s.speech("POST", SUBMIT, json=submission(URL) | {"model": None})),
        201,
    ),
    ("what-nobody-knows?", lambda s: verdict(submit(s, colour="red", status="Failed")), 201),
    (
        "does-diarization-begin-with-2?",
        lambda s: asked(s, diarization={"enabled": True}).json()["properties"]["diarization"],
        {"enabled": True, "maxSpeakers": 2},
    ),
    ("1-speaker?", lambda s: verdict(asked(s, diarization={"enabled": True, "maxSpeakers": 1})), VALUE),
    ("35-speakers?", lambda s: verdict(asked(s, diarization={"enabled": True, "maxSpeakers": 35})), 201),
    ("36-speakers?", lambda s: verdict(asked(s, diarization={"enabled": True, "maxSpeakers": 36})), VALUE),
    (
        "is-Continuous-the-mode?",
        lambda s: identify(s, 2).json()["properties"]["languageIdentification"]["mode"],
        "Continuous",
    ),
    ("1-candidate?", lambda s: verdict(identify(s, 1)), VALUE),
    ("10-candidates?", lambda s: verdict(identify(s, 10)), 201),
    ("11-candidates?", lambda s: verdict(identify(s, 11)), VALUE),
    ("30-candidates-for-one?", lambda s: verdict(identify(s, 30, "Single")), 201),
    ("no-candidates?", lambda s: verdict(asked(s, languageIdentification={})), BAD),
    (
        "a-model-for-no-candidate?",
        lambda s: verdict(
            asked(
                s,
                languageIdentification={
                    "candidateLocales": ["en-US", "de-DE"],
                    "speechModelMapping": {"fr-FR": {"self": URL}},
                },
            )
        ),
        refused("InvalidLocale"),
    ),
    *(
        (
            f"punctuation-{mode}?",
            lambda s, m=mode: asked(s, punctuationMode=m).json()["properties"]["punctuationMode"],
            mode,
        )
        for mode in ("None", "Dictated", "Automatic", "DictatedAndAutomatic")
    ),
    *(
        (
            f"profanity-{mode}?",
            lambda s, m=mode: asked(s, profanityFilterMode=m).json()["properties"]["profanityFilterMode"],
            mode,
        )
        for mode in ("None", "Removed", "Tags", "Masked")
    ),
    ("another-punctuation?", lambda s: verdict(asked(s, punctuationMode="automatic")), VALUE),
    (
        "a-destination-without-access?",
        lambda s: verdict(asked(s, destinationContainerUrl=CONTAINER)),
        refused("InaccessibleCustomerStorage"),
    ),
)
def test_the_body_of_a_submission(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


# --- 3. the life of a job, its files, its report ---------------------------------------------------------------


@facts(
    ("how-long-were-the-recordings?", lambda s: first(s)["properties"]["durationMilliseconds"], 2000),
    (
        "what-is-a-file?",
        lambda s: {frozenset(f) for f in files(s).json()["values"]},
        {frozenset({"self", "name", "kind", "links", "properties", "createdDateTime"})},
    ),
    (
        "which-files?",
        lambda s: {f["name"]: f["kind"] for f in files(s).json()["values"]},
        {"contenturl_0.json": "Transcription", "report.json": "TranscriptionReport"},
    ),
    (
        "are-they-as-large-as-said?",
        lambda s: [
            len(s.get(f["links"]["contentUrl"]).content) - f["properties"]["size"]
            for f in files(s).json()["values"]
        ],
        [0, 0],
    ),
    (
        "how-long-are-they-readable?",
        lambda s: minutes_of(files(s).json()["values"][0]["links"]["contentUrl"]),
        12 * 60,
    ),
    (
        "for-how-long-as-asked?",
        lambda s: minutes_of(files(s, sasLifetimeMinutes=7).json()["values"][0]["links"]["contentUrl"]),
        7,
    ),
    (
        "for-no-time?",
        lambda s: verdict(files(s, sasLifetimeMinutes=0)),
        refused("InvalidSasValidityDuration", "InvalidArgument"),
    ),
    (
        "does-the-report-count?",
        lambda s: contents(s)["report.json"] | {"details": 0},
        {"successfulTranscriptionsCount": 1, "failedTranscriptionsCount": 0, "details": 0},
    ),
    (
        "does-it-name-its-sources?",
        lambda s: [d["source"] for d in contents(s)["report.json"]["details"]] == [result(s)["source"]],
        True,
    ),
    (
        "is-Retry-After-gone-at-the-end?",
        lambda s: "retry-after" in listing(s, f"{JOBS}/{job_id(first(s))}").headers,
        False,
    ),
)
def test_a_finished_job(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


def test_through_which_states_does_a_job_go(local: Inside) -> None:
    url = local.publish()
    local.client.portal.call(local.ears.go.clear)  # type: ignore[union-attr]
    job = local.submit(url)
    path, seen = f"{JOBS}/{job_id(job)}", [job["status"]]
    while seen[-1] == "NotStarted":
        seen.append(local.get(path).json()["status"])
    assert seen[0] == "NotStarted"
    assert seen[-1] == "Running"
    for waiting in (path, f"{path}/files"):
        assert int(local.get(waiting).headers["retry-after"]) >= 1, "whole seconds"
    assert local.get(f"{path}/files").json() == {"values": []}
    local.client.portal.call(local.ears.go.set)  # type: ignore[union-attr]
    assert wait_for_job(local, job)["status"] == "Succeeded"
    one_good = local.transcribe(url, URL)
    assert one_good[0]["status"] == "Succeeded", "the report tells which failed"
    assert one_good[1]["report.json"]["failedTranscriptionsCount"] == 1
    assert set(one_good[1]["report.json"]["details"][1]) == {"source", "status", "errorKind", "errorMessage"}
    none_good = local.transcribe(URL, URL)[0]
    assert none_good["status"] == "Failed"
    assert set(none_good["properties"]["error"]) == {"code", "message"}


MESSAGES = [
    pytest.param(Sound(1, 2.0), URL, {}, "The recordings URI is invalid.", id="a-host-that-is-not-there?"),
    pytest.param(
        Sound(1, 2.0), "expired", {}, "Authentication failed for recordings URI.", id="an-expired-SAS?"
    ),
    pytest.param(
        Sound(2, 2.0),
        "",
        {"diarization": {"enabled": True}},
        "The recordings URI contains invalid data.",
        id="stereo-with-diarization?",
    ),
    pytest.param(
        Sound(1, 240 * 60 + 1),
        "",
        {"diarization": {"enabled": True}},
        "The recordings URI contains invalid data.",
        id="diarization-of-more-than-240-minutes?",
    ),
    pytest.param(
        Sound(1, 2.0),
        "",
        {"channels": [1]},
        "The recordings URI contains invalid data.",
        id="a-channel-that-is-not-there?",
    ),
]


@pytest.mark.parametrize(("sound", "url", "properties", "message"), MESSAGES)
def test_which_message_when(
    tmp_path: Path, sound: Sound, url: str, properties: dict[str, Any], message: str
) -> None:
    with inside(None, tmp_path, Ears(sound.channels, sound.duration_s)) as local:
        if url == "expired":
            local.service.misbehaviour.order({"kind": "expired"})
        job, _ = local.transcribe(url if url.startswith("http") else local.publish(), **properties)
        assert job["properties"]["error"]["message"].startswith(message)


# --- 4. fast transcription -------------------------------------------------------------------------------------

WORDS = {"text": str, "offsetMilliseconds": int, "durationMilliseconds": int}
AUDIO = "UnprocessableEntity"


def speakers(version: str) -> Ask:
    """Asks for the first speaker of a fast result."""

    def ask(s: Inside) -> Any:
        definition = {"diarization": {"enabled": True, "maxSpeakers": 3}}
        return fast(s, definition, version=version).json()["phrases"][0]["speaker"]

    return ask


@facts(
    (
        "what-does-it-answer?",
        lambda s: list(fast(s).json()),
        ["durationMilliseconds", "combinedPhrases", "phrases"],
    ),
    (
        "what-is-a-phrase?",
        lambda s: set(fast(s).json()["phrases"][0]),
        {"offsetMilliseconds", "durationMilliseconds", "text", "words", "locale", "confidence"},
    ),
    (
        "what-is-a-word?",
        lambda s: {k: type(v) for k, v in fast(s).json()["phrases"][0]["words"][0].items()},
        WORDS,
    ),
    (
        "are-channels-merged-by-default?",
        lambda s: fast(s).json()["combinedPhrases"],
        [{"text": "Hello there."}],
    ),
    (
        "is-the-definition-taken-as-a-text?",
        lambda s: (
            s.speech("POST", FAST, files={"audio": ("a.wav", b"x")}, data={"definition": "{}"}).status_code
        ),
        200,
    ),
    ("as-JSON?", lambda s: fast(s, {}).status_code, 200),
    ("must-audio-have-a-filename?", lambda s: verdict(fast(s, {}, (None, b"sound"))), BAD),
    ("must-there-be-audio?", lambda s: verdict(fast(s, {}, None)), refused("EmptyRequest")),
    ("a-URL-in-its-place?", lambda s: fast(s, {"audioUrl": s.publish()}, None).status_code, 200),
    (
        "a-path-in-its-place?",
        lambda s: verdict(fast(s, {"audioUrl": "a.wav"}, None)),
        refused("InvalidRecordingsUri"),
    ),
    ("which-wins?", lambda s: fast(s, {"audioUrl": URL}).status_code, 200),
    (
        "a-URL-in-the-older-version?",
        lambda s: verdict(fast(s, {"audioUrl": URL}, version=OLD)),
        refused("InvalidParameter"),
    ),
    ("one-channel?", lambda s: fast(s, {"channels": [1]}).json()["combinedPhrases"][0]["channel"], 1),
    (
        "two?",
        lambda s: [c["channel"] for c in fast(s, {"channels": [0, 1]}).json()["combinedPhrases"]],
        [0, 1],
    ),
    (
        "channel-2?",
        lambda s: verdict(fast(s, {"channels": [2]})),
        refused("InvalidChannelSpecification", AUDIO),
    ),
    (
        "two-with-diarization?",
        lambda s: verdict(fast(s, {"channels": [0, 1], "diarization": {"enabled": True}})),
        refused("BadChannelConfiguration", AUDIO),
    ),
    (
        "36-speakers?",
        lambda s: verdict(fast(s, {"diarization": {"enabled": True, "maxSpeakers": 36}})),
        VALUE,
    ),
    ("the-first-speaker-of-2024?", speakers(OLD), 0),
    ("of-2025?", speakers(NEW), 1),
    (
        "a-weight-of-2?",
        lambda s: fast(s, {"phraseList": {"phrases": ["a"], "biasingWeight": 2.0}}).status_code,
        200,
    ),
    ("of-more?", lambda s: verdict(fast(s, {"phraseList": {"phrases": ["a"], "biasingWeight": 2.1}})), VALUE),
    ("no-locale?", lambda s: fast(s, {"locales": []}).status_code, 200),
    ("one?", lambda s: fast(s, {"locales": ["en-IN"]}).json()["phrases"][0]["locale"], "en-IN"),
    (
        "candidates?",
        lambda s: fast(s, {"locales": ["de-DE", "en-GB"]}).json()["phrases"][0]["locale"],
        "en-GB",
    ),
    ("empty-audio?", lambda s: verdict(fast(s, {}, ("a.wav", b""))), refused("EmptyAudioFile", AUDIO)),
    (
        "enhanced-mode?",
        lambda s: verdict(fast(s, {"enhancedMode": {"enabled": True}})),
        refused("InvalidParameter"),
    ),
    ("no-form?", lambda s: verdict(s.speech("POST", FAST, json={})), (415, "UnsupportedMediaType", "")),
)
def test_fast_transcription(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


# --- 5. errors -------------------------------------------------------------------------------------------------


def test_is_every_code_one_of_the_api(shared: Path) -> None:
    known = json.loads((shared / "contract" / "routes-2024-11-15.json").read_text())["definitions"]
    outer, inner = set(STATUS_OF), set()
    for path in (ROOT / "speechkit" / "local").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            constants = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if name in ("invalid", "_invalid", "_unusable", "check_url"):
                inner |= {c for c in constants if name != "check_url" and c == constants[0]}
            inner |= {
                str(k.value.value)
                for k in node.keywords
                if k.arg == "inner" and isinstance(k.value, ast.Constant)
            }
    assert len(inner) > 20, "the search still finds them"
    assert inner <= set(known["DetailedErrorCode"]["enum"])
    assert outer <= set(known["ErrorCode"]["enum"])


@facts(
    (
        "what-is-an-error?",
        lambda s: set(submit(s, locale="x").json()),
        {"code", "message", "target", "innerError"},
    ),
    ("inside?", lambda s: set(submit(s, locale="x").json()["innerError"]), {"code", "message", "target"}),
    (
        "a-body-that-is-no-JSON?",
        lambda s: verdict(s.speech("POST", SUBMIT, content=b"{")),
        refused("InvalidRequestBodyFormat"),
    ),
    ("no-body?", lambda s: verdict(s.speech("POST", SUBMIT)), refused("EmptyRequest")),
    (
        "a-byte-order-mark?",
        lambda s: verdict(s.speech("POST", SUBMIT, content=b"\xef\xbb\xbf{}")),
        refused("NoUtf8WithBom"),
    ),
    (
        "a-signed-URL-that-is-changed?",
        lambda s: s.client.get(files(s).json()["values"][0]["links"]["contentUrl"] + "x").headers[
            "x-ms-error-code"
        ],
        "AuthenticationFailed",
    ),
)
def test_errors(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


# --- 7. the result file ----------------------------------------------------------------------------------------


@facts(
    (
        "what-is-in-it?",
        lambda s: set(result(s)),
        {
            "source",
            "timestamp",
            "durationInTicks",
            "durationMilliseconds",
            "duration",
            "combinedRecognizedPhrases",
            "recognizedPhrases",
        },
    ),
    (
        "how-long-is-a-tick?",
        lambda s: result(s)["durationInTicks"] / result(s)["durationMilliseconds"],
        10_000,
    ),
    ("in-ISO-8601?", lambda s: result(s)["duration"], "PT2S"),
    (
        "what-is-said-in-a-channel?",
        lambda s: set(result(s)["combinedRecognizedPhrases"][0]),
        {"channel", "lexical", "itn", "maskedITN", "display"},
    ),
    (
        "are-words-left-out-by-default?",
        lambda s: set(result(s)["recognizedPhrases"][0]["nBest"][0]),
        {"confidence", "lexical", "itn", "maskedITN", "display"},
    ),
    ("is-the-locale?", lambda s: "locale" in result(s)["recognizedPhrases"][0], False),
    ("is-the-speaker?", lambda s: "speaker" in result(s)["recognizedPhrases"][0], False),
)
def test_the_result_file(here: Inside, ask: Ask, answer: Any) -> None:
    assert ask(here) == answer


# --- 9. limits -------------------------------------------------------------------------------------------------


def test_are_requests_beyond_the_quota_refused_where_it_is_kept(local: Inside) -> None:
    now = [0.0]
    assert {listing(local).status_code for _ in range(150)} == {200}, "nobody counts by default"
    local.service.quota = Quota(lambda: now[0])
    assert {listing(local).status_code for _ in range(100)} == {200}
    late = listing(local)
    assert verdict(late) == refused("QuotaViolation", "TooManyRequests")
    assert late.headers["retry-after"] == "10"
    for _ in range(600):  # fast requests are counted apart
        local.service.quota.count(PREFIX + FAST)
    assert fast(local).headers["retry-after"] == "60"
    assert local.client.get("/").status_code == 200
    now[0] = 10.0
    assert listing(local).status_code == 200


def test_is_the_length_of_fast_audio_a_setting(tmp_path: Path) -> None:
    assert (limits.MAX_FAST_BYTES, limits.MAX_FAST_S) == (300_000_000, 7200.0)
    with inside(None, tmp_path, Ears(duration_s=7201.0)) as local:
        assert verdict(fast(local)) == refused("AudioLengthLimitExceeded", AUDIO)
        wider = _parser().parse_args(["--fast-limits", "500:5"]).fast_limits
        assert wider == {"fast_bytes": 500_000_000, "fast_s": 18_000.0}
        local.service.fast_s = wider["fast_s"]
        assert fast(local).status_code == 200


@pytest.mark.parametrize(
    ("sizes", "good"),
    [
        pytest.param([1] * 10_000, True, id="10000-blobs?"),
        pytest.param([1] * 10_001, False, id="10001-blobs?"),
        pytest.param([1_000_000_000] * 5, True, id="5-GB?"),
        pytest.param([1_000_000_001] * 5, False, id="more-than-5-GB?"),
    ],
)
def test_how_much_may_a_container_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int], good: bool
) -> None:
    blobs = {f"{i:05}.wav": size for i, size in enumerate(sizes)}
    monkeypatch.setattr("speechkit.local.fetch._list_blobs", lambda url: blobs)
    fetcher = Fetcher(Store(None), tmp_path, ["account.blob.core.windows.net"])
    if good:
        assert [name for _, name in asyncio.run(fetcher.list_container(CONTAINER))] == sorted(blobs)
    else:
        with pytest.raises(FetchError, match="at most 10000 and 5 GB are read"):
            asyncio.run(fetcher.list_container(CONTAINER))


def test_may_a_destination_have_a_stored_access_policy(tmp_path: Path) -> None:
    with inside(None, tmp_path, allowed=["account.blob.core.windows.net"]) as local:
        local.service.check_destination(CONTAINER)
        with pytest.raises(RefusalError, match="ad hoc SAS only"):
            local.service.check_destination(f"{CONTAINER}&si=policy")


# --- the document ----------------------------------------------------------------------------------------------

DOCUMENT = (ROOT / "docs" / "local_service.md").read_text()
ROW = re.compile(r"^\| ((?:GET|POST|PATCH|PUT|DELETE) /\S+) \| (served|refused) \| (.*?) ?\|$", re.MULTILINE)
TABLE = {route: (here, why) for route, here, why in ROW.findall(DOCUMENT)}


# --- the document -------------------------------------------------------------------------------------------


def test_the_table_of_routes_is_that_of_the_application() -> None:
    routes = [*batch_routes.ROUTES, *fast_routes.ROUTES, *model_routes.ROUTES, *webhook_routes.ROUTES]
    served = {
        f"{method} {route.path_format.removeprefix(PREFIX).replace('{file_id}', '{fileId}')}"
        for route in routes
        if route.path.startswith(PREFIX)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert {route for route, (here, _) in TABLE.items() if here == "served"} == served
    assert all(why for here, why in TABLE.values() if here == "refused"), "say why"


def test_the_table_of_routes_is_that_of_the_api(shared: Path) -> None:
    digest = json.loads((shared / "contract" / "routes-2024-11-15.json").read_text())
    delta = json.loads((shared / "contract" / "delta-2025-10-15.json").read_text())
    expected = {f"{method} {path}" for method, path, _ in digest["paths"].values()}
    for row in delta["paths_added"]:
        methods, path = row.split()
        choice = re.search(r"\{(\w+(?:\|\w+)+)\}", path)
        paths = [path.replace(choice[0], name) for name in choice[1].split("|")] if choice else [path]
        expected |= {f"{method} {path}" for method in methods.split("|") for path in paths}
    assert set(TABLE) == expected


def test_refused_routes_are_refused(here: Inside) -> None:
    for route, (served, _) in TABLE.items():
        method, path = route.split()
        if served == "refused":
            answer = here.speech(method, re.sub(r"\{\w+\}", "788a1f24-f980-4809-8978-e5cf41f77b35", path))
            assert answer.status_code in (404, 405), route
            assert answer.json()["code"] in ("NotFound", "NotAllowed"), route


def test_every_option_and_every_misbehaviour_is_documented() -> None:
    options = [a.option_strings[-1] for a in _parser()._actions if a.option_strings[-1] != "--help"]
    assert [o for o in options if f"`{o}" not in DOCUMENT] == []
    assert [k for k in get_args(Kind) if f"| `{k}` |" not in DOCUMENT] == []


def test_every_kind_of_error_is_documented() -> None:
    text = "".join(path.read_text() for path in (ROOT / "speechkit" / "local").glob("*.py"))
    kinds = set(re.findall(r'FetchError\(\s*"(\w+)"', text)) | {"Internal", "InvalidData"}
    assert FetchError("Timeout", "m").kind == "Timeout"
    assert {kind for kind in kinds if f"`{kind}`" not in DOCUMENT} == set()
