"""The inputs of a job, as they were stored -> what its video is made from, at the size and the times of its frames."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from model.given import NOTHING, Given
from model.tasks import Task
from worker.decoding import TookTooLong, run_apart
from worker.jobs import Job
from worker.loading import beating
from worker.media import Medium
from worker.patience import patiently
from worker.settings import Settings
from worker.storage import ObjectNotFound, Storage, StorageUnavailable
from worker.variants import input_key

FITTING = Path(__file__).with_name("fitting.py")  # run, never imported: what it reads is foreign
REFERENCES = ("input_reference", "video")  # either says what a video begins with
MASK, LAST_FRAME = "mask", "last_frame"
WHITE = 128  # and above: made anew
LONGER = 4  # times what a look inside may take: here all that is needed is resized, too


class InvalidInput(ValueError):
    """An input of the video cannot be read."""


class Inputs:
    """Those of one job."""

    def __init__(self, job: Job, storage: Storage, settings: Settings, beat: Callable[[], None]) -> None:
        self._job, self._storage, self._settings, self._beat = job, storage, settings, beat

    def given(self) -> Given:
        """What there is. Raises InvalidInput, naming the field."""
        fields = self._job.inputs
        if not fields:
            return NOTHING
        clip = next((self._frames(field) for field in REFERENCES if field in fields), None)
        mask = self._frames(MASK)[..., 0] >= WHITE if MASK in fields else None
        last = self._frames(LAST_FRAME)[0] if LAST_FRAME in fields else None
        return Given(clip, mask, last)

    def _frames(self, field: str) -> npt.NDArray[np.uint8]:
        """(t, h, w, channels) of what was given there: no more than the video has, and of what goes on less."""
        spec, medium = self._job.spec, self._job.inputs[field]
        most = spec.frames - 1 if spec.task is Task.EXTEND else spec.frames
        channels = 1 if field == MASK else 3
        with tempfile.TemporaryDirectory(prefix="ciotat-given-") as folder:
            stored, fitted = Path(folder) / "stored", Path(folder) / "fitted"
            patience = self._settings.patience_seconds
            patiently(lambda: self._fetch(field, medium, stored), StorageUnavailable, patience, self._beat)
            one = spec.height * spec.width * channels
            arguments = {
                "content_type": medium.content_type,
                "width": spec.width,
                "height": spec.height,
                "frames": most,
                "mask": field == MASK,
                "cpu_seconds": LONGER * self._settings.media_cpu_seconds,
                "memory_bytes": self._settings.media_memory_bytes,
                "target_bytes": most * one + 1,
            }
            with stored.open("rb") as source, fitted.open("w+b") as target:
                number = self._fit(field, arguments, source, target)
            frames = np.fromfile(fitted, np.uint8, number * one)
        return frames.reshape(number, spec.height, spec.width, channels)

    def _fetch(self, field: str, medium: Medium, to: Path) -> None:
        try:
            with to.open("wb") as file:
                for chunk in self._storage.read(input_key(self._job.id, field, medium)):
                    file.write(chunk)
                    self._beat()
        except ObjectNotFound:
            raise InvalidInput(f"{field}: what was stored of it is gone") from None

    def _fit(self, field: str, arguments: dict[str, Any], source: BinaryIO, target: BinaryIO) -> int:
        """How many frames there are now."""
        seconds = LONGER * self._settings.media_cpu_seconds
        try:
            with beating(self._beat, self._settings.lease_seconds / 4):
                status, report = run_apart(FITTING, arguments, source, target, seconds)
        except TookTooLong:
            raise InvalidInput(f"{field}: takes more than {seconds} seconds to decode") from None
        if status != 0:
            raise InvalidInput(f"{field}: cannot be decoded")
        frames: int = json.loads(report)["frames"]
        if frames == 0:
            raise InvalidInput(f"{field}: there is no frame in it")
        return frames
