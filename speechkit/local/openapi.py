"""The service's own OpenAPI document: what of the Speech API is served here, in the shape it is served in.

The answers' schemas are those of `speechkit/shapes.json`, which `speechkit verify` holds Azure's against, too.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit import __version__, limits
from speechkit.local.filters import MAX_TOP
from speechkit.local.results import PROFANITY_MODES, PUNCTUATION_MODES
from speechkit.local.service import PREFIX, Service, plain
from speechkit.local.webhooks import EVENTS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_FLAG: Final[Schema] = {"type": "boolean"}
_WEB_URL: Final[Schema] = {
    "type": "string",
    "pattern": "^https?://[a-zA-Z0-9_.-]+(:[1-9][0-9]{0,3})?([/?#][\\s\\S]*)?$",
}
_LINK: Final[Schema] = {"type": "string", "pattern": "^https?://"}
_LOCALE: Final[Schema] = {
    "type": "string",
    "pattern": "^[a-zA-Z]{2,3}(-[a-zA-Z]{4})?-([a-zA-Z]{2}|[0-9]{3})$",
}
_ENGLISH: Final[Schema] = {"type": "string", "enum": ["en-US", "en-GB", "en-AU", "en-IN"]}
_CUSTOM: Final[Schema] = {
    "type": "object",
    "maxProperties": limits.MAX_CUSTOM_PROPERTIES,
    "propertyNames": {"type": "string", "maxLength": 64},
    "additionalProperties": {"type": "string", "maxLength": 256},
}
_SPEAKERS: Final[Schema] = {"type": "integer", "minimum": limits.MIN_SPEAKERS, "maximum": limits.MAX_SPEAKERS}
_DATE: Final = "'2[0-9]{3}-0[1-9]-[01][1-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z'"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(**properties: Schema) -> Schema:
    """Properties that may be null as well as absent: then their defaults hold."""
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}


def _list_of(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _object(properties: Schema, required: tuple[str, ...] = (), **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def _page(items: Schema) -> Schema:
    return _object({"values": _list_of(items), "@nextLink": _LINK}, ("values",))


def _bodies() -> dict[str, Schema]:
    """The bodies of requests."""
    diarization = _object(_or_null(enabled=_FLAG, maxSpeakers=_SPEAKERS))
    profanity: Schema = {"enum": list(PROFANITY_MODES)}
    hours = {
        "type": "integer",
        "minimum": limits.MIN_TIME_TO_LIVE_HOURS,
        "maximum": limits.MAX_TIME_TO_LIVE_HOURS,
    }
    properties = _object(
        {
            "timeToLiveHours": hours,
            **_or_null(
                wordLevelTimestampsEnabled=_FLAG,
                displayFormWordLevelTimestampsEnabled=_FLAG,
                channels=_list_of({"type": "integer", "minimum": 0}, minItems=1, uniqueItems=True),
                punctuationMode={"enum": list(PUNCTUATION_MODES)},
                profanityFilterMode=profanity,
                diarization=diarization,
            ),
        },
        ("timeToLiveHours",),
    )
    urls = _list_of(_WEB_URL, minItems=1, maxItems=limits.MAX_CONTENT_URLS)
    submission = _object(
        {
            "displayName": _NAME,
            **_or_null(description=_TEXT, customProperties=_CUSTOM),
            "locale": _LOCALE,
            "contentUrls": urls,
            "properties": properties,
        },
        ("displayName", "locale", "properties", "contentUrls"),
        description="contentContainerUrl is taken in place of contentUrls.",
    )
    phrase_list = _object(
        _or_null(phrases=_list_of(_TEXT)) | {"biasingWeight": {"type": "number", "minimum": 0, "maximum": 2}},
        description="from api-version 2025-10-15 on",
    )
    definition = _object(
        _or_null(
            locales=_list_of(_ENGLISH),
            profanityFilterMode=profanity,
            diarization=diarization,
            channels=_list_of({"enum": [0, 1]}, maxItems=1),
            phraseList=phrase_list,
        )
    )
    update = {"displayName": _NAME, **_or_null(description=_TEXT, customProperties=_CUSTOM)}
    events = _object(_or_null(**dict.fromkeys(sorted(EVENTS), _FLAG)), additionalProperties=False)
    webhook = {
        "displayName": _NAME,
        **_or_null(description=_TEXT, customProperties=_CUSTOM),
        "webUrl": {"type": "string", "pattern": "^http://(127\\.0\\.0\\.1|localhost):9/[a-z]{0,9}$"},
        "events": events,
        **_or_null(properties=_object(_or_null(secret=_TEXT))),
    }
    return {
        "submission": submission,
        "update": _object(update),
        "webhook_registration": _object(webhook, ("displayName", "webUrl", "events")),
        "webhook_update": _object(webhook),
        "definition": definition,
        "fast_request": _object(
            {
                "audio": {"type": "string", "format": "binary", "minLength": 1},
                "definition": _ref("definition"),
            },
            ("audio",),
        ),
    }


def _answers() -> dict[str, Schema]:
    """The answers: those of shapes.json, and what only this service answers."""
    text = files("speechkit").joinpath("shapes.json").read_text()
    made: dict[str, Schema] = json.loads(text.replace("#/$defs/", "#/components/schemas/"))["$defs"]
    error = _object(
        {"code": _NAME, "message": _NAME, "target": _TEXT, "innerError": _ref("error")}, ("code", "message")
    )
    denied = _object({"error": _object({"code": _TEXT, "message": _TEXT}, ("code", "message"))}, ("error",))
    model = _object(
        {
            "self": _TEXT,
            "displayName": _NAME,
            "description": _TEXT,
            "locale": _LOCALE,
            "createdDateTime": {"type": "string", "format": "date-time"},
            "lastActionDateTime": {"type": "string", "format": "date-time"},
            "status": {"const": "Succeeded"},
            "links": {"type": "object"},
            "properties": {"type": "object"},
        },
        ("self", "displayName", "locale", "status"),
    )
    locales = _object(
        {"Submit": _list_of(_LOCALE), "Transcribe": _list_of(_LOCALE)}, ("Submit", "Transcribe")
    )
    webhook = _object(
        {
            "self": _TEXT,
            "displayName": _NAME,
            "description": _TEXT,
            "customProperties": _CUSTOM,
            "properties": _object({"apiVersion": _TEXT, "error": {"type": "object"}}, ("apiVersion",)),
            "webUrl": _LINK,
            "events": _object({}, additionalProperties=_FLAG),
            "createdDateTime": {"type": "string", "format": "date-time"},
            "lastActionDateTime": {"type": "string", "format": "date-time"},
            "status": {"enum": ["NotStarted", "Running", "Succeeded", "Failed"]},
            "links": _object({"ping": _LINK, "test": _LINK}, ("ping", "test")),
        },
        ("self", "displayName", "properties", "webUrl", "events", "status", "links"),
    )
    return made | {
        "webhook": webhook,
        "webhooks": _page(_ref("webhook")),
        "error": error,
        "gateway_error": denied,
        "model": model,
        "models": _page(_ref("model")),
        "jobs": _page(_ref("job")),
        "files": _page(_ref("file")),
        "locales": locales,
    }


def _query(name: str, schema: Schema, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "required": required}


def _listing(*fields: str) -> list[Schema]:
    """skip, top and filter of a list whose items can be filtered by these fields."""
    whole = {"type": "integer", "maximum": 10**9 - 1}
    word = f"({'|'.join(fields)}) (eq|ne) '[A-Za-z]{{1,12}}'"
    date = f"createdDateTime (lt|le|gt|ge) {_DATE}"
    one = f"({word}|{date})"
    return [
        _query("skip", {**whole, "minimum": 0}),
        _query("top", {**whole, "minimum": 1, "description": f"at most {MAX_TOP} are answered"}),
        _query("filter", {"type": "string", "pattern": f"^{one}( (and|or) (not )?{one}){{0,3}}$"}),
    ]


def _id(name: str = "id") -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


_SAS: Final = _query("sasLifetimeMinutes", {"type": "integer", "minimum": 1, "maximum": 60 * 24 * 31})


def _operation(
    summary: str,
    answer: str | None,
    *,
    status: int = 200,
    refuses: tuple[int, ...] = (),
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
) -> Schema:
    """One operation; 400 and 401 may always be the answer."""

    def says(name: str) -> Schema:
        return {"content": {"application/json": {"schema": _ref(name)}}}

    good: Schema = {"description": summary} | (says(answer) if answer else {})
    responses: Schema = {str(status): good}
    responses |= {str(code): {"description": "refused"} | says("error") for code in sorted({400, *refuses})}
    responses["401"] = {"description": "no key, or a wrong one"} | says("gateway_error")
    made: Schema = {"summary": summary, "responses": responses}
    if parameters:
        made["parameters"] = parameters
    if body:
        made["requestBody"] = {"required": True, "content": body}
    return made


def _paths() -> dict[str, Schema]:
    job_fields = ("displayName", "description", "status", "locale")
    json_body = {"application/json": {"schema": _ref("submission")}}
    patches = ("application/json", "application/merge-patch+json")
    update = {kind: {"schema": _ref("update")} for kind in patches}
    registration = {"application/json": {"schema": _ref("webhook_registration")}}
    webhook_update = {kind: {"schema": _ref("webhook_update")} for kind in patches}
    one: Schema = {"refuses": (404,), "parameters": [_id()]}
    call: Schema = {"refuses": (404, 409), "parameters": [_id()], "status": 202}
    fast = {
        "multipart/form-data": {
            "schema": _ref("fast_request"),
            "encoding": {"definition": {"contentType": "application/json"}},
        }
    }
    return {
        "/transcriptions": {"get": _operation("The jobs.", "jobs", parameters=_listing(*job_fields))},
        "/transcriptions:submit": {"post": _operation("Start a job.", "job", status=201, body=json_body)},
        "/transcriptions:transcribe": {
            "post": _operation("Transcribe at once.", "fast_result", refuses=(415, 422, 503), body=fast)
        },
        "/transcriptions/locales": {"get": _operation("What can be recognized.", "locales")},
        "/transcriptions/{id}": {
            "get": _operation("One job.", "job", **one),
            "patch": _operation("Change a job.", "job", refuses=(404, 415), parameters=[_id()], body=update),
            "delete": _operation("Delete a job, if it is there.", None, status=204, parameters=[_id()]),
        },
        "/transcriptions/{id}/files": {
            "get": _operation(
                "The files of a job.",
                "files",
                refuses=(404,),
                parameters=[_id(), _SAS, *_listing("name", "kind")],
            )
        },
        "/transcriptions/{id}/files/{fileId}": {
            "get": _operation(
                "One file of a job.", "file", refuses=(404,), parameters=[_id(), _id("fileId"), _SAS]
            )
        },
        "/models/base": {"get": _operation("The base models.", "models", parameters=_listing(*job_fields))},
        "/models/base/{id}": {"get": _operation("One base model.", "model", **one)},
        "/webhooks": {
            "get": _operation("The webhooks.", "webhooks", parameters=_listing("displayName", "status")),
            "post": _operation("Register a webhook.", "webhook", status=201, body=registration),
        },
        "/webhooks/{id}": {
            "get": _operation("One webhook.", "webhook", **one),
            "patch": _operation(
                "Change a webhook.", "webhook", refuses=(404, 415), parameters=[_id()], body=webhook_update
            ),
            "delete": _operation("Delete a webhook, if it is there.", None, status=204, parameters=[_id()]),
        },
        "/webhooks/{id}:ping": {"post": _operation("Call a webhook with itself.", None, **call)},
        "/webhooks/{id}:test": {"post": _operation("Call a webhook for its events.", None, **call)},
    }


@cache
def document() -> dict[str, Any]:
    """Return the document; its server is the prefix of the API, wherever the service listens.

    >>> sorted(document()["paths"])[0], document()["openapi"]
    ('/models/base', '3.1.0')
    """
    version = _query("api-version", {"type": "string", "enum": list(limits.API_VERSIONS)}, required=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "speechkit local",
            "version": __version__,
            "description": "The part of Azure Speech's REST API that the local service answers.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"key": []}],
        "paths": {path: {"parameters": [version], **item} for path, item in _paths().items()},
        "components": {
            "schemas": _answers() | _bodies(),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "Ocp-Apim-Subscription-Key"}
            },
        },
    }


async def openapi(request: Request, service: Service) -> Response:
    """GET /openapi.json, without a key: it says nothing of this service that is not in its code."""
    return JSONResponse(document())


ROUTES: Final = [Route("/openapi.json", plain(openapi), methods=["GET"])]
