"""Videos that are not square, by a tiny real checkpoint: cut out of base clips of another shape."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from model.pipeline import Pipeline, to_frames
from model.spec import VideoSpec
from model.ssr import enlarged
from model.weights import Sampling
from tests import tiny

# base clips of 32 x 32, so that the smallest video asked for is four times upscaled, in uneven windows of 6 frames
HOW = Sampling(base_size=32, ssr_steps=3, window=6, overlap=2)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=1, steps=3, seed=7)


def asked(**changes):
    return SPEC.model_copy(update=changes)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A pipeline whose clips of 16:9 and 9:16 are 80 x 48 and 48 x 80, and a video of each, an eighth of what may be
    asked for: cut out of 160 x 96 and 96 x 160."""
    folder = tmp_path_factory.mktemp("wide")
    tiny.write_checkpoint(folder, replace(HOW, base_size=64))
    pipeline, steps = Pipeline.load(folder, dtype=torch.float32), {"160x90": [], "90x160": []}
    frames = {size: pipeline.generate(asked(size=size), told.append) for size, told in steps.items()}
    return pipeline, frames, steps


@pytest.mark.parametrize(("size", "grid"), [("160x90", (48, 80)), ("90x160", (80, 48))])
def test_a_video_that_is_not_square_is_the_middle_of_its_enlarged_base_clip(wide, size, grid):
    _, frames, steps = wide
    width, height = map(int, size.split("x"))
    low = steps[size][-1].point.low

    assert frames[size].shape == (16, height, width, 3)
    assert frames[size].std() > 5
    assert low.shape[3:] == grid
    large = to_frames(enlarged(low, 2)[0]).astype(int)
    top, left = (2 * grid[0] - height) // 2, (2 * grid[1] - width) // 2
    middle = large[:, top : top + height, left : left + width]
    moved = [
        np.abs(np.roll(middle, shift, (1, 2)) - frames[size]).mean() for shift in ((0, 0), (3, 0), (0, 3))
    ]
    assert moved[0] < min(moved[1:])


@pytest.mark.parametrize("at", [1, 4])
def test_one_that_is_not_square_goes_on_from_a_point_to_the_bit(wide, at):
    pipeline, frames, steps = wide

    again = pipeline.generate(asked(size="160x90"), resume=steps["160x90"][at].point)

    assert np.array_equal(again, frames["160x90"])


def test_a_glimpse_has_the_proportion_of_the_video_at_every_stage(wide):
    _, frames, steps = wide
    for size, asked_for in (("160x90", (32, 18)), ("90x160", (18, 32))):
        shown = [step.glimpse(8, *asked_for) for step in steps[size]]

        assert {each.shape for each in shown} == {(8, asked_for[1], asked_for[0], 3)}
        small = [
            Image.fromarray(frame).resize(asked_for, Image.Resampling.BOX) for frame in frames[size][::2]
        ]
        assert np.abs(shown[-1].astype(int) - np.stack(small)).mean() < 4
