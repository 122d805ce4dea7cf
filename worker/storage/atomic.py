"""Files that appear whole or not at all, also after a crash."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART = ".part"
TRIES = 100  # each needs another to remove the folder in the moment between its making and its first file


@contextmanager
def written(
    target: Path, mode: int = 0o666, publish: Callable[[Path, Path], None] = os.replace
) -> Iterator[BinaryIO]:
    """A file beside the target; once it and its name are on disk it takes the target's place."""
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART}")
    try:
        with _begun(partial, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(partial, target)
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _begun(partial: Path, mode: int) -> BinaryIO:
    """The new file. Its folder, when it was empty, may be removed behind our back: then it is made once more."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            _make(partial.parent)
            return open(partial, "xb", opener=lambda path, flags: os.open(path, flags, mode))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(partial))


def remove(target: Path) -> None:
    """The file, if it is there, and what a crash left of writing it."""
    target.unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # the folder goes with the last of its files, whoever removes that
        for partial in target.parent.glob(f".{target.name}.????????{PART}"):
            partial.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        with suppress(FileExistsError):  # whoever has made it may have removed it again: the writer looks
            folder.mkdir()
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
