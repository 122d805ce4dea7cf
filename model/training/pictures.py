"""Training pictures, drawn for several batches at a time.

One drawing of the mixture is thousands of small kernels and some waits for the device, whether it is of one batch or
of eight: drawn batch by batch, they kept the GPU idle four tenths of a step of stills.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from model.training.feed import FRAMES, Group, Source, consecutive, random_moment
from model.training.shapes import Shapes


@dataclass(frozen=True)
class Pictures:
    """What one step learns from."""

    clean: Float[Tensor, "b 3 t h w"]  # t = 1 of stills
    moves: Bool[Tensor, "b h w"] | None  # where each clip does, if that is asked for
    tokens: dict[str, Tensor]


def pictures(
    world: Source,
    groups: Iterable[Group],
    shapes: Shapes,
    times: torch.Generator,
    *,
    frames: int = FRAMES,
    still: bool = False,
    moves: bool = False,
) -> Iterator[Pictures]:
    """Batches without end, each of one shape: stills, or clips of so many frames. Times come from a CPU generator."""
    for group in groups:
        size, count = group.size, len(group.tokens)
        n = len(group.scenes)
        moments = (random_moment(n, times) if still else consecutive(n, frames, times)).to(world.device)
        batches = defaultdict[tuple[int, int], list[int]](list)
        for number in range(count):
            batches[shapes.draw()].append(number)
        drawn: dict[int, tuple[Tensor, Tensor | None]] = {}
        for shape, numbers in batches.items():
            scenes, at = group.scenes, moments
            if len(numbers) < count:
                rows = (torch.tensor(numbers)[:, None] * size + torch.arange(size)).flatten().to(world.device)
                scenes, at = scenes[rows], moments[rows]
            clean = torch.split(world.render(scenes, at, shape), size)
            regions = torch.split(world.regions(scenes, shape), size) if moves else [None] * len(numbers)
            drawn |= dict(zip(numbers, zip(clean, regions, strict=True), strict=True))
        for number, tokens in enumerate(group.tokens):
            yield Pictures(*drawn.pop(number), tokens)
