"""What pixels alone tell: what was kept to the byte, and whether a border shows, in space and in time.

Clips are in [-1, 1]. A step is the difference between neighbours: of pixels in a frame, or of frames in a clip.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from model.evaluation.judges import MOTION_SIDE, frames_at
from model.windows import windows_of

LEVEL = 1 / 127.5  # one step of a byte; what is fainter is not seen, and divides nothing
CALM = 1e-7  # a median adjacent-frame MSE below this has no seams to measure
REACH = 4  # pixels, or frames, to either side of a border that it is compared with


def kept(
    made: UInt8[np.ndarray, "t h w 3"], given: UInt8[np.ndarray, "t h w 3"], known: Bool[np.ndarray, "t h w"]
) -> bool:
    """Whether every known pixel is what was given, to the byte."""
    if not known.any():
        raise ValueError("nothing is known: there is nothing to have been kept")
    return bool(np.array_equal(made[known], given[known]))


def border_gradient(clip: Float[Tensor, "3 t h w"], inside: Bool[Tensor, "t h w"]) -> float:
    """Mean step across a mask's border, over the mean step within REACH pixels of it on both sides."""
    across, beside = [], []
    for axis, window in ((-1, (1, 2 * REACH + 1)), (-2, (2 * REACH + 1, 1))):
        step = clip.float().diff(dim=axis).abs().mean(0)
        crossing = inside.int().diff(dim=axis) != 0
        near = functional.max_pool2d(
            crossing.float()[:, None], window, 1, (window[0] // 2, window[1] // 2)
        ).bool()[:, 0]
        across.append(step[crossing])
        beside.append(step[near & ~crossing])
    if not sum(len(part) for part in across):
        raise ValueError("the mask has no border inside the frame")
    return float((torch.cat(across).mean() + LEVEL) / (torch.cat(beside).mean() + LEVEL))


def steps(clip: Float[Tensor, "3 t h w"]) -> Float[Tensor, " n"]:
    """Mean squared error between each frame and the next."""
    return clip.float().diff(dim=1).square().mean((0, 2, 3))


def jump(clip: Float[Tensor, "3 t h w"], at: Sequence[int]) -> float:
    """Largest of the steps i to i + 1, for i in `at`, each over the median of the REACH steps to its either side:
    near enough for a motion that gains or loses speed to have about the same."""
    error, floor, ratios = steps(clip), (LEVEL / 2) ** 2, []
    for border in at:
        around = [i for i in range(border - REACH, border + REACH + 1) if 0 <= i < len(error) and i not in at]
        ratios.append(float((error[border] + floor) / (error[around].median() + floor)))
    return max(ratios)


def wrap(clip: Float[Tensor, "3 t h w"]) -> float:
    """The step from the last frame to the first over the median step of the clip."""
    floor = (LEVEL / 2) ** 2
    round_trip = (clip[:, 0].float() - clip[:, -1].float()).square().mean()
    return float((round_trip + floor) / (steps(clip).median() + floor))


def activity_inside(clip: Float[Tensor, "3 t h w"], inside: Bool[Tensor, "t h w"]) -> float:
    """RMS deviation from their mean over the clip of the pixels that are inside a mask at all times, at 64 pixels a
    side: flicker adds little, slow motion much."""
    always = inside.all(0).float()[None, None]
    cells = functional.interpolate(always, (MOTION_SIDE, MOTION_SIDE), mode="area")[0, 0] > 0.5
    if not cells.any():
        raise ValueError("the mask is too small to see motion in it")
    return activity_of(clip, cells)


def activity_of(clip: Float[Tensor, "3 t h w"], cells: Bool[Tensor, "s s"]) -> float:
    """The same of some of 64 x 64 cells."""
    small = frames_at(clip[None], MOTION_SIDE)[0]
    return float((small - small.mean(1, keepdim=True))[:, :, cells].square().mean().sqrt())


def borders(frames: int, size: int, overlap: int) -> list[int]:
    """Steps between frames (i to i + 1) at which the set of windows that cover a frame changes."""
    edges = {edge for window in windows_of(frames, size, overlap) for edge in (window.start, window.stop)}
    return sorted(edge - 1 for edge in edges if 0 < edge < frames)


def seam_ratio(clip: Float[Tensor, "3 t h w"], at: Sequence[int]) -> float | None:
    """Mean adjacent-frame MSE at window borders over the clip's median; None for a clip that hardly moves."""
    error = steps(clip)
    typical = float(error.median())
    return float(error[torch.tensor(at)].mean()) / typical if at and typical > CALM else None


def psnr(made: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"]) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(10 * torch.log10(4 / (made.float() - truth.float()).square().mean()))
