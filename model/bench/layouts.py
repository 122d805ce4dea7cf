"""Convolution over time, written in four ways: the same numbers, other kernels."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from model.bench.timing import Figures, timed

Way = Callable[[Tensor, Tensor], Tensor]


def as_picture(x: Tensor, weight: Tensor) -> Tensor:
    """conv2d over (t, h w), channels last: what the networks do, without a copy."""
    height, width = x.shape[2:]
    y = F.conv2d(rearrange(x, "t c h w -> 1 c t (h w)"), weight[..., None], padding=(1, 0))
    return rearrange(y, "1 c t (h w) -> t c h w", h=height, w=width)


def as_volume(x: Tensor, weight: Tensor) -> Tensor:
    """conv3d of 3 x 1 x 1, channels last."""
    y = F.conv3d(rearrange(x, "t c h w -> 1 c t h w"), weight[..., None, None], padding=(1, 0, 0))
    return rearrange(y, "1 c t h w -> t c h w")


def as_lines(x: Tensor, weight: Tensor) -> Tensor:
    """conv1d of each position: two copies."""
    height, width = x.shape[2:]
    y = F.conv1d(rearrange(x, "t c h w -> (h w) c t").contiguous(), weight, padding=1)
    return rearrange(y, "(h w) c t -> t c h w", h=height, w=width).contiguous(
        memory_format=torch.channels_last
    )


def as_products(x: Tensor, weight: Tensor) -> Tensor:
    """Three matrix products, each added to frames that have moved by one."""
    rows = rearrange(x, "t c h w -> t (h w) c")
    before, now, after = weight.permute(2, 1, 0)
    y = rows @ now
    y[1:] += rows[:-1] @ before
    y[:-1] += rows[1:] @ after
    z: Tensor = rearrange(y, "t (h w) c -> t c h w", h=x.shape[2])
    return z


WAYS: dict[str, Way] = {
    "conv2d": as_picture,
    "conv3d": as_volume,
    "conv1d": as_lines,
    "products": as_products,
}


@torch.inference_mode()
def temporal_layouts(
    device: str, frames: int = 80, channels: int = 384, side: int = 64, seconds: float = 1.0
) -> Figures:
    """Milliseconds of each on one feature map, and TFLOP/s of the fastest."""
    x = torch.randn(frames, channels, side, side, device=device, dtype=torch.bfloat16)
    x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, device=device, dtype=torch.bfloat16) * 0.02
    took = {name: timed(lambda way=way: way(x, weight), seconds)["ms"] for name, way in WAYS.items()}  # type: ignore[misc]
    flop = 2 * 3 * channels**2 * frames * side**2
    return {f"{name}_ms": each for name, each in took.items()} | {
        "ms": min(took.values()),
        "flop": float(flop),
    }
