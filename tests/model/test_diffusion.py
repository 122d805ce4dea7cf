"""The diffusion process: its path, its schedules, its noise, and what every network's estimate promises."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.diffusion import noise_for, noised, precondition, random_sigmas, schedule, shifted, training_loss
from model.spec import MAX_SEED

CLIP = (3, 2, 4, 4)


def halved(x, sigma):
    """A network of a sort: no weights, but it sees its input and its noise level."""
    return x / 2 + sigma.view(-1, 1, 1, 1, 1)


def clips(n, seed=0):
    return torch.randn(n, *CLIP, generator=torch.Generator().manual_seed(seed))


def test_the_path_leads_from_clean_to_pure_noise():
    clean, noise = clips(3), clips(3, seed=1)

    x = noised(clean, noise, torch.tensor([0.0, 0.25, 1.0]))

    torch.testing.assert_close(x[0], clean[0])
    torch.testing.assert_close(x[1], 0.75 * clean[1] + 0.25 * noise[1])
    torch.testing.assert_close(x[2], noise[2])


def test_an_estimate_is_finite_from_pure_noise_to_no_noise_and_each_sample_keeps_to_its_own_level():
    x, sigma = clips(4), torch.tensor([1.0, 0.6, 1e-3, 0.0])

    estimate = precondition(halved, x, sigma)

    assert estimate.shape == x.shape
    assert estimate.isfinite().all()
    for k in range(4):
        torch.testing.assert_close(estimate[k : k + 1], precondition(halved, x[k : k + 1], sigma[k : k + 1]))


def test_an_estimate_keeps_the_precision_of_the_clip_whatever_the_network_computes_in():
    estimate = precondition(lambda x, sigma: x.bfloat16(), clips(1), torch.tensor([0.5]))

    assert estimate.dtype == torch.float32


def test_a_training_loss_is_one_finite_number_a_sample():
    clean, noise, sigma = clips(4), clips(4, seed=1), torch.tensor([1.0, 0.6, 0.2, 1e-3])

    loss = training_loss(halved, clean, noise, sigma)

    assert loss.shape == (4,)
    assert loss.isfinite().all()
    assert (loss > 0).all()
    alone = [
        training_loss(halved, *(part[k : k + 1] for part in (clean, noise, sigma))).item() for k in range(4)
    ]
    assert loss.tolist() == pytest.approx(alone)


@given(st.integers(1, 200), st.floats(0.05, 20))
def test_a_schedule_falls_strictly_from_pure_noise_to_clean(steps, shift):
    sigmas = schedule(steps, shift)

    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(1.0, abs=1e-12)
    assert sigmas[-1] == 0.0
    assert all(high > low for high, low in pairwise(sigmas))


@given(st.integers(1, 100), st.floats(0.01, 20.0), st.floats(0.0, 1.0))
def test_a_share_of_a_schedule_is_its_end_in_whole_steps(steps, shift, share):
    whole, part = schedule(steps, shift), schedule(steps, shift, share)

    assert part == whole[len(whole) - len(part) :]
    assert (len(part) - 1 == 0) == (share == 0)
    assert share == 0 or len(part) - 1 == max(1, int(share * steps + 1e-9))
    assert schedule(steps, shift, 1.0) == whole


def test_an_unshifted_schedule_is_even():
    assert schedule(4, 1.0) == [1.0, 0.75, 0.5, 0.25, 0.0]


@given(st.floats(0.01, 0.99), st.floats(0.05, 20))
def test_a_shift_lowers_log_snr_by_twice_its_logarithm(sigma, shift):
    moved = shifted(torch.tensor(sigma, dtype=torch.float64), shift).item()

    def log_snr(s):
        return 2 * math.log((1 - s) / s)

    assert log_snr(moved) == pytest.approx(log_snr(sigma) - 2 * math.log(shift), abs=1e-6)


def test_training_noise_levels_are_seeded_valid_and_follow_the_shift():
    def drawn(shift, seed=0):
        return random_sigmas(1000, shift, 1.0, torch.Generator().manual_seed(seed))

    assert drawn(1.0).shape == (1000,)
    assert drawn(1.0).min() > 0
    assert drawn(1.0).max() <= 1
    assert torch.equal(drawn(1.0), drawn(1.0))
    assert not torch.equal(drawn(1.0), drawn(1.0, seed=1))
    assert drawn(1.0).median().item() == pytest.approx(0.5, abs=0.05)
    assert drawn(4.0).median().item() == pytest.approx(0.8, abs=0.05)


@given(st.lists(st.integers(0, MAX_SEED), min_size=1, max_size=5), st.data())
def test_noise_belongs_to_its_seed_and_not_to_its_batch(seeds, data):
    one = data.draw(st.integers(0, len(seeds) - 1))

    batch = noise_for(seeds, CLIP)

    assert torch.equal(batch[one], noise_for([seeds[one]], CLIP)[0])


def test_noise_is_standard_normal_and_differs_between_seeds():
    noise = noise_for([3, 4], (100_000,))

    assert noise.mean(1).tolist() == pytest.approx([0, 0], abs=0.02)
    assert noise.std(1).tolist() == pytest.approx([1, 1], abs=0.02)
    assert abs((noise[0] * noise[1]).mean().item()) < 0.02
