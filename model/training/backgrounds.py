"""Named backgrounds, each a painter on a canvas."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from model.training.canvas import Canvas, Window, alike, paint


def plain(c: Canvas, colour: str) -> Tensor:
    jitter = (c.chance[:, :3] - 0.5) * 0.05
    return paint([colour, colour], [torch.zeros_like(c.x)]) + jitter.view(-1, 1, 3, 1, 1)


def gradient(c: Canvas, top: str, bottom: str) -> Tensor:
    lean = (c.chance[:, 0] - 0.5) * 0.5
    return paint([top, bottom], [(c.v - 0.5) * (1 - lean.abs()) + (c.u - 0.5) * lean + 0.5])


def sunset(c: Canvas) -> Tensor:
    y = c.v + (c.chance[:, 0] - 0.5) * 0.1
    return paint(["3b2a78", "e0527a", "ffb347"], [(y / 0.55), (y - 0.5) / 0.5])


def night(c: Canvas) -> Tensor:
    cells = 7.0
    u, v = c.x * cells + c.chance[:, 0] * 50, c.y * cells + c.chance[:, 1] * 50
    iu, iv = u.floor(), v.floor()
    random = ((iu * 127.1 + iv * 311.7).sin() * 437.5).remainder(1)
    cx, cy = 0.25 + 0.5 * (random * 17).remainder(1), 0.25 + 0.5 * (random * 71).remainder(1)
    far = ((u - iu - cx) ** 2 + (v - iv - cy) ** 2).sqrt() / cells
    star = c.edge(0.006 + 0.006 * (random * 5).remainder(1) - far)
    return paint(["0b1038", "1d2a63", "fff6d0"], [c.v + 0.15 * c.clouds(3, 2), star])


def grass(c: Canvas) -> Tensor:
    blades = c.noise(c.x * 60, c.y * 14, 60) * 0.6 + c.noise(c.x * 120, c.y * 30, 120, 9) * 0.4
    return paint(
        ["3f9b35", "1f6b22", "8fcf4f"],
        [0.3 + 0.35 * blades, -0.2 + 0.4 * c.noise(c.x * 40, c.y * 10, 40, 31)],
    )


def sea(c: Canvas) -> Tensor:
    sway = 0.015 * (2 * math.pi * (0.2 * c.time + c.chance[:, 0])).sin() + 0.25 * c.clouds(3, 2) * 0.1
    wave = (
        (c.y + sway) * 2 * math.pi * 9
        + 1.2 * (2 * math.pi * (2 * c.x + 0.15 * c.time + c.chance[:, 1])).sin()
    ).sin()
    return paint(["1565a8", "0d3f78", "7fd0ea"], [0.35 + 0.3 * c.clouds(4, 2), (wave - 0.55) / 0.6])


def sand(c: Canvas) -> Tensor:
    ripple = (2 * math.pi * (7 * c.y + 1.2 * c.x + 0.25 * c.clouds(2, 2) + c.chance[:, 0])).sin()
    return paint(
        ["e6c88a", "c9a25c", "f6e3b4"], [0.3 + 0.25 * ripple + 0.12 * c.clouds(30, 3), 0.25 * c.clouds(6, 2)]
    )


def brick(c: Canvas) -> Tensor:
    rows, columns = 9.0, 4.5
    v = c.y * rows + c.chance[:, 1] * 2
    row = v.floor()
    u = c.x * columns + c.chance[:, 0] + 0.5 * row.remainder(2)
    across, down = (u.remainder(1) - 0.5).abs() / columns, (v.remainder(1) - 0.5).abs() / rows
    mortar = c.edge(torch.maximum(across - 0.5 / columns, down - 0.5 / rows) + 0.009)
    tone = ((u.floor() * 127.1 + row * 311.7).sin() * 437.5).remainder(1)
    return paint(["a8452f", "7d2f22", "d9cfc2"], [0.6 * tone + 0.1 * c.clouds(24, 3), mortar])


def snow(c: Canvas) -> Tensor:
    hill = c.edge(c.y - 0.34 * c.frame[1] - 0.05 * (2 * math.pi * (0.8 * c.x + c.chance[:, 0])).sin())
    return paint(["b9d6ef", "f7fbff", "cfe0ef"], [hill, hill * (0.15 + 0.35 * c.clouds(3, 3, 2.0))])


def cloudy(c: Canvas) -> Tensor:
    return paint(["3f92e0", "8cc4f5", "ffffff"], [c.v, (c.clouds(2.5, 4, 1.8) - 0.15) / 0.9])


def planks(c: Canvas) -> Tensor:
    boards = 5.0
    u = c.x * boards + c.chance[:, 0]
    gap = c.edge((u.remainder(1) - 0.5).abs() / boards - 0.5 / boards + 0.006)
    tone = ((u.floor() * 127.1).sin() * 437.5).remainder(1)
    grain = c.noise(c.x * 55, c.y * 4 + 7 * tone, 55) + 0.5 * c.noise(c.x * 110, c.y * 6, 110, 5)
    return paint(["b9803f", "8a5526", "3c220f"], [0.25 + 0.5 * tone * 0.6 + 0.22 * grain, gap])


def checkers(c: Canvas, dark: str, light: str) -> Tensor:
    n = 6.0
    u, v = c.x * n + c.chance[:, 0], c.y * n + c.chance[:, 1]
    across, down = 0.25 - (u.remainder(2) / 2 - 0.5).abs(), 0.25 - (v.remainder(2) / 2 - 0.5).abs()
    a, b = c.edge(across * 2 / n), c.edge(down * 2 / n)
    return paint([dark, light], [a + b - 2 * a * b])


def stripes(c: Canvas, dark: str, light: str) -> Tensor:
    u = c.x * 5 + c.chance[:, 0]
    return paint([dark, light], [c.edge((0.25 - (u.remainder(1) - 0.5).abs()) / 5)])


def dots(c: Canvas, ground: str, dot: str) -> Tensor:
    n = 5.0
    u, v = (c.x * n + c.chance[:, 0]).remainder(1) - 0.5, (c.y * n + c.chance[:, 1]).remainder(1) - 0.5
    return paint([ground, dot], [c.edge((0.26 - (u * u + v * v).sqrt()) / n)])


@dataclass(frozen=True)
class Background:
    """A background's noun phrase, where an object in front of it is said to be, and its painter."""

    name: str
    place: str
    painter: Callable[[Canvas], Tensor]
    moves: bool = False


PLAIN = {
    "red": "d8342c", "orange": "f08a24", "yellow": "f5d93b", "green": "37a24a", "teal": "138a8a",
    "light blue": "8fd0f2", "blue": "2757c8", "purple": "7a35b0", "pink": "f29ac0", "brown": "754a2c",
    "black": "0c0c0e", "gray": "858a90", "white": "f6f6f4",
}  # fmt: skip


def coloured(name: str, code: str) -> Background:
    article = "an" if name[0] in "aeiou" else "a"
    return Background(
        f"{article} {name} background", f"on {article} {name} background", partial(plain, colour=code)
    )


def scenic(
    name: str, painter: Callable[[Canvas], Tensor], place: str = "in front of", moves: bool = False
) -> Background:
    return Background(name, f"{place} {name}", painter, moves)


BACKGROUNDS = (
    *(coloured(name, code) for name, code in PLAIN.items()),
    scenic("a sunset gradient", sunset, "on"),
    scenic("a blue and pink gradient", partial(gradient, top="3f6fe8", bottom="ff9ad0"), "on"),
    scenic("a green and yellow gradient", partial(gradient, top="2fa84f", bottom="fff06a"), "on"),
    scenic("a black and teal gradient", partial(gradient, top="05080c", bottom="1fb5ad"), "on"),
    scenic("a night sky with stars", night, "under"),
    scenic("green grass", grass, "on"),
    scenic("the blue sea", sea, "over", True),
    scenic("yellow sand", sand, "on"),
    scenic("a brick wall", brick),
    scenic("snowy hills", snow),
    scenic("a blue sky with clouds", cloudy, "in"),
    scenic("wooden planks", planks, "on"),
    scenic("a black and white checkerboard", partial(checkers, dark="202124", light="eeeeea"), "on"),
    scenic("blue and white stripes", partial(stripes, dark="2f62c9", light="f2f4f8"), "on"),
    scenic("pink polka dots", partial(dots, ground="fbe3ec", dot="ec5f9a"), "on"),
)


def draw(
    kinds: Int[Tensor, " b"],
    chance: Float[Tensor, "b 4"],
    times: Float[Tensor, "b t"],
    window: Window,
    supersample: int,
) -> Float[Tensor, "b t 3 h w"]:
    """The window's part of each background, in [0, 1]."""
    b, t = times.shape
    out = torch.empty(b, t, 3, window.height, window.width, device=times.device)
    for kind, rows in alike(kinds):
        background = BACKGROUNDS[kind]
        when = times[rows] if background.moves else times[rows, :1]
        canvas = window[rows].canvas(when, chance[rows], supersample)
        k, frames, height, width = canvas.x.shape
        picture = background.painter(canvas).clamp(0, 1).expand(k, frames, 3, height, width)
        small = functional.avg_pool2d(picture.flatten(0, 1), supersample)
        out[rows] = small.view(k, frames, *small.shape[1:])
    return out
