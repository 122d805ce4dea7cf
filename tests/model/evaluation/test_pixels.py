"""Measures of pixels: rendered truth passes each, a clip that was spoiled on purpose fails it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.evaluation.pixels import (
    activity_inside,
    border_gradient,
    borders,
    jump,
    kept,
    psnr,
    seam_ratio,
    steps,
    wrap,
)
from model.evaluation.prompts import Question
from model.evaluation.sheet import to_frames
from model.evaluation.truth import Truth
from model.training.motions import ORBITS
from model.training.world import clip_times

ASKED = Question("an octopus", "octopus", "right", "", "green grass", 7)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth("cpu", 64)


@pytest.fixture(scope="module")
def clip(truth):
    return truth.clip(ASKED)


def test_what_is_known_is_kept_to_the_byte_or_not_kept(clip):
    frames = to_frames(clip[None])[0]
    known = np.zeros(frames.shape[:3], bool)
    known[0] = True
    other, shifted = frames.copy(), frames.copy()
    other[1:] = 0
    shifted[0, 5, 5, 1] ^= 1

    assert kept(other, frames, known)
    assert not kept(shifted, frames, known)
    with pytest.raises(ValueError, match="nothing is known"):
        kept(frames, frames, np.zeros_like(known))


def test_the_border_of_a_mask_shows_where_what_is_inside_does_not_fit(truth, clip):
    inside = truth.around(ASKED, still=False)

    assert border_gradient(clip, inside) < 1.3
    assert border_gradient(torch.where(inside, clip + 0.08, clip), inside) > 1.3
    assert border_gradient(torch.where(inside, torch.zeros(()), clip), inside) > 1.3
    with pytest.raises(ValueError, match="no border"):
        border_gradient(clip, torch.ones_like(inside))


def test_a_step_that_is_larger_than_its_neighbours_is_a_jump(clip):
    cut = clip.clone()
    cut[:, 40:] = clip[:, 40:].roll(4, dims=-1)
    frozen = clip[:, :1].expand_as(clip).clone()
    frozen[:, 40:] = clip[:, 60:61]

    assert jump(clip, [39]) < 1.2
    assert jump(clip, [0, 78]) < 1.2
    assert jump(cut, [39]) > 1.2
    assert jump(cut, [0, 39]) > 1.2
    assert jump(frozen, [39]) > 1.2


def test_a_motion_that_gains_speed_is_compared_with_the_steps_beside_a_border(truth):
    falling = truth.clip(replace(ASKED, motion="fall", speed="slowly"))
    late = 40  # of 48 frames until the ground: steps are far above the clip's median

    assert steps(falling)[late] > 1.2 * steps(falling).median()
    assert jump(falling, [late]) < 1.2


def test_a_clip_that_closes_wraps_and_one_that_does_not_jumps(truth):
    circle = replace(ASKED, motion="circle")
    scene, world = truth.scene(circle), truth.world("octopus")
    period = 1 / ORBITS[1]
    whole = clip_times(1) / 5 * period
    closed = world.render(scene, whole, 64)[0]
    open_ = world.render(scene, 0.7 * whole, 64)[0]

    assert wrap(closed) <= 1.2
    assert wrap(open_) > 1.2


def test_activity_is_seen_inside_a_mask_alone(truth, clip):
    around = truth.around(ASKED, still=True)
    beside = torch.zeros_like(around)
    beside[:, :6] = True
    frozen = clip[:, :1].expand_as(clip)
    flicker = (frozen + 0.1 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))).clamp(
        -1, 1
    )
    larger = flicker.repeat_interleave(4, -1).repeat_interleave(4, -2)

    assert activity_inside(clip, around) > 0.05
    assert activity_inside(clip, beside) < 0.01
    assert activity_inside(frozen, around) < 0.001
    assert activity_inside(larger, around.repeat_interleave(4, -1).repeat_interleave(4, -2)) > 0.05
    with pytest.raises(ValueError, match="too small"):
        activity_inside(clip, torch.zeros_like(around))


def test_borders_are_where_another_window_takes_over():
    # windows 0-8, 6-14, 12-20: the second begins after frame 5, the first ends after frame 7
    assert borders(20, 8, 2) == [5, 7, 11, 13]
    assert borders(8, 8, 2) == []


def test_a_jump_at_a_border_of_windows_is_a_seam(clip):
    at = borders(80, 28, 2)
    torn = clip.clone()
    for border in at:
        torn[:, border + 1 :] = torn[:, border + 1 :] + 0.05

    assert seam_ratio(clip, at) == pytest.approx(1.0, abs=0.1)
    assert seam_ratio(torn, at) > 1.1
    assert seam_ratio(clip[:, :1].expand_as(clip), at) is None


def test_psnr_is_six_decibels_for_half_the_error():
    truth = torch.zeros(3, 2, 4, 4)

    assert psnr(truth + 0.1, truth) - psnr(truth + 0.2, truth) == pytest.approx(6.02, abs=0.01)
