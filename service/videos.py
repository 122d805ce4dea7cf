"""What the service does, in plain Python; both doors call this and nothing behind it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from model.catalog import INDEX, installed, locate
from model.spec import FPS, VideoSpec
from service.errors import InvalidField, VideoFailed, VideoNotReady
from worker.jobs import Job, JobStore, Status
from worker.storage import Storage


class VideoError(BaseModel):
    """Why a video failed."""

    code: str
    message: str


class Video(BaseModel):
    """A job as it is told to the world: the OpenAI video object, and what else made the video."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    size: str
    seconds: str
    remixed_from_video_id: str | None
    error: VideoError | None
    seed: int
    fps: int
    frames: int
    steps: int
    guidance_scale: float
    negative_prompt: str

    @classmethod
    def of(cls, job: Job) -> "Video":
        """The public face of a job."""
        error = VideoError(code=job.error_code, message=job.error_message or "") if job.error_code else None
        return cls(
            id=job.id,
            status=job.status,
            progress=job.progress,
            created_at=int(job.created_at),
            completed_at=None if job.completed_at is None else int(job.completed_at),
            expires_at=None,
            remixed_from_video_id=None,
            error=error,
            seconds=str(job.spec.seconds),
            fps=FPS,
            frames=job.spec.frames,
            **job.spec.model_dump(exclude={"seconds"}),
        )


class Model(BaseModel):
    """An installed checkpoint, as the OpenAI model list tells it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["ciotat"] = "ciotat"


class ModelList(BaseModel):
    """All installed checkpoints."""

    object: Literal["list"] = "list"
    data: list[Model]


@dataclass(frozen=True)
class Content:
    """A finished video's bytes, not read yet."""

    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]


class Videos:
    """Create, get and download; every collaborator is given."""

    def __init__(
        self, jobs: JobStore, submit: Callable[[str], None], storage: Storage, checkpoints: Path
    ) -> None:
        self._jobs = jobs
        self._submit = submit
        self._storage = storage
        self._checkpoints = checkpoints

    def create(self, fields: Mapping[str, object]) -> Video:
        """Check what was asked, save it as a job, and ring for a worker."""
        try:
            spec = VideoSpec.model_validate(fields)
        except ValidationError as invalid:
            raise _first(invalid) from None
        locate(self._checkpoints, spec.model)
        job = self._jobs.create(spec)
        self._submit(job.id)
        return Video.of(job)

    def get(self, video_id: str) -> Video:
        """The video as it is now."""
        return Video.of(self._jobs.get(video_id))

    def content(self, video_id: str) -> Content:
        """The finished MP4."""
        job = self._jobs.get(video_id)
        if job.video_key is None:
            if job.status in (Status.QUEUED, Status.IN_PROGRESS):
                raise VideoNotReady(f"video {video_id!r} is {job.status}, {job.progress} % done")
            raise VideoFailed(f"video {video_id!r} {job.status}: {job.error_message or 'no content'}")
        key = job.video_key
        size = self._storage.size(key)
        etag = f'"{job.id}-{job.token}"'
        return Content(size, etag, lambda start, stop: self._storage.read(key, start, stop))

    def models(self) -> ModelList:
        """The installed checkpoints."""
        names = installed(self._checkpoints)
        stamps = [int((self._checkpoints / name / INDEX).stat().st_mtime) for name in names]
        return ModelList(data=[Model(id=name, created=at) for name, at in zip(names, stamps, strict=True)])


def _first(invalid: ValidationError) -> InvalidField:
    """The first of pydantic's complaints, with the field in front."""
    error = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(error["loc"][0]) if error["loc"] else None
    return InvalidField(field, _WORDS.get(error["type"], error["msg"]))


_WORDS = {"extra_forbidden": "unknown field", "missing": "this field is required"}
