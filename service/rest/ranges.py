"""The `Range` header (RFC 9110, section 14): one range of bytes, or the whole."""

import re

from service.errors import RangeNotSatisfiable


def requested(header: str | None, size: int) -> range | None:
    """The bytes asked for; None means all of them, as it does for several ranges and for other units."""
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (header or "").strip())
    if asked is None or not any(asked.groups()):
        return None
    first, last = asked.groups()
    if not first:
        span = range(max(0, size - int(last)), size)
    else:
        span = range(int(first), min(size, int(last) + 1) if last else size)
        if last and int(last) < int(first):
            return None
    if not span:
        raise RangeNotSatisfiable(size)
    return span
