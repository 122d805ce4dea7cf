"""Guidance and thresholding, as functions from denoiser to denoiser."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.guidance import clip_quantile, guided, thresholded


class Counted:
    """A denoiser that returns one clip and counts its evaluations."""

    def __init__(self, seed):
        self.clip = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(seed))
        self.calls = 0

    def __call__(self, x, sigma):
        self.calls += 1
        return self.clip


X = torch.zeros(2, 3, 4, 5, 6)


@given(st.floats(1.01, 20), st.floats(0, 1))
def test_guidance_goes_past_the_conditional_estimate_by_the_scale(scale, sigma):
    asked, avoided = Counted(0), Counted(1)

    clean = guided(asked, avoided, scale)(X, sigma)

    torch.testing.assert_close(
        clean, avoided.clip + scale * (asked.clip - avoided.clip), rtol=1e-4, atol=1e-4
    )


def test_a_scale_of_one_is_the_conditional_estimate_in_one_evaluation():
    asked, avoided = Counted(0), Counted(1)

    clean = guided(asked, avoided, 1.0)(X, 0.5)

    assert torch.equal(clean, asked.clip)
    assert (asked.calls, avoided.calls) == (1, 0)


@pytest.mark.parametrize(
    ("sigma", "evaluations"), [(1.0, 1), (0.81, 1), (0.8, 2), (0.5, 2), (0.2, 2), (0.19, 1), (0.0, 1)]
)
def test_outside_the_interval_one_evaluation_is_enough(sigma, evaluations):
    asked, avoided = Counted(0), Counted(1)

    clean = guided(asked, avoided, 3.0, (0.2, 0.8))(X, sigma)

    assert asked.calls + avoided.calls == evaluations
    assert torch.equal(clean, asked.clip) == (evaluations == 1)


def test_each_condition_sees_the_same_clip_at_the_same_level():
    seen = []

    def see(x, sigma):
        seen.append((x, sigma))
        return x

    guided(see, see, 2.0)(X, 0.7)

    assert [(x is X, sigma) for x, sigma in seen] == [(True, 0.7), (True, 0.7)]


def test_one_saturated_frame_scales_all_frames_of_its_clip_and_no_other_clip():
    clip = torch.rand(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    clip[0, :, 1] = torch.where(clip[0, :, 1] > 0, 4.0, -4.0)

    held = thresholded(lambda x, sigma: clip, quantile=0.9)(X, 0.5)

    torch.testing.assert_close(held[0], clip[0] / 4)
    torch.testing.assert_close(held[1], clip[1])


@given(st.floats(0.01, 50), st.floats(0.5, 1), st.integers(0, 99))
def test_thresholded_pixels_lie_within_the_range_of_pixels(scale, quantile, seed):
    held = thresholded(lambda x, sigma: scale * Counted(seed).clip, quantile)(X, 0.5)

    assert held.abs().max() <= 1


def test_the_least_saturated_part_beyond_the_quantile_is_clipped_and_the_rest_keeps_its_proportions():
    clip = torch.linspace(-3, 3, 1001).view(1, 1001)

    held = thresholded(lambda x, sigma: clip, quantile=0.5)(clip, 0.5)

    torch.testing.assert_close(held, (clip / 1.5).clamp(-1, 1))


def test_thresholding_leaves_a_clip_within_range_as_it_is():
    clip = torch.rand(2, 3, 4, 5, 6) * 2 - 1

    assert torch.equal(thresholded(lambda x, sigma: clip)(X, 0.5), clip)


def test_the_quantile_of_a_small_clip_is_exact():
    clip = Counted(0).clip

    expected = torch.quantile(clip.flatten(1).abs(), 0.9, dim=1)

    torch.testing.assert_close(clip_quantile(clip, 0.9), expected)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9, 0.995, 1.0])
@pytest.mark.parametrize("size", [1, 2, 17, 99_991])
def test_the_quantile_is_that_of_torch_to_the_bit(size, quantile, kind):
    clip = torch.randn(2, size, generator=torch.Generator().manual_seed(size)).to(kind)

    expected = torch.quantile(clip.abs().float(), quantile, dim=1)

    assert torch.equal(clip_quantile(clip, quantile), expected)


def test_the_quantile_of_a_clip_too_large_for_torch_is_close_to_the_true_one():
    clip = torch.randn(1, 3, 6, 1024, 1024, generator=torch.Generator().manual_seed(0))
    assert clip.numel() > 2**24

    found = clip_quantile(clip, 0.995)

    assert found.item() == pytest.approx(2.807, abs=0.02)  # of |N(0, 1)|


@pytest.mark.parametrize("side", [128, 256, 512])
@pytest.mark.parametrize("frames", [4, 16])
def test_a_sampled_quantile_sees_every_column_of_a_patch(side, frames):
    """A network that folds 16 pixels into a patch may saturate some of them only."""
    clip = torch.zeros(1, 3, frames, side, side).view(1, 3, frames, side, side // 16, 16)
    clip[..., 1:] = 2.0

    assert clip_quantile(clip.flatten(-2), 0.5, most=2**14).item() == 2.0
