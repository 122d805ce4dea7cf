"""A creation that may be repeated: one key, one payload, one video."""

import hashlib
import re

from model.spec import VideoSpec
from service.errors import KEY_HEADER, InvalidField
from worker.jobs import Request

REPLAYED = "idempotent-replayed"
_KEY = re.compile(r"[ -~]{1,255}")


def known_by(route: str, key: str, spec: VideoSpec, seeded: bool) -> Request:
    """What this key of a route and this spec are remembered by; a seed that was drawn is none of what was asked."""
    if not _KEY.fullmatch(key):
        raise InvalidField(KEY_HEADER, "1 to 255 printable ASCII characters, as in request_id of gRPC")
    asked = spec.model_dump_json(exclude_unset=True, exclude=None if seeded else {"seed"})
    return Request(route, key, hashlib.sha256(asked.encode()).hexdigest())
