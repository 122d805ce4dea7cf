"""Spatial super-resolution: the inflated upscaler as a denoiser, conditioned on a low-resolution clip."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from model.diffusion import Denoiser, precondition
from model.stunet import STUNet


def augmented(
    low: Float[Tensor, "b 3 t h w"], noise: Float[Tensor, "b 3 t h w"], level: float
) -> Float[Tensor, "b 3 t h w"]:
    """Noise-conditioning augmentation (Ho et al. 2021; Imagen, section 2.4): hides the base model's own artefacts."""
    return torch.lerp(low, noise, level)


def enlarged(low: Float[Tensor, "b 3 t h w"], factor: int) -> Float[Tensor, "b 3 t H W"]:
    """Each frame upsampled bilinearly."""
    frames = rearrange(low, "b c t h w -> (b t) c h w")
    larger = F.interpolate(frames, scale_factor=factor, mode="bilinear", align_corners=False)
    result: Tensor = rearrange(larger, "(b t) c h w -> b c t h w", b=low.shape[0])
    return result


def lowered(high: Float[Tensor, "b 3 t H W"], factor: int) -> Float[Tensor, "b 3 t h w"]:
    """Each frame's averages over factor x factor pixels: what the upscaler was trained to undo."""
    frames = F.avg_pool2d(rearrange(high, "b c t h w -> (b t) c h w"), factor)
    result: Tensor = rearrange(frames, "(b t) c h w -> b c t h w", b=high.shape[0])
    return result


def projected(
    estimate: Float[Tensor, "b 3 t H W"], low: Float[Tensor, "b 3 t h w"], factor: int
) -> Float[Tensor, "b 3 t H W"]:
    """The estimate moved until, lowered, it is nearly `low`: detail from the network, all the rest from the base clip.

    The range-null-space step of DDNM (Wang, Yu and Zhang 2023, section 3), its pseudo-inverse made smooth: an exact
    one would draw the low-resolution pixels' edges.
    """
    return enlarged(low - lowered(estimate, factor), factor).add_(estimate)


def consistent(denoise: Denoiser, low: Float[Tensor, "b 3 t h w"], factor: int) -> Denoiser:
    """A denoiser of whole clips whose every estimate is `projected`."""
    return lambda x, sigma: projected(denoise(x, sigma), low, factor)


def conditioning_scalars(level: Tensor, factor: Tensor) -> Float[Tensor, "b 2"]:
    """What the upscaler is told beside the pictures: the augmentation level, and log2(factor) / 3, in [0, 1]."""
    return torch.stack([level, torch.log2(factor) / 3], dim=1)


def upscaled(
    network: STUNet, low: Float[Tensor, "b 3 t h w"], windows: Sequence[slice], factor: int, level: float
) -> Denoiser:
    """Denoiser of windows (b * len(windows), 3, size, factor * h, factor * w), each seeing its own frames of `low`."""
    seen = rearrange([low[:, :, window] for window in windows], "n b ... -> (b n) ...")
    n = seen.shape[0]
    weight = network.image.stem.weight
    beside = enlarged(seen, factor).to(weight.dtype)
    scalars = conditioning_scalars(low.new_full((n,), level), low.new_full((n,), float(factor)))
    context = network.read(None, scalars)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        def run(scaled: Tensor, sigmas: Tensor) -> Tensor:
            clean: Tensor = network(torch.cat([scaled.to(weight.dtype), beside], dim=1), sigmas, context)
            return clean

        return precondition(run, x, x.new_full((n,), sigma))

    return denoise
