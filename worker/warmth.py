"""Which workers could begin a video at once: each says so for itself, for a few seconds at a time.

The process that renders notes what it has loaded (`worker/notes.py`). The process that consumes reads the
notes from the loop in which it also takes messages, and tells Redis as long as it does take them: a worker that has
stopped consuming, whose loop hangs, or that is loading, falls silent. What asks costs one read of Redis.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from celery import bootsteps

from worker.jobs import StoreUnavailable, connect, store_errors
from worker.notes import LOADED, Notes
from worker.settings import Settings

WARM = "ciotat:warm:{queue}"  # workers by the end of what they have last said
TOLD_EVERY = 1.0
TOLD_FOR = 5.0  # seconds, of which a lost worker is believed that many at most
SILENT = 10.0  # a consumer asks for a message every second; one that has not for so long, does not

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


class Telling(bootsteps.StartStopStep):
    """A part of the consumer, from each connection to its end."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        settings = Settings()
        self._queue = settings.queue
        self._warmth = Warmth(connect(settings.redis_url, patience=TOLD_EVERY), settings.queue)
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
        """As `stop`."""
        self.stop(consumer)

    def _tell(self, consumer: Any) -> None:
        notes, processes = Notes.here(), consumer.pool.info["processes"]
        loaded = any(said.state == LOADED for said in notes.said(processes))
        if loaded and (notes.at_work(processes) or consuming(consumer, self._queue)):
            self._say(lambda: self._warmth.tell(consumer.hostname))
        else:
            self._say(lambda: self._warmth.forget(consumer.hostname))

    def _say(self, word: Callable[[], None]) -> None:
        """What is not heard now is said again in a second, or wears off."""
        with suppress(StoreUnavailable):
            word()


def consuming(consumer: Any, queue: str) -> bool:
    """Whether this consumer has asked for a message just now, as it does unless its process is at work on one."""
    channel = getattr(consumer.task_consumer, "channel", None)
    asked_at: float | None = getattr(channel, "_brpop_sent_at", None)  # of kombu's Redis transport
    if channel is None or asked_at is None:
        return False
    return queue in channel.active_queues and time.monotonic() - asked_at < SILENT
