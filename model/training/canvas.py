"""What scenes are painted on: continuous coordinates, so that they look alike at any resolution and aspect ratio.

Lengths are in short sides of the frame. A painter gets a canvas: places, chances, time and the distance of
neighbouring samples. It fades out any detail finer than two samples, so that small pictures do not alias.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from model.training.motions import constant

Size = int | tuple[int, int]  # a square's side, or height and width, in pixels

CELLS = 64  # period of the noise, in lattice cells
FINE = 512  # samples of the noise per period


@dataclass(frozen=True)
class Canvas:
    """Sample positions and what varies from scene to scene."""

    x: Float[Tensor, "k t h w"]
    y: Float[Tensor, "k t h w"]
    time: Float[Tensor, "k t 1 1"]
    chance: Float[Tensor, "k c 1 1 1"]
    step: float  # distance of neighbouring samples
    frame: tuple[float, float] = (1.0, 1.0)  # width and height of the whole frame

    @property
    def u(self) -> Tensor:
        """How far across the frame: 0 at its left edge, 1 at its right one."""
        return self.x / self.frame[0]

    @property
    def v(self) -> Tensor:
        """How far down the frame: 0 at its top, 1 at its bottom."""
        return self.y / self.frame[1]

    def noise(self, u: Tensor, v: Tensor, finest: float, shift: float = 0.0) -> Tensor:
        """Smooth noise of about unit deviation at lattice coordinates u, v; `finest` = cells a frame side."""
        fade = min(1.0, max(0.0, 1 / (self.step * finest) - 1.0))
        if fade == 0:
            return torch.zeros_like(self.x)
        start = CELLS * self.chance
        u, v = u + start[:, 2] + shift, v + start[:, 3] + shift
        grid = torch.stack([u, v], -1).remainder(CELLS) * (2 / CELLS) - 1
        field = lattice(str(self.x.device))
        flat = functional.grid_sample(
            field.expand(1, 1, -1, -1), grid.flatten(0, 2)[None], align_corners=True
        )
        return fade * flat.view(self.x.shape)

    def clouds(self, scale: float, octaves: int, stretch: float = 1.0, shift: float = 0.0) -> Tensor:
        """A sum of octaves of noise, halving in strength, starting at `scale` cells a frame."""
        total = torch.zeros_like(self.x)
        for octave in range(octaves):
            cells = scale * 2**octave
            finest = cells * max(1.0, stretch)
            total = total + 0.5**octave * self.noise(
                self.x * cells, self.y * cells * stretch, finest, 17.0 * octave + shift
            )
        return total

    def edge(self, distance: Tensor) -> Tensor:
        """0 where a signed distance is negative, 1 where positive, with an edge as wide as a sample."""
        return (distance / self.step + 0.5).clamp(0, 1)


@cache
def lattice(device: str) -> Float[Tensor, "1 1 s s"]:
    """One period of band-limited noise, wrapped by one sample, the same on every machine."""
    coarse = torch.randn(CELLS, CELLS, generator=torch.Generator().manual_seed(20))
    spectrum = torch.fft.fftshift(torch.fft.fft2(coarse))
    side = (FINE - CELLS) // 2
    fine = (
        torch.fft.ifft2(torch.fft.ifftshift(functional.pad(spectrum, (side,) * 4))).real * (FINE / CELLS) ** 2
    )
    return functional.pad(fine[None, None], (0, 1, 0, 1), mode="circular").to(device)


def rgb(code: str) -> tuple[float, float, float]:
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255


def colour(code: str, device: torch.device) -> Float[Tensor, "1 1 3 1 1"]:
    """A colour as it is mixed: six hexadecimal digits."""
    return constant(rgb(code), str(device)).view(1, 1, 3, 1, 1)


def paint(colours: Sequence[str | Tensor], weights: Sequence[Tensor]) -> Float[Tensor, "k t 3 h w"]:
    """The first colour, each further one laid over it with its weight in [0, 1], (k, t, h, w)."""
    device = weights[0].device
    layers = [colour(one, device) if isinstance(one, str) else one for one in colours]
    picture = layers[0]
    for layer, weight in zip(layers[1:], weights, strict=True):
        picture = torch.lerp(picture, layer, weight.clamp(0, 1)[:, :, None])
    return picture


def height_and_width(size: Size) -> tuple[int, int]:
    """Of a picture, in pixels."""
    return (size, size) if isinstance(size, int) else size


@dataclass(frozen=True)
class Window:
    """The part of b frames that is drawn, pixel by pixel. Lengths in short sides of the frame."""

    corner: Float[Tensor, "b 2"]  # x, y of the top left
    frame: tuple[float, float]  # width and height of the whole frame
    height: int  # pixels
    width: int
    step: float  # between pixels

    @classmethod
    def of(cls, size: Size, corner: Tensor, part: Size | None = None) -> "Window":
        """Of frames of `size` the `part` (all of it if None) whose top left is at the pixels `corner`, (b, 2)."""
        (tall, wide), (height, width) = height_and_width(size), height_and_width(part or size)
        short = min(tall, wide)
        return cls(corner / short, (wide / short, tall / short), height, width, 1 / short)

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of the part."""
        return self.width * self.step, self.height * self.step

    def __getitem__(self, rows: slice | Tensor) -> "Window":
        return replace(self, corner=self.corner[rows])

    def canvas(
        self, time: Float[Tensor, "b t"], chance: Float[Tensor, "b c"], supersample: int = 1
    ) -> Canvas:
        """The samples of the window at some times, with the chances of its scenes."""
        step, device = self.step / supersample, time.device
        height, width = self.height * supersample, self.width * supersample
        across = (torch.arange(width, device=device) + 0.5) * step
        down = (torch.arange(height, device=device) + 0.5) * step
        shape = (*time.shape, height, width)
        x = (self.corner[:, 0].view(-1, 1, 1, 1) + across.view(1, 1, 1, -1)).expand(shape)
        y = (self.corner[:, 1].view(-1, 1, 1, 1) + down.view(1, 1, -1, 1)).expand(shape)
        return Canvas(x, y, time[..., None, None], chance[:, :, None, None, None], step, self.frame)


def alike(values: Int[Tensor, " n"]) -> list[tuple[int, Int[Tensor, " k"]]]:
    """Each value with the rows that have it. One wait for the device, whatever the number of values."""
    known = values.cpu()
    order = known.argsort(stable=True)
    found, counts = torch.unique_consecutive(known[order], return_counts=True)
    parts = torch.split(order.to(values.device, non_blocking=True), counts.tolist())
    return list(zip(found.tolist(), parts, strict=True))
