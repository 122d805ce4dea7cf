"""Which workers could begin a video at once: each says so for itself, for a few seconds at a time.

The process that renders notes what it has loaded in a folder of its worker. The process that consumes reads the
notes from the loop in which it also takes messages, and tells Redis as long as it does take them: a worker that has
stopped consuming, whose loop hangs, or that is loading, falls silent. What asks costs one read of Redis.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from celery import bootsteps
from celery.worker import state

from worker.jobs import StoreUnavailable, connect, store_errors
from worker.settings import Settings

WARM = "ciotat:warm:{queue}"  # workers by the end of what they have last said
TOLD_EVERY = 1.0
TOLD_FOR = 5.0  # seconds, of which a lost worker is believed that many at most
SILENT = 10.0  # a consumer asks for a message every second; one that has not for so long, does not
NOTES = "CIOTAT_WORKER_NOTES"  # the folder of notes, for the processes of one worker
FAILED = 1  # the exit status
LOADED, COLD = "loaded", "cold"
log = logging.getLogger(__name__)

_TELL = """
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] + now[2] / 1e6)
redis.call('ZADD', KEYS[1], now[1] + now[2] / 1e6 + ARGV[2], ARGV[1])
"""
_COUNT = """
local now = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], now[1] + now[2] / 1e6, '+inf')
"""


class Warmth:
    """The warm workers of one queue."""

    def __init__(self, client: "redis.Redis", queue: str) -> None:
        self._redis = client
        self._key = WARM.format(queue=queue)
        self._tell = client.register_script(_TELL)
        self._count = client.register_script(_COUNT)

    def tell(self, worker: str, seconds: float = TOLD_FOR) -> None:
        """This worker is warm and consumes, for so long."""
        with store_errors():
            self._tell(keys=[self._key], args=[worker, seconds])

    def forget(self, worker: str) -> None:
        """This worker consumes no longer."""
        with store_errors():
            self._redis.zrem(self._key, worker)

    def workers(self) -> int:
        """How many are warm and consume."""
        with store_errors():
            return int(self._count(keys=[self._key]))


def note(said: str) -> None:
    """What this process has loaded, or that it could not; nothing where it is no process of a worker."""
    if folder := os.environ.get(NOTES):
        (Path(folder) / str(os.getpid())).write_text(said)


def alive() -> None:
    """This process still makes steps; nothing where it is no process of a worker."""
    if folder := os.environ.get(NOTES):
        (Path(folder) / str(os.getpid())).touch()


def noted(folder: Path, processes: Iterable[int]) -> list[str]:
    """What the running ones of these processes have noted."""
    notes = (folder / str(process) for process in processes)
    return [path.read_text() for path in notes if path.exists()]


class Telling(bootsteps.StartStopStep):
    """A part of the consumer, from each connection to its end; the worker ends where nothing could be loaded."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._settings = Settings()
        notes = tempfile.TemporaryDirectory(prefix="ciotat-notes-")
        self._folder = Path(notes.name)
        self._finally = notes.cleanup
        os.environ[NOTES] = notes.name
        client = connect(self._settings.redis_url, patience=TOLD_EVERY)
        self._warmth = Warmth(client, self._settings.queue)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin to tell."""
        self._timer = consumer.timer.call_repeatedly(TOLD_EVERY, self._tell, (consumer,))

    def stop(self, consumer: Any) -> None:
        """This worker is warm no longer, or not on this connection."""
        if self._timer is not None:
            self._timer.cancel()
        self._say(lambda: self._warmth.forget(consumer.hostname))

    def shutdown(self, consumer: Any) -> None:
        """The notes go with the worker."""
        self.stop(consumer)
        self._finally()

    def _tell(self, consumer: Any) -> None:
        notes = noted(self._folder, consumer.pool.info["processes"])
        if COLD in notes:
            log.error("this worker has nothing to make videos with, and ends")
            state.should_stop = FAILED  # type: ignore[assignment]
        elif notes and consuming(consumer, self._settings.queue):
            self._say(lambda: self._warmth.tell(consumer.hostname))
        else:
            self._say(lambda: self._warmth.forget(consumer.hostname))

    def _say(self, word: Callable[[], None]) -> None:
        """What is not heard now is said again in a second, or wears off."""
        with suppress(StoreUnavailable):
            word()


def consuming(consumer: Any, queue: str) -> bool:
    """Whether this consumer is at work on a message, or has asked for one just now (kombu's Redis transport)."""
    if state.active_requests:
        return True
    channel = consumer.task_consumer.channel
    asked_at: float | None = channel._brpop_sent_at
    return queue in channel.active_queues and asked_at is not None and time.monotonic() - asked_at < SILENT
