"""In what a video is computed, and how its pixels become bytes."""

import numpy as np
import pytest
import torch

from model.pipeline import Pipeline, fastest_dtype, to_frames
from model.spec import VideoSpec
from model.weights import Sampling
from tests import tiny

# base clips of 32 x 32, so that the smallest video asked for is four times upscaled, in uneven windows of 6 frames
HOW = Sampling(base_size=32, ssr_steps=3, window=6, overlap=2)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=1, steps=3, seed=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return folder


@pytest.fixture(scope="module")
def pipeline(folder):
    return Pipeline.load(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def frames(pipeline):
    return pipeline.generate(SPEC)


def test_reduced_precision_makes_nearly_the_same_video(folder, frames):
    reduced = Pipeline.load(folder, dtype=torch.bfloat16)

    assert {p.dtype for p in reduced.base.parameters()} == {torch.bfloat16}
    difference = np.abs(reduced.generate(SPEC).astype(int) - frames)
    assert difference.mean() < 4
    assert frames.std() > 20


def test_noise_and_solver_keep_float32_whatever_the_network_computes_in(folder):
    reduced = Pipeline.load(folder, dtype=torch.bfloat16)

    assert reduced.base_clips(["a"], [1], shape=(2, 32, 32), steps=2).dtype == torch.float32
    assert reduced.upscale(torch.zeros(1, 3, 16, 32, 32), 2, [1]).dtype == torch.float32


def test_the_device_decides_the_precision():
    assert fastest_dtype("cuda") == torch.bfloat16
    assert fastest_dtype("cpu") in (torch.bfloat16, torch.float32)


def test_pixels_become_bytes():
    clip = torch.tensor([-1.2, -1.0, -0.5, 0.0, 0.5, 1.0]).view(3, 2, 1, 1)

    frames = to_frames(clip)

    assert frames.shape == (2, 1, 1, 3)
    assert frames[:, 0, 0].tolist() == [[0, 64, 191], [0, 128, 255]]


def test_pixels_keep_their_places():
    clip = torch.arange(3 * 2 * 4 * 5).view(3, 2, 4, 5) / 60 - 1

    frames = to_frames(clip)

    assert frames.shape == (2, 4, 5, 3)
    for c, t, y, x in np.ndindex(3, 2, 4, 5):
        assert frames[t, y, x, c] == pytest.approx((clip[c, t, y, x].item() + 1) * 127.5, abs=0.51)
