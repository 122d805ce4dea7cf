"""The sky and what falls from it: drifting clouds, rain behind a window, snow, northern lights, stars."""

import math

import torch
from torch import Tensor

from model.training.canvas import Canvas, paint
from model.training.stage import Painting, Stage, box, ridge, scattered

TAU = 2 * math.pi


def clouds(s: Stage) -> Painting:
    """Clouds that drift over hills. Tones: sky above, sky at the horizon, clouds, hills."""
    level = s.still.frame[1] * (0.7 + 0.1 * s.chance(0))

    def hills(c: Canvas) -> Tensor:
        near = ridge(c, level + 0.12, 0.06, 3.1, 7)
        tufts = c.noise(c.x * 40, c.y * 16, 40, 3)
        return paint([s.tone(3), s.tone(3) * 0.7, s.tone(3) * 0.5], [near, 0.1 + 0.2 * tufts])

    c, t = s.moving, s.time
    slide = c.x - 0.075 * s.across * t
    heaps = c.noise(slide * 2.2, c.y * 4, 4) + 0.55 * c.noise(slide * 4.6 - 0.05 * t, c.y * 8, 8, 17)
    heaps = heaps + 0.3 * c.noise(slide * 9.5 - 0.1 * t, c.y * 17, 17, 34)
    heaps = heaps + 0.18 * c.noise(slide * 20 - 0.1 * t, c.y * 34, 34, 50)
    sky = paint([s.tone(0), s.tone(1)], [c.v / 0.8])
    shaded = paint([s.tone(2), s.tone(2) * 0.78], [0.5 * heaps - 0.3])
    moving = torch.lerp(sky, shaded, ((heaps - 0.05) / 0.7).clamp(0, 1)[:, :, None])
    return Painting(hills(s.still), moving, 1 - ridge(s.still, level, 0.1, 1.8, 5))


def drops(c: Canvas, t: Tensor, slant: Tensor, columns: float, fall: float, shift: float) -> Tensor:
    """Streaks of rain in one layer: `columns` to a short side, as bright as they are near."""
    u = (c.x - slant * c.y) * columns + shift
    column = u.floor()
    chance = scattered(column * 127.1 + shift)
    v = c.y * 2.2 - fall * t * (0.8 + 0.4 * chance) + 17 * chance
    place, along = (u - column - 0.5).abs() / columns, v.remainder(1)
    long = ((along - 0.72) / 0.28).clamp(0, 1)
    return c.edge(0.0035 - place) * long


def rain(s: Stage) -> Painting:
    """Rain behind a window. Tones: wall, window frame, land outside."""
    wide, high = s.still.frame
    left, top = 0.13 * wide, 0.12 * high
    right, bottom = wide - left, high - 0.16 * high

    def outside(c: Canvas) -> Tensor:
        far = ridge(c, 0.55 * high, 0.1, 2.5, 3)
        near = ridge(c, 0.7 * high, 0.08, 3.5, 23)
        grey = paint(["7f8b98", "b9c0c6"], [c.v * 1.4])
        return paint([grey, s.tone(2) * 0.9, s.tone(2) * 0.55], [0.6 * far, near])

    def room(c: Canvas) -> Tensor:
        paper = 0.5 + 0.5 * (c.x * 40).sin()
        sash = box(c, left - 0.045, top - 0.045, right + 0.045, bottom + 0.06)
        return paint([s.tone(0), s.tone(0) * 0.85, s.tone(1)], [0.35 * paper, sash])

    def panes(c: Canvas) -> Tensor:
        bars = torch.minimum((c.x - wide / 2).abs(), (c.y - (top + bottom) / 2).abs())
        return box(c, left, top, right, bottom) * c.edge(bars - 0.014)

    c, t = s.moving, s.time
    slant = 0.3 * s.across
    streaks = torch.maximum(drops(c, t, slant, 26, 4.2, 3.0), 0.6 * drops(c, t, slant, 44, 3.2, 11.0))
    moving = paint([outside(s.still), "f2f6fa"], [0.75 * streaks])
    return Painting(room(s.still), moving, panes(s.still))


def flakes(c: Canvas, t: Tensor, blown: Tensor, cells: float, fall: float, shift: float) -> Tensor:
    """Snow flakes in one layer, one to a cell."""
    swing = 0.02 * (TAU * (0.35 * t + c.y * 0.8 + shift)).sin()
    u, v = (c.x - blown * t + swing) * cells + shift, (c.y - fall * t) * cells + 3 * shift
    column, row = u.floor(), v.floor()
    chance = scattered(column * 127.1 + row * 311.7 + shift)
    x, y = 0.25 + 0.5 * (chance * 17).remainder(1), 0.25 + 0.5 * (chance * 71).remainder(1)
    far = ((u - column - x).square() + (v - row - y).square()).sqrt() / cells
    return c.edge((0.05 + 0.07 * (chance * 5).remainder(1)) / cells - far) * (chance > 0.25)


def snow(s: Stage) -> Painting:
    """Snow that falls over fir trees. Tones: sky above, sky at the horizon, trees."""
    ground = s.still.frame[1] * 0.82

    def wood(c: Canvas) -> tuple[Tensor, Tensor]:
        """The land, and where it is."""
        u = c.x * 4.5 + 3 * s.chance(0)
        number = u.floor()
        chance = scattered(number * 91.7)
        tall = 0.22 + 0.2 * chance
        up = (ground + 0.03 - c.y) / tall
        jagged = 0.75 + 0.25 * (up * 7).remainder(1)
        half = 0.42 * (1 - up).clamp(min=0) * jagged
        trees = c.edge((half - (u - number - 0.5).abs()) / 4.5) * (up > 0) * (up < 1)
        snowy = c.edge(c.y - ground - 0.02 * c.noise(c.x * 2, torch.zeros_like(c.x), 2))
        dust = (1.6 * (up * 7).remainder(1) - 1.1).clamp(0, 1)
        green = torch.lerp(s.tone(2), s.tone(2) * 0 + 0.92, dust[:, :, None])
        lit = paint(["f4f8ff", "c3d3e6"], [0.3 + 0.3 * c.clouds(3, 2, 2)])
        return torch.lerp(green, lit, snowy[:, :, None]), torch.maximum(trees, snowy)

    c, t = s.moving, s.time
    sky = paint([s.tone(0), s.tone(1)], [s.still.v / 0.8])
    blown = 0.22 * s.across
    white = torch.maximum(flakes(c, t, blown, 7, 0.2, 1.0), flakes(c, t, blown, 11, 0.15, 5.0))
    white = torch.maximum(white, 0.7 * flakes(c, t, blown, 17, 0.1, 9.0))
    land, there = wood(s.still)
    return Painting(land, paint([sky, "ffffff"], [white]), 1 - there)


def northern_lights(s: Stage) -> Painting:
    """Curtains of light over mountains. Tones: low in the curtains, high in them, snow on the mountains."""
    level = s.still.frame[1] * 0.74

    def mountains(c: Canvas) -> Tensor:
        return paint(["0a0f1c", s.tone(2)], [0.35 * (c.clouds(6, 3) - 0.2)])

    c, t = s.moving, s.time
    night = stars_of(s.still, 0 * s.still.y)
    light = torch.zeros_like(c.x)
    for number, height in enumerate((0.42, 0.56)):
        bend = 0.09 * (TAU * (0.7 * c.x + 0.06 * t * (1 - 2 * number) + s.chance(number))).sin()
        foot = c.frame[1] * height + bend + 0.04 * c.noise(c.x * 3 + 0.15 * t, 0 * c.y, 3, 13.0 * number)
        up = (foot - c.y) / 0.42
        rays = 0.55 + 0.45 * c.noise(c.x * 13 + 0.35 * s.across * t, 0.3 * t + 0 * c.y, 13, 29.0 * number)
        light = light + rays * (1 + up / 0.08).clamp(0, 1) * (1 - up).clamp(0, 1) ** 1.5 * (up > -0.08)
    glow = paint([s.tone(0), s.tone(1)], [(0.62 - c.v) * 2])
    moving = torch.lerp(night, glow, (0.7 * light).clamp(0, 1)[:, :, None])
    return Painting(mountains(s.still), moving, 1 - ridge(s.still, level, 0.16, 2.6, 5))


def stars_of(c: Canvas, turn: Tensor) -> Tensor:
    """A night sky whose stars are as bright as `turn` (in turns) lets each be."""
    cells = 9.0
    u, v = c.x * cells + 50 * c.chance[:, 0], c.y * cells + 50 * c.chance[:, 1]
    column, row = u.floor(), v.floor()
    chance = scattered(column * 127.1 + row * 311.7)
    x, y = 0.1 + 0.8 * (chance * 17).remainder(1), 0.1 + 0.8 * (chance * 71).remainder(1)
    far = ((u - column - x).square() + (v - row - y).square()).sqrt() / cells
    bright = 0.55 + 0.45 * (TAU * (turn * (0.6 + 0.8 * chance) + chance * 7)).sin()
    star = c.edge(0.005 + 0.006 * (chance * 5).remainder(1) - far) * bright
    return paint(["0a1030", "232f66", "fff8dc"], [c.v, star])


def starry_sky(s: Stage) -> Painting:
    """Stars that twinkle over dark hills. Tones: hills."""
    level = s.still.frame[1] * (0.74 + 0.1 * s.chance(2))

    def hills(c: Canvas) -> Tensor:
        return paint([s.tone(0), s.tone(0) * 0.6], [0.4 + 0.3 * c.clouds(5, 3)])

    moving = stars_of(s.moving, 0.6 * s.time)
    return Painting(hills(s.still), moving, 1 - ridge(s.still, level, 0.09, 1.9, 5))
