"""Samplers: (denoiser, noise, noise levels, on_step) -> clean. They know nothing of guidance, text or windows.

One that stopped after a step goes on from the State that it told there, to the bit as if it had not stopped.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from model.diffusion import Denoiser


@dataclass(frozen=True, eq=False)
class State:
    """Where a sampling stands after a step: with the noise levels, all that its sampler needs to go on.

    There is no state of a random number generator in it because nothing is drawn on the way: all noise is drawn from
    the seed before the first step (diffusion.noise_for), and both samplers are deterministic.
    """

    done: int  # steps
    x: Tensor
    estimate: Tensor  # of clean x, which the last step was made with: the solver's history


OnStep = Callable[[State], None]  # called after each step
Sampler = Callable[
    [Denoiser, Tensor | State, Sequence[float], OnStep], Tensor
]  # from noise, or from where one stopped


def no_callback(state: State) -> None:
    """For callers that do not follow the steps."""


def _begun(start: Tensor | State) -> tuple[int, Tensor, Tensor | None]:
    """Steps done, x, and the estimate before."""
    return (start.done, start.x, start.estimate) if isinstance(start, State) else (0, start, None)


def step_to(x: Tensor, clean: Tensor, sigma: float, target: float) -> Tensor:
    """Exact solution from sigma to target if the estimate of clean x stayed what it is (DDIM, on this path)."""
    ratio = target / sigma
    return (ratio * x).add_((1 - ratio) * clean)


def sample_euler(
    denoise: Denoiser, start: Tensor | State, sigmas: Sequence[float], on_step: OnStep = no_callback
) -> Tensor:
    """First order: Euler's method on the rectified flow, which is DDIM (Song et al. 2020, equation 12)."""
    done, x, _ = _begun(start)
    for sigma, target in pairwise(sigmas[done:]):
        clean = denoise(x, sigma)
        x = step_to(x, clean, sigma, target)
        done += 1
        on_step(State(done, x, clean))
    return x


def half_log_snr(sigma: float) -> float:
    """lambda = log(alpha / sigma), with alpha = 1 - sigma; -inf at pure noise, inf at clean."""
    if sigma <= 0:
        return math.inf
    return math.log((1 - sigma) / sigma) if sigma < 1 else -math.inf


def sample_dpmpp_2m(
    denoise: Denoiser, start: Tensor | State, sigmas: Sequence[float], on_step: OnStep = no_callback
) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), first order where log SNR is infinite: the step from pure
    noise, the one after it (whose history lies infinitely far back) and the last one."""
    done, x, previous = _begun(start)
    for sigma, target in pairwise(sigmas[done:]):
        clean = denoise(x, sigma)
        direction = clean
        if previous is not None:
            before, now, then = map(half_log_snr, sigmas[done - 1 : done + 2])
            if math.isfinite(now - before) and math.isfinite(then - now):
                gain = (then - now) / (2 * (now - before))
                direction = ((1 + gain) * clean).sub_(gain * previous)
        x = step_to(x, direction, sigma, target)
        done, previous = done + 1, clean
        on_step(State(done, x, clean))
    return x


SAMPLERS: dict[str, Sampler] = {"dpmpp_2m": sample_dpmpp_2m, "euler": sample_euler}
