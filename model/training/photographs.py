"""Photographs, and what a camera that moves over them sees."""

import io
import json
import math
import zipfile
from dataclasses import dataclass, fields
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional

from model.training.canvas import Window
from model.training.motions import SECONDS

DATA = Path(__file__).with_name("photos.zip")
HEIGHT, WIDTH = 384, 512  # pixels of every texture
HELD_OUT_ONE_IN = 5  # photographs, by their source: all crops of one are on one side
NEAREST, FARTHEST = 0.62, 0.92  # of the largest window that fits into a photograph: what a camera sees
TRAVEL = (0.3, 0.6, 0.95)  # by pace: of the way that a camera has

# x, y and nearness of the camera at the end, from the opposite at the start
CAMERAS: dict[str, tuple[float, float, float]] = {
    "stand": (0, 0, 0), "pan left": (-1, 0, 0), "pan right": (1, 0, 0), "tilt up": (0, -1, 0),
    "tilt down": (0, 1, 0), "zoom in": (0, 0, 1), "zoom out": (0, 0, -1),
}  # fmt: skip
MOVES: dict[str, tuple[str, ...]] = {
    "stand": ("the camera does not move", "the camera stands still"),
    "pan left": ("the camera pans {pace} to the left", "the camera moves {pace} left", "panning {pace} to the left"),
    "pan right": ("the camera pans {pace} to the right", "the camera moves {pace} right",
    "panning {pace} to the right"),
    "tilt up": ("the camera moves {pace} up", "the camera tilts {pace} up", "the camera rises {pace}"),
    "tilt down": ("the camera moves {pace} down", "the camera tilts {pace} down", "the camera sinks {pace}"),
    "zoom in": ("the camera zooms in {pace}", "zooming in {pace}", "the camera comes {pace} closer"),
    "zoom out": ("the camera zooms out {pace}", "zooming out {pace}", "the camera moves {pace} back"),
}  # fmt: skip
TOLD = (
    "{move} over {name}", "{name}, {move}", "{move}: {name}", "a photograph of {name}, {move}",
    "a video of {name} in which {move}",
)  # fmt: skip
SHOWN = ("{name}", "a photograph of {name}", "a photo of {name}", "{name}, a photograph")
PACES = ("slowly", "", "quickly")


def heldout(source: str) -> bool:
    """Whether a photograph is never trained on: a stable hash of where it comes from picks one in five."""
    return int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "big") % HELD_OUT_ONE_IN == 0


@dataclass(frozen=True)
class Album:
    """n photographs of 4:3 as byte textures, largest first, each level half as large as the one before."""

    names: tuple[str, ...]
    heldout: Bool[Tensor, " n"]
    levels: tuple[UInt8[Tensor, "n 3 _ _"], ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def load(cls, device: torch.device | str) -> "Album":
        """The shipped photographs."""
        names, sources, pictures = shipped()
        level = pictures.to(device)
        levels = [level]
        while level.shape[-1] > WIDTH // 4:
            level = functional.avg_pool2d(level.float(), 2).round().to(torch.uint8)
            levels.append(level)
        return cls(names, torch.tensor([heldout(source) for source in sources]), tuple(levels))


@cache
def shipped() -> tuple[tuple[str, ...], tuple[str, ...], UInt8[Tensor, "n 3 h w"]]:
    """Names, sources and pictures of the data file."""
    with zipfile.ZipFile(DATA) as archive:
        index: list[dict[str, str]] = json.loads(archive.read("index.json"))
        pictures = []
        for number in range(len(index)):
            picture = Image.open(io.BytesIO(archive.read(f"{number:03}.webp"))).convert("RGB")
            pixels = np.asarray(picture.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
            pictures.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
    return tuple(e["name"] for e in index), tuple(e["source"] for e in index), torch.stack(pictures)


@dataclass(frozen=True)
class Shots:
    """n shots: which photograph, which camera, its pace, and the chances of where it is."""

    photo: Int[Tensor, " n"]
    camera: Int[Tensor, " n"]
    pace: Int[Tensor, " n"]
    look: Float[Tensor, "n 3"]

    def __len__(self) -> int:
        return len(self.photo)

    def __getitem__(self, rows: slice | Tensor) -> "Shots":
        return Shots(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def drawn(cls, n: int, album: Album, generator: torch.Generator, *, heldout: bool = False) -> "Shots":
        """n shots at random of training photographs only or of held-out ones only; a CPU's generator."""
        mine = (album.heldout == heldout).nonzero()[:, 0]
        return cls(
            photo=mine[torch.randint(len(mine), (n,), generator=generator)],
            camera=torch.randint(len(CAMERAS), (n,), generator=generator),
            pace=torch.randint(len(PACES), (n,), generator=generator),
            look=torch.rand(n, 3, generator=generator),
        )


def seen(shots: Shots, times: Float[Tensor, "n t"], frame: tuple[float, float]) -> Float[Tensor, "n t 3"]:
    """Centre (x, y, in widths and heights of the photograph) and width of what the camera sees at each time."""
    device = times.device
    moves = torch.tensor(list(CAMERAS.values()), dtype=torch.float32).to(device)[shots.camera]
    travel = torch.tensor(TRAVEL).to(device)[shots.pace]
    course = (2 * times / SECONDS - 1).clamp(-1, 1)  # -1 at the start, 1 at the end
    ratio = WIDTH / HEIGHT
    largest = min(1.0, frame[0] / frame[1] / ratio)  # width of the largest window that fits
    zoom = moves[:, 2] != 0
    middle = torch.where(
        zoom, (NEAREST + FARTHEST) / 2, NEAREST + (FARTHEST - NEAREST) * shots.look[:, 2] * 0.6
    )
    nearness = middle[:, None] - 0.5 * (FARTHEST - NEAREST) * moves[:, 2:] * travel[:, None] * course
    wide = largest * nearness
    high = wide * frame[1] / frame[0] * ratio
    room = torch.stack([1 - wide, 1 - high], -1) / 2  # how far the centre may go from the photograph's
    chance = 2 * shots.look[:, None, :2] - 1
    along = moves[:, None, :2] * travel[:, None, None] * course[..., None]
    place = torch.where(moves[:, None, :2] != 0, along, 0.7 * chance)
    return torch.cat([0.5 + room * place, wide[..., None]], -1)


def draw(
    album: Album, shots: Shots, times: Float[Tensor, "n t"], window: Window
) -> Float[Tensor, "n t 3 h w"]:
    """The window's part of what the camera sees, in [0, 1], from the level nearest its size."""
    wide, high = window.frame
    x, y, width = seen(shots, times, window.frame).unbind(-1)
    height = width * high / wide * (WIDTH / HEIGHT)
    part = window.extent[0] / wide, window.extent[1] / high  # of the frame
    left = x + width * (window.corner[:, :1] / wide + part[0] / 2 - 0.5)  # the centre of the window
    top = y + height * (window.corner[:, 1:] / high + part[1] / 2 - 0.5)
    zero = torch.zeros_like(x)
    rows = [width * part[0], zero, 2 * left - 1, zero, height * part[1], 2 * top - 1]
    matrix = torch.stack(rows, -1).view(-1, 2, 3)
    # texels of the finest level to a pixel, by the usual width of a shot: one level for all, no wait for the device
    texels = (NEAREST + FARTHEST) / 2 * min(WIDTH, HEIGHT * wide / high) * part[0] / window.width
    level = album.levels[min(max(round(math.log2(texels)), 0), len(album.levels) - 1)]
    n, t = x.shape
    shape = [n * t, 3, window.height, window.width]
    grid = functional.affine_grid(matrix, shape, align_corners=False).reshape(n, -1, window.width, 2)
    texture = level[shots.photo].float().div_(255)
    picture = functional.grid_sample(texture, grid, padding_mode="border", align_corners=False)
    return rearrange(picture, "n c (t h) w -> n t c h w", t=t)


def move_of(camera: int, pace: int, template: int) -> str:
    """What the camera does, in words."""
    name = list(CAMERAS)[camera]
    return " ".join(MOVES[name][template % len(MOVES[name])].format(pace=PACES[pace]).split())


def caption(name: str, camera: int, pace: int, template: int, *, still: bool = False) -> str:
    """A shot in the phrasing numbered `template`; any non-negative number is one."""
    if still:
        return SHOWN[template % len(SHOWN)].format(name=name)
    move = move_of(camera, pace, template // len(TOLD))
    return TOLD[template % len(TOLD)].format(name=name, move=move)
