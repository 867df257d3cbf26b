"""The routes that say what can be recognized: locales and base models."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit.local import locales
from speechkit.local.envelope import not_found
from speechkit.local.filters import page
from speechkit.local.service import PREFIX, Service, api, base_model_id, link

MODEL_FIELDS: Final = (
    "displayName",
    "description",
    "createdDateTime",
    "lastActionDateTime",
    "status",
    "locale",
)
_RELEASED: Final = "2025-02-24T00:00:00Z"  # moonshine-voice 0.1.0, which carries the model


async def list_locales(request: Request, service: Service) -> Response:
    """GET /transcriptions/locales."""
    return JSONResponse({"Submit": list(locales.served()), "Transcribe": list(locales.served())})


async def list_base_models(request: Request, service: Service) -> Response:
    """GET /models/base."""
    return JSONResponse(
        page(request, locales.served(), MODEL_FIELDS, lambda locale: _entity(request, locale))
    )


async def get_base_model(request: Request, service: Service) -> Response:
    """GET /models/base/{id}."""
    locale = next(
        (name for name in locales.served() if base_model_id(name) == request.path_params["id"]), None
    )
    if locale is None:
        raise not_found("There is no such base model; GET /models/base lists them.")
    return JSONResponse(_entity(request, locale))


ROUTES: Final = [
    Route(f"{PREFIX}/transcriptions/locales", api(list_locales), methods=["GET"]),
    Route(f"{PREFIX}/models/base", api(list_base_models), methods=["GET"]),
    Route(f"{PREFIX}/models/base/{{id}}", api(get_base_model), methods=["GET"]),
]


def _entity(request: Request, locale: str) -> dict[str, Any]:
    return {
        "self": link(request, f"/models/base/{base_model_id(locale)}"),
        "displayName": "speechkit local",
        "description": locales.description(),
        "locale": locale,
        "createdDateTime": _RELEASED,
        "lastActionDateTime": _RELEASED,
        "links": {},
        "properties": {
            "deprecationDates": {},
            "features": {
                "supportsAdaptationsWith": [],
                "supportsTranscriptionsSubmit": True,
                "supportsTranscriptionsTranscribe": True,
                "supportsEndpoints": False,
                "supportsTranscriptionsOnSpeechContainers": False,
                "supportedOutputFormats": ["Lexical", "Display"],
            },
            "chargeForAdaptation": False,
        },
        "status": "Succeeded",
    }
