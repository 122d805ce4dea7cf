"""What the OpenAPI document says of answers: their statuses, headers and types."""

from collections.abc import Iterable
from threading import Lock
from typing import Any

from fastapi import FastAPI

from service.rest.envelope import Envelope
from service.rest.leads import add_links
from service.rest.request_id import HEADER
from service.videos.idempotency import REPLAYED
from worker.variants import Variant

Answers = dict[int | str, dict[str, Any]]

_MEANINGS = {
    400: "a field is missing, unknown or outside its limits",
    401: "there is no API key, or it is unknown or was revoked",
    403: "the link is not one of ours, or has expired",
    404: "there is no such thing, or it is another tenant's",
    409: "what it is about is not (or no longer) in a state for this",
    413: "the body is too large",
    415: "the body is neither JSON nor a form",
    416: "the range lies outside the video",
    422: "the key of the request stands for another video",
    429: "a limit of the tenant, or of the whole service, is reached",
    500: "what nobody foresaw; the message says nothing but the id of the request",
    501: "no installed checkpoint of this name does that yet",
    503: "a part of the service does not answer",
}
_HEADERS = {
    HEADER: "the id of the request: its own if that is a sane one, else a new one",
    REPLAYED: "`true` when an earlier request with this key has queued the video",
    "openai-poll-after-ms": "when to ask again, while the video is unfinished",
    "x-should-retry": "whether to repeat the request",
    "www-authenticate": "`Bearer`",
    "retry-after": "when to repeat the request, in seconds",
    "retry-after-ms": "the same in milliseconds",
    "accept-ranges": "`bytes`",
    "x-accel-buffering": "`no`: a proxy passes each event on at once",
    "cache-control": "`private` of stored bytes, `no-store` of events",
    "location": "where the bytes are, for a while",
    "etag": "a tag that no other content has",
    "content-length": "the number of bytes in this answer, or in that to GET",
    "content-range": "which bytes of how many",
    "content-disposition": "under which name to save it",
}
_OF_REFUSALS = {
    401: ("www-authenticate",),
    409: ("x-should-retry",),
    416: ("content-range",),
    429: ("x-should-retry", "retry-after", "retry-after-ms"),
    501: ("x-should-retry",),
    503: ("x-should-retry", "retry-after", "retry-after-ms"),
}
_OF_ACCESS = {403: "a service without API keys answers its own machine alone"}
_OF_BYTES = ("accept-ranges", "cache-control", "etag", "content-length")


def refusals(*statuses: int) -> Answers:
    """Errors, all in the envelope, and the one that any call may meet."""
    return {
        status: {"model": Envelope, "description": _MEANINGS[status], **headed(*_OF_REFUSALS.get(status, ()))}
        for status in (*statuses, 500)
    }


def headed(*names: str) -> dict[str, Any]:
    """These headers, as one answer has them."""
    return {
        "headers": {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
    }


VIDEO_TYPES = tuple(variant.content_type for variant in Variant)


def of_bytes(*more: str, kinds: Iterable[str] = VIDEO_TYPES) -> Answers:
    """Stored bytes of these content types asked for with GET, with headers of their own."""
    content: dict[str, Any] = {"content": {kind: {} for kind in kinds}}
    return {
        200: content | headed(*_OF_BYTES, *more),
        206: {"description": "one range of the bytes"} | content | headed(*_OF_BYTES, "content-range", *more),
        304: {"description": "the client has this already"}
        | headed("accept-ranges", "cache-control", "etag", *more),
    }


def of_link() -> Answers:
    """A bucket has the bytes: where."""
    return {302: {"description": "the bytes are in a bucket"} | headed("location", "cache-control")}


def of_head(*more: str) -> Answers:
    """The same asked for with HEAD: no bytes, and no range of them."""
    return {
        status: {
            "description": answer.get("description", "the headers of the whole"),
            "headers": answer["headers"],
        }
        for status, answer in of_bytes(*more).items()
        if status != 206
    }


def _of_access() -> dict[str, Any]:
    """How a request of which the caller must be known may be refused, whatever it is for."""
    schema = {"$ref": f"#/components/schemas/{Envelope.__name__}"}
    content = {"content": {"application/json": {"schema": schema}}}
    return {
        str(status): {"description": _OF_ACCESS.get(status, _MEANINGS[status])}
        | content
        | headed(*_OF_REFUSALS.get(status, ()))
        for status in (401, 403, 429, 503)
    }


def of_events() -> Answers:
    """A stream of events, or nothing where none is to come."""
    return {
        200: {"description": "events until the end of the video", "content": {"text/event-stream": {}}}
        | headed("cache-control", "x-accel-buffering"),
        204: {"description": "the client has had the last event: it need not come back"},
    }


def _asked(name: str, meaning: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


_REQUEST_ID = _asked(
    HEADER, "an id of the client's own for this request: 1 to 128 letters, digits and `._:-`"
)
CONDITIONS = {
    "parameters": [_asked("If-None-Match", "tags of what the client has: 304 if this is one of them")]
}
RANGES = {
    "parameters": [
        *CONDITIONS["parameters"],
        _asked("Range", "`bytes=first-last`, one range: 206; several, or other units, are answered whole"),
        _asked("If-Range", "the tag of what the range would continue: the whole if it is no longer that"),
    ]
}


class Documented(FastAPI):
    """An application that tells what it answers."""

    _one_at_a_time = Lock()  # FastAPI keeps its document before ours is completed

    def openapi(self) -> dict[str, Any]:
        """The document: each answer has its id, and what FastAPI would refuse with 422 we refuse with 400."""
        with self._one_at_a_time:
            return self.openapi_schema or self._document()

    def _document(self) -> dict[str, Any]:
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                _complete(operation)
        add_links(document)
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        return document


def _complete(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):
        del answers["422"]
    if "security" in operation:
        answers |= _of_access() | answers
    for answer in answers.values():
        answer.setdefault("headers", {}).update(headed(HEADER)["headers"])
    for parameter in operation.setdefault("parameters", []):
        parameter["schema"] = _never_null(parameter["schema"])
    operation["parameters"].append(_REQUEST_ID)


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A header or a query parameter can be left out; there is no null that it could be."""
    some: list[dict[str, Any]] = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(some) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | some[0]
