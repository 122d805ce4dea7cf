"""What a process sees to again and again, beside its work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.jobs import StoreUnavailable

END_SECONDS = 5.0
log = logging.getLogger(__name__)


@contextmanager
def rounds(name: str, turn: Callable[[], None], seconds: float) -> Iterator[None]:
    """As long as this block lasts, a thread takes a turn every so many seconds. Raises nothing when the store is away.

    A turn that is under way at the end is waited for, for a moment.
    """
    over = threading.Event()
    thread = threading.Thread(target=_go_round, args=(name, turn, seconds, over), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(END_SECONDS)


def _go_round(name: str, turn: Callable[[], None], seconds: float, over: threading.Event) -> None:
    away = False
    while not over.wait(seconds):
        try:
            turn()
            away = False
        except StoreUnavailable as down:
            if not away:
                log.warning("the %s waits: %s", name, down)
            away = True
