"""What a client has already, by its ETag (RFC 9110, section 13); there are no dates here to compare."""

import re

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def known(if_none_match: str, etag: str) -> bool:
    """Whether the client has just this; a weak tag is as good as a strong one here."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def unchanged(if_range: str | None, etag: str) -> bool:
    """Whether a range would continue what the client has; a date or a weak tag cannot say so."""
    return if_range is None or if_range.strip() == etag
