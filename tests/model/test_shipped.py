"""The shipped weights: they make what was asked for, move, and hide their windows."""

from dataclasses import replace

import pytest
import torch

from model.conditioning import Conditions
from model.evaluation.evaluate import JUDGES
from model.evaluation.judges import Judges, activity
from model.evaluation.pixels import borders, seam_ratio
from model.pipeline import Pipeline
from model.ssr import enlarged, lowered
from model.training.motions import MOTIONS
from model.training.objects import Atlas, drawings
from model.training.world import World, clip_times

pytestmark = pytest.mark.slow
CHECKPOINT = JUDGES.with_name("ciotat-1")


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.load(CHECKPOINT)


@pytest.fixture(scope="module")
def clip():
    """A clip as it was drawn, at 256 pixels a side: steady motion, so that all neighbouring frames differ alike."""
    world = World(Atlas.load("cpu", 256, [drawing.name for drawing in drawings()[:60]]), "cpu")
    scenes = world.scenes(1, torch.Generator().manual_seed(3))
    return world.render(replace(scenes, motion=torch.tensor([MOTIONS.index("right")])), clip_times(1), 256)


@pytest.fixture(scope="module")
def upscaled(pipeline, clip):
    return pipeline.upscale(lowered(clip, 2), 2, [1])


def test_a_prompt_gets_its_object_its_motion_and_its_background(pipeline):
    clip = pipeline.base_clips(["a red balloon rising over grass"], [7])

    judges = Judges.load(JUDGES)
    verdict, names = judges.judge(clip), judges.config
    assert names.objects[int(verdict.object[0])] == "balloon"
    assert names.motions[int(verdict.motion[0])] == "up"
    assert "grass" in names.backgrounds[int(verdict.background[0])]
    assert float(activity(clip)[0]) > names.frozen_below


def test_a_loop_flows_into_itself(pipeline):
    prompt, shape = "a red balloon swinging over grass", (32, 128, 128)

    clip = pipeline.base_clips([prompt], [7], shape=shape, steps=8, under=Conditions(loop=True))

    between = (clip - clip.roll(-1, 2)).square().mean((0, 1, 3, 4))
    assert between[-1] <= 1.2 * between[:-1].median()
    assert between.max() <= 2 * between.median()


def test_windows_leave_no_seams(pipeline, upscaled):
    ratio = seam_ratio(upscaled[0], borders(80, pipeline.sampling.window, pipeline.sampling.overlap))

    assert ratio is not None
    assert ratio <= 1.1


def test_upscaling_comes_nearer_to_the_truth_than_enlarging(clip, upscaled):
    error = (upscaled - clip).square().mean()

    assert error < 0.8 * (enlarged(lowered(clip, 2), 2) - clip).square().mean()
