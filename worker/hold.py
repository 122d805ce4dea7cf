"""A claimed job in a worker's hands. Whether it still is, the token decides, and no store that does not answer."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Self

from model.spec import Notice
from worker.jobs import Job, JobNotFound, JobStore, Status, StoreUnavailable
from worker.notes import alive
from worker.patience import patiently

RENEW_SECONDS = 0.5  # a beat sooner than this, with nothing new to tell, is not sent
DEAF_SECONDS = 5.0  # a store that has not answered is left alone for so long: it may take as long to say so
log = logging.getLogger(__name__)


class Hold:
    """Beats go unheard where the store does not answer, and the work goes on; commits wait for it.

    Every method raises LeaseLost when the job was cancelled, deleted, or claimed by another.
    """

    def __init__(self, job: Job, jobs: JobStore, patience: float = 300.0) -> None:
        self.job = job
        self._jobs = jobs
        self._patience = patience
        self._percent = job.progress
        self._next = 0.0
        self._unheard = False

    @classmethod
    def next(cls, jobs: JobStore, patience: float = 300.0) -> Self | None:
        """The next job, claimed; None where there is nothing to do. Raises StoreUnavailable after the patience."""
        asked_as = secrets.token_hex(8)
        job = patiently(lambda: jobs.claim_next(asked_as), StoreUnavailable, patience, alive)
        return None if job is None else cls(job, jobs, patience)

    def beat(self, percent: int | None = None) -> None:
        """The work goes on, and is so far."""
        alive()
        now = time.monotonic()
        changed = percent is not None and percent != self._percent
        if now < self._next and not changed:
            return
        if percent is None or not changed:
            self._tell(lambda: self._jobs.renew(self.job))
        else:
            self._tell(lambda: self._jobs.progress(self.job, percent))
        if not self._unheard:
            self._next = now + RENEW_SECONDS
            self._percent = self._percent if percent is None else percent

    def preview(self, preview_key: str, number: int) -> None:
        """There is a newer preview, and it lies there."""
        self._tell(lambda: self._jobs.preview(self.job, preview_key, number))

    def warn(self, notices: Iterable[Notice]) -> None:
        """All that the owner of the video should know of it."""
        self._commit(lambda: self._jobs.warn(self.job, notices))

    def point(self, resume_key: str, percent: int) -> bool:
        """From now on an attempt begins there, with so much done; whether the store has heard it."""
        return self._tell(lambda: self._jobs.point(self.job, resume_key, percent))

    def complete(self, video_key: str, timings: Mapping[str, float] = MappingProxyType({})) -> None:
        """The one commit of a finished video, with the seconds that its parts have taken."""
        self._commit(lambda: self._jobs.complete(self.job, video_key, timings))

    def fail(self, code: str, message: str) -> None:
        """End the job with a reason its owner can read."""
        self._commit(lambda: self._jobs.fail(self.job, code, message))

    def give_up(self, code: str, message: str) -> None:
        """This attempt has failed for a reason that may pass; after the last one it is the job's end."""
        self._commit(lambda: self._jobs.give_up(self.job, code, message))

    def release(self) -> None:
        """Hand the job back to its old place in the queue; this attempt does not count."""
        self._commit(lambda: self._jobs.release(self.job))

    def ended(self) -> Status | Literal["deleted"] | None:
        """What has become of the job, if it is over. Raises StoreUnavailable."""
        try:
            status = self._jobs.get(self.job.id).status
        except JobNotFound:
            return "deleted"
        return None if status in (Status.QUEUED, Status.IN_PROGRESS) else status

    def _tell(self, word: Callable[[], None]) -> bool:
        if self._unheard and time.monotonic() < self._next:
            return False
        try:
            word()
        except StoreUnavailable as deaf:
            if not self._unheard:
                log.warning("video %s goes on although %s", self.job.id, deaf)
            self._unheard = True
            self._next = time.monotonic() + DEAF_SECONDS
        else:
            self._unheard = False
        return not self._unheard

    def _commit(self, write: Callable[[], None]) -> None:
        patiently(write, StoreUnavailable, self._patience, alive)
