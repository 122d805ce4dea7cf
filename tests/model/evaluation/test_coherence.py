"""A picture that stays itself holds; one that falls apart, in whatever way, does not."""

import pytest
import torch
import torch.nn.functional as F

from model.evaluation.coherence import coherence
from model.evaluation.prompts import Question
from model.evaluation.truth import Truth

FRAMES = 34


@pytest.fixture(scope="module")
def picture():
    asked = Question("an octopus", "octopus", "stand still", "", "snowy hills", 7)
    return Truth("cpu", 128).clip(asked, frames=FRAMES)


def growing(change):
    """From nothing at the first frame to all of it at the last."""

    def spoil(clip):
        share = torch.linspace(0, 1, FRAMES).view(1, -1, 1, 1)
        return torch.lerp(clip, change(clip), share)

    return spoil


def blurred(clip):
    small = F.avg_pool2d(clip.transpose(0, 1), 8)
    return F.interpolate(small, scale_factor=8, mode="bilinear").transpose(0, 1)


def noisy(clip):
    return clip + 0.4 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))


def warped(clip):
    bend = F.interpolate(
        torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0)), (128, 128), mode="bicubic"
    )
    line = torch.linspace(-1, 1, 128)
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x, y], -1) + 0.3 * bend[0].permute(1, 2, 0)
    bent = F.grid_sample(clip.transpose(0, 1), grid.expand(FRAMES, -1, -1, -1), align_corners=True)
    return bent.transpose(0, 1)


def shuffled(clip):
    blocks = clip.unflatten(2, (8, 16)).unflatten(4, (8, 16))
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    return blocks[:, :, order][:, :, :, :, order.flip(0)].flatten(4, 5).flatten(2, 3)


def test_a_picture_that_stays_holds_though_it_breathes_and_shakes(picture):
    worn = picture + 0.04 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    fainter = growing(lambda clip: 0.94 * clip + 0.03)(picture)
    shaken = picture.clone()
    shaken[:, 10:20] = picture[:, 10:20].roll((2, -2), (2, 3))

    assert all(coherence(clip).holds for clip in (picture, worn, fainter, shaken))


@pytest.mark.parametrize(
    "spoil",
    [
        growing(blurred), growing(noisy), growing(lambda clip: 0.3 * clip), growing(lambda clip: clip.roll(1, 0)),
        growing(lambda clip: clip.roll((48, 64), (2, 3))), growing(torch.zeros_like), warped, shuffled,
    ],
    ids=["blur", "noise", "fading", "colours", "another picture", "blank", "warp", "blocks"],
)  # fmt: skip
def test_a_picture_that_falls_apart_does_not_hold(picture, spoil):
    spoiled = torch.cat([picture[:, :1], spoil(picture)[:, 1:]], 1)

    assert not coherence(spoiled).holds
