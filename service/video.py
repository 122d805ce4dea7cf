"""The video object: a job as it is told to the world."""

from typing import Literal

from pydantic import BaseModel

from model.spec import FPS
from model.tasks import Task
from worker.jobs import Job, Status


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
    task: Task

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
            expires_at=None if job.expires_at is None else int(job.expires_at),
            remixed_from_video_id=job.remixed_from,
            error=error,
            seconds=str(job.spec.seconds),
            fps=FPS,
            frames=job.spec.frames,
            **job.spec.model_dump(exclude={"seconds"}),
        )
