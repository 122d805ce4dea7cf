"""A creation that may be repeated: one key, one payload, one video."""

import hashlib
import re
from typing import Annotated

from fastapi import Header

from model.spec import VideoSpec
from service.errors import KEY_HEADER, InvalidField
from worker.jobs import Request

REPLAYED = "idempotent-replayed"
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        description="1 to 255 printable ASCII characters: the same key and body are answered with the same video",
    ),
]
_KEY = re.compile(r"[ -~]{1,255}")


def known_by(route: str, key: str, spec: VideoSpec, seeded: bool, source: str = "") -> Request:
    """What this key of a route and this spec are remembered by; a seed that was drawn is none of what was asked."""
    if not _KEY.fullmatch(key):
        raise InvalidField(KEY_HEADER, "1 to 255 printable ASCII characters, as in request_id of gRPC")
    asked = spec.model_dump_json(exclude_unset=True, exclude=None if seeded else {"seed"})
    return Request(route, key, hashlib.sha256((asked + source).encode()).hexdigest())
