"""Loading a checkpoint makes no steps: for that time alone a thread beats, and not for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.jobs import LeaseLost

LOADING_SECONDS = 600.0  # the longest that loading may take


@contextmanager
def beating(beat: Callable[[], None], every: float, at_most: float = LOADING_SECONDS) -> Iterator[None]:
    """As long as this block lasts, `beat` every so many seconds; after `at_most` it is silent, as what hangs is."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(beat, every, at_most, over), name="loading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(beat: Callable[[], None], every: float, at_most: float, over: threading.Event) -> None:
    deadline = time.monotonic() + at_most
    while not over.wait(every) and time.monotonic() < deadline:
        try:
            beat()
        except LeaseLost:  # which whoever loads meets at its next step
            return
