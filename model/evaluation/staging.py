"""Questions about the wider world, and right answers to them: drawn by the mixture that training uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model.training.mixture import Mixed, Mixture
from model.training.objects import Atlas
from model.training.photographs import Album
from model.training.world import World, clip_times

FRAMES = 80
NOBODY = ("car",)  # a world has drawings, even where none is to be seen

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class Staging:
    """What is asked, and the whole numbers of its scene, by name; the scene's chances come from the seed alone."""

    prompt: str
    seed: int
    numbers: Mapping[str, Any]  # of a `Mixed`, nested as it is
    names: tuple[str, ...] = NOBODY  # of the drawings, which the numbers count from 0
    asked: Mapping[str, str] = field(default_factory=dict)  # what is to be seen, in words

    def without_objects(self) -> "Staging":
        """The same, and nothing in front of it."""
        return replace(self, numbers={**self.numbers, "objects": 0})


class Stages:
    """Draws what is staged, at one size."""

    def __init__(self, device: str, size: int) -> None:
        self.device, self.size = device, size
        self._mixtures: dict[tuple[str, ...], Mixture] = {}

    def mixture(self, names: tuple[str, ...]) -> Mixture:
        """The mixture of worlds with these drawings."""
        if names not in self._mixtures:
            texture = 256 if self.size <= 128 else min(1024, 2 * self.size)
            world = World(Atlas.load(self.device, texture, list(names), workers=0), self.device)
            self._mixtures[names] = Mixture(world, album(self.device))
        return self._mixtures[names]

    def scene(self, staging: Staging) -> Mixed:
        """One scene."""
        drawn = self.mixture(staging.names).scenes(1, torch.Generator().manual_seed(staging.seed))
        return numbered(drawn, staging.numbers, self.device)

    def clip(self, staging: Staging, frames: int = FRAMES) -> Float[Tensor, "3 t h w"]:
        """Five seconds of it."""
        times = clip_times(1, frames, self.device)
        return self.mixture(staging.names).render(self.scene(staging), times, self.size)[0]

    def region(self, staging: Staging) -> Bool[Tensor, "h w"]:
        """Where it moves."""
        return self.mixture(staging.names).regions(self.scene(staging), self.size)[0]


@cache
def album(device: str) -> Album:
    """The shipped photographs, read once a device."""
    return Album.load(device)


def numbered(record: Record, numbers: Mapping[str, Any], device: str) -> Record:
    """A record of one scene with some of its whole numbers replaced."""
    changed: dict[str, Any] = {}
    for one in fields(record):  # type: ignore[arg-type]
        value = getattr(record, one.name)
        if one.name not in numbers:
            changed[one.name] = value
        elif is_dataclass(value):
            changed[one.name] = numbered(value, numbers[one.name], device)
        else:
            changed[one.name] = torch.full_like(value, numbers[one.name])
    return type(record)(**changed)
