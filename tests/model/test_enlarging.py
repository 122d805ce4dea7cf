"""Videos longer than the base model makes at once: of windows of it, enlarged in parts."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.canvas import Canvas
from model.conditioning import FREE
from model.enlarging import enlarging
from model.pipeline import Pipeline, to_frames
from model.sampling import State
from model.spec import VideoSpec
from model.steps import Course, Point
from model.weights import Sampling
from model.windows import fuse, ramps, windows_of
from tests import tiny

HOW = Sampling(base_size=32, ssr_steps=2, window=8, longest=16, shared=8, known=4)
SPEC = VideoSpec(prompt="a red boat", size="128x128", seconds=3, steps=2, seed=7)
CANVAS = Canvas.of(8, 8, 4)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return Pipeline.load(folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def told(pipeline):
    """What was told at each step of a video of three windows, its frames, and how often the base model was called."""
    steps, calls, looks = [], [], []
    with pipeline.base.register_forward_pre_hook(lambda module, inputs: calls.append(inputs[0].shape)):
        frames = pipeline.generate(SPEC, steps.append, look=lambda: looks.append(len(calls)))
    return steps, frames, calls, looks


def test_the_base_model_never_sees_more_than_it_makes_at_once(told):
    _, _, calls, looks = told

    windows = len(windows_of(48, 16, 8))
    assert {shape[2] for shape in calls} == {16}
    assert len(calls) == 2 * windows * SPEC.steps  # guided: two a window
    assert looks[: 2 * windows] == [2 * k for k in range(2 * windows)]  # before each there is a heartbeat


def test_the_base_clip_of_a_long_video_is_whole_after_every_step(told):
    steps, _, _, _ = told

    base = [step for step in steps if step.stage == "base"]
    assert [(step.done, step.total) for step in base] == [(1, 2), (2, 2)]
    assert {step.estimate.shape[1] for step in base} == {48}


def test_parts_are_no_longer_than_a_window_of_the_base_model_and_the_whole_is_told(told):
    steps, frames, _, _ = told
    parts = len(windows_of(48, 16, 2))

    ssr = [step for step in steps if step.stage == "ssr"]
    assert [(step.done, step.total) for step in ssr] == [(k + 1, 2 * parts) for k in range(2 * parts)]
    assert {step.point.state.x.shape[2] for step in ssr} == {16}
    assert {step.glimpse(48, 32, 32).shape[0] for step in ssr} == {48}
    assert frames.shape == (48, 128, 128, 3)
    for step in ssr:  # what was finished stays as it was
        if step.point.made is not None:
            assert np.array_equal(step.point.made.numpy(), frames[: len(step.point.made)])


def test_a_part_begins_with_what_the_one_before_has_finished(told):
    steps, frames, _, _ = told
    spans = windows_of(48, 16, 2)

    last_of_second = [step for step in steps if step.stage == "ssr" and step.point.part == 1][-1]
    known = to_frames(last_of_second.point.state.estimate[0])[:2]

    assert np.array_equal(known, frames[spans[1].start : spans[1].start + 2])


def test_a_video_of_one_window_is_made_as_if_there_were_none(pipeline):
    short = SPEC.model_copy(update={"seconds": 1})

    for changes in ({"longest": 80, "shared": 40}, {"longer": "passes"}):
        other = Pipeline(pipeline.base, pipeline.ssr, pipeline.text, replace(HOW, **changes))
        assert np.array_equal(other.generate(short), pipeline.generate(short))


def test_parts_have_noise_of_their_own_and_the_first_one_that_of_the_video():
    parts = list(enlarging(np.zeros((48, 8, 8, 3), np.uint8), windows_of(48, 16, 2), None))

    seeds = [part.seed(2**63 - 1) for part in parts]
    assert seeds[0] == 2**63 - 1
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_part_knows_its_beginning_to_the_byte():
    made = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3)).astype(np.uint8)
    parts = list(enlarging(made.copy(), windows_of(48, 16, 2), None))

    assert parts[0].known_in(FREE, CANVAS) is FREE
    for part in parts[1:]:
        known = part.known_in(FREE, CANVAS).known
        assert known.mask[0, 0, :, 0, 0].sum() == part.known
        assert np.array_equal(
            to_frames(known.clip[0])[: part.known], made[part.span.start : part.span.start + part.known]
        )


def test_an_attempt_goes_on_in_its_part():
    made = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3)).astype(np.uint8)
    spans, state = windows_of(48, 16, 2), State(1, torch.zeros(1), torch.zeros(1))
    point = Point("ssr", state, part=2, made=torch.from_numpy(made[: spans[1].stop]))

    again = np.zeros_like(made)
    parts = list(enlarging(again, spans, point))

    assert [(part.number, part.begun is state) for part in parts] == [(2, True), (3, False)]
    assert np.array_equal(again[: spans[1].stop], made[: spans[1].stop])


@given(st.integers(1, 60), st.integers(0, 59))
def test_ramps_rise_where_windows_meet_and_never_reach_nothing(size, overlap):
    weights = ramps(size, min(overlap, size - 1))

    assert (weights > 0).all()
    assert weights.max() <= 1
    assert torch.equal(weights, weights.flip(0))
    assert weights.diff().abs().max() <= 1 / (min(overlap, size - 1) + 1) + 1e-6 if size > 1 else True


def test_with_ramps_windows_that_disagree_meet_without_a_step():
    windows = windows_of(24, 16, 8)
    predictions = [torch.full((1, 1, 16, 1, 1), float(k)) for k in range(2)]

    hard, soft = (fuse(windows, predictions, 24, weights).flatten() for weights in (None, ramps(16, 8)))

    assert hard.diff().max() == 0.5
    assert soft.diff().max() < 0.13
    assert (soft[0], soft[-1]) == (0, 1)


@given(
    base=st.integers(1, 40),
    ssr=st.integers(0, 8),
    pixels=st.sampled_from([128**2, 512**2, 1024**2, 1280 * 720]),
    passes=st.integers(1, 6),
    windows=st.integers(1, 8),
    parts=st.integers(1, 5),
)
def test_progress_never_goes_back_and_ends_at_the_whole(base, ssr, pixels, passes, windows, parts):
    course, state = Course(base, ssr, pixels, passes, windows, parts), torch.zeros(1)
    order = [("base", number, k + 1) for number in range(passes) for k in range(base)]
    order += [("ssr", number, k + 1) for number in range(parts) for k in range(ssr)]

    steps = [course.step(Point(stage, State(k, state, state), part=number)) for stage, number, k in order]

    fractions, percents = [step.fraction for step in steps], [step.percent for step in steps]
    assert fractions[0] > 0
    assert all(one < other for one, other in pairwise(fractions))
    assert fractions[-1] == pytest.approx(1.0)
    assert percents == sorted(percents)
    assert percents[-1] == 99  # 100 is a video that has been stored
    for stage, total in (("base", base * passes), ("ssr", ssr * parts)):
        of_stage = [step for step in steps if step.stage == stage]
        assert [(step.done, step.total) for step in of_stage] == [(k + 1, total) for k in range(total)]


@pytest.mark.parametrize(
    ("changes", "says"), [({"longer": "somehow"}, "windows, passes"), ({"shared": 80}, "longest, 80: got 80")]
)
def test_settings_that_make_no_windows_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        Sampling(**changes)
