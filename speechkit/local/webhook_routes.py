"""The routes of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit.local.checks import check_url, custom_properties, display_name, flag, invalid, part, text_of
from speechkit.local.envelope import RefusalError, not_found
from speechkit.local.filters import page
from speechkit.local.requests import parse_update, read_json
from speechkit.local.service import PREFIX, Service, api, endpoint_of, id_of, patch_of, version_of
from speechkit.local.store import Job
from speechkit.local.webhook_store import Webhook
from speechkit.local.webhooks import EVENTS, Webhooks

FIELDS: Final = ("displayName", "description", "createdDateTime", "lastActionDateTime", "status")
_COLUMNS: Final = {
    "displayName": "display_name",
    "description": "description",
    "customProperties": "custom_properties",
}
_SINCE: Final = {  # the statuses of a job after an event of it
    "transcriptionCreation": ("NotStarted", "Running", "Succeeded", "Failed"),
    "transcriptionProcessing": ("Running", "Succeeded", "Failed"),
    "transcriptionCompletion": ("Succeeded", "Failed"),
}


async def create(request: Request, service: Service) -> Response:
    """POST /webhooks."""
    body = read_json(await request.body())
    values = {
        "display_name": display_name(body.get("displayName")),
        "description": text_of(body, "description"),
        "custom_properties": custom_properties(body.get("customProperties")),
        "web_url": _web_url(body.get("webUrl"), service.webhooks),
        "events": _events(body),
        "secret": _secret(body),
    }
    webhook = service.webhooks.store.add(version_of(request), endpoint_of(request) + PREFIX, values)
    service.webhooks.wake(webhook.id)
    entity = _entity(request, service, webhook)
    return JSONResponse(entity, status_code=201, headers={"Location": entity["self"]})


async def get(request: Request, service: Service) -> Response:
    """GET /webhooks/{id}."""
    return JSONResponse(_entity(request, service, _webhook(request, service)))


async def list_all(request: Request, service: Service) -> Response:
    """GET /webhooks."""
    webhooks = service.webhooks.store.webhooks()
    return JSONResponse(page(request, webhooks, FIELDS, lambda webhook: _entity(request, service, webhook)))


async def update(request: Request, service: Service) -> Response:
    """PATCH /webhooks/{id}: without a secret it is called unsigned; a new URL or a disabled one is challenged."""
    body, merges = await patch_of(request)
    webhook = _webhook(request, service)
    changes: dict[str, Any] = {"secret": _secret(body)}
    merged = webhook.custom_properties or {} if merges else None
    changes |= {_COLUMNS[name]: value for name, value in parse_update(body, merged).items()}
    if "events" in body:
        changes["events"] = (webhook.events if merges else {}) | _events(body)
    if "webUrl" in body:
        changes["web_url"] = _web_url(body["webUrl"], service.webhooks)
    service.webhooks.store.update(webhook.id, changes)
    if webhook.status != "Succeeded" or changes.get("web_url", webhook.web_url) != webhook.web_url:
        service.webhooks.challenge(webhook.id)
    return JSONResponse(_entity(request, service, _webhook(request, service)))


async def delete(request: Request, service: Service) -> Response:
    """DELETE /webhooks/{id}: 204 also when there is no such webhook (any more)."""
    webhook_id = id_of(request)
    service.webhooks.rest(webhook_id)
    service.webhooks.store.delete(webhook_id)
    return Response(status_code=204)


async def ping(request: Request, service: Service) -> Response:
    """POST /webhooks/{id}:ping: call it with itself."""
    webhook = _active(request, service)
    service.webhooks.notify(webhook, "ping", f"/webhooks/{webhook.id}")
    return Response(status_code=202)


async def test(request: Request, service: Service) -> Response:
    """POST /webhooks/{id}:test: call it for each of its events with the last job that had such an event."""
    webhook = _active(request, service)
    jobs = service.store.jobs()
    found = [(event, job) for event in sorted(webhook.events) if (job := _last(jobs, webhook, event))]
    for event, job in found:
        service.webhooks.notify(webhook, event, f"/transcriptions/{job.id}")
    return Response(status_code=202 if found else 204)


class _Id(StringConvertor):
    regex = "[^/:]+"  # what follows a colon is an action


register_url_convertor("webhook", _Id())

ROUTES: Final = [
    Route(f"{PREFIX}/webhooks/{{id:webhook}}:ping", api(ping), methods=["POST"]),
    Route(f"{PREFIX}/webhooks/{{id:webhook}}:test", api(test), methods=["POST"]),
    Route(f"{PREFIX}/webhooks", api(create), methods=["POST"]),
    Route(f"{PREFIX}/webhooks", api(list_all), methods=["GET"]),
    Route(f"{PREFIX}/webhooks/{{id:webhook}}", api(get), methods=["GET"]),
    Route(f"{PREFIX}/webhooks/{{id:webhook}}", api(update), methods=["PATCH"]),
    Route(f"{PREFIX}/webhooks/{{id:webhook}}", api(delete), methods=["DELETE"]),
]


def _webhook(request: Request, service: Service) -> Webhook:
    webhook = service.webhooks.store.webhook(id_of(request))
    if webhook is None:
        raise not_found("There is no such webhook. It was deleted, or it is one of another service.")
    return webhook


def _active(request: Request, service: Service) -> Webhook:
    webhook = _webhook(request, service)
    if webhook.status != "Succeeded":
        raise RefusalError(
            "Conflict",
            f"The webhook is {webhook.status}: only one that has answered its challenge is called.",
        )
    return webhook


def _entity(request: Request, service: Service, webhook: Webhook) -> dict[str, Any]:
    return service.webhooks.entity(webhook, endpoint_of(request) + PREFIX, version_of(request))


def _last(jobs: list[Job], webhook: Webhook, event: str) -> Job | None:
    """The newest job that had an event; a deleted one is not there to be named."""
    statuses = _SINCE.get(event, ()) if webhook.wants(event) else ()
    return next((job for job in reversed(jobs) if job.status in statuses), None)


def _events(body: Mapping[str, Any]) -> dict[str, bool]:
    if not isinstance(body.get("events"), dict):
        raise invalid("InvalidPayload", "The property 'events' is required: an object.", "events")
    given = body["events"]
    unknown = sorted(set(given) - EVENTS)
    if unknown:
        raise invalid(
            "InvalidWebHookEventKind",
            f"There is no event {unknown[0]}. There are {', '.join(sorted(EVENTS))}.",
            "events",
        )
    return {name: flag(given, name) for name in given}


def _secret(body: Mapping[str, Any]) -> str | None:
    return text_of(part(body, "properties"), "secret") or None


def _web_url(url: Any, webhooks: Webhooks) -> str:
    check_url(url, "webUrl", "InvalidCallbackUri")
    if not webhooks.allows(url):
        host = urlsplit(url).netloc.rpartition("@")[2]
        raise invalid(
            "InvalidCallbackUri",
            f"The local service calls this machine and allowed hosts only, and {host} is not one of them. "
            f"Start it with --allow {host}.",
            "webUrl",
        )
    return str(url)
