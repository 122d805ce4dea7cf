"""What the wind moves: a flag, the crown of a tree, a field."""

import math

import torch
from torch import Tensor

from model.training.canvas import Canvas, paint
from model.training.stage import Painting, Stage, blob, box

TAU = 2 * math.pi


def flag(s: Stage) -> Painting:
    """A flag that waves on its pole. Tones: cloth, its stripe, sky."""
    wide, high = s.still.frame
    side = s.across  # the cloth is on the lee side of the pole
    pole = wide / 2 - 0.3 * side + 0.06 * (s.chance(0) - 0.5)
    top, tall, long = 0.16 * high + 0.04 * s.chance(1), 0.34 + 0.06 * s.chance(2), 0.56

    def sky(c: Canvas) -> Tensor:
        air = paint([s.tone(2), "f4f8fb"], [c.v + 0.12 * c.clouds(3, 3)])
        rod = box(c, pole - 0.014, top - 0.05, pole + 0.014, torch.full_like(top, 2 * high))
        knob = blob(c, pole, top - 0.06, 0.026, 0.026, 0.2)
        return paint([air, "6f7479", "d9b23c"], [rod, knob])

    c, t = s.moving, s.time
    out = (c.x - pole) * side  # from the pole along the cloth
    phase = TAU * (1.9 * out - 1.1 * t + s.chance(3)) + 1.2 * c.noise(out * 2 - t, c.y * 2, 4)
    loose = (out / 0.3).clamp(0, 1)
    drop = 0.05 * loose * phase.sin() + 0.04 * out
    across = (c.y - top - drop) / tall
    inside = c.edge(torch.minimum(torch.minimum(across, 1 - across) * tall, torch.minimum(out, long - out)))
    fold = 1 + 0.24 * loose * phase.cos()
    stripe = c.edge((1 / 6 - (across - 0.5).abs()) * tall)
    cloth = paint([s.tone(0), s.tone(1)], [stripe]) * fold[:, :, None]
    moving = torch.lerp(sky(s.still), cloth.clamp(0, 1), inside[:, :, None])
    ends = torch.minimum(pole + 0.014 * side, pole + (long + 0.02) * side)
    far = torch.maximum(pole + 0.014 * side, pole + (long + 0.02) * side)
    return Painting(sky(s.still), moving, box(s.still, ends, top - 0.07, far, top + tall + 0.1))


def tree(s: Stage) -> Painting:
    """A tree whose leaves the wind moves. Tones: leaves in the light, leaves in the shade, sky."""
    wide, high = s.still.frame
    x, y = wide * (0.42 + 0.16 * s.chance(0)), high * 0.42
    meadow = 0.84 * high

    def land(c: Canvas) -> Tensor:
        air = paint([s.tone(2), "f2f6f6"], [c.v * 0.9])
        grass = c.edge(c.y - meadow - 0.01 * c.noise(c.x * 3, torch.zeros_like(c.x), 3))
        half = 0.03 + 0.05 * (c.v - 0.55).clamp(min=0) ** 2 * 4
        trunk = c.edge(half - (c.x - x).abs()) * c.edge(c.y - 0.5 * high) * c.edge(meadow + 0.03 - c.y)
        bark = c.noise(c.x * 40, c.y * 8, 40, 3)
        green = paint(["58913c", "3b6e2a"], [0.4 + 0.3 * c.noise(c.x * 40, c.y * 12, 40, 9)])
        wood = paint(["6a4a30", "3f2a1a"], [0.45 + 0.35 * bark])
        return torch.lerp(torch.lerp(air, green, grass[:, :, None]), wood, trunk[:, :, None])

    c, t = s.moving, s.time
    gust = (TAU * (0.35 * t - 0.5 * s.across * c.x + s.chance(1))).sin() + 0.5 * (TAU * 0.83 * t).sin()
    flutter = c.noise(c.x * 5 - 1.4 * s.across * t, c.y * 5, 6, 47)
    high_up = ((meadow - c.y) / 0.8).clamp(min=0)
    moved = Canvas(
        c.x - s.across * high_up * (0.036 * gust + 0.02 + 0.02 * flutter),
        c.y + 0.012 * flutter, c.time, c.chance, c.step, c.frame,
    )  # fmt: skip
    leaves = moved.noise(moved.x * 14, moved.y * 14, 14, 5) + 0.7 * moved.noise(
        moved.x * 30, moved.y * 30, 30, 6
    )
    far = (((moved.x - x) / 0.34).square() + ((moved.y - y) / 0.3).square()).sqrt()
    crown = (1.0 - far + 0.09 * moved.noise(moved.x * 6, moved.y * 6, 6, 15) + 0.06 * leaves) * 7
    light = 0.5 + 0.3 * leaves - 0.9 * (moved.y - y + 0.1) - 0.5 * (moved.x - x)
    foliage = paint([s.tone(1), s.tone(0)], [light])
    moving = torch.lerp(land(s.still), foliage, crown.clamp(0, 1)[:, :, None])
    return Painting(land(s.still), moving, blob(s.still, x, y, 0.48, 0.42, 0.06))


def field(s: Stage) -> Painting:
    """A field that sways in the wind. Tones: stalks in the light, stalks in the shade, sky above."""
    high = s.still.frame[1]
    horizon = high * (0.36 + 0.1 * s.chance(0))

    def sky(c: Canvas) -> Tensor:
        return paint([s.tone(2), "f6f3ea"], [c.y / horizon])

    c, t = s.moving, s.time
    depth = ((c.y - horizon) / (high - horizon)).clamp(min=0)
    rows = 9 * (0.15 + depth).sqrt()
    gust = c.noise(c.x * 2.4 / (0.4 + depth) - 1.3 * s.across * t, rows * 0.8, 8, 3)
    sway = s.across * (0.2 + depth) * (0.014 * gust + 0.008 * (TAU * (0.9 * t + c.x)).sin())
    near = c.noise((c.x - sway) * 26, rows * 3.4, 30) * (0.4 + 0.6 * depth)
    fine = c.noise((c.x - 0.7 * sway) * 50, rows * 6, 52, 31)
    light = 0.45 + 0.26 * near + 0.2 * fine + 0.24 * gust
    stalks = paint([s.tone(1), s.tone(0)], [light])
    return Painting(sky(s.still), stalks, s.still.edge(s.still.y - horizon))
