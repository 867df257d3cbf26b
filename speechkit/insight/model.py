"""One question to a language model, through the openai package, and everything that can go wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from speechkit.errors import SettingsError
from speechkit.insight.schema import CallSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from pydantic import SecretStr, ValidationError

    from speechkit.settings import Settings

EXTRACTIVE = "extractive"
"""The model of the local service."""

TIMEOUT_S = 120.0
MAX_RETRIES = 5
"""Retries of one request on 408, 409, 429, 5xx and lost connections, waiting as Retry-After says."""
ATTEMPTS = 2
"""How often a model is asked that answers something other than the schema."""

_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
# The scope of Azure's keyless examples (learn.microsoft.com, "How to switch between OpenAI and Azure OpenAI
# endpoints", read November 2026).
_AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True)
class Reply:
    """What came of one question: the answer, or the problem; `stop` says that asking on is useless."""

    answer: CallSummary | None
    problem: str = ""
    stop: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


def open_model(
    settings: Settings, *, endpoint: str | None = None, key: SecretStr | str | None = None
) -> tuple[OpenAI, str]:
    """The client and the model to ask: what OPENAI_* configures, else `extractive` of the local service.

    `endpoint` and `key` are the local service's. An Azure OpenAI endpoint is used through its v1 API, where
    the model is the name of the deployment; without OPENAI_API_KEY it is opened with Entra ID. Raises
    SettingsError when neither is configured, or a model is not named.

    >>> from speechkit.settings import Settings
    >>> client, model = open_model(Settings(openai_endpoint="http://127.0.0.1:11434", openai_model="tiny"))
    >>> str(client.base_url), model
    ('http://127.0.0.1:11434/v1/', 'tiny')
    """
    secret = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    if settings.openai_endpoint or secret:
        if not settings.openai_model:
            raise SettingsError(
                "OPENAI_ENDPOINT or OPENAI_API_KEY is set, but OPENAI_MODEL is not: name the model "
                "(for Azure OpenAI the deployment), or unset both to use the local service."
            )
        return _client(settings.openai_endpoint, secret), settings.openai_model
    if endpoint is None:
        raise SettingsError(
            "no language model is configured: set OPENAI_ENDPOINT, OPENAI_API_KEY and OPENAI_MODEL, hand "
            "over a client, or give the endpoint of the local service that speechkit.connect() answers."
        )
    given = key if key is None or isinstance(key, str) else key.get_secret_value()
    return _client(f"{endpoint.rstrip('/')}/openai/v1", given), EXTRACTIVE


def ask(client: OpenAI, model: str, system: str, user: str, schema: type[CallSummary]) -> Reply:
    """Ask once, and once more where the answer is not the schema; never raises for what a server does.

    The openai package repeats what may be repeated (429, 5xx, time-outs) as often as `client` is set to.
    """
    tokens_in = tokens_out = 0
    reply = Reply(None, "the model was not asked")
    for _ in range(ATTEMPTS):
        reply, again = _ask_once(client, model, system, user, schema)
        tokens_in, tokens_out = tokens_in + reply.tokens_in, tokens_out + reply.tokens_out
        if not again:
            break
    return Reply(reply.answer, reply.problem, reply.stop, tokens_in, tokens_out)


def _ask_once(
    client: OpenAI, model: str, system: str, user: str, schema: type[CallSummary]
) -> tuple[Reply, bool]:
    import openai
    from pydantic import ValidationError

    counts = (0, 0)
    try:
        # Chat completions, not responses: every compatible server has them, and nothing is stored by default.
        raw = client.chat.completions.with_raw_response.parse(
            model=model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            response_format=schema,
        )
        # Before it is parsed: an answer that is not the schema has cost its tokens too.
        counts = _tokens(raw.text)
        message = raw.parse().choices[0].message
        if message.refusal:
            return Reply(None, f"the model refused: {_short(message.refusal)}", False, *counts), False
        if message.parsed is None:
            return Reply(None, "the model answered nothing", False, *counts), True
        return Reply(message.parsed, "", False, *counts), False
    except openai.LengthFinishReasonError:
        return Reply(None, "the answer was cut off at the model's length limit", False, *counts), False
    except openai.ContentFilterFinishReasonError:
        return Reply(None, "the content filter stopped the answer", False, *counts), False
    except ValidationError as error:
        problem = f"the answer is not the schema that was asked for: {_where(error)}"
        return Reply(None, problem, False, *counts), True
    except openai.APIError as error:
        return _failed(error), False
    except (AttributeError, TypeError, IndexError):
        # A page or another document with status 200: the openai package hands it on without reading it.
        return Reply(
            None, "the server answered something that is no chat completion; check OPENAI_ENDPOINT", True
        ), False


def _failed(error: Exception) -> Reply:
    """What an error of the openai package means for this call and for those after it."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return Reply(None, "the model did not answer in time, also after the retries")
    if isinstance(error, openai.APIConnectionError):
        return Reply(None, "the model's server cannot be reached; check OPENAI_ENDPOINT and the network")
    if not isinstance(error, openai.APIStatusError):
        return Reply(None, f"the answer could not be read ({type(error).__name__})")
    code = str(error.code or "")
    said = f"{error.status_code}{f' {code}' if code else ''}: {_short(error.message)}"
    if "content_filter" in code:
        return Reply(None, f"the content filter refused the text of this call ({error.status_code})")
    if code in ("context_length_exceeded", "string_above_max_length"):
        return Reply(None, "the call is too long for this model: give a smaller max_characters")
    # Without what the server said: some repeat the key.
    if error.status_code in (401, 403):
        return Reply(
            None,
            f"access to the model was denied ({error.status_code}); check OPENAI_API_KEY or the role",
            True,
        )
    if error.status_code == 404:
        return Reply(
            None, f"there is no such model or route ({said}); check OPENAI_MODEL and OPENAI_ENDPOINT", True
        )
    if code == "insufficient_quota":
        return Reply(None, f"the account's quota is used up ({said})", True)
    if error.status_code == 429:
        return Reply(
            None, "too many requests, also after the retries (429); ask with fewer workers, or later"
        )
    return Reply(None, f"the model's server answered {said}")


def _client(endpoint: str | None, key: str | None) -> OpenAI:
    from openai import DefaultHttpx2Client, OpenAI

    host = urlsplit(endpoint).hostname or "" if endpoint else ""
    secret: str | Callable[[], str] | None = key
    if host.endswith(_AZURE_HOSTS):
        endpoint = f"{(endpoint or '').removesuffix('/openai/v1')}/openai/v1"
        secret = key or _entra_token()
    elif endpoint and urlsplit(endpoint).path in ("", "/"):
        endpoint = f"{endpoint.rstrip('/')}/v1"
    # A server on this machine is never behind the proxy that the environment names.
    local = DefaultHttpx2Client(trust_env=False) if host in ("127.0.0.1", "localhost", "::1") else None
    return OpenAI(
        base_url=endpoint,
        api_key=secret or "none",  # compatible servers want no key, the openai package wants one
        timeout=TIMEOUT_S,
        max_retries=MAX_RETRIES,
        http_client=local,
    )


def _entra_token() -> Callable[[], str]:
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    return get_bearer_token_provider(DefaultAzureCredential(), _AZURE_SCOPE)


def _tokens(body: str) -> tuple[int, int]:
    """Tokens in and out as the server counts them; zero where it does not."""
    try:
        usage = json.loads(body).get("usage") or {}
        return int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except (ValueError, TypeError, AttributeError):
        return 0, 0


def _where(error: ValidationError) -> str:
    # Never the input: it holds the words of the call.
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['type']}" if place else str(first["type"])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."
