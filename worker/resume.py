"""Resume points: from where the next attempt at a video goes on, as one safetensors object in the storage.

A point is written into a file between two steps, and stored by a thread while the next ones are made. So a storage
that is slow or down costs the job nothing but the point, and no tensor waits for it.
"""

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.spec import VideoSpec
from model.steps import Point, Stage, Step
from worker.hold import Hold
from worker.patience import patiently
from worker.storage import ObjectNotFound, Storage, StorageUnavailable
from worker.upload import LEAVE_SECONDS, Upload
from worker.variants import resume_key

FORMAT = "ciotat-resume/2"  # another one when State comes to mean something else
CONTENT_TYPE = "application/octet-stream"
SHARE = 0.03  # of the time of a job that its points may take
FIRST_RATE = (
    50e6  # bytes a second that a save is taken to make before one has been measured: a slow disk or bucket
)
STAGES: tuple[Stage, ...] = ("base", "ssr")
log = logging.getLogger(__name__)


class Unusable(ValueError):
    """The point is none of this video's, or of this worker's."""


class Price:
    """What a save costs, by those that this process has made, and when the next one is due."""

    def __init__(self, rate: float = FIRST_RATE) -> None:
        self._nbytes, self._seconds = rate, 1.0  # of all saves so far, as if one had been made

    def of(self, nbytes: int) -> float:
        """The seconds that a save of so many bytes will take."""
        return nbytes * self._seconds / self._nbytes

    def due(self, nbytes: int, since: float, spent: float, elapsed: float) -> bool:
        """Whether the attempt, so many seconds old, pays for one more save than those it has spent so many on, and
        more seconds have gone since the last one than it will take."""
        cost = self.of(nbytes)
        return since >= cost and spent + cost <= SHARE * elapsed

    def learn(self, nbytes: int, seconds: float) -> None:
        """A save of so many bytes has taken so long. What is learned from many bytes weighs more."""
        self._nbytes += nbytes
        self._seconds += seconds


class Made(NamedTuple):
    """A point that was stored, and the seconds that all up to it has taken, by the name of the part."""

    point: Point | None = None
    seconds: Mapping[str, float] = MappingProxyType({})


def mark(spec: VideoSpec, fingerprint: str, dtype: object) -> dict[str, str]:
    """What a point must be of: another video, checkpoint or precision would go on to something else."""
    digest = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    return {"format": FORMAT, "spec": digest, "checkpoint": fingerprint, "dtype": str(dtype)}


class Points:
    """Those of one attempt; each takes the place of the one before it, also of the one that the attempt began at."""

    def __init__(
        self,
        hold: Hold,
        storage: Storage,
        of: Mapping[str, str],
        price: Price,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hold, self._storage, self._of, self._price, self._clock = hold, storage, of, price, clock
        self._scratch = tempfile.TemporaryDirectory(prefix="ciotat-resume-")
        self._file = Path(self._scratch.name) / "point"
        self._key = resume_key(hold.job.id, hold.job.token)
        self._older = hold.job.resume_key
        self._began = self._since = clock()  # the attempt, and the last save, or the attempt
        self._spent = 0.0  # seconds, on saves
        self._upload: Upload | None = None
        self._percent = 0  # of the video, at the point that is being stored
        self._nbytes = 0
        self._untold: int | None = None  # what the job store has still to hear of one that was stored

    def load(self, patience: float) -> Made:
        """The point at which this attempt begins; none, with a line in the log, where it cannot be used."""
        key = self._hold.job.resume_key
        if key is None:
            return Made()
        try:
            patiently(lambda: self._fetch(key), StorageUnavailable, patience, self._hold.beat)
            return _read(self._file, self._of)
        except (ObjectNotFound, StorageUnavailable, SafetensorError, OSError, KeyError, ValueError) as why:
            log.warning("video %s starts anew: %s: %s", self._hold.job.id, type(why).__name__, why)
            return Made()
        finally:
            self._file.unlink(missing_ok=True)

    def offer(self, step: Step, seconds: Mapping[str, float]) -> None:
        """Begin to save the point behind this step, if the time since the last one pays for it."""
        self.collect()
        now = self._clock()
        since, elapsed = now - self._since, now - self._began
        if self._upload is None and self._price.due(step.point.nbytes, since, self._spent, elapsed):
            self._begin(step, seconds)

    def collect(self) -> None:
        """Notice that the point on its way has been stored, tell so, and remove the one before it."""
        if self._upload is not None and self._upload.wait(0):
            upload, self._upload = self._upload, None
            try:
                took = upload.result() - self._since
                self._spent += took
                self._price.learn(self._nbytes, took)
                self._untold = self._percent
            except (StorageUnavailable, OSError) as failed:
                log.warning("video %s goes on without a new resume point: %s", self._hold.job.id, failed)
        if self._untold is not None and self._hold.point(self._key, self._untold):
            self._untold = None
            older, self._older = self._older, None
            if older not in (None, self._key):
                self._delete(str(older))

    def save(self, step: Step, seconds: Mapping[str, float], until: Callable[[], bool]) -> None:
        """The point behind this step, whatever it costs, and no longer than until `until` says so."""
        self._settle(until)
        if self._upload is None:
            self._begin(step, seconds)
            self._settle(until)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What is still on its way is waited for a little, so that whoever tidies up finds it."""
        if self._upload is not None:
            self._upload.wait(LEAVE_SECONDS)
        self._scratch.cleanup()

    def _settle(self, until: Callable[[], bool]) -> None:
        while self._upload is not None and not until():
            self._upload.wait(0.1)
            self._hold.beat()
            self.collect()

    def _begin(self, step: Step, seconds: Mapping[str, float]) -> None:
        self._since = self._clock()
        self._nbytes, self._percent = step.point.nbytes, step.percent
        point, lasted = step.point, json.dumps(dict(seconds))
        told = {
            "stage": point.stage, "part": str(point.part), "done": str(point.state.done), "seconds": lasted
        }  # fmt: skip
        tensors = {name: tensor.cpu() for name, tensor in point.tensors().items()}
        try:
            save_file(tensors, self._file, {**self._of, **told})
        except (SafetensorError, OSError) as failed:
            log.warning("video %s goes on without a new resume point: %s", self._hold.job.id, failed)
        else:
            self._upload = Upload(self._storage, self._key, self._file, CONTENT_TYPE)

    def _fetch(self, key: str) -> None:
        with self._file.open("wb") as file:
            for chunk in self._storage.read(key):
                file.write(chunk)
                self._hold.beat()

    def _delete(self, key: str) -> None:
        try:
            self._storage.delete(key)
        except StorageUnavailable as failed:
            log.warning("a resume point stays until its video is over: %s", failed)


def _read(file: Path, of: Mapping[str, str]) -> Made:
    """What lies in the file, if it is `of` the right things."""
    with safe_open(file, "pt") as held:
        told = held.metadata() or {}
        for name, value in of.items():
            if told.get(name) != value:
                raise Unusable(f"its resume point is of another {name}")
        names: list[str] = held.keys()
        tensors = {name: held.get_tensor(name) for name in names}
    stage = next((stage for stage in STAGES if stage == told["stage"]), None)
    if stage is None:
        raise Unusable(f"its resume point is of no stage: {told['stage']!r}")
    point = Point.of(stage, int(told["done"]), tensors, int(told["part"]))
    return Made(point, json.loads(told["seconds"]))
