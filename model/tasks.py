"""What a checkpoint can be asked for, and what each task is given beside words."""

from enum import StrEnum


class Task(StrEnum):
    """The public words for what Lumiere can do."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    INPAINT = "inpaint"
    CINEMAGRAPH = "cinemagraph"
    EXTEND = "extend"
    INTERPOLATE = "interpolate"
    VIDEO_TO_VIDEO = "video_to_video"
    STYLIZE = "stylize"


PICTURE, CLIP = "picture", "clip"

TAKES: dict[Task, frozenset[str]] = {
    Task.TEXT_TO_VIDEO: frozenset(),
    Task.IMAGE_TO_VIDEO: frozenset({PICTURE}),
    Task.INPAINT: frozenset({PICTURE, CLIP}),
    Task.CINEMAGRAPH: frozenset({PICTURE}),
    Task.EXTEND: frozenset({CLIP}),
    Task.INTERPOLATE: frozenset({PICTURE}),
    Task.VIDEO_TO_VIDEO: frozenset({CLIP}),
    Task.STYLIZE: frozenset(),
}
BY_INPUT = {PICTURE: Task.IMAGE_TO_VIDEO, CLIP: Task.VIDEO_TO_VIDEO}
