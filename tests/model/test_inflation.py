"""The temporal layers: what they are before training, and plain loops for what they are after it."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.inflation import (
    POSITION_FEATURES,
    AttentionInflation,
    Clock,
    ConvInflation,
    TemporalConv,
    TemporalDown,
    TemporalUp,
    places,
)
from model.layers import fourier
from tests.model.test_layers import attention, seeded
from tests.tiny import awakened

sizes = given(
    st.integers(1, 2), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 3, 5])
)


def video(batch, frames, channels, height, width):
    """A clip (b, t, c, h, w), and the same as the layers see it: (b t, c, h, w)."""
    clip = seeded(batch, frames, channels, height, width)
    return clip, clip.flatten(0, 1)


@sizes
def test_new_down_sampling_keeps_every_second_frame(batch, half, height, width, kernel):
    clip, x = video(batch, 2 * half, 4, height, width)

    y = TemporalDown(4, kernel).double()(x, 2 * half).unflatten(0, (batch, half))

    for t in range(half):
        torch.testing.assert_close(y[:, t], clip[:, 2 * t], rtol=0, atol=1e-12)


@sizes
def test_new_up_sampling_shows_every_frame_twice(batch, frames, height, width, kernel):
    clip, x = video(batch, frames, 4, height, width)

    y = TemporalUp(4, kernel).double()(x, frames).unflatten(0, (batch, 2 * frames))

    for t in range(2 * frames):
        torch.testing.assert_close(y[:, t], clip[:, t // 2], rtol=0, atol=1e-12)


@sizes
def test_a_trained_temporal_convolution_sums_over_neighbouring_frames_with_silence_beyond_the_ends(
    batch, frames, height, width, kernel
):
    conv = awakened(TemporalConv(4, 6, kernel)).double()
    clip, x = video(batch, frames, 4, height, width)

    y = conv.over(x, frames).unflatten(0, (batch, frames))

    for t in range(frames):
        expected = conv.bias.view(1, 6, 1, 1).expand(batch, 6, height, width)
        for k in range(kernel):
            if 0 <= t + k - kernel // 2 < frames:
                frame = clip[:, t + k - kernel // 2]
                expected = expected + torch.einsum("dc,bchw->bdhw", conv.weight[:, :, k, 0], frame)
        torch.testing.assert_close(y[:, t], expected)


@sizes
def test_trained_resampling_is_convolution_then_stride_and_duplication_then_convolution(
    batch, half, height, width, kernel
):
    frames = 2 * half
    clip, x = video(batch, frames, 4, height, width)
    down, up = awakened(TemporalDown(4, kernel)).double(), awakened(TemporalUp(4, kernel)).double()
    same_rate = TemporalConv(4, 4, kernel).double()

    same_rate.load_state_dict(down.conv.state_dict())
    convolved = same_rate.over(x, frames).unflatten(0, (batch, frames))
    torch.testing.assert_close(down(x, frames).unflatten(0, (batch, half)), convolved[:, ::2])

    same_rate.load_state_dict(up.conv.state_dict())
    twice = torch.stack([clip[:, t // 2] for t in range(2 * frames)], dim=1).flatten(0, 1)
    torch.testing.assert_close(up(x, frames), same_rate.over(twice, 2 * frames))


@pytest.mark.parametrize("make", [lambda: ConvInflation(64, 32, 8), lambda: AttentionInflation(64, 8)])
def test_a_new_inflation_block_is_the_identity_and_a_trained_one_is_not(make):
    (_, x), vector = video(2, 3, 64, 2, 2), seeded(2, 8, seed=1)

    fresh, trained = make().double()(x, 3, vector), awakened(make()).double()(x, 3, vector)

    assert torch.equal(fresh, x)
    assert (trained - x).abs().mean() > 1e-3


def test_convolution_based_inflation_is_figure_4b():
    block = awakened(ConvInflation(32, 16, 8)).double()
    (clip, x), vector = video(2, 4, 32, 2, 3), seeded(2, 8, seed=1)

    y = block(x, 4, vector).unflatten(0, (2, 4))

    for b in range(2):
        silu = torch.nn.functional.silu
        spatial = torch.cat([silu(block.spatial_norm(block.spatial(block.norm(f[None])))) for f in clip[b]])
        moved = block.temporal_norm(block.temporal.over(spatial, 4))
        scale, shift = block.film.project(vector[b]).view(2, 16, 1, 1)
        change = block.project(silu(moved * (1 + scale) + shift))
        torch.testing.assert_close(y[b], clip[b] + change)


@pytest.mark.parametrize("placed", [True, False])
def test_attention_based_inflation_is_attention_over_time_at_each_position(placed):
    block = awakened(AttentionInflation(128, 8, placed)).double()
    (clip, x), vector = video(2, 3, 128, 2, 3), seeded(2 * 3, 8, seed=1)

    y = block(x, 3, vector).unflatten(0, (2, 3))

    moments = block.position(fourier(torch.arange(3.0), POSITION_FEATURES, longest=100.0).double())
    where = places(2, 3, torch.device("cpu")).double()
    for b, row, column in itertools.product(range(2), range(2), range(3)):
        heard = []
        for t in range(3):
            scale, shift = block.film.project(vector[3 * b + t]).chunk(2)
            place = block.place(where[row, column]) if placed else 0.0
            heard.append((block.norm(clip[b, t : t + 1])[0, :, row, column] + place) * (1 + scale) + shift)
        q, k, v = block.qkv(torch.stack(heard) + moments).split(128, dim=-1)
        change = block.project(attention(q, k, v, 64))
        torch.testing.assert_close(y[b, :, :, row, column], clip[b, :, :, row, column] + change)


def test_the_clock_gives_a_frame_of_a_coarser_level_the_moment_of_its_first_frame_of_the_clip():
    clock, vector = awakened(Clock(8)).double(), seeded(3, 8)

    clip = clock(vector, 8, 1).unflatten(0, (3, 8))

    for stride in (2, 4, 8):
        level = clock(vector, 8 // stride, stride).unflatten(0, (3, 8 // stride))
        torch.testing.assert_close(level, clip[:, ::stride])


def test_the_clock_keeps_what_was_asked_and_tells_moments_apart():
    clock, vector = awakened(Clock(8)).double(), seeded(2, 8)

    clip = clock(vector, 6, 1).unflatten(0, (2, 6))

    for sample in range(2):
        torch.testing.assert_close(clock(vector[sample : sample + 1], 6, 1), clip[sample])
    moments = clip.flatten(0, 1)
    assert torch.pdist(moments).min() > 1e-2


def test_a_position_is_told_by_where_it_lies_whatever_the_size():
    small = places(2, 3, torch.device("cpu"))

    assert small.shape == (2, 3, 2 * POSITION_FEATURES)
    assert (small[0, 0] - small[1, 0]).abs().max() > 0.1
    assert (small[0, 0] - small[0, 1]).abs().max() > 0.1
    midway = places(1, 1, torch.device("cpu"))[0, 0]
    torch.testing.assert_close(places(3, 5, torch.device("cpu"))[1, 2], midway)


def test_attention_with_places_tells_positions_apart():
    block = awakened(AttentionInflation(128, 8)).double()
    frame, vector = seeded(1, 128, 1, 1).expand(4, -1, 2, 2), seeded(1, 8, seed=1)

    y = block(frame, 4, vector)

    assert (y[:, :, 0, 0] - y[:, :, 1, 1]).abs().max() > 1e-3
