"""Samplers: (denoiser, noise, noise levels, on_step) -> clean. They know nothing of guidance, text or windows."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

from model.diffusion import Denoiser

# called after each step with the number of steps done and the estimate of clean x
OnStep = Callable[[int, Tensor], None]
Sampler = Callable[[Denoiser, Tensor, Sequence[float], OnStep], Tensor]


def no_callback(done: int, estimate: Tensor) -> None:
    """For callers that do not follow the steps."""


def step_to(x: Tensor, clean: Tensor, sigma: float, target: float) -> Tensor:
    """Exact solution from sigma to target if the estimate of clean x stayed what it is (DDIM, on this path)."""
    ratio = target / sigma
    return ratio * x + (1 - ratio) * clean


def sample_euler(
    denoise: Denoiser, x: Tensor, sigmas: Sequence[float], on_step: OnStep = no_callback
) -> Tensor:
    """First order: Euler's method on the rectified flow, which is DDIM (Song et al. 2020, equation 12)."""
    for done, (sigma, target) in enumerate(pairwise(sigmas), start=1):
        clean = denoise(x, sigma)
        x = step_to(x, clean, sigma, target)
        on_step(done, clean)
    return x


def half_log_snr(sigma: float) -> float:
    """lambda = log(alpha / sigma), with alpha = 1 - sigma; -inf at pure noise, inf at clean."""
    if sigma <= 0:
        return math.inf
    return math.log((1 - sigma) / sigma) if sigma < 1 else -math.inf


def sample_dpmpp_2m(
    denoise: Denoiser, x: Tensor, sigmas: Sequence[float], on_step: OnStep = no_callback
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), first order where log SNR is infinite: the step from pure
    noise, the one after it (whose history lies infinitely far back) and the last one."""
    previous: Tensor | None = None
    before = math.nan
    for done, (sigma, target) in enumerate(pairwise(sigmas), start=1):
        clean = denoise(x, sigma)
        direction = clean
        h_last, h = half_log_snr(sigma) - before, half_log_snr(target) - half_log_snr(sigma)
        if previous is not None and math.isfinite(h_last) and math.isfinite(h):
            gain = h / (2 * h_last)
            direction = (1 + gain) * clean - gain * previous
        x = step_to(x, direction, sigma, target)
        previous, before = clean, half_log_snr(sigma)
        on_step(done, clean)
    return x


SAMPLERS: dict[str, Sampler] = {"dpmpp_2m": sample_dpmpp_2m, "euler": sample_euler}
