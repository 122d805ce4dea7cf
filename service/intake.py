"""Request bodies to plain fields: JSON, multipart and forms, as the OpenAI clients send them."""

import re
from collections.abc import Mapping

from pydantic_core import from_json
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, InvalidField, MalformedBody, UnsupportedBody

FORMS = {"multipart/form-data", "application/x-www-form-urlencoded"}
MAX_FIELDS = 100


class BodyLimit:
    """Counts what arrives, whatever the headers promise, and stops reading above the limit."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with a counting `receive`."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise BodyTooLarge(f"the request body is larger than {self._limit} bytes")
            return message

        await self._app(scope, counted, send)


async def fields(request: Request) -> Mapping[str, object]:
    """The fields of a request body, unchecked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS:
        return await _form(request)
    if kind == "application/json":
        return _json(await request.body())
    raise UnsupportedBody(f"content type {kind!r}: send application/json or multipart/form-data")


def _json(body: bytes) -> Mapping[str, object]:
    try:
        parsed = from_json(body)
    except ValueError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise MalformedBody("the body must be a JSON object")
    return parsed


async def _form(request: Request) -> Mapping[str, object]:
    try:
        form = await request.form(max_files=MAX_FIELDS, max_fields=MAX_FIELDS)
    except (HTTPException, UnicodeDecodeError) as error:
        raise MalformedBody(f"the form cannot be read: {getattr(error, 'detail', error)}") from None
    parsed: dict[str, object] = {}
    try:
        for name, value in form.multi_items():
            _put(parsed, name, value)
    finally:
        await form.close()
    return parsed


def _put(parsed: dict[str, object], name: str, value: str | UploadFile) -> None:
    """`a`, `a[]` (one of a list) and `a[b]` (one key of an object); a name given twice makes a list."""
    bracketed = re.fullmatch(r"([^\[\]]+)\[([^\[\]]*)\]", name)
    outer, inner = bracketed.groups() if bracketed else (name, None)
    if isinstance(value, UploadFile):
        raise InvalidField(outer, "files are not accepted")
    present = parsed.get(outer)
    if inner:
        parsed[outer] = {**present, inner: value} if isinstance(present, dict) else {inner: value}
    elif isinstance(present, list):
        present.append(value)
    elif outer in parsed or inner is not None:
        parsed[outer] = [value] if present is None else [present, value]
    else:
        parsed[outer] = value
