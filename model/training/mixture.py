"""The wide world: one object as ever, two of them, colours, natural scenes, photographs; in fixed shares.

It gives scenes, captions and pictures as `World` does, which most of it is.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model.training import backgrounds, nature, pairs, photographs, phrasing
from model.training.canvas import Size, Window
from model.training.colours import OWN, paintable, tinted, usual_lightness
from model.training.motions import MORE_SPEEDS, NORMAL, SPEEDS, STILL, Placement
from model.training.nature import Natural
from model.training.pairs import CIRCLE, FOLLOWING, LEFT, ORBITING, RELATIONS, RIGHT, Actors
from model.training.photographs import Album, Shots
from model.training.rendering import Renderer, window_of
from model.training.world import STILL_CAPTIONS, Scenes, World

DRAWN, NATURE, PHOTOGRAPH = range(3)  # what is behind
SHARES: dict[tuple[int, int], float] = {  # of scenes, by how many objects there are and what is behind them
    (1, DRAWN): 0.60, (2, DRAWN): 0.10, (0, NATURE): 0.12, (0, PHOTOGRAPH): 0.06,
    (1, NATURE): 0.04, (1, PHOTOGRAPH): 0.05, (2, NATURE): 0.015, (2, PHOTOGRAPH): 0.015,
}  # fmt: skip
COLOURED = (0.15, 0.3)  # share of objects in another colour: of those alone, of two
EXTREME = 0.16  # share of objects that move very slowly or very quickly

Record = TypeVar("Record")


def mapped(record: Record, change: Callable[[Tensor], Tensor]) -> Record:
    """A record of tensors and of such records, each tensor changed."""
    values = (getattr(record, field.name) for field in fields(record))  # type: ignore[arg-type]
    return type(record)(*(mapped(v, change) if is_dataclass(v) else change(v) for v in values))


@dataclass(frozen=True)
class Mixed:
    """b scenes: how many objects, what is behind; and of all that could be there, what would be."""

    objects: Int[Tensor, " b"]
    setting: Int[Tensor, " b"]
    background: Int[Tensor, " b"]
    look: Float[Tensor, "b 4"]
    first: Actors
    second: Actors
    relation: Int[Tensor, " b"]
    nature: Natural
    shot: Shots

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, rows: slice | Tensor) -> "Mixed":
        return mapped(self, lambda value: value[rows])


class Mixture(Renderer[Mixed]):
    """Scenes drawn at random in their shares, their captions, their pictures, and where they move."""

    def __init__(
        self, world: World, album: Album, shares: dict[tuple[int, int], float] | None = None
    ) -> None:
        self.world, self.album, self.shares = world, album, shares or SHARES
        self.device = world.device
        self.usual = usual_lightness(world.atlas.levels[-1])
        self._colours = {held: paintable(world.atlas.names, held=held) for held in (False, True)}
        allowed, held = world.allowed, world.heldout
        self._going = {h: objects_of(allowed & (held == h)) for h in (False, True)}

    def sharp(self) -> "Mixture":
        """Without photographs, which are not sharp at every size."""
        shares = {kind: share for kind, share in self.shares.items() if kind[1] != PHOTOGRAPH}
        return Mixture(self.world, self.album, shares)

    def scenes(self, n: int, generator: torch.Generator, *, heldout: bool = False) -> Mixed:
        """n random scenes, of training pairs, colours and photographs only, or of held-out ones only. The generator is
        a CPU one."""
        kinds, weights = torch.tensor(list(self.shares)), torch.tensor(list(self.shares.values()))
        kind = kinds[torch.multinomial(weights, n, replacement=True, generator=generator)]
        base = self.world.drawn(n, generator, heldout=heldout)
        relation = torch.randint(len(RELATIONS), (n,), generator=generator)
        first, second = self._actors(base, kind[:, 0] == 2, relation, generator, heldout)
        scenes = Mixed(
            objects=kind[:, 0],
            setting=kind[:, 1],
            background=base.background,
            look=base.look,
            first=first,
            second=second,
            relation=relation,
            nature=Natural.drawn(n, generator),
            shot=Shots.drawn(n, self.album, generator, heldout=heldout),
        )
        return mapped(scenes, lambda value: value.to(self.device, non_blocking=True))

    def _actors(
        self, base: Scenes, two: Tensor, relation: Tensor, generator: torch.Generator, heldout: bool
    ) -> tuple[Actors, Actors]:
        """The objects of scenes, moving as their relation asks for."""
        n = len(base)
        orbits, follows = two & (relation == ORBITING), two & (relation == FOLLOWING)
        sideways = torch.where(torch.rand(n, generator=generator) < 0.5, RIGHT, LEFT)
        motion = torch.where(orbits, CIRCLE, torch.where(follows, sideways, base.motion))
        other = self.world.drawn(n, generator, heldout=heldout)
        another = torch.where(follows, motion, other.motion)
        # an object for the motion it now has: none that is held out from it
        first, second = base.object.clone(), other.object.clone()
        first[orbits | follows] = self._object(motion[orbits | follows], generator, heldout)
        second[follows] = self._object(another[follows], generator, heldout)
        return tuple(
            Actors(
                object=thing,
                motion=moves,
                speed=self._speeds(moves, scenes.speed, generator),
                size=scenes.size,
                path=scenes.path,
                colour=self._colour(thing, two, generator, heldout),
            )
            for thing, moves, scenes in ((first, motion, base), (second, another, other))
        )  # type: ignore[return-value]

    def _object(self, motion: Tensor, generator: torch.Generator, heldout: bool) -> Tensor:
        """Any object that goes with each motion."""
        numbers, count = self._going[heldout]
        chosen = (torch.rand(len(motion), generator=generator) * count[motion]).long()
        return numbers[motion, chosen]

    def _speeds(self, motion: Tensor, usual: Tensor, generator: torch.Generator) -> Tensor:
        n = len(motion)
        extreme = len(SPEEDS) + torch.randint(len(MORE_SPEEDS) - len(SPEEDS), (n,), generator=generator)
        chosen = torch.where(torch.rand(n, generator=generator) < EXTREME, extreme, usual)
        return torch.where(motion == STILL, NORMAL, chosen)

    def _colour(self, thing: Tensor, two: Tensor, generator: torch.Generator, heldout: bool) -> Tensor:
        """A colour that the object may have, or its own."""
        wanted = torch.rand(len(thing), generator=generator) < torch.where(two, COLOURED[1], COLOURED[0])
        may = self._colours[heldout][thing[wanted]]
        best, which = (torch.rand(may.shape, generator=generator) * may).max(1)
        colour = torch.full_like(thing, OWN)
        colour[wanted] = torch.where(best > 0, which + 1, OWN)
        return colour

    def captions(self, scenes: Mixed, rng: random.Random, *, still: bool = False) -> list[str]:
        """One caption a scene in a random phrasing; of a still picture mostly without what moves."""
        return [
            phrasing.tidy(self._caption(row, rng, still and rng.random() < STILL_CAPTIONS))
            for row in numbers(scenes)
        ]

    def _caption(self, row: dict[str, Any], rng: random.Random, still: bool) -> str:
        objects, setting, scene, shot = row["objects"], row["setting"], row["nature"], row["shot"]
        if not objects and setting == NATURE:
            return nature.caption(**scene, template=rng.randrange(60), still=still)
        if not objects:
            name = self.album.names[shot["photo"]]
            return photographs.caption(name, shot["camera"], shot["pace"], rng.randrange(60), still=still)
        first, second = (self._told(row[which]) for which in ("first", "second"))
        plain = rng.random() < phrasing.PLAIN
        if objects == 1 and setting == DRAWN and not first.colour and plain:
            return phrasing.plain(first, row["background"], rng, still)
        place = self._place(row, rng, still)
        if objects == 1:
            return phrasing.one(first, place, rng, still)
        return phrasing.two(first, second, row["relation"], place, rng, still)

    def _told(self, actor: dict[str, int]) -> phrasing.Actor:
        name = self.world.atlas.names[actor["object"]]
        return phrasing.Actor(name, actor["motion"], actor["speed"], actor["colour"])

    def _place(self, row: dict[str, Any], rng: random.Random, still: bool) -> str:
        if row["setting"] == DRAWN:
            return phrasing.place_on(row["background"])
        if row["setting"] == NATURE:
            return phrasing.place_in_nature(row["nature"]["kind"], row["nature"]["tone"])
        shot = row["shot"]
        return phrasing.place_before(
            self.album.names[shot["photo"]], shot["camera"], shot["pace"], rng, still
        )

    def draw(self, scenes: Mixed, times: Tensor, window: Window, supersample: int) -> Tensor:
        picture = torch.empty(*times.shape, 3, window.height, window.width, device=self.device)
        behind: dict[int, Callable[[Mixed, Tensor, Window], Tensor]] = {
            DRAWN: lambda s, t, w: backgrounds.draw(s.background, s.look, t, w, supersample),
            NATURE: lambda s, t, w: nature.draw(s.nature, t, w),
            PHOTOGRAPH: lambda s, t, w: photographs.draw(self.album, s.shot, t, w),
        }
        kinds = torch.stack([scenes.objects, scenes.setting]).cpu()  # one wait for the device
        for setting, paint in behind.items():
            rows = (kinds[1] == setting).nonzero()[:, 0].to(self.device)
            if len(rows):
                picture[rows] = paint(scenes[rows], times[rows], window[rows])
        for count, layers in ((1, self._one), (2, self._two)):
            rows = (kinds[0] == count).nonzero()[:, 0].to(self.device)
            if len(rows):
                for actors, spot in layers(scenes[rows], times[rows], window.frame):
                    thing = self._painted(actors, spot, window[rows], supersample)
                    picture[rows] = torch.addcmul(thing[:, :, :3], picture[rows], 1 - thing[:, :, 3:])
        return picture.mul_(2).sub_(1).clamp_(-1, 1).transpose(1, 2)

    def _one(self, s: Mixed, times: Tensor, frame: tuple[float, float]) -> list[tuple[Actors, Placement]]:
        return [(s.first, pairs.alone(s.first, times, frame))]

    def _two(self, s: Mixed, times: Tensor, frame: tuple[float, float]) -> list[tuple[Actors, Placement]]:
        """The farther one, then the nearer one."""
        spots = pairs.together(s.first, s.second, s.relation, times, frame)
        return pairs.back_to_front((s.first, spots[0]), (s.second, spots[1]), s.relation)

    def _painted(self, actors: Actors, spot: Placement, window: Window, supersample: int) -> Tensor:
        """Premultiplied drawings, some in another colour."""
        things = self.world.sprites(actors.object, spot, window, supersample)
        rows = (actors.colour != OWN).nonzero()[:, 0]
        if len(rows):
            things[rows] = tinted(things[rows], actors.colour[rows], self.usual[actors.object[rows]])
        return things

    def regions(self, scenes: Mixed, size: Size) -> Bool[Tensor, "b h w"]:
        """Where each scene moves: of a natural scene without objects what is painted to, else everything."""
        window = window_of(len(scenes), size, None, None, self.device)
        moves = torch.ones(len(scenes), window.height, window.width, dtype=torch.bool, device=self.device)
        rows = ((scenes.objects == 0) & (scenes.setting == NATURE)).nonzero()[:, 0]
        if len(rows):
            moves[rows] = nature.regions(scenes.nature[rows], window[rows])
        return moves


def objects_of(pairs: Bool[Tensor, "n m"]) -> tuple[Int[Tensor, "m n"], Int[Tensor, " m"]]:
    """For each motion the numbers of the objects that go with it, in front of the others, and how many they are. Where
    there are none (in a world of few objects), all do."""
    fitting = pairs.T.clone()
    fitting[~fitting.any(1)] = True
    return torch.sort(fitting.int(), dim=1, descending=True, stable=True).indices, fitting.sum(1)


def numbers(record: Any) -> list[dict[str, Any]]:
    """Every whole number of each scene, by name, in one copy from the device."""
    names: list[tuple[str, ...]] = []
    columns: list[Tensor] = []

    def gather(part: Any, path: tuple[str, ...]) -> None:
        for field in fields(part):
            value = getattr(part, field.name)
            if is_dataclass(value):
                gather(value, (*path, field.name))
            elif not value.is_floating_point():
                names.append((*path, field.name))
                columns.append(value)

    gather(record, ())
    rows: list[dict[str, Any]] = []
    for values in torch.stack(columns, 1).tolist():
        row: dict[str, Any] = {}
        for path, value in zip(names, values, strict=True):
            inner = row
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = value
        rows.append(row)
    return rows
