"""Stored bytes over HTTP: the whole, or one range of it."""

from collections.abc import Mapping

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from service.ranges import requested
from service.videos import Content


def delivered(request: Request, found: Content, more: Mapping[str, str] | None = None) -> Response:
    """The answer to a request for this content."""
    headers = {"accept-ranges": "bytes", "etag": found.etag, **(more or {})}
    span = requested(request.headers.get("range"), found.size)
    if span is None:
        whole = headers | {"content-length": str(found.size)}
        return StreamingResponse(found.read(0, found.size), 200, whole, found.content_type)
    part = headers | {
        "content-length": str(len(span)),
        "content-range": f"bytes {span.start}-{span.stop - 1}/{found.size}",
    }
    return StreamingResponse(found.read(span.start, span.stop), 206, part, found.content_type)
