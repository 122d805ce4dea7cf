"""What is known of the clips that the base model learns from: nothing, frames, or all but a region.

Masks are 1 where the clip is known. A region is the union of a few ellipses and boxes that stand, drift, or lie along
a line like a brush stroke; everything is drawn on the device, for a whole batch at once.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model.conditioning import Known
from model.training.canvas import Size, height_and_width

# Shares of a batch. The rest, more than half, knows nothing: text-to-video.
FIRST_FRAME, ENDS, BEGINNING, REGION, CINEMAGRAPH = 0.16, 0.06, 0.07, 0.1, 0.06
SHARES = (FIRST_FRAME, ENDS, BEGINNING, REGION, CINEMAGRAPH)
MOST_ENDS, MOST_BEGINNING = 4, 0.5  # known frames at each end; known share of the clip at its beginning
# The same of clips that move in a part of the picture alone.
NATURAL_SHARES = (FIRST_FRAME, ENDS, BEGINNING, 0.06, 0.3)
EXACTLY, WIDER = 0.4, 0.4  # shares of cinemagraphs whose region is where it moves, or more; of the rest, less
SHAPES = 6  # that a region consists of
OUTPAINTING = 0.3  # share of regions of which the inside is known
EXACT_LEAST = 0.25  # share of a clip that is to be made, below which an error weighs no more


def masks(
    n: int, frames: int, size: Size, chance: torch.Generator, shares: tuple[float, ...] = SHARES
) -> Float[Tensor, "{n} 1 {frames} _ _"]:
    """Masks of n clips, each of a random kind. The generator's device is theirs."""
    device = chance.device
    bounds = torch.tensor(shares, device=device).cumsum(0)
    kind = torch.bucketize(torch.rand(n, generator=chance, device=device), bounds, right=True)
    return masks_of(kind, frames, size, chance, regions(n, frames, size, chance))


def masks_of(
    kind: Int[Tensor, " n"], frames: int, size: Size, chance: torch.Generator, inside: Bool[Tensor, "n t h w"]
) -> Float[Tensor, "n 1 t h w"]:
    """Masks of these kinds (the number of their share), the regions of the last two given."""
    n, device = len(kind), chance.device
    number = torch.arange(frames, device=device).expand(n, frames)
    ends = torch.randint(1, MOST_ENDS + 1, (n, 1), generator=chance, device=device)
    beginning = torch.randint(
        1, max(2, int(frames * MOST_BEGINNING) + 1), (n, 1), generator=chance, device=device
    )
    of_frames = torch.stack(
        [number == 0, (number < ends) | (number >= frames - ends), number < beginning, number < 0]
    )
    by_frames = of_frames[kind.clamp(max=2), torch.arange(n, device=device)]
    by_frames = torch.where((kind < 3)[:, None], by_frames, number < 0)
    inverted = torch.rand(n, generator=chance, device=device) < OUTPAINTING
    in_region = torch.where((inverted & (kind == 3)).view(n, 1, 1, 1), inside, ~inside)
    in_region = in_region & ((kind == 3) | (kind == 4)).view(n, 1, 1, 1)
    first_of_cinemagraph = (kind == 4)[:, None] & (number == 0)
    known = (by_frames | first_of_cinemagraph).view(n, frames, 1, 1) | in_region
    return known[:, None].float()


def told(clips: Float[Tensor, "n 3 t h w"], moves: Bool[Tensor, "n h w"], chance: torch.Generator) -> Known:
    """What is told of clips, of which it is known where they move. Of those that move in a part of the picture alone
    many are cinemagraphs: a region that is that part, or wider, or a piece of it, moves, and the first frame stays
    around it. The clip that is returned is the one to be learned: it, too, stands still there."""
    n, _, frames, height, width = clips.shape
    device = chance.device
    partly = ~moves.flatten(1).all(1)
    usual, natural = (torch.tensor(shares, device=device).cumsum(0) for shares in (SHARES, NATURAL_SHARES))
    bounds = torch.where(partly[:, None], natural, usual)
    kind = (torch.rand(n, 1, generator=chance, device=device) >= bounds).sum(1)
    drawn = regions(n, frames, (height, width), chance)
    still = drawn[:, :1]
    how = torch.rand(n, 1, 1, 1, generator=chance, device=device)
    true = moves[:, None]
    piece = torch.where((true & still).flatten(1).any(1).view(n, 1, 1, 1), true & still, true)
    chosen = torch.where(how < EXACTLY, true, torch.where(how < EXACTLY + WIDER, true | still, piece))
    cinemagraph = (partly & (kind == 4)).view(n, 1, 1, 1)
    mask = masks_of(kind, frames, (height, width), chance, torch.where(cinemagraph, chosen, drawn))
    stopped = cinemagraph[:, None] & (mask > 0)
    return Known(torch.where(stopped, clips[:, :, :1], clips), mask)


def regions(n: int, frames: int, size: Size, chance: torch.Generator) -> Bool[Tensor, "{n} {frames} _ _"]:
    """n random regions over time, true inside."""
    device = chance.device

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=chance, device=device)

    stroke = rand(n, 1) < 0.4
    count = torch.randint(1, 4, (n, 1), generator=chance, device=device)
    active = stroke | (torch.arange(SHAPES, device=device) < count)
    centre = 0.15 + 0.7 * rand(n, SHAPES, 2)
    walk = (centre[:, :1] + 0.22 * (rand(n, SHAPES, 2) - 0.5).cumsum(1)).clamp(0.05, 0.95)
    centre = torch.where(stroke[..., None], walk, centre)
    half = 0.08 + 0.27 * rand(n, SHAPES, 2)
    thin = (0.05 + 0.08 * rand(n, 1, 1)).expand(n, SHAPES, 2)
    half = torch.where(stroke[..., None], thin, half)
    drift = (rand(n, 1, 2) - 0.5) * (rand(n, 1, 1) < 0.5)  # of frame sizes, over the clip
    box = (rand(n, SHAPES) < 0.5) & ~stroke
    height, width = height_and_width(size)
    across = (torch.arange(width, device=device) + 0.5) / width
    down = (torch.arange(height, device=device) + 0.5) / height
    inside = torch.zeros(n, frames, height, width, dtype=torch.bool, device=device)
    moment = (torch.arange(frames, device=device) / max(1, frames - 1) - 0.5).view(1, frames, 1)
    for k in range(SHAPES):
        at = centre[:, None, k] + drift * moment  # (n, frames, 2)
        x = ((across - at[..., :1]) / half[:, None, k, :1]).unsqueeze(2)
        y = ((down - at[..., 1:]) / half[:, None, k, 1:]).unsqueeze(3)
        round_ = x.square() + y.square() < 1
        square = (x.abs() < 1) & (y.abs() < 1)
        shape = torch.where(box[:, k].view(n, 1, 1, 1), square, round_)
        inside |= shape & active[:, k].view(n, 1, 1, 1)
    return inside


def share_made(mask: Float[Tensor, "b 1 t h w"]) -> Float[Tensor, " b"]:
    """Which part of each clip is to be made, never told to be less than EXACT_LEAST: a loss is divided by it."""
    return (1 - mask).flatten(1).mean(1).clamp(min=EXACT_LEAST)
