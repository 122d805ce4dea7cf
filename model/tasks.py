"""What a checkpoint can be asked for: what each task is given beside words, what it reads, how long it may be."""

from enum import StrEnum
from typing import NamedTuple


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

STRENGTH, LOOP, STYLE, STYLE_ALPHA = "strength", "loop", "style", "style_alpha"
OF_SOME = (STRENGTH, LOOP, STYLE, STYLE_ALPHA)  # fields of a spec that not every task uses
_STYLED = frozenset({STYLE, STYLE_ALPHA})
_LOOPED = _STYLED | {LOOP}

LONGEST = 20  # seconds of any video, what it goes on from included
ONE_PASS = 5  # seconds that the networks make at once: a loop is no longer


class Terms(NamedTuple):
    """On which terms a task is done. What it can be given, it needs."""

    reference: frozenset[str] = frozenset()  # what it begins with: one of these kinds, or nothing
    mask: bool = False  # whether a mask says what of it is made
    last_frame: bool = False  # whether a picture says where it ends
    uses: frozenset[str] = _LOOPED  # of OF_SOME
    seconds: int = 5  # at most


TERMS: dict[Task, Terms] = {
    Task.TEXT_TO_VIDEO: Terms(seconds=LONGEST),
    Task.IMAGE_TO_VIDEO: Terms(frozenset({PICTURE}), seconds=LONGEST),
    Task.INPAINT: Terms(frozenset({PICTURE, CLIP}), mask=True),
    Task.CINEMAGRAPH: Terms(frozenset({PICTURE}), mask=True),
    Task.EXTEND: Terms(frozenset({CLIP}), uses=_STYLED, seconds=LONGEST),
    Task.INTERPOLATE: Terms(frozenset({PICTURE}), last_frame=True, uses=_STYLED),
    Task.VIDEO_TO_VIDEO: Terms(frozenset({CLIP}), uses=_LOOPED | {STRENGTH}),
    Task.STYLIZE: Terms(),
}
BY_INPUT = {PICTURE: Task.IMAGE_TO_VIDEO, CLIP: Task.VIDEO_TO_VIDEO}
