"""What is known of a picture or a clip that somebody sent, once it has been looked into."""

from pydantic import BaseModel, ConfigDict

SUFFIXES = {"image/png": ".png", "video/mp4": ".mp4", "video/webm": ".webm"}


class Medium(BaseModel):
    """A picture or a clip as it is kept; width and height are those of the upright picture, in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    content_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    frames: int
    fps: float | None

    @property
    def is_video(self) -> bool:
        """Whether it moves."""
        return self.content_type.startswith("video/")

    @property
    def size(self) -> str:
        """Its width and height."""
        return f"{self.width}x{self.height}"

    @property
    def seconds(self) -> float:
        """How long it lasts, by its frames; a picture, and what has no rate, lasts no time."""
        return self.frames / self.fps if self.fps else 0.0

    @property
    def suffix(self) -> str:
        """How the name of its file ends."""
        return SUFFIXES[self.content_type]
