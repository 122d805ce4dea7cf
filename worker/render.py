"""The story of one video: load, generate, encode, store, commit."""

import logging
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from model.catalog import TaskNotAvailable, UnknownModel, installed, locate
from model.pipeline import Pipeline
from model.spec import FPS, VideoSpec
from model.steps import Step
from model.tasks import Task
from model.text import TextEncoderMissing
from model.weights import InvalidCheckpoint
from worker.hold import Hold
from worker.jobs import LeaseLost
from worker.mp4 import encode
from worker.previews import Previews
from worker.stills import PREVIEW_FRAMES, preview, spritesheet, thumbnail
from worker.storage import Storage, StorageUnavailable
from worker.timings import Timings
from worker.variants import Variant, video_key

log = logging.getLogger(__name__)

PUBLIC_ERRORS: dict[type[Exception], str] = {
    InvalidCheckpoint: "invalid_checkpoint",
    UnknownModel: "model_not_found",
    TaskNotAvailable: "task_not_available",
    torch.cuda.OutOfMemoryError: "out_of_memory",
}

UNUSABLE = (InvalidCheckpoint, UnknownModel, TextEncoderMissing)  # and will be so next time


def render(hold: Hold, storage: Storage, checkpoints: Path, device: str) -> None:
    """Make a claimed job's video; each step is a heartbeat, and the last write is the commit."""
    job = hold.job
    if job.spec.task is not Task.TEXT_TO_VIDEO:
        raise TaskNotAvailable("task", f"this worker does not do {job.spec.task}")
    timings = Timings()
    pipeline = _pipeline(locate(checkpoints, job.spec.model), _resolved(device))

    notices = pipeline.notices(job.spec)
    if notices != job.spec.notices:
        hold.warn(notices)
    timings.lap("load")
    previews = Previews(hold, storage)

    def on_step(step: Step) -> None:
        if step.estimate.is_cuda:
            torch.cuda.synchronize()  # launched is not done, and what is told and measured here is to be true
        hold.beat(min(99, int(100 * step.fraction)))
        timings.lap(step.stage)
        previews.offer(step)
        timings.lap("previews")

    frames = pipeline.generate(job.spec, on_step)
    stored = video_key(job.id, job.token)
    _store(frames, job.spec.seconds, stored, storage, timings)
    try:
        hold.complete(stored, timings.seconds)
    except LeaseLost:
        for variant in Variant:
            storage.delete(variant.beside(stored))
        raise
    previews.clear()
    log.info("video %s: %d frames, seconds: %s", job.id, len(frames), timings.seconds)


def load(checkpoints: Path, device: str) -> None:
    """Have the model ready that is asked for by default; where it is not installed, the first that is."""
    names = installed(checkpoints)
    default = str(VideoSpec.model_fields["model"].default)
    name = default if default in names else next(iter(names), default)
    _pipeline(locate(checkpoints, name), _resolved(device))


def _store(
    frames: npt.NDArray[np.uint8], seconds: int, stored: str, storage: Storage, timings: Timings
) -> None:
    """Encode every variant, then upload them: the video last, so that whoever has it has its pictures."""
    with tempfile.TemporaryDirectory(prefix="ciotat-") as scratch:
        files = {variant: Path(scratch) / variant for variant in reversed(Variant)}
        encode(frames, FPS, files[Variant.VIDEO])
        thumbnail(frames, files[Variant.THUMBNAIL])
        spritesheet(frames, files[Variant.SPRITESHEET])
        preview(frames[:: -(-len(frames) // PREVIEW_FRAMES)], seconds, files[Variant.PREVIEW])
        timings.lap("encode")
        for variant, file in files.items():
            storage.put(variant.beside(stored), file, variant.content_type)
    timings.lap("upload")


def failure(error: Exception, checkpoints: Path) -> tuple[str, str]:
    """The code and the words in which a job's owner learns why it failed, without this machine's paths."""
    if isinstance(error, StorageUnavailable):  # where it is and why it failed are for the log
        return "storage_unavailable", "the object store failed on this video"
    for kind, code in PUBLIC_ERRORS.items():
        if isinstance(error, kind):
            return code, str(error).replace(f"{checkpoints}/", "")
    return "internal_error", f"the worker failed on this video ({type(error).__name__})"


@cache
def _pipeline(folder: Path, device: str) -> Pipeline:
    """Loaded once a process; a load that fails is not remembered, so a mended checkpoint works at once."""
    return Pipeline.load(folder, device)


def _resolved(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
