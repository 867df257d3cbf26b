"""Lists: their pages and their filters."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechkit.local.envelope import RefusalError
from speechkit.local.filters import parse_filter
from tests.local.service_fixture import (
    KEY,
    NEW,
    Inside,
    job_id,
    submission,
    wait_for_job,
)

JOBS = "/transcriptions"
SINCE = "createdDateTime gt 2020-01-01T00:00:00Z"


@pytest.fixture
def seven(local: Inside) -> Inside:
    """Seven jobs, one of them failed."""
    jobs = [local.speech("POST", f"{JOBS}:submit", json=submission("https://not.allowed/x.wav"))]
    url = local.publish()
    for name in ["b's", "c", "d", "e", "f", "g"]:
        body = submission(url) | {"displayName": name}
        jobs.append(local.speech("POST", f"{JOBS}:submit", json=body))
    for job in jobs:
        wait_for_job(local, job.json())
    return local


def names(page: dict[str, Any]) -> list[str]:
    return [job["displayName"] for job in page["values"]]


def test_pages_follow_each_other_to_the_end(seven: Inside) -> None:
    page = seven.speech("GET", JOBS, params={"top": 3}).json()
    read = [names(page)]
    while "@nextLink" in page:
        assert parse_qs(urlsplit(page["@nextLink"]).query)["api-version"] == [NEW]
        page = seven.client.get(page["@nextLink"], headers={"Ocp-Apim-Subscription-Key": KEY}).json()
        read.append(names(page))
    assert read == [["calls", "b's", "c"], ["d", "e", "f"], ["g"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"filter": "status eq 'Failed'"}, "calls", id="failed ones?"),
        pytest.param({"filter": "status ne 'Failed'", "top": 2, "skip": 1}, "c d", id="a page?"),
        pytest.param({"filter": "displayName eq 'b''s'"}, "b's", id="a quote in a name?"),
        pytest.param({"filter": "displayName eq 'c' or displayName eq 'e'"}, "c e", id="one or the other?"),
        pytest.param({"filter": "not (displayName ne 'c')"}, "c", id="not another?"),
        pytest.param({"filter": "description eq 'none'"}, "", id="what none has?"),
        pytest.param({"filter": f"{SINCE} and locale eq 'en-US'", "skip": 6}, "g", id="since a date?"),
        pytest.param({"filter": "lastActionDateTime lt '2020-01-01T00:00:00Z'"}, "", id="before a date?"),
        pytest.param({"skip": 7}, "", id="after the end?"),
        pytest.param({"top": 100_000, "skip": 5}, "f g", id="more than there is?"),
    ],
)  # fmt: skip
def test_filters(seven: Inside, query: dict[str, Any], expected: str) -> None:
    assert names(seven.speech("GET", JOBS, params=query).json()) == expected.split()


@pytest.mark.parametrize(
    ("query", "inner"),
    [
        ({"top": "0"}, "UnsupportedPagination"),
        ({"top": "x"}, "UnsupportedPagination"),
        ({"skip": "-1"}, "UnsupportedPagination"),
        ({"filter": "name eq 'x'"}, "UnsupportedFilter"),
        ({"filter": "status"}, "UnsupportedFilter"),
        ({"filter": "status eq"}, "UnsupportedFilter"),
        ({"filter": "status eq Failed"}, "UnsupportedFilter"),
        ({"filter": "status has 'Failed'"}, "UnsupportedFilter"),
        ({"filter": "status gt 'Failed'"}, "UnsupportedFilter"),
        ({"filter": "status eq 'Failed' status"}, "UnsupportedFilter"),
        ({"filter": "(status eq 'Failed'"}, "UnsupportedFilter"),
        ({"filter": "status eq 'Failed"}, "UnsupportedFilter"),
        ({"filter": "createdDateTime gt 'yesterday'"}, "UnsupportedFilter"),
        ({"filter": "(" * 500}, "UnsupportedFilter"),
        ({"filter": "not " * 500}, "UnsupportedFilter"),
    ],
)
def test_queries_that_are_refused(local: Inside, query: dict[str, str], inner: str) -> None:
    local.transcribe(local.publish())
    answer = local.speech("GET", JOBS, params=query)
    assert (answer.status_code, answer.json()["innerError"]["code"]) == (400, inner)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(name=TEXTS, other=TEXTS)
def test_a_filter_finds_exactly_what_it_names(name: str, other: str) -> None:
    quoted = name.replace("'", "''")
    assert parse_filter(f"displayName eq '{quoted}'", ["displayName"])({"displayName": name})
    assert parse_filter(f"displayName eq '{quoted}'", ["displayName"])({"displayName": other}) == (
        name == other
    )


@settings(max_examples=100, deadline=None)
@given(text=st.text("status eq'()ornt ,0-", max_size=40))
def test_no_filter_breaks_the_reader(text: str) -> None:
    try:
        wanted = parse_filter(text, ["status"])
    except RefusalError:
        return
    assert wanted({"status": "eq"}) in (True, False)


def test_files_are_filtered_too(local: Inside) -> None:
    job, _ = local.transcribe(local.publish(), local.publish(name="b.wav"))
    path = f"{JOBS}/{job_id(job)}/files"
    answer = local.speech("GET", path, params={"filter": "kind eq 'TranscriptionReport'"})
    assert [f["name"] for f in answer.json()["values"]] == ["report.json"]
    assert local.speech("GET", path, params={"filter": "status eq 'x'"}).status_code == 400
