"""Every error leaves in the OpenAI envelope."""

import logging
from collections.abc import Mapping
from math import ceil
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from service.errors import (
    INTERNAL,
    REFUSALS,
    RangeNotSatisfiable,
    field_of,
    refusal_of,
    retry_after,
    shortened,
    unforeseen,
    words_of,
)
from service.rest.request_id import HEADER

PATIENCE = 60.0  # seconds: the official client, told to wait longer than this, comes back at once instead
CLIENT_CLOSED_REQUEST = 499  # as proxies write it in their logs
log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong, for a program (`code`, `param`) and for a person (`message`)."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str


class Envelope(BaseModel):
    """The body of every error."""

    error: Problem


def reply(
    status: int, code: str, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """One error in the envelope."""
    kind: Literal["invalid_request_error", "server_error"] = (
        "invalid_request_error" if status < 500 else "server_error"
    )
    problem = Problem(message=shortened(message), type=kind, param=param, code=code)
    return JSONResponse(Envelope(error=problem).model_dump(), status, dict(headers or {}))


def install_errors(app: FastAPI) -> None:
    """Our own errors by the table, the framework's in the same form, and the unforeseen without details."""
    for kind in REFUSALS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unforeseen)


def _refused(request: Request, error: Exception) -> JSONResponse:
    refusal = refusal_of(error)
    headers: dict[str, str] = {}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    wait = retry_after(error)
    if refusal.status in (409, 429, 501, 503):
        headers["x-should-retry"] = "true" if wait is not None and wait <= PATIENCE else "false"
    if wait is not None:
        headers |= {"retry-after": str(ceil(wait)), "retry-after-ms": str(ceil(wait * 1000))}
    if isinstance(error, RangeNotSatisfiable):
        headers["content-range"] = f"bytes */{error.size}"
    return reply(refusal.status, refusal.code, words_of(error), field_of(error), headers)


def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    message = f"{request.method} {request.url.path}: {error.detail}"
    code = codes.get(error.status_code, "invalid_request")
    headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
    return reply(error.status_code, code, message, None, headers)


def _allowed(request: Request) -> str:
    """The methods of this path; the framework tells those of its first route alone."""
    routes: list[Route] = request.app.routes
    first = next(route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    same = (route for route in routes if route.path == first.path)
    return ", ".join(sorted({method for route in same for method in route.methods or ()}))


def _parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    return reply(400, "invalid_value", f"{field}: {first['msg']}", field)


def _gone(request: Request, error: Exception) -> Response:
    """A client that left before its request was read: nobody hears the answer, and nothing has failed."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    request_id = request.state.request_id
    log.error("%s: %s %r failed", request_id, request.method, request.url.path)  # the server logs the trace
    return reply(INTERNAL.status, INTERNAL.code, unforeseen(request_id), None, {HEADER: request_id})
