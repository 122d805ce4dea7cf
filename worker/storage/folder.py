"""Videos as files below one folder."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from worker.storage.atomic import remove, written
from worker.storage.interface import (
    CHUNK,
    ObjectNotFound,
    StorageUnavailable,
    checked_key,
    checked_life,
    primed,
)
from worker.storage.signing import shared_secret, sign, verify

LINKS = "/objects"
UNTOLD = "application/octet-stream"


class LocalStorage:
    """An object is a file, its content type a hidden one beside it; the secret of links lies beside the folder."""

    shared = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, source: Path, content_type: str) -> None:
        """See Storage."""
        target = self._path(key)
        with source.open("rb") as read, _failures(key):
            with written(_type_of(target)) as told:
                told.write(content_type.encode())
            with written(target) as write:
                shutil.copyfileobj(read, write, CHUNK)

    def copy(self, source: str, target: str) -> None:
        """See Storage."""
        kind = self.content_type(source)
        with _absence(source):
            self.put(target, self._path(source), kind)

    def size(self, key: str) -> int:
        """See Storage."""
        with _failures(key), _absence(key):
            found = self._path(key).stat()
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError
            return found.st_size

    def content_type(self, key: str) -> str:
        """See Storage."""
        self.size(key)
        with _failures(key):
            try:
                return _type_of(self._path(key)).read_text()
            except FileNotFoundError:
                return UNTOLD

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        with _failures(key), _absence(key):
            file = self._path(key).open("rb")
        return primed(_chunks(key, file, start, stop))

    def delete(self, key: str) -> None:
        """See Storage."""
        target = self._path(key)
        with _failures(key):
            remove(target)
            remove(_type_of(target))
        with suppress(OSError):  # the folder of a video goes with the last of it
            target.parent.rmdir()

    def signed_url(self, key: str, seconds: int) -> str:
        """See Storage; whoever serves LINKS asks `verify` first."""
        path = f"{LINKS}/{checked_key(key)}"
        life = checked_life(seconds)
        with _failures(key):
            return f"{path}?{sign(self._secret, key, life)}"

    def verify(self, key: str, expires: str, signature: str) -> None:
        """Raise LinkRefused unless `signed_url` made this link and it is still good."""
        with _failures(key):
            verify(self._secret, key, expires, signature)

    @cached_property
    def _secret(self) -> bytes:
        return shared_secret(self._root.with_name("signing.key"))

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)


def _type_of(target: Path) -> Path:
    """No key has a part that starts with a dot."""
    return target.with_name(f".{target.name}.type")


def _chunks(key: str, file: BinaryIO, start: int, stop: int | None) -> Iterator[bytes]:
    with file, _failures(key):
        yield b""
        file.seek(start)
        left = None if stop is None else max(0, stop - start)
        while chunk := file.read(CHUNK if left is None else min(CHUNK, left)):
            left = None if left is None else left - len(chunk)
            yield chunk


@contextmanager
def _absence(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ObjectNotFound(f"no object {key!r}") from None


@contextmanager
def _failures(key: str) -> Iterator[None]:
    """What the disk cannot do, without this machine's paths."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the folder of videos failed on {key!r}: {error.strerror}") from error
