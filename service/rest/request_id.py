"""Every answer has an id to quote: the caller's own where it is a sane one, else ours."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-request-id"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def identified(given: str | bytes | None) -> str:
    """The id of a request that came with this one, or with none."""
    if isinstance(given, str) and _SANE.fullmatch(given):
        return given
    return f"req_{secrets.token_hex(16)}"


class RequestId:
    """Gives each HTTP request its id and each reply that id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with one header more."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = identified(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = request_id

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, tagged)
