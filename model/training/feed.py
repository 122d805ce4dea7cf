"""The world as an endless stream of training batches, scenes and tokens made ahead in a thread."""

import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from model.layers import TextStates
from model.text import TextEncoder
from model.training.canvas import Size
from model.training.motions import SECONDS

FRAMES = 80
TOKENS = 40  # more than 99 captions in 100 have; every batch is padded to as many: one shape, compiled once
TOGETHER = (
    8  # batches drawn at once: each drawing has the same thousands of launches and waits for the device
)


@runtime_checkable
class Source(Protocol):
    """What gives scenes, their captions and their pictures: `World`, or `Mixture`, of which most is the former. Scenes
    have a length and rows, and are on the source's device; what they consist of is the source's own."""

    device: torch.device

    def scenes(self, n: int, generator: torch.Generator, *, heldout: bool = False) -> Any: ...

    def captions(self, scenes: Any, rng: random.Random, *, still: bool = False) -> list[str]: ...

    def render(
        self, scenes: Any, times: Tensor, size: Size, *, crop: Any = None, crop_size: Size | None = None
    ) -> Tensor: ...

    def regions(self, scenes: Any, size: Size) -> Tensor:
        """Where each scene moves: nowhere else does anything, ever."""

    def sharp(self) -> "Source":
        """The same without what is not sharp at every size."""


@dataclass(frozen=True)
class Group:
    """The scenes of several batches, and by batch the tokens of their captions (some captions emptied, for
    classifier-free guidance)."""

    scenes: Any
    tokens: list[dict[str, Tensor]]

    @property
    def size(self) -> int:
        """Scenes a batch."""
        return len(self.scenes) // len(self.tokens)


class Feed:
    """Groups of batches of `size` scenes that depend on the seed alone."""

    def __init__(
        self, world: Source, text: TextEncoder, size: int, seed: int, *, still: bool, dropout: float = 0.1
    ) -> None:
        self.world, self.text, self.size, self.seed = world, text, size, seed
        self.still, self.dropout = still, dropout

    def draw(self) -> Iterator[Group]:
        """Groups without end."""
        generator, rng = torch.Generator().manual_seed(self.seed), random.Random(self.seed)
        while True:
            scenes = self.world.scenes(TOGETHER * self.size, generator)
            captions = self.world.captions(scenes, rng, still=self.still)
            captions = ["" if rng.random() < self.dropout else caption for caption in captions]
            starts = range(0, len(scenes), self.size)
            yield Group(scenes, [self.text.tokens(captions[start : start + self.size]) for start in starts])

    def __iter__(self) -> Iterator[Group]:
        """The same, made ahead in a thread."""
        made: queue.Queue[Group] = queue.Queue(maxsize=2)

        def fill() -> None:
            for group in self.draw():
                made.put(group)

        threading.Thread(target=fill, daemon=True).start()
        while True:
            yield made.get()

    def read(self, tokens: dict[str, Tensor]) -> TextStates:
        """Token states of a batch, padded to TOKENS so that one shape is compiled."""
        text = self.text.encode(tokens)
        missing = TOKENS - text.mask.shape[1]
        states = torch.nn.functional.pad(text.states, (0, 0, 0, missing))
        return TextStates(states, torch.nn.functional.pad(text.mask, (0, missing)))


def random_moment(n: int, generator: torch.Generator) -> Tensor:
    """One time of the clip for each of n scenes, (n, 1), in seconds."""
    return torch.rand(n, 1, generator=generator) * SECONDS


def consecutive(n: int, frames: int, generator: torch.Generator) -> Tensor:
    """Times (n, frames) of consecutive frames at 16 fps from a random start within the clip, in seconds."""
    start = torch.randint(FRAMES - frames + 1, (n, 1), generator=generator)
    return (start + torch.arange(frames)) * (SECONDS / FRAMES)
