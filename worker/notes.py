"""What the processes of one worker leave each other in a folder: what each has loaded, that it lives, when all end.

A process that renders writes and its parent reads, except for the time by which a worker that was told to end has to
be gone. Files, because they outlive a process that is killed and need no loop in which somebody listens.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

NOTES = "CIOTAT_WORKER_NOTES"  # the folder, in the environment of every process of a worker
LOADED = "loaded"
COLD = "cold"  # there is nothing to make videos with, and trying again would not help
FAILED = "failed"  # trying again might
SAID, WORK, DRAIN = "said", "work", "drain"


class Said(NamedTuple):
    """LOADED, COLD or FAILED, and why not LOADED."""

    state: str
    why: str


def note(state: str, why: str = "") -> None:
    """Whether this process can render."""
    if path := _mine(SAID):
        _write(path, f"{state}\n{why}")


@contextmanager
def at_work() -> Iterator[None]:
    """As long as this block lasts, this process owes its parent a sign of life now and then: `alive`."""
    path = _mine(WORK)
    if path is None:
        yield
        return
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def alive() -> None:
    """This process makes steps."""
    if path := _mine(WORK):
        with suppress(FileNotFoundError):  # it is not at work
            os.utime(path)


def drain_deadline() -> float | None:
    """By when this worker has to be gone (Unix seconds), if it was told to end."""
    if folder := os.environ.get(NOTES):
        with suppress(FileNotFoundError):
            return float((Path(folder) / DRAIN).read_text())
    return None


def _mine(kind: str) -> Path | None:
    """Where this process notes something of that kind; nowhere where it is no process of a worker."""
    folder = os.environ.get(NOTES)
    return Path(folder) / f"{os.getpid()}.{kind}" if folder else None


class Notes:
    """The folder as the parent has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls) -> Self:
        """A new one, known to all processes that this one starts from now on."""
        os.environ[NOTES] = tempfile.mkdtemp(prefix="ciotat-notes-")
        return cls.here()

    @classmethod
    def here(cls) -> Self:
        """That of this worker."""
        return cls(Path(os.environ[NOTES]))

    def said(self, processes: Iterable[int]) -> list[Said]:
        """What these have noted; nothing of one that is still loading."""
        notes = []
        for process in processes:
            with suppress(FileNotFoundError):
                state, _, why = self._of(process, SAID).read_text().partition("\n")
                notes.append(Said(state, why))
        return notes

    def mark(self, process: int) -> int | None:
        """Another number after each sign of life of a process that is at work; None for one that is not."""
        with suppress(FileNotFoundError):
            return self._of(process, WORK).stat().st_mtime_ns
        return None

    def at_work(self, processes: Iterable[int]) -> bool:
        """Whether any of these is."""
        return any(self.mark(process) is not None for process in processes)

    def drain(self, deadline: float) -> None:
        """The worker has to be gone by then (Unix seconds)."""
        _write(self.folder / DRAIN, str(deadline))

    def idle(self, process: int) -> None:
        """It is at work no longer."""
        self._of(process, WORK).unlink(missing_ok=True)

    def forget(self, process: int) -> None:
        """It is gone, and its number may be another's."""
        for kind in (SAID, WORK):
            self._of(process, kind).unlink(missing_ok=True)

    def remove(self) -> None:
        """The worker ends."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _of(self, process: int, kind: str) -> Path:
        return self.folder / f"{process}.{kind}"


def _write(path: Path, text: str) -> None:
    """Whole or not at all: somebody may be reading."""
    passing = path.with_suffix(".new")
    passing.write_text(text)
    passing.replace(path)
