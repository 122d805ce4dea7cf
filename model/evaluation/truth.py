"""What a right answer looks like: the scene of a question, drawn by the world that the model learned from."""

import random
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model.evaluation.prompts import Question
from model.training.backgrounds import BACKGROUNDS
from model.training.motions import MOTIONS, SPEEDS, SPINS, Placement, place
from model.training.objects import Atlas, drawings
from model.training.world import Scenes, World, clip_times

ROOM = 1.15  # a mask's box around an object, in its own sizes
MARGIN = 0.06  # of a frame that a mask leaves at each edge, so that there is an outside


class Truth:
    """Clips of questions at one size; textures are drawn when a question first needs them."""

    def __init__(self, device: str, size: int) -> None:
        self.device, self.size = device, size
        self._worlds: dict[str, World] = {}

    def world(self, name: str) -> World:
        """The world with one object in it."""
        if name not in self._worlds:
            texture = 256 if self.size <= 128 else min(1024, 2 * self.size)
            self._worlds[name] = World(Atlas.load(self.device, texture, [name], workers=0), self.device)
        return self._worlds[name]

    def scene(self, question: Question, name: str | None = None) -> Scenes:
        """The question's scene, or the same with another object; chances come from the question's seed alone."""
        drawn = self.world(name or question.object).scenes(1, torch.Generator().manual_seed(question.seed))
        numbers = {
            "object": 0,
            "motion": MOTIONS.index(question.motion),
            "speed": SPEEDS.index(question.speed),
            "background": [b.name for b in BACKGROUNDS].index(question.background),
        }
        return replace(
            drawn, **{key: torch.tensor([value], device=self.device) for key, value in numbers.items()}
        )

    def clip(self, question: Question, name: str | None = None, frames: int = 80) -> Float[Tensor, "3 t h w"]:
        """Five seconds of the question, or of another object that moves just so."""
        world = self.world(name or question.object)
        times = clip_times(1, frames, self.device)
        return world.render(self.scene(question, name), times, self.size)[0]

    def path(self, question: Question, frames: int = 80) -> Placement:
        """Where the object is, (1, t) each."""
        scene = self.scene(question)
        times = clip_times(1, frames, self.device)
        return place(scene.motion, scene.speed, scene.size, scene.path, times)

    def around(self, question: Question, *, still: bool) -> Bool[Tensor, "t h w"]:
        """A box around the object: one that goes with it, or one that it never leaves. Some of each edge stays out."""
        return box_around(self.path(question), self.size, still=still)


def box_around(path: Placement, size: int, *, still: bool) -> Bool[Tensor, "t h w"]:
    """A box around the one thing of a path: going with it, or standing where it never leaves it."""
    half = ROOM * path.size[0] / 2 * (path.angle[0].cos().abs() + path.angle[0].sin().abs())
    left, right = path.x[0] - half, path.x[0] + half
    top, bottom = path.y[0] - half, path.y[0] + half
    if still:
        left, top = (edge.min().expand_as(edge) for edge in (left, top))
        right, bottom = (edge.max().expand_as(edge) for edge in (right, bottom))
    at = (torch.arange(size, device=path.x.device) + 0.5) / size
    free = (at > MARGIN) & (at < 1 - MARGIN)
    columns = (at > left[:, None]) & (at < right[:, None]) & free
    rows = (at > top[:, None]) & (at < bottom[:, None]) & free
    return rows[:, :, None] & columns[:, None, :]


def another(question: Question) -> str:
    """An object that the question does not ask for, whose motion could be seen as well."""
    spins = question.motion in {MOTIONS[spin] for spin in SPINS}
    names = [d.name for d in drawings() if d.name != question.object and not (d.round and spins)]
    return random.Random(f"another/{question.seed}").choice(names)
