"""Guidance and thresholding: functions from denoiser to denoiser."""

import torch
from jaxtyping import Float
from torch import Tensor

from model.diffusion import Denoiser


def guided(
    conditional: Denoiser, unconditional: Denoiser, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Denoiser:
    """Classifier-free guidance (Ho & Salimans 2022), only at noise levels in the closed interval
    (Kynkaanniemi et al. 2024); outside it, one evaluation a step instead of two."""
    low, high = interval

    def denoise(x: Tensor, sigma: float) -> Tensor:
        clean = conditional(x, sigma)
        if scale == 1.0 or not low <= sigma <= high:
            return clean
        return torch.lerp(unconditional(x, sigma), clean, scale)

    return denoise


def paired(
    conditional: Denoiser, both: Denoiser, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Denoiser:
    """`guided`, by a denoiser of `both` halves in one batch, the conditional one first: one call instead of two."""
    low, high = interval

    def denoise(x: Tensor, sigma: float) -> Tensor:
        if scale == 1.0 or not low <= sigma <= high:
            return conditional(x, sigma)
        clean, free = both(torch.cat([x, x]), sigma).chunk(2)
        return torch.lerp(free, clean, scale)

    return denoise


def thresholded(denoise: Denoiser, quantile: float = 0.995) -> Denoiser:
    """Dynamic thresholding (Imagen, section 2.3): s = the quantile of |x| over the WHOLE clip of each sample, at
    least 1; clip to [-s, s] and divide by s. One s a clip: frames or windows of their own would flicker."""

    def denoise_thresholded(x: Tensor, sigma: float) -> Tensor:
        clean = denoise(x, sigma)
        s = clip_quantile(clean, quantile).clamp(min=1.0).view(-1, *[1] * (clean.ndim - 1))
        return clean.clamp(-s, s).div_(s)

    return denoise_thresholded


def clip_quantile(x: Float[Tensor, "b ..."], quantile: float, most: int = 2**20) -> Float[Tensor, " b"]:
    """Quantile of |x| over each sample, from evenly strided elements: that of torch.quantile, which sorts them all."""
    flat = x.flatten(1)
    stride = max(1, flat.shape[1] // most) | 1  # odd: an even one would visit the same columns of every patch
    values = flat[:, ::stride].abs().float()
    rank = torch.tensor(quantile) * (values.shape[1] - 1)
    largest = values.topk(values.shape[1] - int(rank), sorted=False).values
    below, above = (largest.kthvalue(min(k, largest.shape[1])).values for k in (1, 2))
    return torch.lerp(below, above, (rank - int(rank)).to(below))
