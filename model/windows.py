"""Temporal MultiDiffusion (Lumiere, section 3.2; Bar-Tal et al. 2023, equation 5).

A clip too long for one pass is denoised in overlapping windows. What is averaged is the *prediction*, before the
solver takes ONE step for the whole clip: multistep history, thresholding and noise then belong to the clip, and the
result does not depend on how windows were batched.
"""

import logging
from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from model.diffusion import Denoiser

# windows -> denoiser of x (b * len(windows), c, size, h, w): sample-major, each window with its own conditioning
WindowDenoiser = Callable[[Sequence[slice]], Denoiser]

log = logging.getLogger(__name__)


def windows_of(frames: int, size: int, overlap: int) -> list[slice]:
    """Windows of `size` frames that cover `frames`, neighbours sharing `overlap`; the last one is moved back to
    end with the clip, and shares more. A clip shorter than a window is one window.

    >>> [(w.start, w.stop) for w in windows_of(20, 8, 2)]
    [(0, 8), (6, 14), (12, 20)]
    """
    if not 0 <= overlap < size:
        raise ValueError(f"the overlap must be between 0 and the window's {size} frames: got {overlap}")
    size = min(size, frames)
    stride = size - min(overlap, size - 1)
    starts = [*range(0, frames - size, stride), frames - size]
    return [slice(start, start + size) for start in starts]


def fuse(
    windows: Sequence[slice],
    predictions: Sequence[Float[Tensor, "b c s h w"]],
    frames: int,
    weights: Float[Tensor, " s"] | None = None,
) -> Float[Tensor, "b c {frames} h w"]:
    """The clip nearest to all predictions: each frame the mean over the windows that contain it, weighed by its place
    in them (equation 5), or all alike."""
    b, c, _, h, w = predictions[0].shape
    total = predictions[0].new_zeros(b, c, frames, h, w)
    count = total.new_zeros(frames, 1, 1)
    for window, prediction in zip(windows, predictions, strict=True):
        weight = 1 if weights is None else weights.to(total).view(-1, 1, 1)
        total[:, :, window] += prediction if weights is None else weight * prediction
        count[window] += weight
    return total.div_(count)


def ramps(size: int, overlap: int) -> Float[Tensor, " {size}"]:
    """Weights of a window's frames that rise over the frames it shares with the one before, and fall with the one
    after: no frame has another set of windows than its neighbour from one step to the next."""
    place = torch.arange(size)
    return torch.minimum(place + 1, size - place).clamp(max=overlap + 1) / (overlap + 1)


def unwatched() -> None:
    """For callers that do not follow the windows."""


def watched(make: WindowDenoiser, look: Callable[[], None]) -> WindowDenoiser:
    """The same windows, and a look before each batch of them: what `look` raises ends the sampling there."""

    def make_watched(windows: Sequence[slice]) -> Denoiser:
        look()
        return make(windows)

    return make_watched


def windowed(
    make: WindowDenoiser, size: int, overlap: int = 2, batch: int = 1, *, soft: bool = False
) -> Denoiser:
    """A denoiser of whole clips from one of windows, `batch` windows at a time. Paper: overlap 2, uniform weights;
    `soft` ones are `ramps`.

    Where memory does not do for so many, half as many are denoised at a time from there on; torch.OutOfMemoryError
    leaves here when it does not do for one.
    """

    def denoise(x: Tensor, sigma: float) -> Tensor:
        nonlocal batch
        windows = windows_of(x.shape[2], size, overlap)
        predictions: list[Tensor] = []
        while left := windows[len(predictions) :]:
            group = left[:batch]
            try:
                predictions += _predicted(make, group, x, sigma)
                continue
            except torch.OutOfMemoryError:
                if len(group) == 1:
                    raise
            batch = len(group) // 2  # not before here are the tensors gone that the error's frames have held
            log.warning("memory does not do for %d windows at a time: from here on %d", len(group), batch)
            torch.cuda.empty_cache()
        weights = ramps(min(size, x.shape[2]), overlap) if soft else None
        return fuse(windows, predictions, x.shape[2], weights)

    return denoise


def _predicted(make: WindowDenoiser, group: Sequence[slice], x: Tensor, sigma: float) -> tuple[Tensor, ...]:
    """One estimate a window, all of them at once."""
    stacked = rearrange([x[:, :, window] for window in group], "n b ... -> (b n) ...")
    estimates = make(group)(stacked, sigma)
    return rearrange(estimates, "(b n) ... -> n b ...", n=len(group)).unbind()
