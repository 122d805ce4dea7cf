"""From judged clips to figures: shares with intervals, seams, frozen clips, confusions."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from model.evaluation.prompts import Question
from model.training.motions import MOTIONS, STILL
from model.windows import windows_of

MEASURED = ("object", "motion", "background")
CALM = 1e-7  # a median adjacent-frame MSE below this has no seams to measure


@dataclass(frozen=True)
class Judged:
    """One generated clip: what was asked, what the judges saw, how much it moved, how its seams compare."""

    index: int
    question: Question
    object: str
    motion: str
    background: str
    activity: float
    seam: float | None  # None where there are no windows, or nothing moves
    base_seam: float | None  # the same frames of the base clip, which has no windows: what motion alone gives

    def right(self, what: str) -> bool:
        return bool(getattr(self, what) == getattr(self.question, what))

    @property
    def told_to_move(self) -> bool:
        return self.question.motion != MOTIONS[STILL]


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share."""
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def share(hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits))
    value = sum(hits) / len(hits) if hits else 0.0
    return {
        "share": round(value, 4),
        "interval": [round(low, 4), round(high, 4)],
        "right": sum(hits),
        "of": len(hits),
    }


def borders(frames: int, size: int, overlap: int) -> list[int]:
    """Steps between frames (i to i + 1) at which the set of windows that cover a frame changes."""
    edges = {edge for window in windows_of(frames, size, overlap) for edge in (window.start, window.stop)}
    return sorted(edge - 1 for edge in edges if 0 < edge < frames)


def seam_ratio(clip: Float[Tensor, "3 t h w"], at: Sequence[int]) -> float | None:
    """Mean adjacent-frame MSE at window borders over the clip's median; None for a clip that hardly moves."""
    error = clip.float().diff(dim=1).square().mean((0, 2, 3))
    typical = float(error.median())
    return float(error[torch.tensor(at)].mean()) / typical if at and typical > CALM else None


def middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 4) if known else None


def summarise(clips: Sequence[Judged], frozen_below: float) -> dict[str, Any]:
    """All figures of one evaluation; the list of failures names every wrong answer."""
    moving = [clip for clip in clips if clip.told_to_move]
    seams = [clip for clip in moving if clip.seam is not None]
    by_motion = {
        motion: share([clip.right("motion") for clip in clips if clip.question.motion == motion])
        for motion in MOTIONS
    }
    wrong = {
        what: Counter(
            f"{getattr(c.question, what)} -> {getattr(c, what)}" for c in clips if not c.right(what)
        )
        for what in MEASURED
    }
    return {
        "n": len(clips),
        **{what: share([clip.right(what) for clip in clips]) for what in MEASURED},
        "seam_ratio": middle(clip.seam for clip in seams),
        "seam_ratio_of_base": middle(clip.base_seam for clip in seams),
        "frozen": share([clip.activity < frozen_below for clip in moving]) | {"below": frozen_below},
        "motion_by_name": by_motion,
        "confusions": {what: dict(counts.most_common()) for what, counts in wrong.items()},
        "clips": [asdict(clip) for clip in clips],
    }
