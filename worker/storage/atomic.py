"""Files that appear whole or not at all, also after a crash."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written(
    target: Path, mode: int = 0o666, publish: Callable[[Path, Path], None] = os.replace
) -> Iterator[BinaryIO]:
    """A file beside the target; once it and its name are on disk it takes the target's place."""
    _make(target.parent)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(partial, target)
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def remove(target: Path) -> None:
    """The file, if it is there, and what a crash left of writing it."""
    target.unlink(missing_ok=True)
    for partial in target.parent.glob(f".{target.name}.????????.part"):
        partial.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
