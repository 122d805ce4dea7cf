"""The settings that say how long what is kept, and how often it is looked through for what is over."""

from pydantic import Field
from pydantic_settings import BaseSettings

from worker.retention import DEFAULT_TERMS, Terms


class Lifetimes(BaseSettings):
    """Everything that is written for a client ends: by one of these, or with what it belongs to."""

    request_seconds: int = Field(
        24 * 3600,
        ge=1,
        validation_alias="CIOTAT_REQUEST_SECONDS",
        description="how long an `Idempotency-Key` stands for its video",
    )
    file_seconds: int = Field(
        30 * 24 * 3600,
        ge=3600,
        validation_alias="CIOTAT_FILE_SECONDS",
        description="how long an uploaded file is kept, at most",
    )
    video_seconds: int = Field(
        0,
        ge=0,
        validation_alias="CIOTAT_VIDEO_SECONDS",
        description="how long a finished video can be downloaded, told as its `expires_at`; 0 means for ever",
    )
    record_seconds: int = Field(
        DEFAULT_TERMS.record_seconds,
        ge=0,
        validation_alias="CIOTAT_RECORD_SECONDS",
        description="how long the record of a video outlives what can be downloaded of it; 0 means for ever",
    )
    event_seconds: int = Field(
        DEFAULT_TERMS.event_seconds,
        ge=60,
        validation_alias="CIOTAT_EVENT_SECONDS",
        description="how long after the end of a video all its events can be read again; then the last one can",
    )
    sweep_seconds: float = Field(
        3600.0,
        gt=0,
        validation_alias="CIOTAT_SWEEP_SECONDS",
        description="how often one of the API processes removes what is over, and what is nobody's",
    )

    @property
    def terms(self) -> Terms:
        """How long what is over is kept."""
        return Terms(self.record_seconds, self.event_seconds)
