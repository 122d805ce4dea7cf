"""What is kept of a video: the MP4 and three pictures of it, side by side; on the way previews and resume points."""

from enum import StrEnum

from worker.media import Medium


class Variant(StrEnum):
    """The public words of the video protocol."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"
    PREVIEW = "preview"

    @property
    def content_type(self) -> str:
        """The media type of its bytes."""
        return _CONTENT_TYPES[self]

    def beside(self, video_key: str) -> str:
        """The storage key of this variant of the video under that key."""
        return video_key.removesuffix(_SUFFIXES[Variant.VIDEO]) + _SUFFIXES[self]


_CONTENT_TYPES = {
    Variant.VIDEO: "video/mp4",
    Variant.THUMBNAIL: "image/webp",
    Variant.SPRITESHEET: "image/jpeg",
    Variant.PREVIEW: "image/webp",
}
_SUFFIXES = {
    Variant.VIDEO: ".mp4",
    Variant.THUMBNAIL: ".thumbnail.webp",
    Variant.SPRITESHEET: ".spritesheet.jpg",
    Variant.PREVIEW: ".preview.webp",
}


def video_key(job_id: str, token: int) -> str:
    """Where the attempt with this fencing token, and no other, stores its video."""
    return f"videos/{job_id}/{token}{_SUFFIXES[Variant.VIDEO]}"


def preview_key(job_id: str, token: int, number: int) -> str:
    """Where an attempt stores its nth preview: in two places by turns, so that who reads one is not disturbed."""
    return f"videos/{job_id}/{token}.preview-{number % 2}.webp"


def resume_key(job_id: str, token: int) -> str:
    """Where an attempt stores its resume point."""
    return f"videos/{job_id}/{token}.resume.safetensors"


def every_key(job_id: str, token: int) -> list[str]:
    """The keys of all that the attempts up to this token can have stored."""
    attempts = range(1, token + 1)
    finished = [variant.beside(video_key(job_id, attempt)) for attempt in attempts for variant in Variant]
    passing = [preview_key(job_id, attempt, number) for attempt in attempts for number in range(2)]
    return finished + passing + [resume_key(job_id, attempt) for attempt in attempts]


def input_key(job_id: str, field: str, medium: Medium) -> str:
    """Where the copy lies of what was given in this field of a request."""
    return f"videos/{job_id}/{field}{medium.suffix}"
