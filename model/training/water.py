"""Water that moves: the sea, a lake that mirrors its shore, a waterfall, a stream."""

import math

import torch
from torch import Tensor

from model.training.canvas import Canvas, paint
from model.training.stage import Painting, Stage, ridge

TAU = 2 * math.pi


def sea(s: Stage) -> Painting:
    """Waves under a wide sky. Tones: sky above, sky at the horizon, water, foam."""
    horizon = 0.34 + 0.12 * s.chance(0)

    def sky(c: Canvas) -> Tensor:
        return paint([s.tone(0), s.tone(1)], [c.v / horizon])

    c, t = s.moving, s.time
    depth = ((c.v - horizon) / (1 - horizon)).clamp(min=0)
    near = (depth / 0.1).clamp(max=1)
    far = 19 * depth.sqrt()
    slide = c.x * 5.5 / (0.35 + depth) - 1.1 * s.across * t
    swell = c.noise(slide, far - 1.1 * s.down * t, 16) + 0.5 * c.noise(
        2.3 * slide + 0.25 * t, 2.3 * far - 1.5 * s.down * t, 36, 21
    )
    shade = 0.35 + 0.25 * swell * near - 0.15 * depth
    crest = (swell - 1.25) * 1.6 * near
    water = paint([s.tone(2), s.tone(1), s.tone(3)], [shade * 0.6, crest])
    return Painting(sky(s.still), water, s.still.edge((s.still.v - horizon) * s.still.frame[1]))


def lake(s: Stage) -> Painting:
    """Hills that a lake mirrors, rippled. Tones: sky above, sky at the horizon, hills, glints."""
    frame = s.still.frame[1]
    shore = frame * (0.42 + 0.1 * s.chance(0))

    def land(c: Canvas, y: Tensor) -> Tensor:
        seen = Canvas(c.x, y, c.time, c.chance, c.step, c.frame)
        back = ridge(seen, shore - 0.12, 0.16, 2.3, 3)
        front = ridge(seen, shore - 0.03, 0.08, 4.1, 11)
        dark = s.tone(2) * 0.6
        return paint([s.tone(0), s.tone(1), s.tone(2), dark], [seen.y / shore, 0.75 * back, front])

    c, t = s.moving, s.time
    depth = (c.y - shore).clamp(min=0)
    slide = c.x * 5 - 0.7 * s.across * t
    ripple = c.noise(slide, (c.y * 26 - 0.8 * t) * 1.0, 30) + 0.5 * c.noise(
        slide * 2.1, c.y * 48 - 1.3 * t, 50, 13
    )
    mirrored = land(c, 2 * shore - c.y - depth * 0.3 + (0.01 + 0.05 * depth) * ripple)
    water = paint([mirrored * 0.82, s.tone(3)], [0.1 + 0.25 * (ripple - 0.8).clamp(min=0)])
    return Painting(land(s.still, s.still.y), water, s.still.edge(s.still.y - shore))


def waterfall(s: Stage) -> Painting:
    """Water that falls between rocks into a pool. Tones: rock, water, foam, plants."""
    wide, high = s.still.frame
    middle, half = wide * (0.4 + 0.2 * s.chance(0)), 0.09 + 0.06 * s.chance(1)
    pool = high * 0.8

    def rocks(c: Canvas) -> Tensor:
        rough = c.clouds(5, 4, 1.4)
        green = (c.noise(c.x * 7, c.y * 5, 7, 41) - 0.5) * 1.2 - (c.v - 0.4)
        return paint(
            [s.tone(0) * 0.55, s.tone(0) * 1.25, s.tone(3)], [0.45 + 0.35 * rough, green + 0.25 * rough]
        )

    def body(c: Canvas) -> Tensor:
        edge = half + 0.02 * c.noise(c.y * 5, torch.zeros_like(c.x), 5, 5) + 0.05 * c.v
        fall = c.edge(edge - (c.x - middle).abs())
        basin = c.edge(c.y - pool - 0.03 * c.noise(c.x * 4, torch.zeros_like(c.x), 4, 29))
        return torch.maximum(fall, basin)

    c, t = s.moving, s.time
    streaks = c.noise(c.x * 34, c.y * 3.2 - 3.2 * t, 34) + 0.5 * c.noise(c.x * 60, c.y * 6 - 4.5 * t, 60, 7)
    falling = paint([s.tone(1), s.tone(2)], [0.5 + 0.35 * streaks])
    away = (c.x - middle).abs()
    ripple = c.noise(away * 14 - 1.6 * t, c.y * 30, 32, 17)
    spray = ((1 - away / (3.2 * half)) * 1.3 - (c.y - pool) * 2.2).clamp(0, 1)
    still_water = paint([s.tone(1) * 0.75, s.tone(2)], [0.15 + 0.2 * ripple + spray * (0.6 + 0.3 * streaks)])
    moving = torch.lerp(falling, still_water, c.edge(c.y - pool)[:, :, None])
    return Painting(rocks(s.still), moving, body(s.still))


def stream(s: Stage) -> Painting:
    """A stream that winds through a meadow. Tones: meadow, water, glints, sky."""
    wide, high = s.still.frame
    horizon = high * 0.24

    def bank(c: Canvas) -> tuple[Tensor, Tensor]:
        """How far from the middle of the stream, and its half width there."""
        depth = ((c.y - horizon) / (high - horizon)).clamp(min=0)
        middle = wide / 2 + 0.25 * (TAU * (0.9 * depth.sqrt() + s.chance(0))).sin() * (0.35 + 0.65 * depth)
        return c.x - middle, 0.012 + 0.2 * depth

    def meadow(c: Canvas) -> Tensor:
        tufts = c.noise(c.x * 44, c.y * 18, 44) + 0.6 * c.clouds(4, 3)
        sky = paint([s.tone(3), "ffffff"], [c.v * 2])
        green = paint([s.tone(0), s.tone(0) * 0.7], [0.3 + 0.22 * tufts])
        return torch.lerp(sky, green, c.edge(c.y - horizon)[:, :, None])

    c, t = s.moving, s.time
    beside, half = bank(c)
    along = 10 * ((c.y - horizon).clamp(min=0) / (high - horizon)).sqrt() - 1.5 * s.down * t
    ripple = c.noise(beside / half * 2.2, along, 26) + 0.5 * c.noise(beside / half * 5, 2 * along, 50, 23)
    water = paint([s.tone(1), s.tone(2)], [0.2 + 0.4 * (ripple - 0.2)])
    beside, half = bank(s.still)
    region = s.still.edge(half - beside.abs()) * s.still.edge(s.still.y - horizon)
    return Painting(meadow(s.still), water, region)
