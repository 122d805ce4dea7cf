"""An endless, seeded world of captioned motion, rendered on the device at any resolution and aspect ratio.

Colours are plain sRGB values: pictures are composited, averaged and learned in them, as they were drawn.
"""

import random
from dataclasses import dataclass, fields

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from model.training import backgrounds, captions
from model.training.canvas import Size, Window, alike, height_and_width
from model.training.motions import (
    NORMAL,
    SECONDS,
    SPEEDS,
    STILL,
    Placement,
    allowed_mask,
    heldout_mask,
    place,
)
from model.training.objects import Atlas
from model.training.rendering import Renderer

SIZES = (0.40, 0.60)
STILL_CAPTIONS = 0.75  # share of still pictures whose caption leaves the motion out


@dataclass(frozen=True)
class Scenes:
    """A batch of b scenes: what is asked for, and the chances that settle the rest; on one device."""

    object: Int[Tensor, " b"]
    motion: Int[Tensor, " b"]
    speed: Int[Tensor, " b"]
    background: Int[Tensor, " b"]
    size: Float[Tensor, " b"]  # of the object, in short sides of the frame
    path: Float[Tensor, "b 4"]  # chances in [0, 1) of the trajectory
    look: Float[Tensor, "b 4"]  # chances in [0, 1) of the background

    def __len__(self) -> int:
        return len(self.object)

    def __getitem__(self, rows: slice | Tensor) -> "Scenes":
        return Scenes(*(getattr(self, field.name)[rows] for field in fields(self)))


class World(Renderer[Scenes]):
    """Scenes drawn at random, their captions, and their pictures."""

    def __init__(self, atlas: Atlas, device: torch.device | str) -> None:
        self.atlas = atlas
        self.device = torch.device(device)
        self.heldout: Bool[Tensor, "n m"] = heldout_mask(atlas.names)
        self.allowed: Bool[Tensor, "n m"] = allowed_mask(atlas.round)
        self._pairs = {held: (self.allowed & (self.heldout == held)).nonzero() for held in (False, True)}

    def scenes(self, n: int, generator: torch.Generator, *, heldout: bool = False) -> Scenes:
        """n random scenes, of training pairs only or of held-out pairs only. The generator is a CPU one."""
        scenes = self.drawn(n, generator, heldout=heldout)
        return Scenes(
            *(getattr(scenes, field.name).to(self.device, non_blocking=True) for field in fields(Scenes))
        )

    def drawn(self, n: int, generator: torch.Generator, *, heldout: bool = False) -> Scenes:
        """The same, on the CPU."""
        pairs = self._pairs[heldout]
        pair = pairs[torch.randint(len(pairs), (n,), generator=generator)]
        chances = torch.rand(n, 9, generator=generator)
        speed = torch.randint(len(SPEEDS), (n,), generator=generator)
        return Scenes(
            object=pair[:, 0],
            motion=pair[:, 1],
            speed=torch.where(pair[:, 1] == STILL, NORMAL, speed),
            background=torch.randint(len(backgrounds.BACKGROUNDS), (n,), generator=generator),
            size=SIZES[0] + (SIZES[1] - SIZES[0]) * chances[:, 8],
            path=chances[:, :4],
            look=chances[:, 4:8],
        )

    def captions(self, scenes: Scenes, rng: random.Random, *, still: bool = False) -> list[str]:
        """One caption a scene in a random phrasing; of a still picture mostly without the motion."""
        asked = torch.stack([scenes.object, scenes.motion, scenes.speed, scenes.background], 1).tolist()
        return [self._caption(row, rng, still and rng.random() < STILL_CAPTIONS) for row in asked]

    def _caption(self, row: list[int], rng: random.Random, still: bool) -> str:
        template = rng.randrange(captions.phrasings(still=still))
        name, (motion, speed, background) = self.atlas.names[row[0]], row[1:]
        return captions.caption(name, motion, speed, background, template, still=still)

    def draw(
        self, scenes: Scenes, times: Tensor, window: Window, supersample: int
    ) -> Float[Tensor, "b 3 t h w"]:
        behind = backgrounds.draw(scenes.background, scenes.look, times, window, supersample)
        spot = place(scenes.motion, scenes.speed, scenes.size, scenes.path, times, window.frame)
        thing = self.sprites(scenes.object, spot, window, supersample)
        picture = torch.addcmul(thing[:, :, :3], behind, 1 - thing[:, :, 3:])
        return picture.mul_(2).sub_(1).clamp_(-1, 1).transpose(1, 2)

    def regions(self, scenes: Scenes, size: Size) -> Bool[Tensor, "b h w"]:
        """Where each scene may move: everywhere."""
        return torch.ones(len(scenes), *height_and_width(size), dtype=torch.bool, device=self.device)

    def sharp(self) -> "World":
        """All of it is drawn at any size."""
        return self

    def sprites(
        self, objects: Int[Tensor, " b"], spot: Placement, window: Window, supersample: int
    ) -> Float[Tensor, "b t 4 h w"]:
        """Drawings at their places, premultiplied RGBA, each from the texture level nearest its width in samples."""
        corner = window.corner
        matrix = to_texture(
            spot.x - corner[:, :1], spot.y - corner[:, 1:], spot.size, spot.angle, window.extent
        )
        matrix, frames = matrix.flatten(0, 1), spot.x.shape[1]
        finest = self.atlas.levels[0].shape[-1]
        level = (finest * window.step / supersample / spot.size.flatten()).log2().round()
        level = level.clamp(0, len(self.atlas.levels) - 1).int()
        shown = objects.repeat_interleave(frames)
        out = torch.empty(len(shown), 4, window.height, window.width, device=self.device)
        for index, rows in alike(level):
            texture = self.atlas.levels[index][shown[rows]].float().div_(255)
            fine = [len(rows), 4, window.height * supersample, window.width * supersample]
            grid = functional.affine_grid(matrix[rows], fine, align_corners=False)
            sampled = functional.grid_sample(texture, grid, mode="bilinear", align_corners=False)
            out[rows] = functional.avg_pool2d(sampled, supersample)
        return rearrange(out, "(b t) c h w -> b t c h w", t=frames)


def to_texture(
    x: Tensor, y: Tensor, size: Tensor, angle: Tensor, extent: tuple[float, float]
) -> Float[Tensor, "b t 2 3"]:
    """Maps from a window's [-1, 1] square to a drawing's; x, y: its centre, from the window's corner."""
    wide, high = extent
    cos, sin = angle.cos() / size, angle.sin() / size
    right, down = wide - 2 * x, high - 2 * y  # the window's centre, seen from the drawing's, doubled
    rows = [
        cos * wide,
        sin * high,
        cos * right + sin * down,
        -sin * wide,
        cos * high,
        cos * down - sin * right,
    ]
    return rearrange(torch.stack(rows, -1), "b t (row column) -> b t row column", row=2)


def clip_times(count: int, frames: int = 80, device: torch.device | str = "cpu") -> Float[Tensor, "b t"]:
    """The times of `frames` evenly spaced frames of a whole clip, for `count` scenes."""
    return (torch.arange(frames, device=device) * (SECONDS / frames)).expand(count, frames)


if __name__ == "__main__":
    from model.training.showcase import main

    main()
