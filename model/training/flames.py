"""Fire and smoke: a camp fire, a candle, a chimney."""

import math

import torch
from torch import Tensor

from model.training.canvas import Canvas, paint
from model.training.stage import Painting, Stage, blob, box

TAU = 2 * math.pi


def bar(c: Canvas, x0: Tensor, y0: Tensor | float, x1: Tensor, y1: Tensor | float, thick: float) -> Tensor:
    """1 on a thick line between two points, 0 beside it."""
    wide, high = x1 - x0, y1 - y0
    along = (((c.x - x0) * wide + (c.y - y0) * high) / (wide * wide + high * high)).clamp(0, 1)
    return c.edge(thick - ((c.x - x0 - along * wide).square() + (c.y - y0 - along * high).square()).sqrt())


def camp_fire(s: Stage) -> Painting:
    """Flames over logs at night. Tones: edge of the flames, their body, their core."""
    wide, high = s.still.frame
    x, ground = wide * (0.42 + 0.16 * s.chance(0)), high * 0.8
    tall = 0.42 + 0.16 * s.chance(1)

    def night(c: Canvas) -> Tensor:
        glow = blob(c, x, ground - 0.1, 0.75, 0.6, 1.0)
        earth = c.edge(c.y - ground - 0.01 + 0.01 * c.noise(c.x * 6, torch.zeros_like(c.x), 6))
        logs = bar(c, x - 0.2, ground + 0.05, x + 0.17, ground - 0.03, 0.032)
        logs = torch.maximum(logs, bar(c, x - 0.16, ground - 0.03, x + 0.2, ground + 0.06, 0.032))
        grain = c.noise(c.x * 30, c.y * 30, 30, 3)
        wood = paint(["6b4021", "3a2211"], [0.5 + 0.4 * grain])
        land = paint(["10121f", "191a14", s.tone(0)], [earth, 0.22 * glow + 0.05 * earth * grain])
        return torch.lerp(land, wood, logs[:, :, None])

    c, t = s.moving, s.time
    up = (ground - c.y) / tall
    lick = c.noise(c.x * 6, c.y * 4.5 + 2.0 * t, 6) + 0.6 * c.noise(c.x * 13, c.y * 9 + 3.4 * t, 13, 19)
    lean = 0.22 * s.across * up.clamp(min=0) ** 1.5
    beside = ((c.x - x - lean * tall) / 0.2 + 0.35 * lick * up.clamp(0, 1)).abs()
    heat = 1.15 - beside * (0.75 + 0.9 * up.clamp(min=0)) - up.clamp(min=0) + 0.3 * lick * (up + 0.15)
    heat = heat * (1 + up / 0.12).clamp(0, 1)
    flames = paint(
        [night(s.still), s.tone(0), s.tone(1), s.tone(2)], [heat * 5, heat * 3 - 0.6, heat * 3 - 1.5]
    )
    region = blob(s.still, x + 0.1 * s.across, ground - 0.42 * tall, 0.36, 0.75 * tall, 0.12)
    return Painting(night(s.still), flames, region)


def candle(s: Stage) -> Painting:
    """A candle whose flame flickers in a dark room. Tones: wax, wall."""
    wide, high = s.still.frame
    x, top = wide * (0.4 + 0.2 * s.chance(0)), high * (0.5 + 0.08 * s.chance(1))

    def room(c: Canvas) -> Tensor:
        wall = s.tone(1) * (0.35 + 0.65 * blob(c, x, top - 0.12, 0.85, 0.8, 1.0)[:, :, None])
        table = c.edge(c.y - 0.88 * high)
        wax = box(c, x - 0.07, top, x + 0.07, torch.full_like(top, 0.9 * high))
        shade = ((c.x - x) / 0.07).square()
        wick = box(c, x - 0.005, top - 0.035, x + 0.005, top)
        body = torch.lerp(s.tone(0), s.tone(0) * 0.55, shade.clamp(0, 1)[:, :, None])
        return paint([wall, "2a1a10", body, "1a1310"], [table, wax, wick])

    c, t = s.moving, s.time
    up = (top - 0.02 - c.y) / (0.2 + 0.02 * (TAU * 1.3 * t).sin())
    bend = 0.035 * (TAU * (0.5 * t + s.chance(2))).sin() + 0.03 * c.noise(1.7 * t + 0 * c.x, 0 * c.y, 4, 5)
    beside = (c.x - x - (bend + 0.06 * s.across) * up.clamp(min=0) ** 1.6).abs()
    width = 0.05 * (up.clamp(0, 1) ** 0.5) * (1 - up.clamp(0, 1)) ** 0.6 * 1.7
    inside = c.edge(width - beside) * (up > 0) * (up < 1)
    core = (1.6 - 1.6 * up) * (1 - beside / 0.05)
    glow = blob(c, x, top - 0.1, 0.24, 0.24, 1.0) * (0.42 + 0.1 * c.noise(3 * t + 0 * c.x, 0 * c.y, 4, 31))
    flame = paint(["ff9a2e", "fff3c2", "5f7bd8"], [core, 0.6 - 5 * up])
    lit = paint([room(s.still), "ffb45a"], [glow])
    moving = torch.lerp(lit, flame, inside[:, :, None])
    return Painting(room(s.still), moving, blob(s.still, x, top - 0.1, 0.26, 0.28, 0.15))


def chimney(s: Stage) -> Painting:
    """Smoke from a chimney that drifts away. Tones: smoke, sky above, sky at the horizon."""
    wide, high = s.still.frame
    x = wide * (0.5 - 0.2 * s.across) + 0.1 * (s.chance(0) - 0.5)
    top = high * (0.52 + 0.1 * s.chance(1))

    def roofs(c: Canvas) -> Tensor:
        sky = paint([s.tone(1), s.tone(2)], [c.v])
        house = c.edge(c.y - (0.78 * high + 0.9 * ((c.x - x - 0.06).abs() - 0.12).clamp(min=0)))
        stack = box(c, x - 0.055, top, x + 0.055, torch.full_like(top, 2 * high))
        rim = box(c, x - 0.07, top, x + 0.07, top + 0.035)
        bricks = ((c.y * 36).sin() * 3).clamp(0, 1) * 0.35
        return paint([sky, "43352f", "8a4a35", "6c3527", "5b2f24"], [house, stack, stack * bricks, rim])

    c, t = s.moving, s.time
    up = (top - c.y).clamp(min=0)
    middle = x + s.across * (0.55 * up.sqrt() * 0.6 + 0.25 * up)
    width = 0.07 + 0.28 * up
    puffs = c.noise((c.x - x) * 7 - 0.8 * s.across * t, c.y * 6 + 1.1 * t, 8) + 0.6 * c.noise(
        (c.x - x) * 15 - 1.4 * s.across * t, c.y * 13 + 2.0 * t, 16, 37
    )
    thick = 1.4 - ((c.x - middle) / width).abs() * 1.3 + (0.15 + 0.4 * up) * puffs - 0.6 * up
    smoke = paint([s.tone(0), s.tone(0) * 0.72], [0.4 - 0.4 * puffs])
    moving = torch.lerp(roofs(s.still), smoke, (thick.clamp(0, 1) * (c.y < top))[:, :, None])
    still_up = (top - s.still.y).clamp(min=0)
    bent = x + s.across * (0.33 * still_up.sqrt() + 0.25 * still_up)
    reach = 0.08 + 0.52 * still_up
    region = s.still.edge(reach - (s.still.x - bent).abs()) * s.still.edge(top - s.still.y)
    return Painting(roofs(s.still), moving, region)
