"""The diffusion process: one path, one preconditioning, one schedule, for images, clips and super-resolution.

Rectified-flow path: x = (1 - sigma) clean + sigma noise, sigma from 1 (pure noise: zero terminal SNR by
construction) to 0 (clean). The network's output F is mixed with x as in Karras et al. 2022 (equation 7), with the
coefficients derived for this path: for unit data variance it is v-prediction, so no colour drifts between frames
(Imagen Video, section 2.4), and at sigma = 1 the input, then pure noise, is ignored. ADR 0005.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

SIGMA_DATA = 0.5  # standard deviation that the preconditioning assumes of clean pixels in [-1, 1]

# (noisy x, noise level in [0, 1]) -> estimate of clean x, of the same shape
Denoiser = Callable[[Tensor, float], Tensor]

# (network input, noise level (b,)) -> F
Network = Callable[[Tensor, Tensor], Tensor]


def noised(clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]) -> Float[Tensor, "b ..."]:
    """The path: (1 - sigma) clean + sigma noise."""
    s = sigma.view(-1, *[1] * (clean.ndim - 1))
    return (1 - s) * clean + s * noise


def coefficients(sigma: Float[Tensor, " b"]) -> tuple[Tensor, Tensor, Tensor]:
    """c_in, c_skip, c_out at each noise level: unit-variance input and target, least amplified error."""
    signal, noise = (1 - sigma) * SIGMA_DATA, sigma
    variance = signal.square() + noise.square()
    return variance.rsqrt(), signal * SIGMA_DATA / variance, noise * SIGMA_DATA * variance.rsqrt()


def precondition(network: Network, x: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]) -> Float[Tensor, "b ..."]:
    """Estimate of clean x: c_skip x + c_out F(c_in x, sigma)."""
    c_in, c_skip, c_out = (c.view(-1, *[1] * (x.ndim - 1)) for c in coefficients(sigma))
    return c_skip * x + c_out * network(c_in * x, sigma).to(x.dtype)


def training_loss(
    network: Network, clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]
) -> Float[Tensor, " b"]:
    """Mean squared error of F against its target, one value a sample: weight 1 / c_out^2 on the clean estimate."""
    x = noised(clean, noise, sigma)
    c_in, c_skip, c_out = (c.view(-1, *[1] * (x.ndim - 1)) for c in coefficients(sigma))
    target = (clean - c_skip * x) / c_out
    return (network(c_in * x, sigma).float() - target).square().flatten(1).mean(1)


def shifted(sigma: Tensor, shift: float) -> Tensor:
    """Noise levels moved so that log SNR drops by 2 log(shift) (simple diffusion, equation 4): big clips need more."""
    return shift * sigma / (1 + (shift - 1) * sigma)


def schedule(steps: int, shift: float) -> list[float]:
    """steps + 1 noise levels from 1 down to 0, evenly spaced before the shift."""
    return [float(s) for s in shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift)]


def random_sigmas(n: int, shift: float, spread: float, generator: torch.Generator) -> Float[Tensor, " {n}"]:
    """Training noise levels: logit-normal of standard deviation `spread`, then shifted."""
    normal = torch.randn(n, generator=generator, device=generator.device)
    return shifted(torch.sigmoid(spread * normal), shift).clamp(1e-3, 1.0)


def noise_for(seeds: Sequence[int], shape: tuple[int, ...]) -> Float[Tensor, "b ..."]:
    """Standard normal noise, each sample from its own seed: a batch equals its members, on any device."""
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
