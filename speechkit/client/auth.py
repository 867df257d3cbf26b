"""Who asks: Entra ID first, key second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from speechkit.errors import SettingsError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
_RENEW_BEFORE_S: Final = 300.0
_REGIONAL: Final = (".api.cognitive.microsoft.com", ".api.cognitive.microsoft.us", ".api.cognitive.azure.cn")

log = logging.getLogger("speechkit")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine.

    >>> is_loopback("http://127.0.0.1:8000"), is_loopback("https://westeurope.api.cognitive.microsoft.com")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def is_regional(url: str) -> bool:
    """Whether a URL is the endpoint of a region, which takes keys but no Entra ID tokens."""
    return (urlsplit(url).hostname or "").endswith(_REGIONAL)


def scope_of(endpoint: str) -> str:
    """Return what a token has to be good for: all Azure AI services of the endpoint's cloud.

    >>> scope_of("https://contoso.cognitiveservices.azure.us"), scope_of("https://speech.contoso.example")
    ('https://cognitiveservices.azure.us/.default', 'https://cognitiveservices.azure.com/.default')
    """
    cloud = (urlsplit(endpoint).hostname or "").rpartition(".")[2]
    return f"https://cognitiveservices.azure.{cloud if cloud in ('us', 'cn') else 'com'}/.default"


def default_credential() -> TokenCredential:
    """Answer azure-identity's chain: environment, managed identity, then the sign-ins of a developer."""
    from azure.identity import DefaultAzureCredential

    chatter = logging.getLogger("azure.identity")
    if chatter.level == logging.NOTSET:  # a key may still do: what failed is told once, by our own error
        chatter.setLevel(logging.ERROR)
    return DefaultAzureCredential()


class LateCredential:
    """The default credential, made when a token is asked for: azure-identity takes a second to import."""

    def __init__(self) -> None:
        self._made: TokenCredential | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Get a token of the first identity that is signed in."""
        if self._made is None:
            self._made = default_credential()
        return self._made.get_token(*scopes, **options)


class Signer(httpx.Auth):
    """Signs requests to one endpoint: with an Entra ID token where that works, else with the key.

    A token goes over https only, and never to a regional endpoint when there is a key. When no token can be
    had, or the service does not accept it, the key is used from then on.
    """

    def __init__(self, endpoint: str, key: SecretStr | None, credential: TokenCredential | None) -> None:
        if key is None and (credential is None or not endpoint.startswith("https://")):
            raise SettingsError(f"there is no key for {endpoint}. Set SPEECH_KEY.")
        self._endpoint = endpoint
        self._key = key
        self._credential = credential
        self._by_token = (
            credential is not None
            and endpoint.startswith("https://")
            and not (key is not None and is_regional(endpoint))
        )
        self._token = ""
        self._expires = 0.0
        self._lock = threading.Lock()

    @property
    def secrets(self) -> list[str]:
        """What must not be shown."""
        return [self._key.get_secret_value() if self._key else "", self._token]

    @property
    def way(self) -> str:
        """How requests are signed now, in words."""
        return "Entra ID" if self._by_token else "key"

    def for_sdk(self) -> dict[str, Any]:
        """What the Speech SDK signs with: the credential where a token can be had, else the key."""
        if self._by_token and self._bearer():
            return {"token_credential": self._credential}
        assert self._key is not None
        return {"subscription": self._key.get_secret_value()}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request; when a token is not accepted and there is a key, send it again with the key."""
        if self._by_token and (token := self._bearer()):
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if self._key is None or response.status_code not in (401, 403):
                return
            log.info("%s did not accept the Entra ID token: using the key", self._endpoint)
            self._by_token = False
            del request.headers["Authorization"]
        if self._key is not None:
            request.headers[KEY_HEADER] = self._key.get_secret_value()
        yield request

    def _bearer(self) -> str | None:
        """Return a token that is good for some minutes, or None when the key has to do."""
        from azure.core.exceptions import ClientAuthenticationError

        assert self._credential is not None
        with self._lock:
            if time.time() < self._expires - _RENEW_BEFORE_S:
                return self._token
            try:
                token = self._credential.get_token(scope_of(self._endpoint))
            except ClientAuthenticationError as error:  # CredentialUnavailableError is one too
                if self._key is None:
                    raise SettingsError(
                        "no one is signed in to Entra ID, and there is no key for "
                        f"{self._endpoint}. Set SPEECH_KEY, or sign in with `az login` and use the "
                        "resource's own endpoint (https://NAME.cognitiveservices.azure.com)."
                    ) from error
                self._by_token = False
                return None
            self._token, self._expires = token.token, float(token.expires_on)
            return self._token
