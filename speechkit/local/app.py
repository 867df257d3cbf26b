"""The application: every route of the service behind one gate that checks keys and sets headers."""

from __future__ import annotations

import hmac
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speechkit import __version__, limits
from speechkit.local import (
    batch_routes,
    fast_routes,
    model_routes,
    openai,
    openapi,
    realtime_routes,
    recording_routes,
    short_audio_routes,
    webhook_routes,
)
from speechkit.local.envelope import RefusalError, gateway_denied, not_found, openai_error
from speechkit.local.fetch import RECORDINGS
from speechkit.local.misbehave import HEADER, Order, meet, meet_socket
from speechkit.local.requests import read_json
from speechkit.local.service import PREFIX, Service, plain
from speechkit.local.store import is_full
from speechkit.local.workers import Pool

log = logging.getLogger("speechkit.local")

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN: Final = frozenset({"/", "/openapi.json"})
_NO_SPACE: Final = (
    "There is no space left on the service's disk. Free some, then try again; nothing was half-written."
)


def create_app(service: Service) -> Starlette:
    """The ASGI application of a service; its workers and unfinished jobs start with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if isinstance(service.recognizer, Pool):
            service.recognizer.start()
        service.webhooks.start()
        service.jobs.start()
        yield
        await service.jobs.stop()
        await service.webhooks.stop()
        service.live.stop()
        if isinstance(service.recognizer, Pool):
            await service.recognizer.stop()
        service.store.close()

    routes = [
        Route("/", plain(health), methods=["GET"]),
        Route("/misbehave", plain(misbehave), methods=["GET", "POST", "DELETE"]),
        *model_routes.ROUTES,  # before batch_routes: /transcriptions/locales is no id
        *batch_routes.ROUTES,
        *fast_routes.ROUTES,
        *recording_routes.ROUTES,
        *webhook_routes.ROUTES,
        *realtime_routes.ROUTES,
        *short_audio_routes.ROUTES,
        *openai.ROUTES,
        *openapi.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            RefusalError: _on_refusal,
            HTTPException: _on_http,
            sqlite3.Error: _on_full,
            OSError: _on_full,
            Exception: _on_bug,
        },
    )
    app.state.service = service
    app.add_middleware(Gate, service=service)
    return app


class Gate:
    """What every request meets first: the host, the key, misbehaviour; and the headers of every answer."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        service = self._service
        service.open_requests += 1
        try:
            app = self._refusal(scope) or self._app
            order = self._misbehaviour(scope) if app is self._app else None
            if scope["type"] == "websocket":
                await meet_socket(order, app, scope, receive, send)
                return
            send = _with_headers(scope["path"], send)
            await (meet(order, app, scope, receive, send) if order else app(scope, receive, send))
        finally:
            service.open_requests -= 1
            service.last_request_s = time.monotonic()

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope.get("method", "GET")
        if headers.get("host", "").rpartition(":")[0] not in _HOSTS and headers.get("host") not in _HOSTS:
            # A page in a browser that reaches this port under a name of its own must not be answered.
            return RefusalError(
                "Forbidden", "This service answers to 127.0.0.1 and localhost only."
            ).response()
        signed = path.startswith(("/results/", RECORDINGS)) and method in ("GET", "HEAD")
        if path in _OPEN or signed:
            return None
        if self._has_key(scope, headers):
            return self._beyond_quota(path)
        if path.startswith(openai.OPENAI):
            message = "The API key is missing or wrong; the service's state file holds the right one."
            return openai_error(401, message, code="invalid_api_key")
        return gateway_denied()

    def _beyond_quota(self, path: str) -> Response | None:
        try:
            if self._service.quota and path.startswith(PREFIX):
                self._service.quota.count(path)
        except RefusalError as refusal:
            return refusal.response()
        return None

    def _misbehaviour(self, scope: Scope) -> Order | None:
        path = scope["path"]
        if path in _OPEN or path == "/misbehave":
            return None
        return self._service.misbehaviour.of_request(path, Headers(scope=scope).get(HEADER))

    def _has_key(self, scope: Scope, headers: Headers) -> bool:
        # The header of OpenAI's clients opens everything but the Speech API, whose gateway ignores it.
        name = "ocp-apim-subscription-key" if scope["path"].startswith(PREFIX) else "api-key"
        given = [headers.get(name), headers.get("ocp-apim-subscription-key")]
        if scope["type"] == "websocket":  # which the JavaScript SDK cannot give headers
            given.append(QueryParams(scope["query_string"]).get("Ocp-Apim-Subscription-Key"))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            given.append(token.strip())
        right = self._service.key.encode()
        return any(hmac.compare_digest(key.encode(), right) for key in given if key)


async def health(request: Request, service: Service) -> Response:
    """GET /: what this is and how it is, without a key."""
    pool = service.recognizer
    return JSONResponse(
        {
            "service": "speechkit local",
            "version": __version__,
            "engine": pool.engine if isinstance(pool, Pool) else await pool.version(),
            "pid": os.getpid(),
            "workers": pool.count if isinstance(pool, Pool) else 0,
            "jobs": service.store.count_jobs(),
            "live": {"sessions": service.live.sessions, "most": service.live.most},
        }
    )


async def misbehave(request: Request, service: Service) -> Response:
    """GET, POST and DELETE /misbehave: what is to go wrong next."""
    if request.method == "POST":
        service.misbehaviour.order(read_json(await request.body()))
    elif request.method == "DELETE":
        service.misbehaviour.clear()
    return JSONResponse({"pending": service.misbehaviour.pending()})


def _with_headers(path: str, send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["apim-request-id"] = str(uuid.uuid4())
            headers["x-content-type-options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
            if path.startswith(PREFIX):
                headers["api-supported-versions"] = ", ".join(limits.API_VERSIONS)
                headers["api-deprecated-versions"] = ", ".join(limits.DEPRECATED_API_VERSIONS)
        await send(message)

    return with_headers


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return error.response()


async def _on_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, in the envelope: no such route, another method, a broken form."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        refusal = not_found(f"The local service does not serve {request.url.path}.")
    elif error.status_code == 405:
        refusal = RefusalError("NotAllowed", f"{request.method} is not served for {request.url.path}.")
    else:
        refusal = RefusalError("InvalidRequest", str(error.detail), inner="InvalidRequestBodyFormat")
    if request.url.path.startswith(openai.OPENAI):
        response = openai_error(error.status_code, refusal.message)
    else:
        response = refusal.response()
    if error.status_code == 405:  # Starlette's own header names the first route of the path only
        routes = [
            r for r in request.app.routes if isinstance(r, Route) and r.path_regex.match(request.url.path)
        ]
        routes = [r for r in routes if r.path == request.url.path] or routes  # locales is no id
        response.headers["Allow"] = ", ".join(sorted({method for r in routes for method in r.methods or ()}))
    return response


async def _on_full(request: Request, error: Exception) -> Response:
    if not is_full(error):
        return await _on_bug(request, error)
    log.error("%s %s: no space left", request.method, request.url.path)
    return RefusalError("InternalServerError", _NO_SPACE, status=507).response()


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return RefusalError(
        "InternalServerError", f"The local service met an error of its own: {type(error).__name__}."
    ).response()
