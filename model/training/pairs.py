"""Two objects and what one is to the other: beside, above, before it, around it, after it."""

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.training.motions import MOTIONS, ORBITS, Placement, constant, place

SIDE = 0.6  # of the usual size of an object, where there are two


@dataclass(frozen=True)
class Relation:
    """How it is said, and where both are: centres in parts of the frame; who is nearer covers the other."""

    phrases: tuple[str, ...]
    unseen: str  # never in a training caption
    first: tuple[float, float] = (0.5, 0.5)
    second: tuple[float, float] = (0.5, 0.5)
    on_top: bool = True  # the first is nearer
    room: float = 0.5  # of the usual extent of their motions: what covers another stays there


RELATIONS = (
    Relation(("to the left of", "left of", "on the left of"), "leftwards of", (0.27, 0.5), (0.73, 0.5)),
    Relation(("to the right of", "right of", "on the right of"), "rightwards of", (0.73, 0.5), (0.27, 0.5)),
    Relation(("above", "over", "higher than"), "on the upper side of", (0.5, 0.26), (0.5, 0.74)),
    Relation(("below", "under", "lower than"), "beneath", (0.5, 0.74), (0.5, 0.26)),
    Relation(("in front of", "before", "partly hiding"), "obscuring", (0.43, 0.58), (0.56, 0.43), room=0.3),
    Relation(
        ("behind", "partly hidden by", "at the back of"), "concealed by", (0.58, 0.42), (0.44, 0.6), False
    ),
    Relation(("orbiting", "circling around", "going round"), "revolving about"),
    Relation(("following", "chasing", "running after"), "pursuing"),
)
ORBITING, FOLLOWING = 6, 7
CIRCLE, RIGHT, LEFT = MOTIONS.index("circle"), MOTIONS.index("right"), MOTIONS.index("left")
RADIUS, ORBITER = 0.34, 0.45  # of an orbit, in short sides; of the usual size, what orbits
GAP = 0.4  # between two that follow one another, in short sides


@dataclass(frozen=True)
class Actors:
    """n objects in motion, and the colour that each is drawn in (see colours.NAMED)."""

    object: Int[Tensor, " n"]
    motion: Int[Tensor, " n"]
    speed: Int[Tensor, " n"]
    size: Float[Tensor, " n"]
    path: Float[Tensor, "n 4"]
    colour: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.object)

    def __getitem__(self, rows: slice | Tensor) -> "Actors":
        return Actors(*(getattr(self, field.name)[rows] for field in fields(self)))


def alone(actors: Actors, times: Float[Tensor, "n t"], frame: tuple[float, float]) -> Placement:
    """Each in a frame of its own."""
    return place(actors.motion, actors.speed, actors.size, actors.path, times, frame)


def together(
    first: Actors,
    second: Actors,
    relation: Int[Tensor, " n"],
    times: Float[Tensor, "n t"],
    frame: tuple[float, float],
) -> tuple[Placement, Placement]:
    """Where the first and the second of each pair are. Each moves as it is told to, within its part of the frame."""
    device = str(times.device)
    flat = constant(tuple(value for r in RELATIONS for value in (*r.first, *r.second, r.room)), device)
    layout = flat.view(len(RELATIONS), 5)[relation]
    one = _within(first, layout[:, :2], layout[:, 4:], times, frame)
    other = _within(second, layout[:, 2:4], layout[:, 4:], times, frame)
    one = _where(relation == ORBITING, _orbit(first, other, times), one)
    leads, follows = _row(first, second, times, frame)
    chase = relation == FOLLOWING
    return _where(chase, follows, one), _where(chase, leads, other)


def _within(
    actors: Actors, centre: Tensor, room: Tensor, times: Tensor, frame: tuple[float, float]
) -> Placement:
    """A motion made smaller around a centre."""
    whole = alone(actors, times, (1.0, 1.0))
    x = centre[:, :1] * frame[0] + room * (whole.x - 0.5)
    y = centre[:, 1:] * frame[1] + room * (whole.y - 0.5)
    return Placement(x, y, SIDE * whole.size, whole.angle)


def _orbit(first: Actors, around: Placement, times: Tensor) -> Placement:
    """A circle around the other, clockwise or not by chance."""
    rate = constant(ORBITS, str(times.device))[first.speed][:, None]
    turn = torch.where(first.path[:, :1] < 0.5, 1.0, -1.0)
    angle = 2 * math.pi * (turn * rate * times + first.path[:, 1:2])
    size = ORBITER * first.size[:, None] + torch.zeros_like(times)
    return Placement(
        around.x + RADIUS * angle.cos(), around.y + RADIUS * angle.sin(), size, torch.zeros_like(times)
    )


def _row(
    first: Actors, second: Actors, times: Tensor, frame: tuple[float, float]
) -> tuple[Placement, Placement]:
    """One ahead, one after it, both by the motion of the first: to the right or to the left."""
    whole = alone(first, times, frame)
    ahead = torch.where(first.motion == RIGHT, 1.0, -1.0)[:, None] * GAP / 2
    level = frame[1] * (0.5 + 0.2 * (first.path[:, 1:2] - 0.5)) + torch.zeros_like(times)
    slower = frame[0] / 2 + (0.75 * (whole.x - frame[0] / 2))
    sizes = [SIDE * actors.size[:, None] + torch.zeros_like(times) for actors in (first, second)]
    angle = torch.zeros_like(times)
    return Placement(slower + ahead, level, sizes[1], angle), Placement(
        slower - ahead, level, sizes[0], angle
    )


def _where(rows: Tensor, yes: Placement, no: Placement) -> Placement:
    """Row by row, one placement or the other."""
    mine = rows[:, None]
    parts = ((getattr(yes, f.name), getattr(no, f.name)) for f in fields(Placement))
    return Placement(*(torch.where(mine, a, b) for a, b in parts))


def back_to_front(
    first: tuple[Actors, Placement], second: tuple[Actors, Placement], relation: Int[Tensor, " n"]
) -> list[tuple[Actors, Placement]]:
    """The farther of each pair, then the nearer, which covers it."""
    on_top = constant(tuple(float(r.on_top) for r in RELATIONS), str(relation.device))[relation] > 0
    near = _actors_where(on_top, first[0], second[0]), _where(on_top, first[1], second[1])
    far = _actors_where(on_top, second[0], first[0]), _where(on_top, second[1], first[1])
    return [far, near]


def _actors_where(rows: Tensor, yes: Actors, no: Actors) -> Actors:
    """Row by row, one actor or the other."""

    def chosen(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *(1,) * (a.dim() - 1)), a, b)

    return Actors(*(chosen(getattr(yes, f.name), getattr(no, f.name)) for f in fields(Actors)))
