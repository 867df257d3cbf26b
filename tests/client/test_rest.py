"""The client: addresses, errors, retries, pages, and that nothing secret is ever shown."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from hypothesis import given
from hypothesis import strategies as st

from speechkit import errors
from speechkit.client.rest import (
    ATTEMPTS,
    MAX_RETRY_AFTER_S,
    SpeechClient,
    read_envelope,
    retry_after_s,
    retry_reason,
)
from speechkit.client.secrets import mask, strip_sas

KEY = "0123456789-not-a-real-key"
OWN = "https://contoso.cognitiveservices.azure.com"
REGIONAL = "https://westeurope.api.cognitive.microsoft.com"


def client_of(handler: Any, endpoint: str = OWN, **options: Any) -> tuple[SpeechClient, list[float]]:
    waits: list[float] = []
    options = {"key": KEY} | options
    return SpeechClient(
        endpoint, transport=httpx.MockTransport(handler), sleep=waits.append, **options
    ), waits


def answering(*answers: httpx.Response | Exception) -> tuple[Any, list[httpx.Request]]:
    """A service that gives these answers one after the other."""
    seen: list[httpx.Request] = []
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler, seen


ENVELOPE = {
    "code": "InvalidRequest",
    "message": "outer",
    "innerError": {"code": "InvalidLocale", "message": "no xx"},
}
DEEP = {
    "code": "InvalidRequest",
    "message": "a",
    "innerError": {"code": "B", "innerError": {"code": "C", "message": "c"}},
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(ENVELOPE, ("InvalidRequest", "InvalidLocale", "no xx"), id="the-api's-envelope"),
        pytest.param(DEEP, ("InvalidRequest", "C", "c"), id="the-innermost-error-counts"),
        pytest.param(
            {"error": {"code": "401", "message": "denied"}}, ("401", None, "denied"), id="the-gateway's"
        ),
        pytest.param(
            {"error": {"code": 429, "message": None}}, ("429", None, "no explanation"), id="no-message"
        ),
        pytest.param(["x"], (None, None, "Bad Request"), id="a-list"),
        pytest.param({"title": "x"}, (None, None, "Bad Request"), id="another-shape"),
    ],
)
def test_read_envelope(body: Any, expected: tuple[Any, ...]) -> None:
    assert read_envelope(httpx.Response(400, json=body)) == expected


def test_read_envelope_of_html() -> None:
    assert read_envelope(httpx.Response(502, text="<html>")) == (None, None, "Bad Gateway")


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, ENVELOPE, errors.InvalidRequestError, "en-US"),
        (401, {"error": {"code": "401", "message": "denied"}}, errors.AccessDeniedError, "SPEECH_KEY"),
        (403, {"code": "Forbidden", "message": "no"}, errors.AccessDeniedError, "role"),
        (404, {"code": "NotFound", "message": "no"}, errors.NotFoundError, "time to live"),
        (422, {"code": "UnprocessableEntity", "message": "x"}, errors.InvalidRequestError, "WAV"),
        (507, {}, errors.StatusError, "Free some space"),
        (
            400,
            {
                "code": "InvalidRequest",
                "message": "m",
                "innerError": {"code": "InvalidSubscription", "message": "x"},
            },
            errors.InvalidRequestError,
            "S0",
        ),
    ],
)
def test_each_status_is_an_error_with_a_remedy(status: int, body: Any, kind: type, says: str) -> None:
    handler, seen = answering(httpx.Response(status, json=body, headers={"apim-request-id": "r-17"}))
    client, _ = client_of(handler)
    with pytest.raises(kind, match=says) as caught:
        client.get("transcriptions/x")
    assert (caught.value.status, caught.value.request_id) == (status, "r-17")
    assert "contoso.cognitiveservices.azure.com" in str(caught.value)
    assert "r-17" in str(caught.value)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "transcriptions/x", f"{OWN}/speechtotext/transcriptions/x?api-version=2025-10-15", id="a-path"
        ),
        pytest.param(
            "https://eastus.api.cognitive.microsoft.com/speechtotext/transcriptions?skip=2&api-version=2024-11-15",
            f"{OWN}/speechtotext/transcriptions?api-version=2024-11-15&skip=2",
            id="a-link-with-another-host-is-asked-at-our-own",
        ),
        pytest.param("/recordings/a.wav", f"{OWN}/recordings/a.wav", id="beside-the-API"),
    ],
)
def test_addresses(path: str, expected: str) -> None:
    handler, seen = answering(httpx.Response(200, json={}))
    client_of(handler)[0].get(path)
    assert seen[0].url == httpx.URL(expected)
    assert seen[0].headers["Ocp-Apim-Subscription-Key"] == KEY


def test_the_key_does_not_follow_a_link_that_is_none_of_the_service() -> None:
    handler, seen = answering()
    with pytest.raises(errors.ServiceError, match="not a link"):
        client_of(handler)[0].get("https://evil.example/steal?x=1")
    assert seen == []


def test_a_download_carries_no_key() -> None:
    handler, seen = answering(httpx.Response(200, content=b"{}"))
    client_of(handler)[0].download("https://store.example/r.json?sig=abc")
    assert "Ocp-Apim-Subscription-Key" not in seen[0].headers
    assert seen[0].url.params["sig"] == "abc"


def test_pages_follow_next_links_to_the_end() -> None:
    handler, seen = answering(
        httpx.Response(
            200, json={"values": [1, 2], "@nextLink": f"{OWN}/speechtotext/transcriptions?skip=2"}
        ),
        httpx.Response(200, json={"values": [], "@nextLink": f"{OWN}/speechtotext/transcriptions?skip=4"}),
        httpx.Response(200, json={"values": [3], "@nextLink": None}),
    )
    assert list(client_of(handler)[0].pages("transcriptions", top=2)) == [1, 2, 3]
    assert [r.url.params.get("skip") for r in seen] == [None, "2", "4"]


# --- retries ------------------------------------------------------------

OK = httpx.Response(200, json={})
LOST = httpx.ReadError("lost")
NEVER = httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("method", "failure", "again"),
    [
        pytest.param("get", httpx.Response(429), True, id="get-429"),
        pytest.param("get", httpx.Response(503), True, id="get-503"),
        pytest.param("get", httpx.Response(408), True, id="get-408"),
        pytest.param("get", LOST, True, id="get-lost"),
        pytest.param("get", NEVER, True, id="get-never-connected"),
        pytest.param("get", httpx.ReadTimeout("slow"), True, id="get-timeout"),
        pytest.param("post", httpx.Response(429), True, id="post-429-did-nothing"),
        pytest.param("post", NEVER, True, id="post-never-arrived"),
        pytest.param("post", httpx.Response(503), False, id="post-503-may-have-done-it"),
        pytest.param("post", LOST, False, id="post-lost-may-have-done-it"),
        pytest.param("get", httpx.Response(501), False, id="get-501-never-heals"),
        pytest.param("get", httpx.Response(507), False, id="get-507-never-heals"),
        pytest.param("get", httpx.Response(400), False, id="get-400"),
    ],
)
def test_what_is_sent_again(method: str, failure: Any, again: bool) -> None:
    handler, seen = answering(failure, OK)
    client, waits = client_of(handler)
    call = client.get if method == "get" else lambda path: client.post(path, {})
    if again:
        assert call("transcriptions") == {}
        assert len(waits) == 1
        assert 0.75 <= waits[0] <= 1.0
    else:
        with pytest.raises(errors.ServiceError):
            call("transcriptions")
    assert len(seen) == 1 + again


def test_retry_after_is_waited_for_and_the_attempts_end() -> None:
    handler, seen = answering(*[httpx.Response(429, headers={"Retry-After": "3"})] * ATTEMPTS)
    client, waits = client_of(handler)
    with pytest.raises(errors.ThrottledError, match="Wait some minutes"):
        client.get("transcriptions")
    assert len(waits) == ATTEMPTS - 1
    assert all(3.0 <= wait <= 3.3 for wait in waits), "never earlier than asked"
    assert len(set(waits)) > 1, "those who were refused together do not come back together"
    assert len(seen) == ATTEMPTS


def test_retry_after_is_capped() -> None:
    handler, _ = answering(httpx.Response(503, headers={"Retry-After": "99999"}), OK)
    client, waits = client_of(handler)
    client.get("x")
    assert MAX_RETRY_AFTER_S <= waits[0] <= 1.1 * MAX_RETRY_AFTER_S


def test_delays_double() -> None:
    handler, _ = answering(*[httpx.Response(503)] * (ATTEMPTS - 1), OK)
    client, waits = client_of(handler)
    client.get("x")
    assert all(0.75 * 2**n <= wait <= 2**n for n, wait in enumerate(waits))


NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOW) == expected


@given(st.text(max_size=30))
def test_retry_after_never_raises(text: str) -> None:
    found = retry_after_s({"retry-after": text}, NOW)
    assert found is None or found >= 0


def test_a_wrong_scheme_is_not_tried_again() -> None:
    assert retry_reason(httpx.UnsupportedProtocol("ftp"), True) is None


def test_unreachable_says_which_host() -> None:
    handler, _ = answering(*[NEVER] * ATTEMPTS)
    with pytest.raises(errors.UnreachableError, match=r"contoso.*no connection \(refused\).*network"):
        client_of(handler)[0].get("x")


def test_an_endpoint_that_is_something_else() -> None:
    handler, _ = answering(httpx.Response(200, text="<html>a portal</html>"))
    with pytest.raises(errors.ServiceError, match="SPEECH_ENDPOINT"):
        client_of(handler)[0].get("transcriptions")


# --- who asks ------------------------------------------------------------


class Identity:
    """A credential of azure-identity, as far as it is used."""

    def __init__(self, token: str | None = "t0ken", lives_s: float = 3600) -> None:
        self.token, self.lives_s, self.asked = token, lives_s, 0

    def get_token(self, *scopes: str) -> Any:
        self.asked += 1
        if self.token is None:
            raise ClientAuthenticationError("no one is signed in")
        return SimpleNamespace(token=f"{self.token}{self.asked}", expires_on=time.time() + self.lives_s)


def test_entra_id_comes_first() -> None:
    handler, seen = answering(OK, OK)
    identity = Identity()
    client, _ = client_of(handler, credential=identity)
    client.get("a")
    client.get("b")
    assert [r.headers["Authorization"] for r in seen] == ["Bearer t0ken1"] * 2
    assert all("Ocp-Apim-Subscription-Key" not in r.headers for r in seen)


def test_a_token_that_runs_out_is_renewed() -> None:
    handler, seen = answering(OK, OK)
    client, _ = client_of(handler, credential=Identity(lives_s=60))
    client.get("a")
    client.get("b")
    assert [r.headers["Authorization"] for r in seen] == ["Bearer t0ken1", "Bearer t0ken2"]


@pytest.mark.parametrize(
    ("identity", "first"),
    [
        pytest.param(Identity(token=None), [], id="no-one-is-signed-in"),
        pytest.param(Identity(), [httpx.Response(401)], id="the-token-is-not-accepted"),
        pytest.param(Identity(), [httpx.Response(403)], id="the-identity-has-no-role"),
    ],
)
def test_the_key_comes_second(identity: Identity, first: list[httpx.Response]) -> None:
    handler, seen = answering(*first, OK, OK)
    client, _ = client_of(handler, credential=identity)
    client.post("a", {"x": 1})
    client.get("b")
    assert [r.headers.get("Ocp-Apim-Subscription-Key") for r in seen[-2:]] == [KEY, KEY]
    assert "Authorization" not in seen[-1].headers
    assert identity.asked == 1
    assert seen[-2].content == b'{"x":1}'


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        pytest.param(REGIONAL, "regional endpoints take no tokens", id="regional"),
        pytest.param("http://127.0.0.1:9", "no token without TLS", id="plain-http"),
    ],
)
def test_no_token_goes_there(endpoint: str, why: str) -> None:
    handler, seen = answering(OK)
    identity = Identity()
    client_of(handler, endpoint, credential=identity)[0].get("a")
    assert identity.asked == 0, why
    assert seen[0].headers["Ocp-Apim-Subscription-Key"] == KEY


def test_neither_key_nor_identity() -> None:
    with pytest.raises(errors.SettingsError, match="Set SPEECH_KEY"):
        SpeechClient(OWN)
    handler, _ = answering(OK)
    client, _ = client_of(handler, key=None, credential=Identity(token=None))
    with pytest.raises(errors.SettingsError, match="az login"):
        client.get("a")


# --- nothing secret is shown ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example/c/x.wav?sp=r&sig=a%2Bb%3D&se=1", "https://a.example/c/x.wav"),
        ("see https://a.example/x?sig=s3cret, then go", "see https://a.example/x, then go"),
        ("https://a.example/x?id=5", "https://a.example/x?id=5"),
        ("SIG=abc", "SIG=***"),
        ("AccountName=a;AccountKey=abc==;X=1", "AccountName=a;AccountKey=***;X=1"),
        ('"https://a.example/x?SIG=s3cret"', '"https://a.example/x"'),
    ],
)
def test_strip_sas(text: str, expected: str) -> None:
    assert strip_sas(text) == expected


@given(
    st.text(alphabet="abcdefXYZ0123456789%", min_size=8, max_size=40).filter(
        lambda s: "sig" not in s.lower()
    ),
    st.sampled_from(["?sv=1&sig={}", "?sig={}&se=2", "?se=1&sig={}&sr=b"]),
)
def test_no_signature_survives(signature: str, query: str) -> None:
    text = f"GET https://a.example/c{query.format(signature)} failed"
    assert signature not in strip_sas(text)


def test_mask_replaces_secrets() -> None:
    assert mask(f"bad key {KEY}", [KEY, ""]) == "bad key ***"


def test_the_key_and_signatures_are_in_no_message_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    signed = "https://store.example/r.json?se=1&sig=s3cr3tsig"
    echo = {"error": {"code": "401", "message": f"key {KEY} for {signed} is wrong"}}
    handler, _ = answering(
        httpx.Response(429, json={}),
        httpx.Response(401, json=echo),
        httpx.Response(503),
        httpx.Response(403, text="denied"),
    )
    client, _ = client_of(handler, REGIONAL)
    texts = [repr(client), repr(client.signer)]
    with pytest.raises(errors.AccessDeniedError) as caught:
        client.get("x")
    texts.append(str(caught.value))
    with pytest.raises(errors.AccessDeniedError, match="Collect again") as caught:
        client.download(signed)
    texts.append(str(caught.value))
    assert caplog.records
    everything = "\n".join([*texts, caplog.text])
    assert "store.example" in everything
    assert KEY not in everything
    assert "s3cr3tsig" not in everything


@pytest.mark.parametrize(
    ("fresh", "header"), [(True, "no-cache"), (False, None)], ids=["fresh?", "as usual?"]
)
def test_a_fresh_client_asks_that_no_cache_answers(fresh: bool, header: str | None) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Cache-Control"))
        return httpx.Response(200, json={})

    client = SpeechClient("https://a.example", key="k", transport=httpx.MockTransport(answer), fresh=fresh)
    client.get("transcriptions")
    assert asked == [header]
