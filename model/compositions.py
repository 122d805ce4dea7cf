"""The tasks as compositions: what came with the words -> what of a clip is known, and what it starts from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from model.canvas import Canvas
from model.conditioning import Conditions, Known, Source, joined
from model.feather import feathered
from model.given import Given
from model.spec import VideoSpec
from model.ssr import lowered
from model.tasks import Task

Frames = UInt8[np.ndarray, "t h w 3"]
Places = Bool[np.ndarray, "t h w"]
Array = TypeVar("Array", bound=np.ndarray)


class InvalidGiven(ValueError):
    """What came with the words does not do for the task."""


class Pixels(NamedTuple):
    """A clip, and where it is known."""

    clip: Frames
    known: Places


def held(frames: np.ndarray, number: int) -> np.ndarray:
    """So many frames; what is shorter stays as its last frame is."""
    return frames[np.minimum(np.arange(number), len(frames) - 1)]


def by_frame(clip: Frames, known: Sequence[int]) -> Pixels:
    """Some frames are known, the others are not."""
    places = np.zeros(clip.shape[:3], dtype=bool)
    places[list(known)] = True
    return Pixels(clip, places)


def first_frame(given: Given, frames: int) -> Pixels:
    """Image-to-video: the first frame is known."""
    return by_frame(held(_clip(given), frames), [0])


def ends(given: Given, frames: int) -> Pixels:
    """Interpolation: the first and the last frame are known."""
    clip = held(_clip(given)[:1], frames)
    clip[-1] = _needed(given.last, "last_frame: a picture")
    return by_frame(clip, [0, frames - 1])


def outside(given: Given, frames: int) -> Pixels:
    """Inpainting, and outpainting: a picture or a clip is known outside the mask."""
    made = _needed(given.mask, "mask: a picture or a clip")
    return Pixels(held(_clip(given), frames), ~held(made, frames))


def still_outside(given: Given, frames: int) -> Pixels:
    """Cinemagraphs: a picture is known in all frames outside the mask, and everywhere in the first."""
    pixels = outside(Given(_clip(given)[:1], given.mask), frames)
    pixels.known[0] = True
    return pixels


def beginning(given: Given, frames: int) -> Pixels:
    """Extension: the clip is known, and something follows it."""
    clip = _clip(given)
    return by_frame(held(clip, frames), range(len(clip)))


KNOWING: dict[Task, Callable[[Given, int], Pixels]] = {
    Task.IMAGE_TO_VIDEO: first_frame,
    Task.INTERPOLATE: ends,
    Task.INPAINT: outside,
    Task.CINEMAGRAPH: still_outside,
    Task.EXTEND: beginning,
}


@dataclass(frozen=True, eq=False)
class Composition:
    """What one video consists of, at its own size: frames that are there before, and those that are made."""

    canvas: Canvas
    frames: int  # that are made, known ones among them: as many as the networks take at least
    shown: int  # of them, from the first
    before: Frames | None = None  # what the video begins with, as it is
    pixels: Pixels | None = None
    source: Frames | None = None  # SDEdit starts from it
    strength: float = 1.0
    loop: bool = False

    @property
    def start(self) -> float:
        """Where on the schedule the samplers start."""
        return self.strength if self.source is not None else 1.0

    def conditions(self, device: torch.device, part: slice) -> Conditions:
        """What these frames are made under, at the size that the super-resolution makes."""
        known = source = None
        if self.pixels is not None:
            clip, places = self.pixels.clip[part], self.pixels.known[part]
            known = Known(as_clip(clip, self.canvas), _as_mask(places, self.canvas))
        if self.source is not None:
            source = Source(as_clip(self.source[part], self.canvas), self.strength)
        return Conditions(known, source, self.loop).on(device)

    def low(self, device: torch.device, at_once: int) -> Conditions:
        """What all frames are made under at the base size; so many frames at a time, for the memory."""
        starts = range(0, self.frames, at_once)
        return joined(
            [
                lower(self.conditions(device, slice(start, start + at_once)), self.canvas.factor)
                for start in starts
            ]
        )

    def finished(self, made: Frames) -> UInt8[np.ndarray, "n h w 3"]:
        """The frames of the video: what is known of them to the byte."""
        if self.pixels is not None:
            made = feathered(made, *self.pixels)
        made = made[: self.shown]
        return made if self.before is None else np.concatenate([self.before, made])


def compose(spec: VideoSpec, given: Given, canvas: Canvas, known: int, multiple: int) -> Composition:
    """The one of this task.

    Of a clip that is extended its last `known` frames are shown to the networks, which make a `multiple` of frames.
    """
    before, shown = None, spec.frames
    if spec.task is Task.EXTEND:
        clip = _clip(given)
        if len(clip) >= spec.frames:
            raise InvalidGiven(
                f"video: it has {len(clip)} frames, and the extended one is to have {spec.frames}"
            )
        before, given = clip[:-known], Given(clip[-known:])
        shown -= len(before)
    frames = -(-shown // multiple) * multiple
    return Composition(
        canvas,
        frames,
        shown,
        before,
        KNOWING[spec.task](given, frames) if spec.task in KNOWING else None,
        held(_clip(given), frames) if spec.task is Task.VIDEO_TO_VIDEO else None,
        spec.strength,
        spec.loop,
    )


def lower(conditions: Conditions, factor: int) -> Conditions:
    """The same at a size `factor` times smaller: averages, known where all pixels under one are."""
    known, source = conditions.known, conditions.source
    return Conditions(
        known and Known(lowered(known.clip, factor), _least(known.mask, factor)),
        source and Source(lowered(source.clip, factor), source.strength),
        conditions.loop,
    )


def _least(mask: Float[Tensor, "b 1 t H W"], factor: int) -> Float[Tensor, "b 1 t h w"]:
    return -F.max_pool3d(-mask, (1, factor, factor))


def _clip(given: Given) -> Frames:
    return _needed(given.clip, "a picture or a clip")


def _needed(what: Array | None, name: str) -> Array:
    if what is None:
        raise InvalidGiven(f"{name} is needed for the task")
    return what


def _margins(canvas: Canvas) -> tuple[int, int, int, int]:
    """Columns and rows that the canvas has beyond the video: left, right, above and below."""
    rows, columns = canvas.enlarged
    left, top = canvas.left, canvas.top
    return left, columns - canvas.width - left, top, rows - canvas.height - top


def as_clip(frames: Frames, canvas: Canvas) -> Float[Tensor, "1 3 t H W"]:
    """Bytes -> [-1, 1], filled up to the canvas by what lies at its edges."""
    pictures = rearrange(torch.from_numpy(frames), "t h w c -> t c h w").float().div_(127.5).sub_(1)
    padded = F.pad(pictures, _margins(canvas), mode="replicate")
    return rearrange(padded, "t c h w -> 1 c t h w")


def _as_mask(known: Places, canvas: Canvas) -> Float[Tensor, "1 1 t H W"]:
    """1 where it is known; nothing is beyond the edges."""
    padded = F.pad(torch.from_numpy(known).float(), _margins(canvas))
    return rearrange(padded, "t h w -> 1 1 t h w")
