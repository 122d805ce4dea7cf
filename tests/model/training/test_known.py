"""The mixture of what is known, kind by kind."""

import pytest
import torch

from model.training.known import EXACT_LEAST, SHARES, masks, share_made, told

N, FRAMES, SIZE = 400, 16, 32


def of_kind(kind: int | None) -> torch.Tensor:
    shares = tuple(float(k == kind) for k in range(len(SHARES)))
    return masks(N, FRAMES, SIZE, torch.Generator().manual_seed(0), shares)[:, 0]


def test_masks_are_zeros_and_ones_and_come_again_with_their_seed():
    drawn = masks(8, FRAMES, SIZE, torch.Generator().manual_seed(1))

    assert drawn.shape == (8, 1, FRAMES, SIZE, SIZE)
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(drawn, masks(8, FRAMES, SIZE, torch.Generator().manual_seed(1)))


def test_more_than_half_of_the_clips_know_nothing():
    drawn = masks(4000, 4, 8, torch.Generator().manual_seed(1)).flatten(1)

    assert (drawn.sum(1) == 0).float().mean() == pytest.approx(1 - sum(SHARES), abs=0.04)


def test_the_rest_is_the_first_frame_both_ends_the_beginning():
    first, ends, beginning = (of_kind(kind).amin((2, 3)) for kind in range(3))
    for known in (first, ends, beginning):  # whole frames
        assert set(known.unique().tolist()) == {0.0, 1.0}

    assert torch.equal(first, torch.tensor([1.0] + [0.0] * (FRAMES - 1)).expand(N, FRAMES))
    assert ends[:, 0].all()
    assert not ends[:, 4:-4].any()
    assert torch.equal(ends, ends.flip(1))
    assert set(ends.sum(1).tolist()) == {2.0, 4.0, 6.0, 8.0}
    assert beginning[:, 0].all()
    assert (beginning.diff(dim=1) <= 0).all()
    assert (
        {1.0, FRAMES / 2} <= set(beginning.sum(1).tolist()) <= set(torch.arange(1.0, FRAMES / 2 + 1).tolist())
    )


def test_all_but_a_region_is_known_or_only_the_region():
    known = of_kind(3)
    share = known.mean((1, 2, 3))

    assert 0.1 < share.mean() < 0.9
    assert (share == 0).float().mean() < 0.02
    assert (share == 1).float().mean() < 0.1  # a brush stroke that drifted out
    moving = (known.diff(dim=1) != 0).flatten(1).any(1).float().mean()
    assert 0.3 < moving < 0.7


def test_of_a_cinemagraph_the_first_frame_and_all_but_a_region_are_known():
    known = of_kind(4)

    assert (known[:, 0] == 1).all()
    assert 0.3 < known[:, 1:].mean() < 0.95


def test_a_loss_is_divided_by_what_is_to_be_made_within_reason():
    mask = torch.zeros(3, 1, 4, 2, 2)
    mask[1, :, :2] = 1
    mask[2] = 1

    assert share_made(mask).tolist() == [1.0, 0.5, EXACT_LEAST]


def test_a_mask_has_the_height_and_the_width_of_its_picture():
    shares = (0.0, 0.0, 0.0, 1.0, 0.0)
    wide = masks(N, 2, (12, 20), torch.Generator().manual_seed(0), shares)

    assert wide.shape == (N, 1, 2, 12, 20)
    across, down = wide.mean((0, 1, 2, 3)), wide.mean((0, 1, 2, 4))
    torch.testing.assert_close(
        across, across.flip(0), atol=0.1, rtol=0
    )  # every part is as likely as its mirror image
    torch.testing.assert_close(down, down.flip(0), atol=0.1, rtol=0)


def test_a_cinemagraph_moves_in_its_region_alone_and_around_it_the_first_frame_stays():
    chance = torch.Generator().manual_seed(0)
    clips = torch.rand(N, 3, 8, 12, 20)  # everything moves, everywhere
    moves = torch.zeros(N, 12, 20, dtype=torch.bool)
    moves[:, 4:9, 3:12] = True
    moves[N // 2 :] = True  # half of them may move anywhere

    known = told(clips, moves, chance)
    partly, mask = slice(0, N // 2), known.mask[:, 0] > 0
    still = (mask[:, 0].all((1, 2)) & (mask[:, 1:] == mask[:, 1:2]).flatten(1).all(1)) & (
        mask[:, 1].any((1, 2)) & ~mask[:, 1].all((1, 2))
    )

    changed = (known.clip != clips).any(1)
    assert not changed[N // 2 :].any()  # no cinemagraph among them: nothing is changed
    cinemagraphs = still[partly] & changed[partly].any((1, 2, 3))
    assert 0.2 < cinemagraphs.float().mean() < 0.4
    rows = cinemagraphs.nonzero()[:, 0]
    outside = mask[rows][:, :, None].transpose(1, 2).expand(-1, 3, -1, -1, -1)
    first = clips[rows][:, :, :1].expand_as(clips[rows])
    assert torch.equal(known.clip[rows][outside], first[outside])
    assert torch.equal(known.clip[rows][~outside], clips[rows][~outside])
    exact = (~mask[rows][:, 1] == moves[rows]).flatten(1).all(1)
    assert 0.2 < exact.float().mean() < 0.6
