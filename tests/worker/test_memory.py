"""After a job that was cancelled or has failed nothing of it is in memory, also not through an error that is kept."""

import gc
import weakref

import pytest
import torch

from model.pipeline import Pipeline
from model.spec import VideoSpec
from tests.claims import claim
from worker.jobs import JobStore, LeaseLost
from worker.memory import GivenBack
from worker.previews import Previews

SPEC = VideoSpec(prompt="a paper boat", size="256x256", seconds=1, steps=3, seed=7)  # of both stages


@pytest.fixture
def alive(monkeypatch):
    """What steps have held that is still alive."""
    told = []
    generate = Pipeline.generate

    def watched(self, spec, on_step, *arguments, **options):
        def keep(step):
            told.extend(map(weakref.ref, (step, step.point, step.point.state.x, step.point.state.estimate)))
            on_step(step)

        return generate(self, spec, keep, *arguments, **options)

    monkeypatch.setattr(Pipeline, "generate", watched)

    def alive():
        assert len(told) >= 4
        return [one() for one in told if one() is not None]

    return alive


@pytest.fixture(autouse=True)
def no_collector():
    """What a cycle keeps until some day is kept."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Broken(Exception):
    """Nobody has foreseen this."""


@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("end", ["cancelled", "failed", "out of memory"])
def test_nothing_of_a_job_outlives_it(render, redis, monkeypatch, alive, end, at):
    jobs, seen = JobStore(redis), []
    job = claim(jobs, jobs.create(SPEC).id)

    def offer(self, step):
        seen.append(step.done)
        if len(seen) == at:
            if end == "cancelled":
                jobs.cancel(job.id)
                self._hold.preview("nowhere", 1)
            raise Broken if end == "failed" else torch.OutOfMemoryError("said by a test")

    monkeypatch.setattr(Previews, "offer", offer)
    with pytest.raises((LeaseLost, Broken, torch.OutOfMemoryError)) as kept:
        render(job, jobs)

    assert any("in generate" in note for note in kept.value.__notes__)
    assert alive() == []


def test_errors_behind_an_error_give_back_too():
    class Held:
        pass

    told = []

    def first():
        held = Held()
        told.append(weakref.ref(held))
        raise ValueError("first")

    def second():
        held = Held()
        told.append(weakref.ref(held))
        try:
            first()
        except ValueError as error:
            raise KeyError("second") from error

    with pytest.raises(KeyError) as kept, GivenBack():
        second()

    assert "in second" in str(kept.value.__notes__)
    assert "in first" in str(kept.value.__cause__.__notes__)
    assert [one() for one in told] == [None, None]
