"""Tiny real networks and checkpoints with random weights: fast, deterministic, and nowhere silent."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from model.catalog import Limits
from model.image_unet import ImageUNet, ImageUNetConfig
from model.stunet import InflationConfig, STUNet, inflate
from model.style import StyleConfig, StyleDelta, weights_digest
from model.tasks import Task
from model.weights import Sampling, load_image_unet, save_component, save_index, save_stunet

BASE = ImageUNetConfig(
    patch=8,
    widths=(16, 64),
    blocks=(1, 1),
    cross_attention=(False, True),
    self_attention=(False, False),
    embedding=16,
)
SSR = ImageUNetConfig(
    in_channels=6,
    patch=16,
    widths=(16, 64),
    blocks=(1, 1),
    cross_attention=(False, False),
    self_attention=(False, False),
    embedding=16,
    text_dim=0,
    scalars=2,
)
INFLATION = InflationConfig(attention_blocks=1, embedding=16)
SAMPLING = Sampling(ssr_steps=1)

Network = TypeVar("Network", bound=nn.Module)


def awakened(network: Network, seed: int = 0, scale: float = 0.2) -> Network:
    """The network with noise added to every weight, as if trained: no zeroed branch stays silent."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def image_unet(config: ImageUNetConfig, seed: int = 0) -> ImageUNet:
    """An image network with random weights, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return awakened(ImageUNet(config), seed)


def stunet(config: ImageUNetConfig, inflation: InflationConfig = INFLATION, seed: int = 0) -> STUNet:
    """A video network as if trained: its temporal layers do something."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = inflate(image_unet(config, seed), inflation)
        awakened(network.temporal, seed + 1)
    return network.requires_grad_(False).eval()


def told(network: STUNet, seed: int = 2) -> STUNet:
    """The same network as if it had also been trained to hear what is known of a clip."""
    wide = inflate(network.image, replace(network.config, conditioned=True))
    assert wide.temporal.stem is not None
    awakened(wide.temporal.stem, seed)
    wide.temporal.load_state_dict(wide.temporal.state_dict() | network.temporal.state_dict())
    return wide.requires_grad_(False).eval()


def write_checkpoint(
    folder: Path, sampling: Sampling = SAMPLING, tasks: Sequence[Task] = tuple(Task)
) -> None:
    """A checkpoint that `Pipeline.load` reads, by its index for these tasks: real networks, random weights, noise for
    videos."""
    for name, network in (("base", told(stunet(BASE))), ("ssr", stunet(SSR))):
        save_stunet(folder / f"{name}_image", folder / f"{name}_temporal", network)
    save_index(folder, sampling, tasks, limits=Limits(seconds=20, megapixels=336))


def write_style(folder: Path, name: str, seed: int) -> None:
    """A style of that checkpoint's image weights, as if trained."""
    image = load_image_unet(folder / "base_image")
    config = StyleConfig(rank=2, of=weights_digest(folder / "base_image"))
    save_component(folder / "styles" / name, config, awakened(StyleDelta(image, config.rank), seed + 10))
