"""What every recipe is made of, and what may be set of all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch._dynamo
from PIL import Image
from torch import Tensor, nn

from model.image_unet import ImageUNetConfig
from model.inflation import AttentionInflation, ConvInflation
from model.layers import CrossAttention, ResBlock, SpatialAttention
from model.stunet import InflationConfig


@dataclass(frozen=True)
class Distillation:
    """What a student is to do by itself."""

    steps: int = 8  # of its whole schedule
    moves: int = 1  # of its teacher, of two guided evaluations each, in one of its steps
    guidance: float = 2.5
    interval: tuple[float, float] = (0.0, 1.0)  # noise levels that its teacher guides
    shift: float = 12.0  # of its schedule


@dataclass(frozen=True)
class Settings:
    """What the command line (or a test) says of a run."""

    text: Path  # folder of the text encoder
    seed: int = 0
    batch: int | None = None  # samples a step and process; None is the recipe's own
    eager: bool = False  # do not compile
    oblong: float = 0.0  # share of batches of pictures that are not square
    image: ImageUNetConfig | None = None  # other sizes than the recipe's own
    inflation: InflationConfig | None = None
    distillation: Distillation = Distillation()


@dataclass(frozen=True)
class Recipe:
    """A network that learns, its config, endless batches, their loss, and a picture of what it can do by now."""

    learner: nn.Module
    config: Any
    batches: Iterator[Any]
    loss: Callable[[Any], Tensor]
    draw: Callable[[], Image.Image]


Network = TypeVar("Network", bound=nn.Module)


def fused(network: Network, settings: Settings) -> Network:
    """The network with each of its blocks compiled: blocks of one shape share their code, so it takes seconds where
    the whole network takes minutes."""
    if not settings.eager:
        # of one class: by width, by grid and, in clips, by number of frames
        torch._dynamo.config.recompile_limit = 128
        for module in network.modules():
            if isinstance(
                module, ResBlock | SpatialAttention | CrossAttention | ConvInflation | AttentionInflation
            ):
                module.compile(dynamic=False)
    return network
