"""A clip that flows into itself: no place in time is special, neither to the network nor to its windows."""

from dataclasses import replace
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.conditioning import Conditions, Known
from model.diffusion import schedule
from model.inflation import ConvInflation, TemporalConv, TemporalDown, TemporalUp
from model.looping import closed, lapped, turn, turned
from model.pipeline import Pipeline
from model.sampling import SAMPLERS
from model.spec import VideoSpec
from model.weights import Sampling
from model.windows import windowed
from model.words import Asked
from tests import tiny


def clip(frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, frames, 2, 2, generator=generator, dtype=torch.float64)


def framewise(x, sigma):
    return torch.tanh(x) - sigma


def steps_between(x):
    """Mean squared difference of each frame and the next, of the last one and the first."""
    return (x - x.roll(-1, 2)).square().mean(dim=(0, 1, 3, 4))


@given(st.integers(1, 40), st.integers(1, 12))
def test_a_framewise_denoiser_does_not_notice_that_the_clip_is_turned(frames, steps):
    x, sigmas = clip(frames), schedule(steps, 2.0)

    for name, sampler in SAMPLERS.items():
        torch.testing.assert_close(
            sampler(turned(lambda by: framewise, sigmas), x, sigmas), sampler(framewise, x, sigmas), msg=name
        )


def test_each_step_turns_the_clip_by_another_number_of_frames_and_what_is_known_with_it():
    sigmas, seen = schedule(8, 12.0), []
    numbers = torch.arange(80.0).view(1, 1, 80, 1, 1)

    def make(by):
        def denoise(x, sigma):
            seen.append((by, int(x[0, 0, by, 0, 0])))
            return x

        return denoise

    for sigma in sigmas[:-1]:
        assert torch.equal(turned(make, sigmas)(numbers, sigma), numbers)

    assert len({by for by, _ in seen}) == 8
    assert all(first == 0 for _, first in seen)
    assert [by for by, _ in seen] == [turn(step, 80) for step in range(8)]


def test_over_many_steps_the_ends_come_to_lie_everywhere():
    ends = sorted(turn(step, 80) for step in range(20))

    assert max(b - a for a, b in zip(ends, [*ends[1:], ends[0] + 80], strict=True)) <= 8


@given(st.integers(4, 40), st.integers(2, 12), st.integers(0, 5))
def test_a_framewise_denoiser_does_not_notice_windows_that_go_round(frames, size, lap):
    overlap = min(2, size - 1)
    in_windows = windowed(lambda windows: framewise, size, overlap)
    lap = min(lap, frames)

    torch.testing.assert_close(closed(in_windows, lap)(clip(frames), 0.4), framewise(clip(frames), 0.4))


def test_windows_that_go_round_see_both_sides_of_the_wrap():
    x = torch.zeros(1, 1, 12, 1, 1)
    x[:, :, 0] = 1.0

    def blurred(x, sigma):
        return (x + x.roll(1, 2) + x.roll(-1, 2)) / 3 if x.shape[2] < 12 else x

    def around(lap):
        return closed(windowed(lambda windows: blurred, 5, 2), lap)(x, 0.5).flatten()

    assert around(0)[11] == 0
    assert around(2)[11] > 0.1


def test_a_lap_is_the_beginning_once_more():
    numbers = torch.arange(6.0).view(1, 1, 6, 1, 1)

    assert lapped(numbers, 2).flatten().tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert lapped(numbers, 0).flatten().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["conv", "down", "up", "inflation"])
def test_the_temporal_layers_of_a_loop_turn_with_the_clip(kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = {
            "conv": lambda: TemporalConv(16, 16),
            "down": lambda: TemporalDown(16),
            "up": lambda: TemporalUp(16),
            "inflation": lambda: ConvInflation(16, 16, 8),
        }[kind]()
        tiny.awakened(layer)
        x, vector = torch.randn(8, 16, 2, 2), torch.randn(1, 8).expand(8, -1)

    def run(x, circular):
        if kind == "conv":
            return layer.over(x, 8, circular)
        if kind == "inflation":
            return layer(x, 8, vector, circular)
        return layer(x, 8, circular)

    with torch.no_grad():
        y, turned_y = run(x, True), run(x.roll(2, 0), True)
        by = 2 * y.shape[0] // 8
        torch.testing.assert_close(turned_y, y.roll(by, 0))
        assert not torch.allclose(run(x.roll(2, 0), False), run(x, False).roll(by, 0), atol=1e-3)


def test_a_network_asked_for_a_loop_is_asked_so_and_otherwise_is_what_it_was():
    network = tiny.stunet(tiny.SSR)
    x, sigma = clip(8).float().repeat(1, 2, 1, 16, 16), torch.tensor([0.5, 0.5])
    context = network.read(None, torch.zeros(2, 2))

    with torch.no_grad():
        unasked = network(x, sigma, context)
        straight, around = (network(x, sigma, context._replace(circular=c)) for c in (False, True))

    assert torch.equal(unasked, straight)
    assert (straight - around).abs().mean() > 1e-3


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, Sampling(base_size=32, ssr_steps=3, window=8, overlap=2))
    return Pipeline.load(folder, dtype=torch.float32)


def test_the_last_frame_of_a_loop_flows_into_the_first(pipeline):
    """Noise differs as much at the wrap as elsewhere; what the networks add must not make a difference there."""
    wraps = []
    for seed in range(3):
        spec = VideoSpec(prompt="a boat", size="128x128", seconds=1, steps=6, seed=seed, loop=True)
        frames = pipeline.generate(spec).astype(float)
        between = ((frames - np.roll(frames, -1, 0)) ** 2).mean(axis=(1, 2, 3))
        wraps.append(between[-1] / median(between[:-1]))

    assert median(wraps) <= 1.2


def test_what_is_known_turns_with_the_clip_and_stays_where_it_is(pipeline):
    generator = torch.Generator().manual_seed(4)
    noise, clip = (torch.randn(1, 3, 8, 32, 32, generator=generator) for _ in range(2))
    known, seen = Known(clip.clamp(-1, 1), (clip[:, :1] > 0.5).float()), []

    with pipeline.base.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][:, 3:])):
        made = pipeline.base_pass(Asked(["a boat"], "", 3, 1.0), noise, Conditions(known, loop=True))

    assert len({turn(step, 8) for step in range(3)}) == 3
    for step, beside in enumerate(seen):
        assert torch.equal(beside, known.rolled(turn(step, 8)).beside)
    assert torch.equal(known.kept(made), made)


@pytest.mark.parametrize("loop", [True, False])
def test_windows_of_the_upscaler_go_round_with_a_loop(pipeline, loop):
    low, seen = torch.linspace(-1, 1, 16).view(1, 1, 16, 1, 1).expand(1, 3, 16, 32, 32), []
    clear = replace(pipeline.sampling, augmentation=0.0, ssr_steps=1)
    shaped = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, clear)

    with pipeline.ssr.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0, 3, :, 0, 0])):
        made = shaped.upscale(low, 2, [1], under=Conditions(loop=loop))

    falls = [float(window.diff().min()) for window in seen]  # from the last frame's value to the first one's
    assert any(fall == -2 for fall in falls) == loop
    assert made.shape == (1, 3, 16, 64, 64)


def test_a_loop_is_another_video_and_the_same_one_each_time(pipeline):
    spec = VideoSpec(prompt="a boat", size="128x128", seconds=1, steps=2, seed=1, loop=True)

    frames = pipeline.generate(spec)

    assert np.array_equal(pipeline.generate(spec), frames)
    assert not np.array_equal(pipeline.generate(spec.model_copy(update={"loop": False})), frames)
