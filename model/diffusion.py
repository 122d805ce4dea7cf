"""The diffusion process: one path, one prediction, one schedule, for images, clips and super-resolution.

Rectified-flow path: x = (1 - sigma) clean + sigma noise, sigma from 1 (pure noise: zero terminal SNR by
construction) to 0 (clean). The network predicts the clean picture itself, and its error is weighted as if it
predicted v (Li & He 2025, "Back to basics"): clean pictures lie on a small manifold that narrow features can carry,
noise does not, and a prediction that contains noise needs as many features as the patch has pixels. ADR 0005.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

SIGMA_DATA = 0.5  # standard deviation assumed of clean pixels in [-1, 1]
LEAST_SIGMA = 0.1  # below it an error weighs no more: the last step of a schedule starts above

# (noisy x, noise level in [0, 1]) -> estimate of clean x, of the same shape
Denoiser = Callable[[Tensor, float], Tensor]

# (scaled noisy x, noise level (b,)) -> estimate of clean x
Network = Callable[[Tensor, Tensor], Tensor]


def noised(
    clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]
) -> Float[Tensor, "b ..."]:
    """The path: (1 - sigma) clean + sigma noise."""
    return torch.lerp(clean, noise, column(sigma, clean))


def column(values: Float[Tensor, " b"], like: Float[Tensor, "b ..."]) -> Tensor:
    """One value a sample, shaped to multiply `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))


def variance(sigma: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Variance of noisy pixels at each noise level."""
    return ((1 - sigma) * SIGMA_DATA).square() + sigma.square()


def loss_weight(sigma: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Weight of a squared error of the clean estimate: that of a unit-variance v (1 / c_out^2 of Karras et al. 2022,
    table 1, on this path)."""
    sigma = sigma.clamp(min=LEAST_SIGMA)
    return variance(sigma) / (sigma * SIGMA_DATA).square()


def precondition(
    network: Network, x: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]
) -> Float[Tensor, "b ..."]:
    """Estimate of clean x, by a network that sees x at unit variance."""
    return network(column(variance(sigma).rsqrt(), x) * x, sigma).to(x.dtype)


def training_loss(
    network: Network, clean: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], sigma: Float[Tensor, " b"]
) -> Float[Tensor, " b"]:
    """Weighted mean squared error of the clean estimate, one value a sample."""
    estimate = precondition(network, noised(clean, noise, sigma), sigma)
    return loss_weight(sigma) * (estimate - clean).square().flatten(1).mean(1)


def shifted(sigma: Tensor, shift: float) -> Tensor:
    """Noise levels moved so that log SNR drops by 2 log(shift) (simple diffusion, equation 4): big clips need more."""
    return shift * sigma / (1 + (shift - 1) * sigma)


def schedule(steps: int, shift: float, share: float = 1.0) -> list[float]:
    """steps + 1 noise levels from 1 down to 0, evenly spaced before the shift.

    Of a share of them only the last ones, in whole steps, since a student of few steps knows no other levels: rounded
    down, but at least one, unless the share is 0.
    """
    between = shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift)[1:-1]
    left = max(math.floor(share * steps + 1e-9), min(1, math.ceil(share)))
    return [1.0, *between.tolist(), 0.0][steps - left :]


def random_sigmas(n: int, shift: float, spread: float, generator: torch.Generator) -> Float[Tensor, " {n}"]:
    """Training noise levels: logit-normal of standard deviation `spread`, then shifted."""
    normal = torch.randn(n, generator=generator, device=generator.device)
    return shifted(torch.sigmoid(spread * normal), shift).clamp(1e-3, 1.0)


def noise_for(seeds: Sequence[int], shape: tuple[int, ...]) -> Float[Tensor, "b ..."]:
    """Standard normal noise, each sample from its own seed: a batch equals its members, on any device."""
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
