"""Whether a clip stays the picture that it began with, where nobody can say how it should go on.

Three distances of its later frames to its first one, each of which a camera held in a hand leaves small, and one of
which every way of falling apart makes large: colours that drift, edges that melt or break out, places that wander.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from model.evaluation.pixels import LEVEL
from model.evaluation.sight import frames_of

MOMENTS = 17  # frames that are looked at
LEVELS = 32  # of brightness, between which colours are compared
SCALES = (1, 2, 4)  # pixels of 128 a side, at which edges are measured
SMALL = 16  # pixels a side, at which places are compared
MOST_DRIFT, MOST_MELT, LEAST_LIKENESS = 0.12, 0.8, 0.85


@dataclass(frozen=True)
class Coherence:
    """The worst later frame, by each measure."""

    drift: float  # of colours: mean distance of equal ranks of brightness, a channel, of the range 2
    melt: float  # of edges: how many times their mean has doubled or halved, at one of the scales
    likeness: float  # correlation of small pictures at the place that fits best, 1 for the same one

    @property
    def holds(self) -> bool:
        return self.drift <= MOST_DRIFT and self.melt <= MOST_MELT and self.likeness >= LEAST_LIKENESS


def coherence(clip: Float[Tensor, "3 t h w"]) -> Coherence:
    """Of a clip in [-1, 1]."""
    at = torch.linspace(0, clip.shape[1] - 1, MOMENTS, device=clip.device).round().long()
    frames = frames_of(clip[:, at])
    drift = (colours(frames)[1:] - colours(frames)[:1]).abs().mean(-1).amax()
    melt = max(float((edges(frames, scale) / edges(frames, scale)[0]).log2().abs().max()) for scale in SCALES)
    return Coherence(float(drift), melt, float(likeness(frames)))


def likeness(frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
    """Correlation of the first frame with the least like one, each moved by the cell that fits best: a hand shakes."""
    small = F.adaptive_avg_pool2d(frames, SMALL)
    inner = SMALL - 2
    moved = [small[:, :, y : y + inner, x : x + inner].flatten(1) for y in range(3) for x in range(3)]
    centred = torch.stack([one - one.mean(1, keepdim=True) for one in moved])  # (moves, n, cells)
    first = centred[len(moved) // 2, :1]
    return F.cosine_similarity(centred[:, 1:], first[None], dim=-1).amax(0).min()


def colours(frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 levels"]:
    """Each channel's brightness by rank: the same wherever pixels lie."""
    ranked = frames.flatten(2).sort(-1).values
    at = torch.linspace(0, ranked.shape[-1] - 1, LEVELS, device=frames.device).round().long()
    return ranked[..., at]


def edges(frames: Float[Tensor, "n 3 h w"], scale: int) -> Float[Tensor, " n"]:
    """Mean step between neighbouring pixels of frames made `scale` times smaller."""
    small = F.avg_pool2d(frames, scale)
    return LEVEL + (small.diff(dim=2).abs().mean((1, 2, 3)) + small.diff(dim=3).abs().mean((1, 2, 3))) / 2
