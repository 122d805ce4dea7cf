"""What a generation tells after each step: how far it is, how the clip looks, and from where another could go on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from model.sampling import State

Stage = Literal["base", "ssr"]


@dataclass(frozen=True, eq=False)
class Point:
    """From where a generation goes on: with its spec and its checkpoint, all that it needs. Its noise is the seed's.

    The last one of the base pass is the boundary of the stages. A point refers to the tensors of the generation;
    nothing is copied before `tensors` is asked.
    """

    stage: Stage
    state: State  # of one clip: a batch of one
    # what the super-resolution enlarges; in the base pass, what passes before this one have made before its frames
    low: Float[Tensor, "1 3 t h w"] | None = None
    part: int = 0  # which pass of the base model it is, or part of the super-resolution, of several
    made: UInt8[Tensor, "f H W 3"] | None = None  # frames that parts before this one have finished

    def tensors(self) -> dict[str, Tensor]:
        """All of it that is large, by name, each laid out in order, which a network's estimate need not be."""
        named = {"x": self.state.x, "estimate": self.state.estimate, "low": self.low, "made": self.made}
        return {name: tensor.contiguous() for name, tensor in named.items() if tensor is not None}

    @property
    def nbytes(self) -> int:
        """Bytes of these tensors."""
        all_of_it = (self.state.x, self.state.estimate, self.low, self.made)
        return sum(tensor.nbytes for tensor in all_of_it if tensor is not None)

    @classmethod
    def of(cls, stage: Stage, done: int, tensors: dict[str, Tensor], part: int = 0) -> "Point":
        """The point that had these tensors. Raises KeyError, naming the one that is missing."""
        low = tensors["low"] if stage == "ssr" or part else None
        made = tensors["made"] if stage == "ssr" and part else None
        return cls(stage, State(done, tensors["x"], tensors["estimate"]), low, part, made)

    def on(self, device: torch.device) -> "Point":
        """The same on another device, but for the frames that are finished."""
        moved = {
            name: tensor if name == "made" else tensor.to(device) for name, tensor in self.tensors().items()
        }
        return Point.of(self.stage, self.state.done, moved, self.part)


@dataclass(frozen=True, eq=False)
class Step:
    """One denoising step done."""

    point: Point
    total: int  # steps of this stage
    fraction: float  # of the whole job's work, in [0, 1]
    earlier: int = 0  # steps of this stage in passes before this one

    @property
    def stage(self) -> Stage:
        """Whose step it was."""
        return self.point.stage

    @property
    def done(self) -> int:
        """How many steps of this stage are done."""
        return self.earlier + self.point.state.done

    @property
    def estimate(self) -> Float[Tensor, "3 t h w"]:
        """Of the clean clip, in [-1, 1], as far as it has been begun; while a part of it is enlarged, the base clip."""
        point, own = self.point, self.point.state.estimate[0]
        if point.low is None:
            return own
        if point.stage == "base":
            return torch.cat([point.low[0], own], dim=1)
        return own if point.low.shape[2] == own.shape[1] else point.low[0]

    @property
    def percent(self) -> int:
        """As it is told: 100 is a video that has been stored."""
        return min(99, int(100 * self.fraction))

    def glimpse(self, frames: int, width: int, height: int) -> UInt8[np.ndarray, "f h w 3"]:
        """The clip as it looks by now, made when asked for: every nth frame, at most so many, and of each the middle
        that has this aspect ratio, at most so large."""
        clip = self.estimate[:, :: -(-self.estimate.shape[1] // frames)]
        down, across = clip.shape[-2:]
        rows, columns = min(down, across * height // width), min(across, down * width // height)
        top, left = (down - rows) // 2, (across - columns) // 2
        clip = clip[..., top : top + rows, left : left + columns].float()
        if columns > width:
            clip = F.interpolate(clip, size=(height, width), mode="area")
        return to_frames(clip)


OnStep = Callable[[Step], None]


def ignore(step: Step) -> None:
    """For callers that do not follow the steps."""


@dataclass(frozen=True)
class Course:
    """All steps of one video, and what each of them is of its whole work."""

    base: int  # of each pass
    ssr: int  # of each part; none at the base size
    pixels: int  # of a frame
    passes: int = 1  # of the base model
    windows: int = 1  # of the base model, in each step of a pass
    parts: int = 1  # of the super-resolution, each as long as a window of the base model

    @property
    def _ssr_cost(self) -> float:
        """In base steps: an SSR step at 512 costs about as much as one of one window."""
        return self.pixels / 512**2

    def step(self, point: Point) -> Step:
        """The step that leads to this point."""
        base, ssr, done = self.base * self.passes, self.ssr * self.parts, point.state.done
        work = base * self.windows + self._ssr_cost * ssr
        if point.stage == "base":
            earlier = point.part * self.base
            return Step(point, base, (earlier + done) * self.windows / work, earlier)
        earlier = point.part * self.ssr
        return Step(point, ssr, (base * self.windows + self._ssr_cost * (earlier + done)) / work, earlier)


def to_frames(clip: Float[Tensor, "3 t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """[-1, 1] -> bytes."""
    frames: np.ndarray = (
        clip.add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()
    )
    return frames
