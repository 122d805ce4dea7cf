"""Styles: low-rank changes of the image network's weights, mixed into them by a share (Lumiere, section 4.1; ADR 21).

W = alpha W_style + (1 - alpha) W_base on the image network alone: the temporal layers, which learned their motion
around the base's pictures, stay what they are.
"""

import copy
import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from model.catalog import STYLES, UnknownStyle, styles
from model.image_unet import ImageUNet
from model.stunet import STUNet
from model.weights import CONFIG, WEIGHTS, InvalidCheckpoint, load_weights, parse, read_json

KEPT = 2  # mixtures that a pipeline remembers: each holds the image weights once more
UNTOUCHED = "conditioner."  # what is asked for, at which noise: the same in every style


@dataclass(frozen=True)
class StyleConfig:
    """What the weights of a style are."""

    rank: int = 12  # of the change of each matrix
    of: str = ""  # `weights_digest` of the image weights that it changes

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1: got {self.rank}")


class StyleDelta(nn.Module):
    """What a style adds to image weights: a product of two thin matrices to each matrix or kernel, seen as
    (out, everything else), and a vector to each vector. Nothing at first."""

    def __init__(self, image: ImageUNet, rank: int) -> None:
        super().__init__()
        self.up, self.down, self.plain = nn.ParameterDict(), nn.ParameterDict(), nn.ParameterDict()
        for name, weight in image.named_parameters():
            if name.startswith(UNTOUCHED):
                continue
            key = name.replace(".", "/")  # a parameter's own name has no dots
            if weight.ndim < 2:
                self.plain[key] = nn.Parameter(torch.zeros(weight.shape))
                continue
            rows, columns = weight.shape[0], math.prod(weight.shape[1:])
            thin = min(rank, rows, columns)
            self.up[key] = nn.Parameter(torch.zeros(rows, thin))
            self.down[key] = nn.Parameter(torch.randn(thin, columns) / columns**0.5)

    def changes(self) -> Iterator[tuple[str, Tensor]]:
        """The name of each weight that it changes, and what it adds, matrices as (out, everything else)."""
        for key, up in self.up.items():
            yield key.replace("/", "."), up @ self.down[key]
        for key, vector in self.plain.items():
            yield key.replace("/", "."), vector

    def applied(self, base: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The style's own weights, of those that it changes; `base` are the image network's, by name."""
        return {name: base[name] + change.view_as(base[name]) for name, change in self.changes()}


def weights_digest(folder: Path) -> str:
    """What tells the weights of a component from others."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def load_style(folder: Path, image: ImageUNet, of: str) -> StyleDelta:
    """A style for these image weights, float32 on the CPU."""
    config = parse(StyleConfig, read_json(folder / CONFIG), folder / CONFIG)
    if config.of != of:
        raise InvalidCheckpoint(
            f"{folder / CONFIG}: the style changes image weights {config.of!r}, and those beside it are {of!r}"
        )
    delta = StyleDelta(image, config.rank)
    load_weights(delta, folder / WEIGHTS)
    return delta.requires_grad_(False)


Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def replaced(network: Network, weights: Mapping[str, Tensor]) -> Network:
    """A frozen copy of a network with these weights in the place of its own; all others are shared with it."""
    memo: dict[int, Any] = {id(weight): weight for weight in network.parameters()}
    for name, weight in weights.items():
        own = network.get_parameter(name)
        # on its device, rounded and laid out as it is
        memo[id(own)] = nn.Parameter(torch.empty_like(own).copy_(weight), requires_grad=False)
    return copy.deepcopy(network, memo)  # of the modules; weights are in the memo


class Styles:
    """The styles of a checkpoint, and the last few mixtures that were asked for. Any thread may ask."""

    def __init__(self, image: ImageUNet, deltas: Mapping[str, StyleDelta], model: str = "") -> None:
        self._model, self._deltas = model, dict(deltas)
        # as they were read: mixed before they are rounded to the precision that the network computes in
        self._base = {name: weight.detach() for name, weight in image.named_parameters()} if deltas else {}
        self._mixtures: OrderedDict[tuple[str, float], STUNet] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path, image: ImageUNet) -> "Styles":
        """Those in a checkpoint folder, whose image network is this one, as it was read."""
        named = styles(folder)
        of = weights_digest(folder / "base_image") if named else ""
        return cls(
            image, {name: load_style(folder / STYLES / name, image, of) for name in named}, folder.name
        )

    def mixed(self, network: STUNet, style: str, alpha: float) -> STUNet:
        """The network with alpha of the style in its image weights; all other weights are its own, shared.

        alpha 0 gives the base's weights and alpha 1 the style's, to the bit. Raises UnknownStyle.
        """
        if style not in self._deltas:
            raise UnknownStyle(self._model, style, sorted(self._deltas))
        with self._lock:
            found = self._mixtures.pop((style, alpha), None)
            if found is None:
                while len(self._mixtures) >= KEPT:  # before the new one takes memory
                    self._mixtures.popitem(last=False)
                found = self._mix(network, style, alpha)
            self._mixtures[style, alpha] = found
            return found

    @torch.no_grad()
    def _mix(self, network: STUNet, style: str, alpha: float) -> STUNet:
        styled = self._deltas[style].applied(self._base)
        mixture = {f"image.{name}": torch.lerp(self._base[name], styled[name], alpha) for name in styled}
        return replaced(network, mixture)
