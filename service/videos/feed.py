"""Who follows a job is woken when something has happened: one subscription to Redis, one thread, for all of a process.

Only a word travels this way. What has happened is read by each follower from the log of the job, from its own place
and at its own pace: a slow one costs no memory, and a word that is lost in a broken connection costs no event.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from worker.events import EVERYBODY, TOLD

HEARING_SECONDS = 0.25  # how long the thread listens before it looks whether it is to end
AGAIN_SECONDS = 1.0


class Feed:
    """The followers of one process. Nothing is connected before the first of them."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._followers: dict[str, set[Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self.rounds = 0  # in which everybody was woken

    @property
    def over(self) -> bool:
        """Whether this process is about to end, and every stream with it."""
        return self._over.is_set()

    @contextmanager
    def following(self, job_id: str, wake: Callable[[], None]) -> Iterator[None]:
        """As long as this block lasts, `wake` is called when there may be more to read; from a thread of the feed."""
        with self._lock:
            self._followers.setdefault(job_id, set()).add(wake)
            if self._thread is None and not self.over:
                self._thread = threading.Thread(target=self._listen, name="feed", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._followers[job_id].discard(wake)
                if not self._followers[job_id]:
                    del self._followers[job_id]

    def stop(self) -> None:
        """Wake everybody: `over` is true from now on."""
        self._over.set()
        self._wake_all()

    def close(self) -> None:
        """Stop, and wait until the connection is given back."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _listen(self) -> None:
        while not self.over:
            try:
                with self._client.pubsub() as words:  # type: ignore[no-untyped-call]
                    words.subscribe(TOLD)
                    self._hear(words)
            except redis.RedisError:
                self._over.wait(AGAIN_SECONDS)

    def _hear(self, words: "redis.client.PubSub") -> None:
        """A subscription that has just begun wakes everybody, as a change of keys does: what was said before it was
        not heard."""
        while not self.over:
            word = words.get_message(timeout=HEARING_SECONDS)
            if word is None:
                continue
            if word["type"] == "message" and word["data"] != EVERYBODY:
                self._wake(word["data"])
            else:
                self._wake_all()

    def _wake(self, job_id: str) -> None:
        with self._lock:
            followers = list(self._followers.get(job_id, ()))
        for wake in followers:
            wake()

    def _wake_all(self) -> None:
        with self._lock:
            self.rounds += 1
            jobs = list(self._followers)
        for job_id in jobs:
            self._wake(job_id)
