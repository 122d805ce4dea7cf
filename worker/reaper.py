"""Rings for what waits without a bell: what was saved and not rung for, and what has lost its worker.

A bell says that there is work, so that as many have to lie in the queue of Celery as there are jobs that wait. Every
replica of the API does this each second, and by a short lock in Redis one of them at a time.
"""

from collections.abc import Callable

import redis

from worker.jobs import LEASES, PENDING, key, store_errors
from worker.leasing import REAP

LOCK = "ciotat:reaper"
TURN_SECONDS = 1.0
PAUSE_MS = 900  # for which the others are held off, or the same one
MOST_RINGS = 100  # of one turn


class Reaper:
    """Looks after the jobs of one store, whose bells lie in one queue."""

    def __init__(
        self, client: "redis.Redis", queue: str, ring: Callable[[str], None], max_attempts: int = 3
    ) -> None:
        self._queue = queue
        self._ring = ring
        self._max_attempts = max_attempts
        self._reap = client.register_script(REAP)

    def turn(self) -> None:
        """Fail what was lost at its last attempt, then ring as often as bells are missing. Raises StoreUnavailable."""
        with store_errors():
            missing = self._reap(
                keys=[LOCK, PENDING, LEASES, self._queue],
                args=[key(""), PAUSE_MS, self._max_attempts, MOST_RINGS],
            )
        for job_id in missing:
            self._ring(job_id)
