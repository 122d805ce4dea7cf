"""Clips longer than one pass: each pass knows the end of the one before, and nothing is made twice."""

from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from model.conditioning import Conditions, nothing_known
from model.extension import Begun, extended, spans_of
from model.pipeline import Pipeline
from model.sampling import State
from model.spec import VideoSpec
from model.weights import Sampling
from tests import tiny


@given(st.integers(1, 400), st.integers(2, 90), st.integers(1, 40))
def test_passes_cover_the_clip_and_each_begins_with_what_it_knows(frames, longest, known):
    assume(known < longest)

    spans = spans_of(frames, longest, known)

    assert (spans[0].start, spans[-1].stop) == (0, frames)
    assert all(span.stop - span.start <= longest for span in spans)
    for one, other in pairwise(spans):
        assert one.stop - other.start == known
        assert other.stop > one.stop


@pytest.mark.parametrize("known", [0, 16, 20])
def test_a_pass_that_knows_nothing_or_all_is_refused_with_both_numbers(known):
    with pytest.raises(ValueError, match=rf"16 frames.*got {known}"):
        spans_of(40, 16, known)


def numbered(one, begun):
    """A pass that keeps what it knows, and numbers the frames that it makes by the pass."""
    frames = one.span.stop - one.span.start
    return one.under.known.kept(torch.full((1, 3, frames, 2, 2), float(one.number + 1)))


def nothing(frames):
    return Conditions(nothing_known((1, 3, frames, 2, 2), torch.device("cpu")))


def test_what_a_pass_has_made_the_next_one_knows_and_keeps():
    clip = extended(numbered, spans_of(36, 16, 4), nothing(36))

    assert clip[0, 0, :, 0, 0].tolist() == [1.0] * 16 + [2.0] * 12 + [3.0] * 8


def test_an_attempt_goes_on_in_its_pass():
    """The state's estimate begins with what its pass knows; its end is of no interest."""
    estimate = torch.full((1, 3, 16, 2, 2), 9.0)
    before = torch.full((1, 3, 12, 2, 2), 8.0)
    seen = []

    def make(one, begun):
        seen.append((one.number, begun))
        return numbered(one, begun)

    state = State(1, estimate, estimate)
    clip = extended(make, spans_of(36, 16, 4), nothing(36), Begun(1, before, state))

    assert [(number, begun is state) for number, begun in seen] == [(1, True), (2, False)]
    assert clip[0, 0, :, 0, 0].tolist() == [8.0] * 12 + [9.0] * 4 + [2.0] * 12 + [3.0] * 8


HOW = Sampling(base_size=32, ssr_steps=1, window=8, overlap=2, longest=16, known=4, longer="passes", shared=4)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    tiny.write_checkpoint(folder, HOW)
    return Pipeline.load(folder, dtype=torch.float32)


def test_a_long_clip_is_told_as_it_grows(pipeline):
    spec = VideoSpec(prompt="a boat", size="128x128", seconds=2, seed=3, steps=2)
    steps = []

    frames = pipeline.generate(spec, steps.append)

    assert len(frames) == 32
    base = [step for step in steps if step.stage == "base"]
    assert [(step.done, step.total) for step in base] == [(k, 6) for k in range(1, 7)]
    assert [step.point.part for step in base] == [0, 0, 1, 1, 2, 2]
    assert [step.estimate.shape[1] for step in base] == [16, 16, 28, 28, 32, 32]
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == pytest.approx(1.0)
    for one, other in ((base[1], base[3]), (base[3], base[5])):
        grown = one.estimate.shape[1]
        assert torch.equal(one.estimate, other.estimate[:, :grown])
    assert torch.equal(steps[-1].point.low[0], base[-1].estimate)
