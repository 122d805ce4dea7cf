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
    part: int = 0  # which pass of the base model it is, of a clip that takes more than one

    def tensors(self) -> dict[str, Tensor]:
        """All of it that is large, by name, each laid out in order, which a network's estimate need not be."""
        named = {"x": self.state.x, "estimate": self.state.estimate, "low": self.low}
        return {name: tensor.contiguous() for name, tensor in named.items() if tensor is not None}

    @property
    def nbytes(self) -> int:
        """Bytes of these tensors."""
        low = 0 if self.low is None else self.low.nbytes
        return self.state.x.nbytes + self.state.estimate.nbytes + low

    @classmethod
    def of(cls, stage: Stage, done: int, tensors: dict[str, Tensor], part: int = 0) -> "Point":
        """The point that had these tensors. Raises KeyError, naming the one that is missing."""
        low = tensors["low"] if stage == "ssr" or part else None
        return cls(stage, State(done, tensors["x"], tensors["estimate"]), low, part)

    def on(self, device: torch.device) -> "Point":
        """The same on another device."""
        moved = {name: tensor.to(device) for name, tensor in self.tensors().items()}
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
        """Of the clean clip, in [-1, 1], as far as it has been begun."""
        point, own = self.point, self.point.state.estimate[0]
        if point.stage == "base" and point.low is not None:
            return torch.cat([point.low[0], own], dim=1)
        return own

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


@dataclass(frozen=True)
class Course:
    """All steps of one video, and what each of them is of its whole work."""

    base: int  # of each pass
    ssr: int  # none at the base size
    pixels: int  # of a frame
    passes: int = 1

    @property
    def _ssr_cost(self) -> float:
        """In base steps: an SSR step at 512 costs about as much as one."""
        return self.pixels / 512**2

    def step(self, point: Point) -> Step:
        """The step that leads to this point."""
        base, done = self.base * self.passes, point.state.done
        work = base + self._ssr_cost * self.ssr
        if point.stage == "base":
            earlier = point.part * self.base
            return Step(point, base, (earlier + done) / work, earlier)
        return Step(point, self.ssr, (base + self._ssr_cost * done) / work)


def to_frames(clip: Float[Tensor, "3 t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """[-1, 1] -> bytes."""
    frames: np.ndarray = (
        clip.add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()
    )
    return frames
