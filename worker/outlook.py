"""When a video will be ready, as far as that is known: what videos like it took, what is before it, and who works."""

import heapq
import threading
import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

import redis

from worker.jobs import LEASES, PENDING, Job, Status, key, store_errors
from worker.scripts import OUTLOOK

KEPT_SECONDS = 0.5  # how long one look serves everybody who asks


class Prospect(NamedTuple):
    """A job's place in the queue, 1 being next, and the seconds until its video is ready; None what is not known."""

    queue_position: int | None = None
    eta_seconds: float | None = None


class Waiting(NamedTuple):
    """A job that waits, or is worked on: what it shares with those that take as long, and percent that are done."""

    id: str
    pace: str
    progress: int


class Outlook:
    """Looks ahead on behalf of all clients of a process."""

    def __init__(self, client: "redis.Redis", kept_seconds: float = KEPT_SECONDS) -> None:
        self._redis = client
        self._script = client.register_script(OUTLOOK)
        self._kept = kept_seconds
        self._lock = threading.Lock()
        self._looked: tuple[float, dict[str, float]] = (-kept_seconds, {})

    def of(self, jobs: Sequence[Job]) -> list[Prospect]:
        """What is ahead of each of these jobs; nothing, of those that are over."""
        if not any(job.status in (Status.QUEUED, Status.IN_PROGRESS) for job in jobs):
            return [Prospect()] * len(jobs)
        with store_errors(), self._redis.pipeline(transaction=False) as read:
            for job in jobs:
                read.zrank(PENDING, job.id)
            ranks = read.execute()
        seconds = self._ahead()
        return [
            Prospect(None if rank is None else rank + 1, seconds.get(job.id))
            for job, rank in zip(jobs, ranks, strict=True)
        ]

    def _ahead(self) -> dict[str, float]:
        """The estimates of all unfinished jobs of which there is one."""
        with self._lock:
            looked, seconds = self._looked
            if time.monotonic() - looked >= self._kept:
                with store_errors():
                    running, waiting, paces = self._script(keys=[PENDING, LEASES], args=[key("")])
                took = {name: median(map(float, measured)) for name, measured in paces if measured}
                seconds = estimates(map(_waiting, running), map(_waiting, waiting), took)
                self._looked = time.monotonic(), seconds
            return seconds


def _waiting(found: Sequence[str]) -> Waiting:
    job_id, pace, progress = found
    return Waiting(job_id, pace, int(progress))


def estimates(
    running: Iterable[Waiting], queue: Iterable[Waiting], took: dict[str, float]
) -> dict[str, float]:
    """Seconds until each job is ready, if as many workers as work now, at least one, take the queue in its order.

    Behind a job of which nothing is known nothing is known either.
    """
    left = {
        job.id: took[job.pace] * (1 - job.progress / 100) if job.pace in took else None for job in running
    }
    ahead = {job_id: seconds for job_id, seconds in left.items() if seconds is not None}
    if len(ahead) < len(left):
        return ahead
    free = list(ahead.values()) or [0.0]
    heapq.heapify(free)
    for job in queue:
        if job.pace not in took:
            break
        ahead[job.id] = free[0] + took[job.pace] * (1 - job.progress / 100)
        heapq.heapreplace(free, ahead[job.id])
    return ahead
