"""What is asked of a store of videos, and the rules that hold for every one."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

CHUNK = 1 << 18
LONGEST_LINK = 7 * 24 * 3600
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_PART}(/{_PART})*")


class ObjectNotFound(LookupError):
    """The stored object is gone."""


class StorageUnavailable(RuntimeError):
    """The store failed on an object: which one, where and why, without a secret."""

    retry_after = 1.0


class Stored(NamedTuple):
    """An object as a list tells it: its bytes, and when it was last written, in seconds since 1970."""

    key: str
    size: int
    modified: float


class Fragment(NamedTuple):
    """What a write that has not ended, or never will, has left of an object; `part` is the store's own name of it."""

    key: str
    size: int
    modified: float
    part: str


class Storage(Protocol):
    """Objects under slash-separated keys; an object appears whole or not at all.

    Every method raises StorageUnavailable when the store fails, and ValueError for what is no key.
    `shared` says whether its links lead to a server of its own, not to ours.
    """

    shared: bool

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Store a file, replacing what was there."""

    def copy(self, source: str, target: str) -> None:
        """Store one object's bytes and content type under another key too, replacing what was there."""

    def size(self, key: str) -> int:
        """The object's length in bytes."""

    def content_type(self, key: str) -> str:
        """What the object was said to be when it was put."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from start up to stop or the end; a missing object is noticed here, not while iterating."""

    def delete(self, key: str) -> None:
        """Remove the object; removing nothing is no error."""

    def list(self, folder: str) -> Iterator[Stored]:
        """Every object below this folder, in no order; one that comes or goes meanwhile is told or not."""

    def fragments(self, folder: str) -> Iterator[Fragment]:
        """What lies below this folder and is no object: begun, and not yet or never ended."""

    def discard(self, fragment: Fragment) -> None:
        """Remove what was told of a write that will never end; one that has gone on since is left alone."""

    def signed_url(self, key: str, seconds: int) -> str:
        """A link that whoever holds it may GET for so long; the object is not looked for.

        Absolute, or a path on the service's own address: `urljoin` with that address suits both.
        """


def is_key(name: str) -> bool:
    """Whether an object can have this name."""
    return bool(_KEY.fullmatch(name))


def checked_key(key: str) -> str:
    """The key, if it is one: letters, digits, dots and dashes; no part is empty, too long or starts with a dot."""
    if not is_key(key):
        raise ValueError(f"not a storage key: {key!r}")
    return key


def checked_life(seconds: int) -> int:
    """The life of a link, if S3 would grant it too."""
    if not 1 <= seconds <= LONGEST_LINK:
        raise ValueError(f"a link lives 1 to {LONGEST_LINK} seconds, not {seconds}")
    return seconds


def disposition(key: str) -> str:
    """How a browser shows and names the object: `videos/{id}/{token}.mp4` is saved as `{id}.mp4`."""
    path = PurePosixPath(checked_key(key))
    name = path.parent.name + "".join(path.suffixes) if len(path.parts) > 2 else path.name
    return f'inline; filename="{name}"'


def primed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A generator run up to its first, empty chunk: from there on, dropping it closes what it reads from."""
    next(chunks)
    return chunks
