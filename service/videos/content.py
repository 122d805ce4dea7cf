"""Stored bytes that are about to be served."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """The bytes of a video, a picture or a file, not read yet."""

    content_type: str
    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]
    disposition: str | None = None  # how a browser shows it, and under which name it saves it
    link: Callable[[], str] | None = None  # makes an address elsewhere that serves the same, for a while
