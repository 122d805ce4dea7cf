"""Stored bytes over HTTP: the whole, one range of it, or no more than that the client has them."""

from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from service.rest.conditions import known, unchanged
from service.rest.ranges import requested
from service.videos.content import Content
from service.videos.videos import Download


class Fetched(Download):
    """What of a video is to be downloaded, and whether from here."""

    link: bool = Field(
        True, description="whether the answer may lead to a bucket; a page that may not follow asks for false"
    )


def delivered(request: Request, found: Content, link: bool = True) -> Response:
    """The answer to a request for this content; without `link` its bytes come from here, wherever they lie."""
    headers = {"accept-ranges": "bytes", "etag": found.etag, "cache-control": "private"}
    if found.disposition is not None:
        headers["content-disposition"] = found.disposition
    if known(", ".join(request.headers.getlist("if-none-match")), found.etag):
        return Response(None, 304, headers)
    whole = headers | {"content-length": str(found.size)}
    if request.method == "HEAD":  # a range is a matter of GET alone
        return Response(None, 200, whole, found.content_type)
    if link and found.link is not None and _elsewhere(there := found.link(), request):
        return Response(None, 302, {"location": there, "cache-control": "private"})
    continued = unchanged(request.headers.get("if-range"), found.etag)
    span = requested(request.headers.get("range"), found.size) if continued else None
    if span is None:
        return StreamingResponse(found.read(0, found.size), 200, whole, found.content_type)
    part = headers | {
        "content-length": str(len(span)),
        "content-range": f"bytes {span.start}-{span.stop - 1}/{found.size}",
    }
    return StreamingResponse(found.read(span.start, span.stop), 206, part, found.content_type)


def _elsewhere(link: str, request: Request) -> bool:
    """Whether it leads to another origin: only then do clients keep their key to themselves as they follow it."""
    there, here = urlsplit(link), request.url
    return (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower())
