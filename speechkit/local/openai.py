"""`/openai/v1`: chat completions and responses with the model `extractive`, for speechkit's own summary
request.

The answer comes from central sentences and cue phrases (`language.py`), not from a language model; whatever
else is asked gets a clear 400.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit.local.envelope import openai_error
from speechkit.local.service import Service, plain

OPENAI: Final = "/openai/v1"
MODEL: Final = "extractive"
_CREATED: Final = 1_763_683_200  # 2025-11-21; the API wants a number here
_SCHEMA_WANTED: Final = (
    f"The model {MODEL} is no language model: it answers speechkit's summary request with a JSON schema, "
    "nothing else. Set OPENAI_ENDPOINT to a service with a language model for other requests."
)


class _BadRequestError(Exception):
    """What is wrong with a request, and with which part of it."""

    def __init__(self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None):
        super().__init__(message)
        self.response = openai_error(status, message, param=param, code=code)


async def list_models(request: Request, service: Service) -> Response:
    """GET /models."""
    return JSONResponse({"object": "list", "data": [_model()]})


async def get_model(request: Request, service: Service) -> Response:
    """GET /models/{model}."""
    if request.path_params["model"] != MODEL:
        return _no_model(request.path_params["model"]).response
    return JSONResponse(_model())


async def chat(request: Request, service: Service) -> Response:
    """POST /chat/completions."""
    try:
        body = await _body(request)
        messages = _messages(body.get("messages"), "messages")
        wanted = body.get("response_format") or {}
        text = await _answer(messages, _schema(wanted, wanted.get("json_schema"), "response_format"))
    except _BadRequestError as error:
        return error.response
    asked, answered = _tokens(messages), len(text.split())
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return JSONResponse(
        {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": answered,
                "total_tokens": asked + answered,
            },
        }
    )


async def responses(request: Request, service: Service) -> Response:
    """POST /responses."""
    try:
        body = await _body(request)
        given = body.get("input")
        messages = (
            [{"role": "user", "content": given}] if isinstance(given, str) else _messages(given, "input")
        )
        if body.get("instructions"):
            messages = [{"role": "system", "content": str(body["instructions"])}, *messages]
        wanted = (body.get("text") or {}).get("format") or {}
        text = await _answer(messages, _schema(wanted, wanted, "text.format"))
    except _BadRequestError as error:
        return error.response
    asked, answered = _tokens(messages), len(text.split())
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return JSONResponse(
        {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "completed",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "metadata": body.get("metadata") or {},
            "model": MODEL,
            "output": [
                {
                    "id": f"msg_{uuid.uuid4().hex}",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            ],
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "temperature": body.get("temperature"),
            "text": {"format": wanted},
            "tool_choice": "none",
            "tools": [],
            "top_p": body.get("top_p"),
            "truncation": "disabled",
            "usage": {
                "input_tokens": asked,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": answered,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": asked + answered,
            },
        }
    )


ROUTES: Final = [
    Route(f"{OPENAI}/models", plain(list_models), methods=["GET"]),
    Route(f"{OPENAI}/models/{{model}}", plain(get_model), methods=["GET"]),
    Route(f"{OPENAI}/chat/completions", plain(chat), methods=["POST"]),
    Route(f"{OPENAI}/responses", plain(responses), methods=["POST"]),
]


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise _BadRequestError("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise _BadRequestError("The request body must be a JSON object.")
    if body.get("model") != MODEL:
        raise _no_model(body.get("model"))
    if body.get("stream"):
        raise _BadRequestError("Streaming is not served here. Leave stream out.", "stream")
    if body.get("tools"):
        raise _BadRequestError("Tools are not served here. Leave tools out.", "tools")
    if (body.get("n") or 1) != 1:
        raise _BadRequestError("Only one choice is served. Leave n out.", "n")
    return body


def _messages(given: Any, param: str) -> list[dict[str, Any]]:
    """The messages with their content as one text each."""
    if not isinstance(given, list) or not given:
        raise _BadRequestError(f"{param} must be a list of messages.", param)
    made = []
    for message in given:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            parts = [part.get("text") if isinstance(part, dict) else None for part in content]
            texts = [part for part in parts if isinstance(part, str)]
            content = "\n".join(texts) if len(texts) == len(parts) else None
        if not isinstance(content, str):
            raise _BadRequestError(f"{param} must be messages of text.", param)
        made.append({"role": str(message.get("role", "user")), "content": content})
    return made


def _schema(wanted: Any, holder: Any, param: str) -> dict[str, Any]:
    """The JSON schema that the answer must fit."""
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise _BadRequestError(_SCHEMA_WANTED, param)
    return schema


async def _answer(messages: Sequence[dict[str, Any]], schema: dict[str, Any]) -> str:
    from speechkit.local.language import NotServed, answer

    try:
        made = await asyncio.to_thread(answer, list(messages), schema)
    except NotServed as error:
        raise _BadRequestError(str(error)) from None
    return json.dumps(made, ensure_ascii=False)


def _no_model(name: Any) -> _BadRequestError:
    return _BadRequestError(
        f"The model {name} does not exist here; {MODEL} does.", "model", status=404, code="model_not_found"
    )


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "speechkit"}


def _tokens(messages: Sequence[dict[str, Any]]) -> int:
    """Words, for want of a tokenizer."""
    return sum(len(message["content"].split()) for message in messages)
