"""What the service answers when it refuses: the error shapes of the API, its gateway, storage and OpenAI."""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

# The HTTP status of each code of the API's envelope. The pairing with inner codes is not published; 400 is
# the rule, 422 is for what is wrong with the audio itself.
STATUS_OF: Final = {
    "InvalidRequest": 400,
    "InvalidArgument": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "NotAllowed": 405,
    "Conflict": 409,
    "UnsupportedMediaType": 415,
    "UnprocessableEntity": 422,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}

GATEWAY_DENIED: Final = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
    "for an active subscription and use a correct regional API endpoint for your resource."
)


class RefusalError(Exception):
    """A request that is answered with the API's error envelope.

    `code` is one of the API's error codes, `inner` one of its detailed ones; `status` is the HTTP status
    where it is not the usual one of the code.

    >>> RefusalError("InvalidRequest", "No.", inner="InvalidLocale").body()["innerError"]["code"]
    'InvalidLocale'
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        inner: str | None = None,
        target: str | None = None,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.inner = inner
        self.target = target
        self.status = status or STATUS_OF[code]
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        if self.inner:
            body["innerError"] = {"code": self.inner, "message": self.message}
            if self.target:
                body["innerError"]["target"] = self.target
        return body

    def response(self) -> Response:
        """The whole answer."""
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s is not None else None
        return JSONResponse(self.body(), status_code=self.status, headers=headers)


def not_found(message: str) -> RefusalError:
    """There is nothing of that name, or the route is not served."""
    return RefusalError("NotFound", message)


def gateway_denied() -> Response:
    """401 as the gateway before the API words it: another shape than the API's own errors."""
    return JSONResponse({"error": {"code": "401", "message": GATEWAY_DENIED}}, status_code=401)


def storage_denied(status: int, code: str, message: str) -> Response:
    """An error of a signed URL, in the XML of blob storage."""
    xml = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(xml, status_code=status, media_type="application/xml", headers={"x-ms-error-code": code})


def openai_error(status: int, message: str, *, param: str | None = None, code: str | None = None) -> Response:
    """An error in the shape of OpenAI's API."""
    kind = "authentication_error" if status == 401 else "invalid_request_error"
    return JSONResponse(
        {"error": {"message": message, "type": kind, "param": param, "code": code}}, status_code=status
    )
