"""A part of a stack that is lost is started again, after waits that grow, and not for ever."""

import logging
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Self

MINUTE = 60.0
WAITS = (0.5, 3.0)  # seconds before a part is started again; lost once more within a minute, it stays lost
Start = Callable[[], "AbstractContextManager[subprocess.Popen[bytes]]"]
log = logging.getLogger("ciotat")


class PartLost(RuntimeError):
    """A part is not started again; the message says why."""


class Part:
    """One process of the stack and its successors, as long as this block lasts."""

    def __init__(self, name: str, start: Start, final: dict[int, str] | None = None) -> None:
        """`final`: exit statuses after which to start it again is of no use, and what they mean."""
        self.name = name
        self._start = start
        self._final = final or {}
        self._losses: list[float] = []
        self._again: float | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.process = self._running.enter_context(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def tend(self) -> None:
        """Start it again where it has ended, once it is time. Raises PartLost."""
        now = time.monotonic()
        if self._again is not None:
            if now >= self._again:
                self._again = None
                self.process = self._running.enter_context(self._start())
        elif (status := self.process.poll()) is not None:
            self._running.close()
            self._lost(status, now)

    def hurry(self) -> None:
        """It has been told to end, and is told again."""
        self.process.send_signal(signal.SIGTERM)

    def _lost(self, status: int, now: float) -> None:
        if status in self._final:
            raise PartLost(f"the {self.name} {self._final[status]}")
        how = f"killed by signal {status - 128}" if status > 128 else f"exit status {status}"
        self._losses = [*(each for each in self._losses if now - each < MINUTE), now]
        if len(self._losses) > len(WAITS):
            raise PartLost(
                f"the {self.name} was lost {len(self._losses)} times within a minute, the last time by {how}"
            )
        wait = WAITS[len(self._losses) - 1]
        log.warning("the %s was lost (%s) and is started again in %.1f s", self.name, how, wait)
        self._again = now + wait
