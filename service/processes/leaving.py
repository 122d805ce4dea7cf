"""That this process is about to end: first announced to whoever balances load, then begun, which ends every stream."""

import time
from collections.abc import Callable

from service.errors import ShuttingDown

LAST_SECOND = 1.0  # kept of the grace, for downloads to end in good order


class Leaving:
    """Said once, heard by the probes, the health service and every stream; `end_watches` wakes those that wait."""

    def __init__(self, end_watches: Callable[[], None]) -> None:
        self._end_watches = end_watches
        self.announced = False
        self._until = float("inf")

    def announce(self) -> None:
        """From now on the process says that it is not ready, and goes on serving."""
        self.announced = True

    def begin(self, grace: float) -> None:
        """From now on watches end; what is being downloaded has so many seconds to end by itself."""
        self.announce()
        self._until = min(self._until, time.monotonic() + max(0.0, grace - LAST_SECOND))
        self._end_watches()

    def check_time(self) -> None:
        """Raise ShuttingDown once there is no time left for a download."""
        if time.monotonic() > self._until:
            raise ShuttingDown("the service is stopping: download again")
