"""Temporal MultiDiffusion: windows cover the clip, and their fusion is the least-squares clip."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from model.diffusion import schedule
from model.guidance import thresholded
from model.sampling import SAMPLERS
from model.ssr import upscaled
from model.windows import fuse, watched, windowed, windows_of
from tests import tiny


@st.composite
def layouts(draw, most=40):
    """(frames, size, overlap) of any valid windowing, uneven ends included."""
    size = draw(st.integers(1, most // 2))
    return draw(st.integers(1, most)), size, draw(st.integers(0, size - 1))


def clip(batch, frames, seed=0, dtype=torch.float64, side=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, frames, side, side, generator=generator, dtype=dtype)


def framewise(x, sigma):
    """A denoiser that looks at one frame at a time, and overshoots so that thresholding has work."""
    return 3 * torch.tanh(x + x.mean(dim=(1, 3, 4), keepdim=True)) - sigma * x


def smearing(x, sigma):
    """A denoiser whose answer depends on where the window lies: on its mean over time."""
    return torch.tanh(x) + x.mean(dim=2, keepdim=True) - sigma


@given(layouts())
@example((80, 28, 2))
@example((80, 16, 2))
@example((3, 8, 2))
@example((1, 1, 0))
def test_windows_cover_every_frame_and_no_more_of_them_than_needed(layout):
    frames, size, overlap = layout

    windows = windows_of(frames, size, overlap)

    assert sorted({t for w in windows for t in range(w.start, w.stop)}) == list(range(frames))
    assert {w.stop - w.start for w in windows} == {min(size, frames)}
    shared = [a.stop - b.start for a, b in pairwise(windows)]
    assert shared[:-1] == [overlap] * len(shared[:-1])
    assert all(overlap <= last < size for last in shared[-1:])
    assert len(windows) == 1 + max(0, -(-(frames - size) // (size - overlap)))


def test_an_uneven_last_window_is_moved_back_to_end_with_the_clip():
    windows = windows_of(80, 16, 2)

    assert [(w.start, w.stop) for w in windows] == [
        (0, 16),
        (14, 30),
        (28, 44),
        (42, 58),
        (56, 72),
        (64, 80),
    ]


def test_a_clip_shorter_than_a_window_is_one_window():
    assert windows_of(5, 8, 6) == [slice(0, 5)]
    x = clip(1, 5)

    torch.testing.assert_close(windowed(lambda windows: smearing, 8, 6)(x, 0.5), smearing(x, 0.5))


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_an_overlap_outside_the_window_is_refused_with_both_numbers(overlap):
    with pytest.raises(ValueError, match=rf"8 frames: got {overlap}"):
        windows_of(20, 8, overlap)


@given(layouts(), st.integers(0, 99))
def test_fusion_is_the_least_squares_clip(layout, seed):
    frames, size, overlap = layout
    windows = windows_of(frames, size, overlap)
    predictions = [clip(2, w.stop - w.start, seed + k) for k, w in enumerate(windows)]

    fused = fuse(windows, predictions, frames)

    # min over J of the sum of |J[window] - prediction|^2: stack one row a predicted frame, and solve
    rows = [t for w in windows for t in range(w.start, w.stop)]
    selection = np.zeros((len(rows), frames))
    selection[np.arange(len(rows)), rows] = 1
    asked = np.concatenate([p.numpy() for p in predictions], axis=2)
    asked = np.moveaxis(asked, 2, 0).reshape(len(rows), -1)
    nearest, *_ = np.linalg.lstsq(selection, asked, rcond=None)
    np.testing.assert_allclose(np.moveaxis(fused.numpy(), 2, 0).reshape(frames, -1), nearest, atol=1e-10)


def test_fusion_leaves_the_predictions_as_they_are():
    windows = windows_of(7, 4, 2)
    predictions = [clip(1, 4, k) for k in range(len(windows))]

    fuse(windows, predictions, 7)

    assert all(torch.equal(p, clip(1, 4, k)) for k, p in enumerate(predictions))


@given(layouts(), st.integers(1, 3), st.integers(1, 5))
def test_a_framewise_denoiser_gives_the_same_clip_windowed_or_not(layout, samples, batch):
    frames, size, overlap = layout
    x = clip(samples, frames)

    whole = windowed(lambda windows: framewise, size, overlap, batch)(x, 0.4)

    torch.testing.assert_close(whole, framewise(x, 0.4))


@given(layouts(), st.sampled_from(list(SAMPLERS)))
def test_so_it_does_through_a_whole_sampling_with_thresholding(layout, name):
    frames, size, overlap = layout
    noise, sigmas = clip(2, frames), schedule(6, 2.0)
    in_windows = windowed(lambda windows: framewise, size, overlap)

    sampled = SAMPLERS[name](thresholded(in_windows, 0.9), noise, sigmas)

    torch.testing.assert_close(sampled, SAMPLERS[name](thresholded(framewise, 0.9), noise, sigmas))


@given(layouts(), st.integers(1, 5))
def test_each_window_is_denoised_with_its_own_conditioning(layout, batch):
    frames, size, overlap = layout
    x, windows = clip(2, frames), windows_of(frames, size, overlap)

    def make(group):
        starts = torch.tensor([float(w.start) for w in group], dtype=torch.float64).repeat(2)
        return lambda stacked, sigma: stacked * sigma + starts.view(-1, 1, 1, 1, 1)

    seen = windowed(make, size, overlap, batch)(x, 0.25) - 0.25 * x

    for t in range(frames):
        starts = [w.start for w in windows if w.start <= t < w.stop]
        torch.testing.assert_close(seen[:, :, t], torch.full_like(seen[:, :, t], sum(starts) / len(starts)))


@given(layouts(), st.integers(1, 3), st.integers(2, 8))
def test_the_result_does_not_depend_on_how_windows_are_batched(layout, samples, batch):
    frames, size, overlap = layout
    assume(frames > size)
    x = clip(samples, frames)

    one_by_one = windowed(lambda windows: smearing, size, overlap, batch=1)(x, 0.4)
    together = windowed(lambda windows: smearing, size, overlap, batch)(x, 0.4)

    torch.testing.assert_close(together, one_by_one)


@pytest.mark.parametrize("batch", [2, 3, 9])
def test_nor_does_it_with_a_real_network_that_looks_along_time(batch):
    network = tiny.stunet(tiny.SSR)
    low, x = clip(2, 14, 1, torch.float32, 16), clip(2, 14, 2, torch.float32, 32)

    def at(many):
        return windowed(lambda windows: upscaled(network, low, windows, 2, 0.1), 6, 2, many)(x, 0.7)

    torch.testing.assert_close(at(batch), at(1), rtol=1e-4, atol=1e-4)


def test_one_solver_step_serves_all_windows_of_a_clip():
    """The estimate that the solver is given, and remembers, is the fused one: one call and one report a step."""
    told = []
    noise = clip(1, 20)

    SAMPLERS["dpmpp_2m"](
        windowed(lambda windows: smearing, 8, 2),
        noise,
        schedule(4, 1.0),
        lambda state: told.append(state.estimate.shape),
    )

    assert told == [noise.shape] * 4


class Memory:
    """A window factory on a device where no more than so many windows have room at a time."""

    def __init__(self, room):
        self.room, self.tried = room, []

    def __call__(self, windows):
        def denoise(x, sigma):
            self.tried.append(len(windows))
            if len(windows) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory (said by a test)")
            return smearing(x, sigma)

        return denoise


def test_windows_that_have_no_room_together_are_denoised_in_halves_from_there_on():
    x, memory = clip(2, 20), Memory(room=2)  # seven windows of four frames

    frugal = windowed(memory, 4, 1, batch=5)
    clips = [frugal(x, 0.4), frugal(x, 0.4)]

    assert memory.tried == [5, 2, 2, 2, 1, 2, 2, 2, 1]
    for fused in clips:
        torch.testing.assert_close(fused, windowed(lambda windows: smearing, 4, 1)(x, 0.4))


def test_one_window_that_has_no_room_is_refused():
    memory = Memory(room=0)

    with pytest.raises(torch.OutOfMemoryError):
        windowed(memory, 4, 1, batch=7)(clip(1, 20), 0.4)

    assert memory.tried == [7, 3, 1]


def test_what_a_refused_pass_has_held_is_gone_before_the_next():
    alive = []

    def make(windows):
        def denoise(x, sigma):
            assert [one for one in alive if one() is not None] == []
            held = x + 1
            alive.append(weakref.ref(held))
            if len(windows) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory (said by a test)")
            return smearing(x, sigma)

        return denoise

    windowed(make, 4, 1, batch=7)(clip(1, 20), 0.4)

    assert len(alive) == 7 + 2


@given(layouts(), st.integers(1, 5))
def test_a_look_comes_before_each_batch_of_windows_and_ends_it_there(layout, batch):
    frames, size, overlap = layout
    looks, made = [], []

    def make(windows):
        made.append(len(windows))
        return smearing

    windowed(watched(make, lambda: looks.append(len(made))), size, overlap, batch)(clip(1, frames), 0.4)

    assert looks == list(range(len(made)))
    assert sum(made) == len(windows_of(frames, size, overlap))

    def stop():
        raise KeyError("enough")

    made.clear()
    with pytest.raises(KeyError, match="enough"):
        windowed(watched(make, stop), size, overlap, batch)(clip(1, frames), 0.4)
    assert made == []
