"""What is kept of a finished video: the MP4 and two pictures of it, side by side in the storage."""

from enum import StrEnum

from worker.media import Medium


class Variant(StrEnum):
    """The public words of the video protocol."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"

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
}
_SUFFIXES = {
    Variant.VIDEO: ".mp4",
    Variant.THUMBNAIL: ".thumbnail.webp",
    Variant.SPRITESHEET: ".spritesheet.jpg",
}


def video_key(job_id: str, token: int) -> str:
    """Where the attempt with this fencing token, and no other, stores its video."""
    return f"videos/{job_id}/{token}{_SUFFIXES[Variant.VIDEO]}"


def every_key(job_id: str, token: int) -> list[str]:
    """The keys of all that the attempts up to this token can have stored."""
    videos = [video_key(job_id, attempt) for attempt in range(1, token + 1)]
    return [variant.beside(video) for video in videos for variant in Variant]


def input_key(job_id: str, field: str, medium: Medium) -> str:
    """Where the copy lies of what was given in this field of a request."""
    return f"videos/{job_id}/{field}{medium.suffix}"
