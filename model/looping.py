"""Clips whose last frame flows into the first: functions from denoiser to denoiser, as windows and guidance are."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from model.diffusion import Denoiser

GOLDEN = (5**0.5 - 1) / 2  # its multiples come near to no place in time sooner than they must

# by how many frames the clip is turned -> denoiser of clips that are turned so, what is known of them with them
TurnedDenoiser = Callable[[int], Denoiser]


def turn(step: int, frames: int) -> int:
    """By how many frames the clip is turned at a step: another number at each, the same one in every attempt."""
    return round(step * GOLDEN * frames) % frames


def turned(make: TurnedDenoiser, sigmas: Sequence[float]) -> Denoiser:
    """A denoiser that sees the clip turned by another number of frames at each noise level of a schedule.

    Where the clip ends is for the network wherever the turn says. So no moment is the end of it for longer than a step,
    and what was made at the end of one step lies in the middle of the next.
    """
    steps = {sigma: step for step, sigma in enumerate(sigmas)}

    def denoise(x: Tensor, sigma: float) -> Tensor:
        by = turn(steps[sigma], x.shape[2])
        return make(by)(x.roll(by, 2), sigma).roll(-by, 2)

    return denoise


def lapped(clip: Float[Tensor, "b c t h w"], lap: int) -> Float[Tensor, "b c l h w"]:
    """The clip, and its first `lap` frames once more behind its end."""
    return torch.cat([clip, clip[:, :, :lap]], dim=2)


def closed(denoise: Denoiser, lap: int) -> Denoiser:
    """A denoiser of loops from one of clips that are `lapped`: what it says twice of the same frames is averaged, as
    that of overlapping windows is. Without a lap it is the same denoiser."""
    if not lap:
        return denoise

    def denoise_closed(x: Tensor, sigma: float) -> Tensor:
        frames = x.shape[2]
        estimate = denoise(lapped(x, lap), sigma)
        beginning = torch.lerp(estimate[:, :, :lap], estimate[:, :, frames:], 0.5)
        return torch.cat([beginning, estimate[:, :, lap:frames]], dim=2)

    return denoise_closed
