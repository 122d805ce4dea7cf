"""Coverage-guided: bodies of forms and of JSON, from their bytes to fields that are checked. Run by test_coverage.py.

The first byte says how the body arrives, the first line which content type it says it has. What is raised must have its
line in the table of refusals.
"""

import asyncio
import sys

import atheris

with atheris.instrument_imports(
    include=[
        "python_multipart",
        "starlette.formparsers",
        "service.rest",
        "service.media.files",
        "service.videos",
    ]
):
    from starlette.requests import Request

    from service.errors import REFUSALS, BodyTooLarge
    from service.media.files import FileFields
    from service.rest.envelope import reply
    from service.rest.intake import Allowance, Body
    from service.videos.asked import VideoRequest
    from service.videos.fields import parsed

BODY = Body({"file", "input_reference"}, 3000, 2000)
KINDS = {b"J": b"application/json", b"U": b"application/x-www-form-urlencoded"}


async def read(kind, pieces):
    """The fields, as a route gets them, checked as a creation's and as an upload's."""
    left = list(pieces)

    async def receive():
        piece = left.pop(0) if left else b""
        state.seen += len(piece)
        if state.seen > state.allowance.limit:
            raise BodyTooLarge("counted as in the service")
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    class state:  # noqa: N801
        allowance, seen = Allowance(1000), 0

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-type", kind)],
        "query_string": b"",
        "state": {"allowance": state.allowance},
    }
    body = BODY(Request(scope, receive))
    fields = await anext(body)
    try:
        for model in (VideoRequest, FileFields):
            given = {name: value for name, value in fields.items() if name not in ("file", "input_reference")}
            try:
                parsed(model, given)
            except tuple(REFUSALS) as refused:
                reply(400, "invalid_value", str(refused), refused.field)
    finally:
        await body.aclose()


def one_input(data):
    if len(data) < 3:
        return
    line, _, content = data[1:].partition(b"\n")
    kind = KINDS.get(line, b"multipart/form-data; boundary=b" + line[:100])
    size = data[0] or 1000
    try:
        asyncio.run(read(kind, [content[at : at + size] for at in range(0, len(content), size)]))
    except tuple(REFUSALS) as refused:
        reply(400, "invalid_value", str(refused), getattr(refused, "field", None))


atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
