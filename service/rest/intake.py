"""Request bodies to plain fields: JSON, multipart and forms, as the OpenAI clients send them."""

import re
import threading
from collections.abc import AsyncIterator, Awaitable, Mapping
from collections.abc import Set as AbstractSet

from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, InvalidField, MalformedBody, UnsupportedBody
from service.media.files import Upload
from service.rest.uploads import UploadParser
from worker.limits import TooManyRequests

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
MOST_LARGE = 8  # bodies with more text than others may have: each is in memory, some three times over, until its answer
AGAIN_SECONDS = 1.0


class Allowance:
    """How many bytes the body of one request may have; its route may allow more."""

    def __init__(self, limit: int) -> None:
        self.limit = limit


class BodyLimit:
    """Counts what arrives, whatever the headers promise, and stops reading above the limit."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with a counting `receive`."""
        seen = 0
        allowed = scope.setdefault("state", {})["allowance"] = Allowance(self._limit)

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > allowed.limit:
                raise BodyTooLarge(f"the request body is larger than {allowed.limit} bytes")
            return message

        await self._app(scope, counted, send)


class Room:
    """A place for one large text in memory, taken when it turns out to be large, given back with the answer."""

    def __init__(self, places: threading.BoundedSemaphore, small: int) -> None:
        self.small = small
        self._places = places
        self._taken = False

    def hold(self, size: int) -> None:
        """Raise TooManyRequests where this is large and no place is free."""
        if size <= self.small or self._taken:
            return
        if not self._places.acquire(blocking=False):
            raise TooManyRequests(f"{MOST_LARGE} large requests are being read already", AGAIN_SECONDS)
        self._taken = True

    def leave(self) -> None:
        """Give the place back, if one was taken."""
        if self._taken:
            self._places.release()


class Body:
    """The fields of a request body, unchecked; what a route takes beyond a small one is said here.

    The fields in `files` may be files of so many bytes, all together; so many characters may stand in text besides.
    """

    def __init__(
        self, files: AbstractSet[str] = frozenset(), file_bytes: int = 0, text_characters: int = 0
    ) -> None:
        self._files = files
        self._file_bytes = file_bytes
        self._text = text_characters
        self._places = threading.BoundedSemaphore(MOST_LARGE)

    async def __call__(self, request: Request) -> AsyncIterator[Mapping[str, object]]:
        """The fields, and until the answer is given the files among them."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        allowed: Allowance = request.state.allowance
        most_text = allowed.limit + self._text
        room = Room(self._places, allowed.limit)
        try:
            if kind == "application/json":
                allowed.limit = most_text
                yield _json(await _held(request, room))
            elif kind == MULTIPART:
                allowed.limit = most_text + self._file_bytes
                parser = UploadParser(
                    request, self._files, self._file_bytes, MAX_FIELDS, most_text, room.hold
                )
                form = await _read(parser.parse())
                try:
                    yield _fields(form)
                finally:
                    await form.close()
            elif kind == URLENCODED:
                yield _fields(await _read(request.form(max_fields=MAX_FIELDS, max_part_size=allowed.limit)))
            else:
                raise UnsupportedBody(f"content type {kind!r}: send application/json or multipart/form-data")
        finally:
            room.leave()


fields = Body()


async def _held(request: Request, room: Room) -> bytes:
    """The whole body, for which there is room."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        room.hold(len(body))
    return bytes(body)


def _json(body: bytes) -> Mapping[str, object]:
    try:
        parsed = from_json(body)
    except ValueError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise MalformedBody("the body must be a JSON object")
    return parsed


async def _read(form: Awaitable[FormData]) -> FormData:
    try:
        return await form
    except MultiPartException as error:
        raise MalformedBody(f"the form cannot be read: {error.message}") from None
    except (HTTPException, UnicodeDecodeError) as error:
        raise MalformedBody(f"the form cannot be read: {getattr(error, 'detail', error)}") from None


def _fields(form: FormData) -> Mapping[str, object]:
    parsed: dict[str, object] = {}
    for name, value in form.multi_items():
        _put(parsed, name, value)
    return parsed


def split(name: str) -> tuple[str, str | None]:
    """`a`, `a[]` and `a[b]` as the field and what stands in its brackets, where it has any."""
    bracketed = re.fullmatch(r"([^\[\]]+)\[([^\[\]]*)\]", name)
    return (bracketed[1], bracketed[2]) if bracketed else (name, None)


def _put(parsed: dict[str, object], name: str, value: str | UploadFile) -> None:
    """`a[]` is one of a list, `a[b]` one key of an object; a name given twice makes a list, in two ways nothing."""
    outer, inner = split(name)
    present = parsed.get(outer)
    given = value if isinstance(value, str) else Upload(value.file, value.filename or "")
    if inner:
        if not isinstance(present, dict | None) or inner in (present or {}):
            raise InvalidField(outer, "given more than once")
        parsed[outer] = {**(present or {}), inner: given}
    elif isinstance(present, dict | Upload) or (present is not None and isinstance(given, Upload)):
        raise InvalidField(outer, "given more than once")
    elif isinstance(present, list):
        present.append(given)
    elif outer in parsed or inner is not None:
        parsed[outer] = [given] if present is None else [present, given]
    else:
        parsed[outer] = given
