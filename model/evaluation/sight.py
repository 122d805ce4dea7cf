"""What the judge of looks sees in some frames of a clip, and where: its attention points at the object it names."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from model.evaluation.judges import LOOK_SIDE, Judges, frames_at

LAST = 4  # frames at the end of a clip in which an object is looked for
GLANCES = 16  # moments of a clip at which an object is located
# Of a frame: two objects on one path are seen at most 0.12 apart, those of two questions mostly 0.2 and more.
NEAR = 0.12


def frames_of(clip: Float[Tensor, "3 t h w"]) -> Float[Tensor, "t 3 s s"]:
    """Single frames, of the size that the judge looks at."""
    return rearrange(frames_at(clip[None], LOOK_SIDE), "1 c t h w -> t c h w")


@torch.no_grad()
def last_object(judges: Judges, clip: Float[Tensor, "3 t h w"]) -> str:
    """The object in the last frames alone."""
    objects, _ = judges.look(frames_of(clip[:, -LAST:]))
    return judges.config.objects[int(objects.log_softmax(-1).mean(0).argmax())]


@torch.no_grad()
def track(judges: Judges, clip: Float[Tensor, "3 t h w"]) -> Float[Tensor, "n 2"]:
    """Where the judge's attention points, (x, y) of a frame, at evenly spaced moments."""
    at = torch.linspace(0, clip.shape[1] - 1, GLANCES, device=clip.device).round().long()
    pointed = judges.look.where(judges.look.trunk(frames_of(clip[:, at])))[:, 0]
    weight = pointed.flatten(1).softmax(-1).view_as(pointed)
    places = (torch.arange(weight.shape[-1], device=clip.device) + 0.5) / weight.shape[-1]
    return torch.stack([(weight.sum(1) * places).sum(1), (weight.sum(2) * places).sum(1)], 1)


def apart(one: Float[Tensor, "n 2"], other: Float[Tensor, "n 2"]) -> float:
    """Mean distance of two tracks at the same moments, in frames."""
    return float((one - other).norm(dim=1).mean())
