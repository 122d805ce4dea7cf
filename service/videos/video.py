"""The video object: a job as it is told to the world."""

from typing import Literal

from pydantic import BaseModel

from model.spec import FPS, Notice
from model.tasks import STRENGTH, STYLE_ALPHA, TERMS, Task
from worker.jobs import Job, Status
from worker.outlook import Prospect


class VideoError(BaseModel):
    """Why a video failed."""

    code: str
    message: str


class Timings(BaseModel):
    """Seconds that the parts of a finished video have taken; until then, how long it was queued."""

    queued: float
    load: float | None = None
    base: float | None = None
    ssr: float | None = None
    previews: float | None = None
    encode: float | None = None
    upload: float | None = None


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
    task: Task
    strength: float | None
    loop: bool
    style: str | None
    style_alpha: float | None
    queue_position: int | None
    eta_seconds: float | None
    timings: Timings | None
    metadata: dict[str, str]
    warnings: list[Notice]

    @classmethod
    def of(cls, job: Job, prospect: Prospect) -> "Video":
        """The public face of a job, and what is ahead of it."""
        timings = None
        if job.started_at is not None:
            timings = Timings(queued=round(job.started_at - job.created_at, 3), **(job.timings or {}))
        eta = prospect.eta_seconds
        error = VideoError(code=job.error_code, message=job.error_message or "") if job.error_code else None
        return cls(
            id=job.id,
            status=job.status,
            progress=job.progress,
            created_at=int(job.created_at),
            completed_at=None if job.completed_at is None else int(job.completed_at),
            expires_at=None if job.expires_at is None else int(job.expires_at),
            remixed_from_video_id=job.remixed_from,
            error=error,
            seconds=str(job.spec.seconds),
            fps=FPS,
            frames=job.spec.frames,
            queue_position=prospect.queue_position,
            eta_seconds=None if eta is None else round(eta, 1),
            timings=timings,
            metadata=job.metadata,
            warnings=list(job.spec.notices if job.warnings is None else job.warnings),
            strength=job.spec.strength if STRENGTH in TERMS[job.spec.task].uses else None,
            style_alpha=None if job.spec.style is None else job.spec.style_alpha,
            **job.spec.model_dump(exclude={"seconds", STRENGTH, STYLE_ALPHA}),
        )
