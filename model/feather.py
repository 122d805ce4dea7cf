"""Where what is known meets what was made: bytes of the one as they are, and of the other a soft edge."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, UInt8

PIXELS_A_SIDE = 128  # for each so many of a frame's shorter side, the edge is one pixel wide


def feathered(
    made: UInt8[np.ndarray, "t h w 3"], clip: UInt8[np.ndarray, "t h w 3"], known: Bool[np.ndarray, "t h w"]
) -> UInt8[np.ndarray, "t h w 3"]:
    """`clip` where it is known, to the byte, and elsewhere what was made.

    Along the border the colours that are known there go on into what was made, and fade. What `clip` holds where it is
    not known is not looked at: it is what was to go.
    """
    radius = max(1, min(made.shape[1:3]) // PIXELS_A_SIDE)
    whole = np.where(known[..., None], clip, made)
    for number in np.flatnonzero(known.any(axis=(1, 2)) & ~known.all(axis=(1, 2))):
        edge = _edge(clip[number], known[number], whole[number], radius)
        whole[number] = np.where(known[number, ..., None], clip[number], edge)
    return whole


def _edge(
    clip: UInt8[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
    made: UInt8[np.ndarray, "h w 3"],
    radius: int,
) -> UInt8[np.ndarray, "h w 3"]:
    """Each pixel as near to the mean of what is known around it as that is much of its surroundings."""
    mask = torch.from_numpy(known)[None, None].float()
    seen = torch.from_numpy(clip).permute(2, 0, 1)[None].float() * mask
    size = 2 * radius + 1
    share = F.avg_pool2d(mask, size, stride=1, padding=radius)
    around = F.avg_pool2d(seen, size, stride=1, padding=radius) / share.clamp(min=1 / size**2)
    plain = torch.from_numpy(made).permute(2, 0, 1)[None].float()
    mixed: UInt8[np.ndarray, "h w 3"] = (
        torch.lerp(plain, around, share).round_().clamp_(0, 255)[0].permute(1, 2, 0).to(torch.uint8).numpy()
    )
    return mixed
