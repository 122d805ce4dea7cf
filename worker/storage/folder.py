"""Videos as files below one folder."""

import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from worker.storage.atomic import PART, remove, written
from worker.storage.interface import (
    CHUNK,
    Fragment,
    ObjectNotFound,
    StorageUnavailable,
    Stored,
    checked_key,
    checked_life,
    is_key,
    primed,
)
from worker.storage.signing import shared_secret, sign, verify

LINKS = "/objects"
UNTOLD = "application/octet-stream"
_HIDDEN = re.compile(rf"\.(?P<name>.+?)(\.type|(\.type)?\.[0-9a-f]{{8}}{re.escape(PART)})")


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

    def list(self, folder: str) -> Iterator[Stored]:
        """See Storage."""
        for place, _, names in self._walk(folder):
            for path in (place / name for name in names):
                key = path.relative_to(self._root).as_posix()
                if is_key(key) and (found := _looked_at(path)):
                    yield Stored(key, found.st_size, found.st_mtime)

    def fragments(self, folder: str) -> Iterator[Fragment]:
        """Passing files, content types without their object, and folders with nothing in them."""
        for place, folders, names in self._walk(folder):
            parts = {name: owner for name in names if (owner := _owner(name, names))}
            if not folders and not names and place != self._root / folder:
                parts = {"": ""}
            for name, owner in parts.items():
                path = place / name
                if found := _looked_at(path):
                    key = (place / owner).relative_to(self._root).as_posix()
                    part = path.relative_to(self._root).as_posix()
                    yield Fragment(key, 0 if path.is_dir() else found.st_size, found.st_mtime, part)

    def discard(self, fragment: Fragment) -> None:
        """See Storage."""
        path = self._root / fragment.part
        with _failures(fragment.key):
            found = _looked_at(path)
            if found is None or found.st_mtime != fragment.modified:
                return
            if not path.is_dir():
                path.unlink(missing_ok=True)
                path = path.parent
        with suppress(OSError):
            path.rmdir()

    def _walk(self, folder: str) -> Iterator[tuple[Path, Sequence[str], Sequence[str]]]:
        """Folders with the names of what is in them, the folders first; those that go meanwhile are passed over."""

        def told(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        with _failures(folder):
            for place, folders, names in os.walk(self._root / checked_key(folder), onerror=told):
                yield Path(place), folders, names

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


def _looked_at(path: Path) -> os.stat_result | None:
    """What is known of a file or a folder, if it is there."""
    with suppress(FileNotFoundError):
        return path.stat()
    return None


def _owner(name: str, names: Sequence[str]) -> str:
    """The object that a hidden file is a fragment of; nothing, where it belongs to a whole one."""
    hidden = _HIDDEN.fullmatch(name)
    if hidden is None or (name.endswith(".type") and hidden["name"] in names):
        return ""
    return hidden["name"].removeprefix(".")


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
