"""Every error leaves in the OpenAI envelope, and every reply with an id to quote."""

import secrets
from collections.abc import Mapping
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import INTERNAL, REFUSALS, RangeNotSatisfiable, field_of

RETRY_AFTER_MS = "1000"


class Problem(BaseModel):
    """What went wrong, for a program (`code`, `param`) and for a person (`message`)."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str


class Envelope(BaseModel):
    """The body of every error."""

    error: Problem


class RequestId:
    """Gives each request an id and each reply that id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with one header more."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(16)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, tagged)


def reply(
    status: int, code: str, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """One error in the envelope."""
    kind: Literal["invalid_request_error", "server_error"] = (
        "invalid_request_error" if status < 500 else "server_error"
    )
    problem = Problem(message=message, type=kind, param=param, code=code)
    return JSONResponse(Envelope(error=problem).model_dump(), status, dict(headers or {}))


def install_errors(app: FastAPI) -> None:
    """Our own errors by the table, the framework's in the same form, and the unforeseen without details."""
    for kind in REFUSALS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _unforeseen)


def _refused(request: Request, error: Exception) -> JSONResponse:
    refusal = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    headers: dict[str, str] = {}
    if refusal.status == 409:
        headers["x-should-retry"] = "false"
    if refusal.status == 503:
        headers |= {"retry-after": "1", "retry-after-ms": RETRY_AFTER_MS}
    if isinstance(error, RangeNotSatisfiable):
        headers["content-range"] = f"bytes */{error.size}"
    return reply(refusal.status, refusal.code, str(error), field_of(error), headers)


def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    message = f"{request.method} {request.url.path}: {error.detail}"
    return reply(
        error.status_code, codes.get(error.status_code, "invalid_request"), message, None, error.headers
    )


def _parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    return reply(400, "invalid_value", f"{field}: {first['msg']}", field)


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    headers = {"x-request-id": request.state.request_id}
    message = "the server failed on this request; its log knows more under the request id"
    return reply(INTERNAL.status, INTERNAL.code, message, None, headers)
