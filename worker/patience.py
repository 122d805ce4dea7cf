"""To wait for what does not answer: again and again, less and less often, and not for ever."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def patiently(
    act: Callable[[], Answer],
    faults: type[Exception] | tuple[type[Exception], ...],
    seconds: float,
    meanwhile: Callable[[], None],
) -> Answer:
    """What `act` answers; its faults are waited out for so many seconds, then raised. `meanwhile` precedes each try."""
    deadline = time.monotonic() + seconds
    wait, told = FIRST_WAIT, False
    while True:
        meanwhile()
        try:
            return act()
        except faults as fault:
            if time.monotonic() + wait > deadline:
                raise
            if not told:
                log.warning("%s; trying again for %.0f s", fault, seconds)
            told = True
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)
