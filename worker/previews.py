"""Previews of a video that is being made: the whole clip as it looks by now, as often as the budget allows."""

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from model.steps import Step
from worker.hold import Hold
from worker.jobs import LeaseLost
from worker.stills import PREVIEW_FRAMES, PREVIEW_SIDE, preview, shrunk
from worker.storage import Storage, StorageUnavailable
from worker.variants import Variant, preview_key

SHARE = 0.03  # of the time of a job that its previews may take
FIRST_SECONDS = 0.1  # what the first one is taken to cost, before one has been measured

log = logging.getLogger(__name__)


class Previews:
    """Those of one job. A preview that cannot be stored is given up, and with it all later ones; never the job."""

    def __init__(self, hold: Hold, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self.spent = 0.0  # seconds
        self._hold, self._job, self._storage, self._clock = hold, hold.job, storage, clock
        self._number = hold.job.previews
        self._keys: set[str] = set()
        self._began = clock()
        self._cost = FIRST_SECONDS
        self._given_up = False

    def offer(self, step: Step) -> None:
        """Publish the clip as it is after this step, if the time that has passed pays for it."""
        began = self._clock()
        if self._given_up or self.spent + self._cost > SHARE * (began - self._began):
            return
        try:
            self._publish(step)
        except (StorageUnavailable, OSError) as failed:
            log.warning("video %s goes on without previews: %s", self._job.id, failed)
            self._given_up = True
        self._cost = self._clock() - began
        self.spent += self._cost

    def _publish(self, step: Step) -> None:
        self._number += 1
        key = preview_key(self._job.id, self._job.token, self._number)
        with tempfile.TemporaryDirectory(prefix="ciotat-") as scratch:
            made = Path(scratch) / "preview"
            spec = self._job.spec
            width, height = shrunk(spec.width, spec.height, PREVIEW_SIDE)
            preview(step.glimpse(PREVIEW_FRAMES, width, height), spec.seconds, made)
            self._storage.put(key, made, Variant.PREVIEW.content_type)
        self._keys.add(key)
        try:
            self._hold.preview(key, self._number)
        except LeaseLost:
            self._storage.delete(key)  # its owner may have deleted the video, and then nobody else would
            raise

    def clear(self) -> None:
        """Remove what was published on the way, when there is something better."""
        try:
            for key in self._keys:
                self._storage.delete(key)
        except StorageUnavailable as failed:
            log.warning("previews of video %s stay until it is deleted: %s", self._job.id, failed)
