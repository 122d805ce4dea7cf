"""Super-resolution: what the upscaler is shown beside the noise, and that every window sees its own frames."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.diffusion import precondition
from model.ssr import (
    augmented,
    conditioning_scalars,
    consistent,
    enlarged,
    lowered,
    projected,
    upscaled,
)
from model.windows import windows_of
from tests import tiny


def seeded(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 2), st.integers(1, 4), st.sampled_from([2, 4, 8]))
def test_each_frame_is_enlarged_alone(batch, frames, factor):
    low = seeded(batch, 3, frames, 4, 6)

    large = enlarged(low, factor)

    assert large.shape == (batch, 3, frames, 4 * factor, 6 * factor)
    for b in range(batch):
        for t in range(frames):
            alone = torch.nn.functional.interpolate(
                low[b : b + 1, :, t], scale_factor=factor, mode="bilinear"
            )
            torch.testing.assert_close(large[b : b + 1, :, t], alone)


def test_enlarging_moves_no_picture():
    ramp = torch.linspace(0, 1, 8).expand(1, 3, 1, 8, 8)

    large = enlarged(ramp, 4)

    columns = large.unflatten(-1, (8, 4)).mean(-1)[..., 1:-1]  # the edges of a picture are repeated
    torch.testing.assert_close(columns, ramp[..., :1, 1:-1].expand_as(columns))


def test_augmentation_goes_from_the_clip_to_pure_noise():
    low, noise = seeded(1, 3, 2, 4, 4), seeded(1, 3, 2, 4, 4, seed=1)

    torch.testing.assert_close(augmented(low, noise, 0.0), low)
    torch.testing.assert_close(augmented(low, noise, 0.25), 0.75 * low + 0.25 * noise)
    torch.testing.assert_close(augmented(low, noise, 1.0), noise)


def test_the_upscaler_is_told_the_level_and_the_factor_between_0_and_1():
    said = conditioning_scalars(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([2.0, 4.0, 8.0]))

    torch.testing.assert_close(said, torch.tensor([[0.1, 1 / 3], [0.2, 2 / 3], [0.3, 1.0]]))


def test_every_window_of_every_clip_sees_its_own_low_frames():
    network = tiny.stunet(tiny.SSR)
    low, windows = seeded(2, 3, 10, 16, 16), windows_of(10, 4, 1)
    x = seeded(2 * len(windows), 3, 4, 32, 32, seed=1)

    together = upscaled(network, low, windows, 2, 0.1)(x, 0.7)

    scalars = torch.tensor([[0.1, 1 / 3]])
    for b in range(2):
        for k, window in enumerate(windows):
            n = b * len(windows) + k
            beside = enlarged(low[b : b + 1, :, window], 2)
            context = network.read(None, scalars)

            def run(scaled, sigma, beside=beside, context=context):
                return network(torch.cat([scaled, beside], dim=1), sigma, context)

            alone = precondition(run, x[n : n + 1], torch.tensor([0.7]))
            torch.testing.assert_close(together[n : n + 1], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("factor", "level"), [(4, 0.1), (2, 0.6)])
def test_the_level_and_the_factor_are_heard(factor, level):
    network = tiny.stunet(tiny.SSR)
    low, x = seeded(1, 3, 2, 16, 16), seeded(1, 3, 2, 32, 32)
    whole = [slice(0, 2)]

    def clip(factor, level):
        shown = low if factor == 2 else low[..., ::2, ::2]
        return upscaled(network, shown, whole, factor, level)(x, 0.5)

    assert not torch.allclose(clip(factor, level), clip(2, 0.1), atol=1e-4)


@given(st.integers(1, 2), st.sampled_from([2, 4, 8]))
def test_lowering_averages_squares_of_pixels(batch, factor):
    high = seeded(batch, 3, 2, 3 * factor, 2 * factor)

    low = lowered(high, factor)

    expected = high.unflatten(4, (2, factor)).unflatten(3, (3, factor)).mean((4, 6))
    torch.testing.assert_close(low, expected)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_projected_estimate_keeps_its_detail_and_the_colours_of_the_low_clip(factor):
    low, detail = torch.full((1, 3, 2, 6, 6), 0.25), torch.tensor([1.0, -1.0]).repeat(3 * factor)
    wrong = (detail - 0.5).expand(1, 3, 2, 6 * factor, -1)  # the right stripes, much too dark

    right = projected(wrong, low, factor)

    torch.testing.assert_close(right, detail.expand_as(right) + 0.25)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_projecting_brings_any_estimate_nearer_to_the_low_clip_and_leaves_a_true_one_alone(factor):
    truth = seeded(1, 3, 2, 8 * factor, 8 * factor)
    low, other = lowered(truth, factor), seeded(1, 3, 2, 8 * factor, 8 * factor, seed=1)

    torch.testing.assert_close(projected(truth, low, factor), truth)
    before, after = (lowered(x, factor) - low for x in (other, projected(other, low, factor)))
    assert after.square().mean() < 0.7 * before.square().mean()


def test_a_consistent_denoiser_is_the_projection_of_its_estimate():
    low = seeded(1, 3, 2, 4, 4)

    estimate = consistent(lambda x, sigma: sigma * x, low, 2)(seeded(1, 3, 2, 8, 8, seed=1), 0.5)

    torch.testing.assert_close(estimate, projected(0.5 * seeded(1, 3, 2, 8, 8, seed=1), low, 2))
