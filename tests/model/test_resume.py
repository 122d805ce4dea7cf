"""A video that was interrupted after any step, and gone on with from what was written there, is the same to the bit."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from model.given import NOTHING, Given
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.steps import Point
from model.tasks import Task
from model.weights import Sampling
from tests import tiny

# enough steps of both stages that the solver uses its history, guidance at some of them, uneven windows
HOW = Sampling(base_size=32, ssr_steps=5, window=6, overlap=2, guidance_interval=(0.2, 0.95))
SPEC = VideoSpec(prompt="a red boat", negative_prompt="fog", size="128x128", seconds=1, steps=5, seed=7)
BASE, SSR = [("base", k) for k in range(1, 6)], [("ssr", k) for k in range(1, 6)]
POINTS = BASE + SSR


def kept(point):
    """What comes back of a point that was written as a file."""
    return Point.of(point.stage, point.state.done, load(save(point.tensors())), point.part)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return folder


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def loaded(folder, request):
    return Pipeline.load(folder, dtype=getattr(torch, request.param))


@pytest.fixture(scope="module", params=["dpmpp_2m", "euler"])
def whole(loaded, request):
    """A pipeline, the frames of one video and what was told at each of its steps."""
    how = replace(HOW, base_sampler=request.param, ssr_sampler=request.param)
    pipeline = Pipeline(loaded.base, loaded.ssr, loaded.text, how, dtype=loaded.dtype)
    steps = []
    return pipeline, pipeline.generate(SPEC, steps.append), steps


class Killed(Exception):
    """The end of an attempt."""


def test_a_video_that_is_stopped_after_every_step_goes_on_to_the_bit_as_if_it_had_not(whole):
    """Each attempt makes one step and leaves a file, and the next one has that file alone."""
    pipeline, frames, steps = whole
    left, made = [], []

    def keep(step):
        left.append(step)
        raise Killed

    while not made and len(left) <= len(POINTS):
        with suppress(Killed):
            point = kept(left[-1].point) if left else None
            made.append(pipeline.generate(SPEC, keep, resume=point))

    assert [(step.stage, step.done) for step in left] == POINTS
    for one, other in zip(left, steps, strict=True):
        assert torch.equal(one.point.state.x, other.point.state.x)
        assert torch.equal(one.estimate, other.estimate)
        assert (one.fraction, one.total) == (other.fraction, other.total)
    assert np.array_equal(made[0], frames)


# each task with what it is given; two seconds are three passes
SIDE = np.random.default_rng(5).integers(0, 256, (9, 128, 128, 3), dtype=np.uint8)
HALF = np.arange(128)[None, None, :] < np.full((1, 128, 1), 50)
TASKS = {
    "image_to_video": ({"task": Task.IMAGE_TO_VIDEO}, Given(SIDE[:1])),
    "inpaint": ({"task": Task.INPAINT}, Given(SIDE, HALF)),
    "cinemagraph": ({"task": Task.CINEMAGRAPH}, Given(SIDE[:1], HALF)),
    "interpolate": ({"task": Task.INTERPOLATE}, Given(SIDE[:1], last=SIDE[1])),
    "extend": ({"task": Task.EXTEND}, Given(SIDE)),
    "video_to_video": ({"task": Task.VIDEO_TO_VIDEO, "strength": 0.7}, Given(SIDE)),
    "loop": ({"loop": True}, NOTHING),
    "a cinemagraph in a loop": ({"task": Task.CINEMAGRAPH, "loop": True}, Given(SIDE[:1], HALF)),
    "long, in windows": ({"seconds": 2, "steps": 2}, NOTHING),
    "a long image_to_video": ({"task": Task.IMAGE_TO_VIDEO, "seconds": 2, "steps": 2}, Given(SIDE[:1])),
    "a long extend": ({"task": Task.EXTEND, "seconds": 2, "steps": 2}, Given(SIDE)),
}


@pytest.mark.parametrize("name", TASKS)
def test_so_it_does_whatever_the_task(folder, name):
    loaded = Pipeline.load(folder, dtype=torch.float32)
    how = replace(HOW, ssr_steps=2, longest=16, known=4, shared=4)
    how = replace(how, longer="windows" if "windows" in name else "passes")
    pipeline = Pipeline(loaded.base, loaded.ssr, loaded.text, how)
    changes, given = TASKS[name]
    spec, told, left, made = SPEC.model_copy(update={"steps": 3, **changes}), [], [], []
    frames = pipeline.generate(spec, told.append, given=given)

    def keep(step):
        left.append(step)
        raise Killed

    while not made and len(left) <= len(told):
        with suppress(Killed):
            point = kept(left[-1].point) if left else None
            made.append(pipeline.generate(spec, keep, point, given=given))

    assert [(step.stage, step.done) for step in left] == [(step.stage, step.done) for step in told]
    assert all(torch.equal(one.estimate, other.estimate) for one, other in zip(left, told, strict=True))
    assert np.array_equal(made[0], frames)
    assert len(told) >= 3


@pytest.mark.parametrize("at", [0, 4, 8])
def test_an_attempt_makes_only_the_steps_that_are_left(whole, at):
    pipeline, frames, steps = whole
    again = []

    assert np.array_equal(pipeline.generate(SPEC, again.append, resume=kept(steps[at].point)), frames)

    assert [(step.stage, step.done) for step in again] == POINTS[at + 1 :]


def test_a_point_refers_to_the_tensors_of_the_generation_and_knows_how_large_they_are(whole):
    _, _, steps = whole

    for step in steps:
        assert step.point.tensors()["x"] is step.point.state.x
        assert step.point.nbytes == sum(tensor.nbytes for tensor in step.point.tensors().values())
    lows = {step.point.low.data_ptr() for step in steps if step.stage == "ssr"}
    assert lows == {steps[4].point.state.x.data_ptr()}  # the end of the base pass is what is enlarged


def test_a_point_that_lacks_a_tensor_is_refused_by_name(whole):
    tensors = dict(whole[2][-1].point.tensors())
    del tensors["low"]

    with pytest.raises(KeyError, match="low"):
        Point.of("ssr", 5, tensors)


def test_before_each_batch_of_windows_there_is_a_look_that_can_end_the_generation(folder):
    pipeline = Pipeline.load(folder, dtype=torch.float32)
    looks, steps = [], []

    def look():
        looks.append(len(steps))
        if len(looks) == 6:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        pipeline.generate(SPEC, steps.append, look=look)

    assert looks == [5, 5, 5, 5, 6, 6]  # four windows a step, none of the base pass
    assert all(earlier.fraction < later.fraction for earlier, later in pairwise(steps))


def test_memory_that_does_not_do_for_a_batch_of_windows_makes_the_video_by_smaller_ones(folder, whole):
    pipeline, frames, _ = whole

    with pipeline.ssr.register_forward_pre_hook(refusing(more_than=1)):
        assert np.array_equal(pipeline.generate(SPEC, window_batch=4), frames)


def refusing(more_than):
    """Memory for so many windows at a time, and no more."""

    def check(module, inputs):
        if inputs[0].shape[0] > more_than:
            raise torch.OutOfMemoryError("CUDA out of memory (said by a test)")

    return check
