"""Samplers against what is known in closed form: Gaussian data, perfect denoisers, and the papers' own formulae."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from model.diffusion import schedule
from model.guidance import guided, thresholded
from model.sampling import SAMPLERS, State, sample_dpmpp_2m, sample_euler
from model.windows import windowed

MEAN, DEVIATION = 0.3, 0.5

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)


def clip(seed=0):
    return torch.randn(2, 3, 4, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gaussian(x, sigma):
    """E[clean | x] where every clean pixel is N(MEAN, DEVIATION^2): what a perfectly trained network would say."""
    alpha, variance = 1 - sigma, DEVIATION**2
    return MEAN + alpha * variance / (alpha**2 * variance + sigma**2) * (x - alpha * MEAN)


def error(sampler, steps, shift):
    """Distance to the exact end of the probability flow, which keeps each pixel's quantile: MEAN + DEVIATION noise."""
    noise = clip()
    return (sampler(gaussian, noise, schedule(steps, shift)) - (MEAN + DEVIATION * noise)).abs().max().item()


@pytest.mark.parametrize("shift", [1.0, 4.0])
@each_sampler
def test_both_samplers_converge_to_the_exact_flow(sampler, shift):
    assert error(sampler, 2000, shift) < 3e-3


def test_halving_the_step_halves_the_error_of_euler_and_nearly_quarters_that_of_2m():
    """2M is second order but for a logarithm: its extrapolation is in log SNR, whose first steps are never small."""
    euler = [error(sample_euler, steps, 1.0) for steps in (80, 160, 320)]
    multistep = [error(sample_dpmpp_2m, steps, 1.0) for steps in (80, 160, 320)]

    assert [coarse / fine for coarse, fine in pairwise(euler)] == pytest.approx([2, 2], abs=0.05)
    assert all(coarse / fine > 3.2 for coarse, fine in pairwise(multistep))
    assert multistep[0] < euler[0] / 10


@pytest.mark.parametrize("steps", [10, 20, 40])
def test_2m_is_the_nearer_one_at_the_steps_that_are_asked_for(steps):
    for shift in (1.0, 4.0):
        assert error(sample_dpmpp_2m, steps, shift) < error(sample_euler, steps, shift)


def test_2m_is_the_papers_algorithm_wherever_log_snr_is_finite():
    def textbook(denoise, x, sigmas):
        """Lu et al. 2022, algorithm 2, in its own symbols, with alpha = 1 - sigma."""
        lambdas = [math.log((1 - s) / s) for s in sigmas]
        estimates = []
        for i in range(1, len(sigmas)):
            estimates.append(denoise(x, sigmas[i - 1]))
            h, d = lambdas[i] - lambdas[i - 1], estimates[-1]
            if i > 1:
                r = (lambdas[i - 1] - lambdas[i - 2]) / h
                d = (1 + 1 / (2 * r)) * estimates[-1] - 1 / (2 * r) * estimates[-2]
            x = sigmas[i] / sigmas[i - 1] * x - (1 - sigmas[i]) * math.expm1(-h) * d
        return x

    def crooked(x, sigma):
        return torch.tanh(3 * x) * (1 + sigma) - sigma**2

    sigmas = [0.97, 0.9, 0.71, 0.7, 0.4, 0.11, 0.02]

    torch.testing.assert_close(sample_dpmpp_2m(crooked, clip(), sigmas), textbook(crooked, clip(), sigmas))


def test_euler_is_eulers_method_on_the_rectified_flow():
    x, (start, middle, end) = clip(), (0.9, 0.5, 0.2)

    sampled = sample_euler(gaussian, x, [start, middle, end])

    for sigma, target in ((start, middle), (middle, end)):
        velocity = (x - gaussian(x, sigma)) / sigma  # d x / d sigma = noise - clean
        x = x + (target - sigma) * velocity
    torch.testing.assert_close(sampled, x)


@given(st.integers(1, 30), st.floats(0.1, 12), st.sampled_from(list(SAMPLERS)))
def test_a_perfect_denoiser_is_followed_exactly_in_any_number_of_steps(steps, shift, name):
    clean = clip(seed=1).float()

    assert torch.equal(SAMPLERS[name](lambda x, sigma: clean, clip().float(), schedule(steps, shift)), clean)


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
@each_sampler
def test_pure_noise_and_no_noise_give_finite_values(sampler, steps):
    assert sampler(gaussian, clip().float(), schedule(steps, 4.0)).isfinite().all()


@each_sampler
def test_each_step_evaluates_once_at_its_level_and_reports_once_with_its_estimate(sampler):
    asked, told = [], []

    def denoise(x, sigma):
        asked.append((sigma, gaussian(x, sigma)))
        return asked[-1][1]

    sampler(denoise, clip(), schedule(5, 2.0), lambda state: told.append((state.done, state.estimate)))

    assert [sigma for sigma, _ in asked] == schedule(5, 2.0)[:-1]
    assert [done for done, _ in told] == [1, 2, 3, 4, 5]
    assert all(reported is estimate for (_, reported), (_, estimate) in zip(told, asked, strict=True))


@each_sampler
def test_the_noise_given_is_not_written_over(sampler):
    noise = clip()

    sampler(gaussian, noise, schedule(3, 1.0))

    assert torch.equal(noise, clip())


def kept(state):
    """What comes back of a state that was written as a file."""
    read = load(save({"x": state.x, "estimate": state.estimate}))
    return State(state.done, read["x"], read["estimate"])


def denoiser(scale):
    """All that stands between a sampler and a network: guidance within an interval, windows, thresholding."""
    in_windows = windowed(lambda windows: lambda x, sigma: torch.tanh(3 * x) + x.mean(2, keepdim=True), 3, 1)
    return thresholded(guided(in_windows, lambda x, sigma: torch.tanh(x) - sigma**2, scale, (0.2, 0.9)), 0.9)


@given(st.integers(1, 12), st.floats(0.3, 12), st.floats(1, 8), st.integers(0, 2**63 - 1), st.data())
@each_sampler
def test_a_sampling_that_stopped_after_any_step_goes_on_to_the_bit_as_if_it_had_not(
    sampler, steps, shift, scale, seed, data
):
    noise, sigmas, states = clip(seed).float(), schedule(steps, shift), []
    whole = sampler(denoiser(scale), noise, sigmas, states.append)

    state = kept(data.draw(st.sampled_from(states)))
    again = []
    resumed = sampler(denoiser(scale), state, sigmas, again.append)

    assert torch.equal(resumed, whole)
    assert [s.done for s in again] == list(range(state.done + 1, steps + 1))
    for one, other in zip(again, states[state.done :], strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.estimate, other.estimate)


@each_sampler
def test_a_state_is_not_written_over_by_the_steps_after_it(sampler):
    states = []

    sampler(gaussian, clip(), schedule(6, 2.0), lambda state: states.append((state, state.x.clone())))

    assert all(torch.equal(state.x, x) for state, x in states)


def test_nothing_is_drawn_between_the_noise_and_the_end():
    before = torch.random.get_rng_state()

    for sampler in SAMPLERS.values():
        sampler(denoiser(2.0), clip().float(), schedule(6, 2.0))

    assert torch.equal(torch.random.get_rng_state(), before)
