"""What a natural scene is painted with: a still canvas, a moving one, and what its caption says of it.

A painter gives what stands still, what moves, and where: outside of that region nothing moves, by construction.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from model.training.canvas import Canvas


class Painting(NamedTuple):
    """Two pictures in [0, 1], and how much of the moving one is seen: nothing of it where the region is 0."""

    still: Float[Tensor, "k 1 3 h w"]
    moving: Float[Tensor, "k t 3 h w"]
    region: Float[Tensor, "k 1 h w"]


@dataclass(frozen=True)
class Stage:
    """k scenes of one kind: the same places at one moment and at all moments, colours, direction and pace."""

    still: Canvas
    moving: Canvas
    tones: Float[Tensor, "k n 3"]
    way: Float[Tensor, "k 2"]  # x to the right, y downwards; what it means is the painter's
    rate: Float[Tensor, " k"]  # 1 is the usual pace

    def tone(self, number: int) -> Float[Tensor, "k 1 3 1 1"]:
        """A colour of each scene's own."""
        return self.tones[:, number].view(-1, 1, 3, 1, 1)

    def chance(self, number: int) -> Float[Tensor, "k 1 1 1"]:
        """A chance in [0, 1) of each scene."""
        return self.still.chance[:, number]

    @property
    def time(self) -> Float[Tensor, "k t 1 1"]:
        """Seconds, at each scene's pace."""
        return self.moving.time * self.rate.view(-1, 1, 1, 1)

    @property
    def across(self) -> Float[Tensor, "k 1 1 1"]:
        """Where it goes: 1 to the right, -1 to the left."""
        return self.way[:, 0].view(-1, 1, 1, 1)

    @property
    def down(self) -> Float[Tensor, "k 1 1 1"]:
        return self.way[:, 1].view(-1, 1, 1, 1)


def ridge(c: Canvas, level: Tensor | float, height: float, scale: float, shift: float) -> Tensor:
    """1 under the line of hills that rise `height` around a level (in short sides, from the top), else 0."""
    line = c.noise(c.x * scale, torch.full_like(c.x, shift), scale, shift)
    finer = c.noise(c.x * 3 * scale, torch.full_like(c.x, shift + 9), 3 * scale, shift)
    return c.edge(c.y - level + height * (0.6 * line + 0.2 * finer))


def blob(
    c: Canvas, x: Tensor | float, y: Tensor | float, wide: float, high: Tensor | float, soft: float
) -> Tensor:
    """1 inside an ellipse of these half axes, 0 beyond it, over a border of `soft` of its radius."""
    far = (((c.x - x) / wide).square() + ((c.y - y) / high).square()).sqrt()
    return ((1 - far) / soft).clamp(0, 1)


def box(
    c: Canvas, left: Tensor | float, top: Tensor | float, right: Tensor | float, bottom: Tensor | float
) -> Tensor:
    """1 inside a rectangle, 0 outside."""
    return c.edge(
        torch.minimum(torch.minimum(c.x - left, right - c.x), torch.minimum(c.y - top, bottom - c.y))
    )


def scattered(cell: Tensor) -> Tensor:
    """A number in [0, 1) of each cell, as if by chance."""
    return (cell.sin() * 437.5).remainder(1)
