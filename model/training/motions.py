"""Fourteen motions as pure functions of time, and which (object, motion) pairs are held out for good.

Lengths are in short sides of the frame, x to the right and y downwards; angles in radians, clockwise to the eye;
times in seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SECONDS = 5.0
FPS = 16
FRAMES = 80
MOTIONS = (
    "right", "left", "up", "down", "bounce", "spin clockwise", "spin counter-clockwise",
    "grow", "shrink", "swing", "circle", "shake", "fall", "stand still",
)  # fmt: skip
SPEEDS = ("slowly", "", "quickly")
MORE_SPEEDS = (*SPEEDS, "very slowly", "very quickly")  # each a column of the rates below
NORMAL = 1
SPINS = tuple(i for i, name in enumerate(MOTIONS) if name.startswith("spin"))
STILL = MOTIONS.index("stand still")

DISTANCE = (0.30, 0.55, 0.85, 0.16, 1.15)  # of the frame, crossed in a clip
HOPS = (0.5, 0.9, 1.6, 0.28, 2.4)  # per second
TURNS = (0.12, 0.25, 0.5, 0.06, 0.9)  # per second
GROWTH = (1.5, 2.0, 2.7, 1.25, 3.6)  # times, over a clip
SWINGS = (0.25, 0.45, 0.8, 0.14, 1.3)  # per second
ORBITS = (0.15, 0.28, 0.5, 0.08, 0.8)  # per second
SHAKES = (1.0, 2.0, 4.0, 0.6, 6.0)  # per second
DROPS = (3.0, 1.8, 0.9, 4.2, 0.6)  # seconds until the ground
REBOUND = 0.25  # part of the speed left after the ground
PIVOT = 0.42  # of a swing, above the object's centre

HELD_OUT_ONE_IN = 10


@dataclass(frozen=True)
class Placement:
    """Where an object is at each time: centre, size and angle, all (b, t)."""

    x: Float[Tensor, "b t"]
    y: Float[Tensor, "b t"]
    size: Float[Tensor, "b t"]
    angle: Float[Tensor, "b t"]


@cache
def constant(values: tuple[float, ...], device: str) -> Tensor:
    """Numbers kept on a device: a copy to a GPU would wait for all work before it."""
    return torch.tensor(values, device=device)


def place(
    motion: Int[Tensor, " b"],
    speed: Int[Tensor, " b"],
    size: Float[Tensor, " b"],
    chance: Float[Tensor, "b 4"],
    times: Float[Tensor, "b t"],
    frame: tuple[float, float] = (1.0, 1.0),
) -> Placement:
    """The placement of b objects at their times in a frame of some width and height; `chance` in [0, 1) decides start,
    phase and amplitude."""
    every = _paths(speed[:, None], size[:, None], chance, times, frame)
    paths = torch.stack([torch.stack(path) for path in every])
    x, y, scale, angle = paths[motion, :, torch.arange(len(motion), device=motion.device)].unbind(1)
    return Placement(x, y, size[:, None] * scale, angle)


def _paths(
    speed: Tensor, size: Tensor, chance: Tensor, t: Tensor, frame: tuple[float, float]
) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """(x, y, scale, angle) of every motion, in the order of MOTIONS."""

    def rate(values: tuple[float, ...]) -> Tensor:
        return constant(values, str(t.device))[speed]

    a, b, c, d = (column[:, None] for column in chance.unbind(1))
    zero = torch.zeros_like(t)
    one = zero + 1
    tau = 2 * math.pi
    wide, high = frame
    x0, y0 = wide * (0.5 + (a - 0.5) * 0.2 + zero), high * (0.5 + (b - 0.5) * 0.2 + zero)
    tilt = (c - 0.5) * 0.3 + zero
    phase = tau * d
    along = 0.5 + (a - 0.5) * 0.08 + rate(DISTANCE) * (t / SECONDS - 0.5)
    ground = 0.98 * high - size / 2
    hop = torch.minimum(0.95 * high - size, 0.42 + 0 * size) * (0.85 + 0.15 * c)
    hopping = ground - hop * (math.pi * (rate(HOPS) * t + d)).sin().abs()
    turn = tau * rate(TURNS) * t
    factor = rate(GROWTH) ** (t / SECONDS - 0.5)
    lean = (0.5 + 0.2 * c) * (tau * rate(SWINGS) * t + phase).sin()
    orbit = tau * rate(ORBITS) * t + phase
    radius = 0.19 + 0.05 * c
    jitter = (0.05 + 0.02 * c) * (tau * rate(SHAKES) * t + phase).sin()
    small = 0.84
    return [
        (wide * along, y0, one, zero),
        (wide * (1 - along), y0, one, zero),
        (x0, high * (1 - along), one, zero),
        (x0, high * along, one, zero),
        (x0, hopping, one, zero),
        (x0, y0, one, tilt + turn),
        (x0, y0, one, tilt - turn),
        (x0, y0, factor * small, zero),
        (x0, y0, small / factor, zero),
        (x0 + PIVOT * lean.sin(), 0.55 * high + PIVOT * (lean.cos() - 1), one * small, -lean),
        (0.5 * wide + radius * orbit.cos(), 0.5 * high + radius * orbit.sin(), one * small, zero),
        (x0 + jitter, y0, one, zero),
        (x0, _fall(t, 0.35 * size, ground, rate(DROPS)), one, zero),
        (x0, y0, one, zero),
    ]


def _fall(t: Tensor, top: Tensor, ground: Tensor, landing: Tensor) -> Tensor:
    """Free fall from rest that lands at `landing` seconds, hops once, low, and rests."""
    height = ground - top
    after = (t - landing).clamp(min=0)
    hop = (2 * REBOUND * landing - after).clamp(min=0) * after / landing**2
    return torch.where(t < landing, top + height * (t / landing) ** 2, ground - height * hop)


def heldout(object_name: str, motion: str) -> bool:
    """Whether a pair is never trained on: a stable hash of the two names picks one in ten."""
    digest = blake2b(f"{object_name}|{motion}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_ONE_IN == 0


def heldout_mask(names: Sequence[str]) -> Bool[Tensor, "n m"]:
    """`heldout` of every object and motion."""
    return torch.tensor([[heldout(name, motion) for motion in MOTIONS] for name in names])


def allowed_mask(is_round: Sequence[bool]) -> Bool[Tensor, "n m"]:
    """Pairs whose motion can be seen: a drawing that looks the same however it is turned does not spin."""
    mask = torch.ones(len(is_round), len(MOTIONS), dtype=torch.bool)
    for spin in SPINS:
        mask[:, spin] = ~torch.tensor(list(is_round))
    return mask
