"""Whether a clip stays the place that it began in though a camera moves over it: `coherence` is for cameras that stand.

Later frames are laid over the first one at the shift and the zoom that fit best; colours and edges are compared where
both see the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from model.evaluation.coherence import SCALES, colours, edges
from model.evaluation.sight import frames_of

SIDE = 32  # pixels, at which frames are laid over each other
SEEN = 64  # pixels, at which what both see is compared
LATER = 4  # frames that are compared with the first, the last one among them
ZOOMS = tuple(2 ** (step / 8) for step in range(-5, 6))
REACH = 0.45  # of a frame, by which a camera may have moved
OVERLAP = 0.3  # of a frame that two of them must share
MOST_DRIFT, MOST_MELT, LEAST_LIKENESS = 0.3, 0.45, 0.6


class Fit(NamedTuple):
    """How well a frame lies over the first one, and where its corner is on it."""

    likeness: float  # correlation where both are seen
    size: float  # of its side on the first one: under 1 if the camera has come closer
    left: float
    top: float


@dataclass(frozen=True)
class Travel:
    """The worst later frame, by each measure."""

    drift: float  # of colours, as in `coherence`
    melt: float  # of edges, likewise
    likeness: float  # of small pictures

    @property
    def holds(self) -> bool:
        return self.drift <= MOST_DRIFT and self.melt <= MOST_MELT and self.likeness >= LEAST_LIKENESS


def travel(clip: Float[Tensor, "3 t h w"]) -> Travel:
    """Of a clip in [-1, 1]."""
    frames = moments(clip)
    small = F.interpolate(frames, (SIDE, SIDE), mode="bilinear", antialias=True)
    fits = [fit(later, small[0]) for later in small[1:]]
    pairs = [together(later, frames[0], found) for later, found in zip(frames[1:], fits, strict=True)]
    return Travel(*changed(pairs), min(found.likeness for found in fits))


def changed(pairs: list[Float[Tensor, "2 3 s s"]]) -> tuple[float, float]:
    """The largest drift and the largest melt of two pictures of the same."""
    drifts = [float((colours(pair)[1] - colours(pair)[0]).abs().mean(-1).amax()) for pair in pairs]
    found = [edges(pair, scale) for pair in pairs for scale in SCALES]
    return max(drifts), max(abs(math.log2(float(late / early))) for early, late in found)


def moments(clip: Float[Tensor, "3 t h w"]) -> Float[Tensor, "n 3 s s"]:
    """The first frame and LATER others."""
    at = torch.linspace(0, clip.shape[1] - 1, LATER + 1, device=clip.device).round().long()
    return frames_of(clip[:, at])


def fit(frame: Float[Tensor, "3 s s"], first: Float[Tensor, "3 s s"]) -> Fit:
    """Where a frame lies best on the first one, of all zooms and shifts."""
    return max(laid(frame, first, zoom) for zoom in ZOOMS)


def laid(frame: Float[Tensor, "3 s s"], first: Float[Tensor, "3 s s"], zoom: float) -> Fit:
    """The best place of a frame of one zoom: correlation at all shifts at once, over the pixels that both have."""
    side, wide = first.shape[-1], round(first.shape[-1] / zoom)
    moved = F.interpolate(frame[None], (wide, wide), mode="bilinear", antialias=True)[0]
    pad = round(REACH * side) + max(0, wide - side) // 2
    whole, seen = F.pad(first, (pad,) * 4), F.pad(torch.ones_like(first), (pad,) * 4)
    every = torch.ones_like(moved)
    count = over(seen, every).clamp(min=1)
    one, other = over(whole, every), over(seen, moved)
    cross = (over(whole, moved) - one * other / count).sum(0)
    spread = (over(whole.square(), every) - one.square() / count).sum(0)
    spread = spread * (over(seen, moved.square()) - other.square() / count).sum(0)
    enough = count[0] >= OVERLAP * min(side, wide) ** 2
    likeness = torch.where(enough, cross / spread.clamp(min=1e-4).sqrt(), -1.0)
    top, left = divmod(int(likeness.argmax()), likeness.shape[-1])
    return Fit(float(likeness.max()), wide / side, (left - pad) / side, (top - pad) / side)


def over(picture: Float[Tensor, "3 h w"], patch: Float[Tensor, "3 s s"]) -> Float[Tensor, "3 y x"]:
    """Sums of products at all places of a patch, channel by channel."""
    return F.conv2d(picture[None], patch[:, None], groups=len(patch))[0]


def together(
    frame: Float[Tensor, "3 h w"], first: Float[Tensor, "3 h w"], found: Fit
) -> Float[Tensor, "2 3 s s"]:
    """What both frames see: as the first one shows it, and as the later one does."""
    corner = found.left, found.top
    low = [max(0.0, edge) for edge in corner]
    high = [min(1.0, edge + found.size) for edge in corner]
    then = [((a - c) / found.size, (b - c) / found.size) for a, b, c in zip(low, high, corner, strict=True)]
    return torch.stack([cut(first, *zip(low, high, strict=True)), cut(frame, *then)])


def cut(
    picture: Float[Tensor, "3 h w"], across: tuple[float, float], down: tuple[float, float]
) -> Float[Tensor, "3 s s"]:
    """A part of a picture, given in parts of its sides, at SEEN pixels a side."""
    high, wide = picture.shape[1:]
    columns, rows = (
        slice(round(low * side), max(round(low * side) + 4, round(top * side)))
        for (low, top), side in ((across, wide), (down, high))
    )
    part = picture[None, :, rows, columns]
    return F.interpolate(part, (SEEN, SEEN), mode="bilinear", antialias=True)[0]


def changed_inside(clip: Float[Tensor, "3 t h w"], inside: Bool[Tensor, "t h w"]) -> tuple[float, float]:
    """Drift and melt of what is in the box around a mask, wherever and however large the box is."""
    at = torch.linspace(0, clip.shape[1] - 1, LATER + 1).round().long().tolist()
    first, *later = boxed(clip, inside, at)
    return changed([torch.stack([first, box]) for box in later])


def boxed(
    clip: Float[Tensor, "3 t h w"], inside: Bool[Tensor, "t h w"], at: list[int]
) -> Iterator[Float[Tensor, "3 s s"]]:
    """The box around the mask at each moment."""
    high, wide = inside.shape[1:]
    for moment in at:
        rows, columns = (inside[moment].any(axis).nonzero()[:, 0] for axis in (1, 0))
        across = int(columns[0]) / wide, (int(columns[-1]) + 1) / wide
        yield cut(clip[:, moment].float(), across, (int(rows[0]) / high, (int(rows[-1]) + 1) / high))
