"""What is known of a video from the moment it was accepted."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Json

from model.spec import Notice, VideoSpec
from worker.media import Medium
from worker.tenants import DEFAULT_TENANT

USUAL = {name: VideoSpec.model_fields[name].default for name in ("steps", "guidance_scale")}


class Status(StrEnum):
    """The public words of the video protocol."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(BaseModel):
    """A video from the moment it was accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str
    tenant: str = DEFAULT_TENANT
    spec: Json[VideoSpec]
    status: Status = Status.QUEUED
    progress: int = 0
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    attempts: int = 0
    token: int = 0
    video_key: str | None = None
    place: int | None = None  # in the queue, when it was accepted
    pace: str = ""
    metadata: Json[dict[str, str]] = {}
    warnings: Json[tuple[Notice, ...]] | None = None
    timings: Json[dict[str, float]] | None = None
    previews: int = 0
    preview_key: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    resume_key: str | None = None  # where an unfinished job goes on from
    resume_progress: int = 0
    first_progress: int = 0  # with which the present attempt began
    last_error_code: str | None = None  # why the last attempt gave the job up
    last_error_message: str | None = None
    remixed_from: str | None = None
    inputs: Json[dict[str, Medium]] = {}
    settled: Json[tuple[str, ...]] | None = None  # fields of the spec that the checkpoint's defaults filled

    @property
    def chosen(self) -> VideoSpec:
        """The spec as far as it was asked for. Of a record that does not say, what is as usual counts as a default."""
        usual = {name for name, value in USUAL.items() if getattr(self.spec, name) == value}
        left_out = usual if self.settled is None else set(self.settled)
        return VideoSpec.model_validate(self.spec.model_dump(exclude=left_out))

    @property
    def as_created(self) -> "Job":
        """The job as it was when it was accepted."""
        accepted = self.model_dump(
            include={"id", "tenant", "created_at", "place", "pace", "metadata", "remixed_from", "settled"}
        )
        return Job.model_construct(spec=self.spec, **accepted)
