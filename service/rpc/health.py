"""The standard gRPC health service, which says what /readyz says: we ask ourselves every few seconds."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

from service.errors import NotReady
from worker.jobs import StoreUnavailable

TOLD_EVERY = 0.2


class Health:
    """SERVING, of the whole and of each service, while the last answer of `check_ready` is a good and a recent one."""

    def __init__(self, check_ready: Callable[[], None], services: tuple[str, ...], seconds: float) -> None:
        self.servicer = HealthServicer()
        self._check_ready = check_ready
        self._services = ("", *services)
        self._seconds = seconds
        self._ready_until = 0.0
        self._over = threading.Event()
        self._tell(False)
        for work in (self._ask_on, self._tell_on):  # two, for asking may hang
            threading.Thread(target=work, name=f"health{work.__name__}", daemon=True).start()

    def close(self) -> None:
        """NOT_SERVING, for good."""
        self._over.set()
        self.servicer.enter_graceful_shutdown()

    def _ask_on(self) -> None:
        ready_for = 3 * self._seconds  # a check that takes longer than two more would is no good answer
        while not self._over.is_set():
            began, self._ready_until = time.monotonic(), self._asked(ready_for)
            self._over.wait(max(0.0, began + self._seconds - time.monotonic()))

    def _asked(self, ready_for: float) -> float:
        with suppress(NotReady, StoreUnavailable):
            self._check_ready()
            return time.monotonic() + ready_for
        return 0.0

    def _tell_on(self) -> None:
        told = False
        while not self._over.wait(min(TOLD_EVERY, self._seconds)):
            if (ready := time.monotonic() < self._ready_until) is not told:
                told = ready
                self._tell(ready)

    def _tell(self, ready: bool) -> None:
        status = HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            self.servicer.set(service, status)
