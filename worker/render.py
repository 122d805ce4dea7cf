"""The story of one video: load, generate or go on, encode, store, commit."""

import logging
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from model.catalog import TaskNotAvailable, UnknownModel, UnknownStyle, check_task, installed, locate
from model.compositions import InvalidGiven
from model.pipeline import Pipeline
from model.spec import FPS, VideoSpec
from model.text import TextEncoderMissing
from model.weights import InvalidCheckpoint, fingerprint
from worker.compiling import compile_for
from worker.drain import Drain, Drained, Rest
from worker.given import Inputs, InvalidInput
from worker.hold import Hold
from worker.jobs import LeaseLost
from worker.kinds import listed
from worker.loading import beating
from worker.memory import GivenBack
from worker.mp4 import encode
from worker.notes import drain_deadline
from worker.previews import Previews
from worker.pulse import Pulse
from worker.resume import Points, Price, mark
from worker.settings import Settings
from worker.stills import PREVIEW_FRAMES, preview, spritesheet, thumbnail
from worker.storage import Storage, StorageUnavailable
from worker.timings import Timings
from worker.upload import put_patiently
from worker.variants import Variant, video_key

log = logging.getLogger(__name__)

PUBLIC_ERRORS: dict[type[Exception], str] = {
    InvalidCheckpoint: "invalid_checkpoint",
    UnknownModel: "model_not_found",
    TaskNotAvailable: "task_not_available",
    UnknownStyle: "style_not_found",
    InvalidInput: "invalid_input",
    InvalidGiven: "invalid_input",
}

UNUSABLE = (InvalidCheckpoint, UnknownModel, TextEncoderMissing)  # and will be so next time


class Loaded(NamedTuple):
    """A checkpoint, and what tells it from every other."""

    pipeline: Pipeline
    fingerprint: str


def render(hold: Hold, storage: Storage, settings: Settings) -> None:
    """Make a claimed job's video, or what is left to make of it; or hand it back, where this worker has to end."""
    try:
        with GivenBack():
            Attempt(hold, storage, settings).make()
    except Drained:
        hold.release()
        log.info("video %s was handed back", hold.job.id)


class Attempt:
    """One worker's, at one video. Each step is a heartbeat, and the last write is the commit."""

    def __init__(self, hold: Hold, storage: Storage, settings: Settings) -> None:
        self._hold, self._job, self._storage, self._settings = hold, hold.job, storage, settings
        self._timings = Timings()
        self._drain = Drain(drain_deadline)

    def make(self) -> None:
        """All of it."""
        spec = self._job.spec
        check_task(self._settings.checkpoints, spec.model, spec.task)
        with beating(self._hold.beat, self._settings.lease_seconds / 4):
            loaded = _loaded(locate(self._settings.checkpoints, spec.model), _resolved(self._settings.device))
        notices = loaded.pipeline.notices(spec)
        if notices != spec.notices:
            self._hold.warn(notices)
        previews = Previews(self._hold, self._storage)
        frames = self._generated(loaded, previews)
        self._kept(frames)
        previews.clear()
        log.info("video %s: %d frames, seconds: %s", self._job.id, len(frames), self._timings.seconds)

    def _generated(self, loaded: Loaded, previews: Previews) -> npt.NDArray[np.uint8]:
        """The frames, from the noise or from where another attempt has left off."""
        spec, pipeline = self._job.spec, loaded.pipeline
        given = Inputs(self._job, self._storage, self._settings, self._hold.beat).given()
        of = mark(spec, loaded.fingerprint, pipeline.arithmetic)
        with Points(self._hold, self._storage, of, price()) as points:
            made = points.load(self._settings.patience_seconds)
            self._timings.add(made.seconds)
            self._timings.lap("load")
            rest = Rest(spec, self._job.resume_progress / 100 if made.point else 0.0)
            pulse = Pulse(self._hold, self._timings, previews, points, self._drain, rest, pipeline.device)
            batch = self._settings.window_batch
            return pipeline.generate(
                spec, pulse.step, made.point, given=given, look=pulse.look, window_batch=batch
            )

    def _kept(self, frames: npt.NDArray[np.uint8]) -> None:
        """Stored and committed; where the commit is refused, removed again."""
        stored = video_key(self._job.id, self._job.token)
        try:
            self._store(frames, stored)
            self._hold.complete(stored, self._timings.seconds)
        except LeaseLost:
            for variant in Variant:
                self._storage.delete(variant.beside(stored))
            raise

    def _store(self, frames: npt.NDArray[np.uint8], stored: str) -> None:
        """Encode every variant, then upload them: the video last, so that whoever has it has its pictures."""
        with tempfile.TemporaryDirectory(prefix="ciotat-") as scratch:
            files = {variant: Path(scratch) / variant for variant in reversed(Variant)}
            for variant, file in files.items():
                self._hold.beat()
                self._encode(frames, variant, file)
            self._timings.lap("encode")
            for variant, file in files.items():
                key, patience = variant.beside(stored), self._settings.patience_seconds
                put_patiently(self._storage, key, file, variant.content_type, self._beat, patience)
        self._timings.lap("upload")

    def _encode(self, frames: npt.NDArray[np.uint8], variant: Variant, file: Path) -> None:
        match variant:
            case Variant.VIDEO:
                encode(frames, FPS, file)
            case Variant.THUMBNAIL:
                thumbnail(frames, file)
            case Variant.SPRITESHEET:
                spritesheet(frames, file)
            case Variant.PREVIEW:
                preview(frames[:: -(-len(frames) // PREVIEW_FRAMES)], self._job.spec.seconds, file)

    def _beat(self) -> None:
        """While uploads are waited for."""
        self._hold.beat()
        if self._drain.comes_before(0.0):
            raise Drained


@cache
def price() -> Price:
    """What resume points have cost this process."""
    return Price()


def load(settings: Settings) -> None:
    """Have the model ready that is asked for by default; where it is not installed, the first that is."""
    names = installed(settings.checkpoints)
    default = str(VideoSpec.model_fields["model"].default)
    name = default if default in names else next(iter(names), default)
    folder = locate(settings.checkpoints, name)
    pipeline, cache = _loaded(folder, _resolved(settings.device)).pipeline, settings.data / "compiled"
    compile_for(listed(settings.optimise_sizes), pipeline, folder, settings.window_batch, cache)


def failure(error: Exception, checkpoints: Path) -> tuple[str, str]:
    """The code and the words in which a job's owner learns why it failed, without this machine's paths."""
    if isinstance(error, StorageUnavailable):  # where it is and why it failed are for the log
        return "storage_unavailable", "the object store failed on this video"
    if isinstance(error, torch.OutOfMemoryError):  # how much there is, and who else has it, likewise
        return "out_of_memory", "the worker's memory does not do for this video"
    for kind, code in PUBLIC_ERRORS.items():
        if isinstance(error, kind):
            return code, str(error).replace(f"{checkpoints}/", "")
    return "internal_error", f"the worker failed on this video ({type(error).__name__})"


@cache
def _loaded(folder: Path, device: str) -> Loaded:
    """Loaded once a process; a load that fails is not remembered, so a mended checkpoint works at once."""
    return Loaded(Pipeline.load(folder, device), fingerprint(folder))


def _resolved(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
