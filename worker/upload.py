"""An object on its way into the storage, on a thread of its own: who waits for it goes on beating, or does not wait."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from worker.patience import patiently
from worker.storage import Storage, StorageUnavailable

BEAT_SECONDS = 0.5  # how often who waits looks up
LEAVE_SECONDS = 10.0  # how long an upload that nobody wants any more is waited for, so that it can be removed


class Upload:
    """Begun at once. Its thread is a daemon: a storage that hangs keeps no worker from ending."""

    def __init__(self, storage: Storage, key: str, source: Path, content_type: str) -> None:
        self._arguments = storage, key, source, content_type
        self._failure: Exception | None = RuntimeError(f"the upload of {key} ended without a word")
        self._ended = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"upload {key}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> float:
        """When one that has ended did, by the monotonic clock; what has kept it from being stored is raised."""
        if self._failure is not None:
            raise self._failure
        return self._ended

    def _run(self) -> None:
        storage, key, source, content_type = self._arguments
        try:
            storage.put(key, source, content_type)
        except (StorageUnavailable, OSError) as failure:
            self._failure = failure
        else:
            self._ended = time.monotonic()
            self._failure = None


def put_patiently(
    storage: Storage, key: str, source: Path, content_type: str, beat: Callable[[], None], patience: float
) -> None:
    """Store a file, again and again for so many seconds, and beat meanwhile: what `beat` raises ends it.

    Raises StorageUnavailable when the patience is over.
    """

    def put() -> None:
        upload = Upload(storage, key, source, content_type)
        try:
            while not upload.wait(BEAT_SECONDS):
                beat()
        finally:
            upload.wait(LEAVE_SECONDS)
        upload.result()

    patiently(put, StorageUnavailable, patience, beat)
