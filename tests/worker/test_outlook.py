import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.spec import VideoSpec
from tests.claims import claim
from worker.jobs import JobStore
from worker.outlook import Outlook, Prospect, Waiting, estimates

SPEC = VideoSpec(prompt="a paper boat", seed=7)
OTHER = VideoSpec(prompt="a paper boat", seed=7, steps=50)


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=60)


@pytest.fixture
def outlook(redis):
    return Outlook(redis, kept_seconds=0)


def finish(jobs, redis, seconds, spec=SPEC):
    """A video that has taken so long."""
    job = claim(jobs, jobs.create(spec).id)
    redis.hset(f"ciotat:job:{job.id}", "started_at", jobs.get(job.id).started_at - seconds)
    jobs.complete(job, "k")


def prospects(outlook, jobs, *ids):
    return [
        (place, None if eta is None else round(eta))
        for place, eta in outlook.of([jobs.get(each) for each in ids])
    ]


def test_nothing_is_foretold_before_anything_was_measured(jobs, outlook):
    first, second = (jobs.create(SPEC).id for _ in range(2))

    assert prospects(outlook, jobs, first, second) == [(1, None), (2, None)]


def test_an_estimate_is_what_its_like_took_and_what_is_before_it(jobs, redis, outlook):
    for seconds in (30, 10, 20):
        finish(jobs, redis, seconds)
    running = claim(jobs, jobs.create(SPEC).id)
    jobs.progress(running, 50)
    first, second = (jobs.create(SPEC).id for _ in range(2))

    assert prospects(outlook, jobs, running.id, first, second) == [(None, 10), (1, 30), (2, 50)]
    claim(jobs, first)
    assert prospects(outlook, jobs, running.id, first, second) == [(None, 10), (None, 20), (1, 30)]


def test_behind_a_video_of_unknown_pace_nothing_is_known(jobs, redis, outlook):
    finish(jobs, redis, 20)
    first, unknown, behind = jobs.create(SPEC).id, jobs.create(OTHER).id, jobs.create(SPEC).id

    assert prospects(outlook, jobs, first, unknown, behind) == [(1, 20), (2, None), (3, None)]


def test_what_is_over_has_nothing_ahead_and_failed_jobs_are_no_measure(jobs, redis, outlook):
    jobs.fail(claim(jobs, jobs.create(SPEC).id), "c", "m")
    cancelled, queued = jobs.create(SPEC).id, jobs.create(SPEC).id
    jobs.cancel(cancelled)

    assert outlook.of([jobs.get(cancelled)]) == [Prospect()]
    assert prospects(outlook, jobs, cancelled, queued) == [(None, None), (1, None)]


def test_what_need_not_be_done_again_is_not_waited_for(jobs, redis, outlook):
    finish(jobs, redis, 20)
    first, second = jobs.create(SPEC), jobs.create(SPEC)
    job = jobs.claim_next()
    jobs.point(job, "k", 50)
    jobs.progress(job, 75)

    assert prospects(outlook, jobs, first.id, second.id) == [(None, 5), (1, 25)]
    jobs.release(job)
    assert prospects(outlook, jobs, first.id, second.id) == [(1, 10), (2, 30)]


def test_a_job_that_has_lost_its_worker_is_before_all_that_wait(jobs, redis, outlook):
    finish(jobs, redis, 20)
    lost, second = jobs.create(SPEC), jobs.create(SPEC)
    job = jobs.claim_next()
    jobs.point(job, "k", 50)
    jobs.progress(job, 75)

    redis.zadd("ciotat:leases", {job.id: 1.0})

    assert prospects(outlook, jobs, lost.id, second.id) == [(None, 10), (1, 30)]


def test_a_video_that_was_resumed_is_no_measure_and_one_that_could_have_been_is(jobs, redis, outlook):
    jobs.create(SPEC)
    jobs.point(jobs.claim_next(), "k", 50)
    redis.zadd("ciotat:leases", {jobs.unfinished()[0]: 1.0})
    jobs.complete(jobs.claim_next(), "k")
    assert redis.llen("ciotat:pace:ciotat-1:512x512:5:20:guided") == 0

    jobs.create(SPEC)
    whole = jobs.claim_next()
    jobs.point(whole, "k", 50)
    jobs.complete(whole, "k")

    assert redis.llen("ciotat:pace:ciotat-1:512x512:5:20:guided") == 1


def test_only_the_last_few_measures_count(jobs, redis, outlook):
    for seconds in (1000, *[20] * 8):
        finish(jobs, redis, seconds)

    assert redis.llen("ciotat:pace:ciotat-1:512x512:5:20:guided") == 8
    assert prospects(outlook, jobs, jobs.create(SPEC).id) == [(1, 20)]


paces = st.lists(st.sampled_from("ab"), max_size=8)


@given(paces, paces, st.floats(0.1, 100), st.floats(0.1, 100))
def test_with_one_worker_the_queue_is_done_one_by_one_and_more_workers_are_never_slower(running, queue, a, b):
    took = {"a": a, "b": b}
    busy = [Waiting(f"r{i}", pace, 0) for i, pace in enumerate(running)]
    waiting = [Waiting(f"q{i}", pace, 0) for i, pace in enumerate(queue)]

    ahead = estimates(busy, waiting, took)

    assert ahead.keys() == {job.id for job in busy + waiting}
    alone = sum(took[job.pace] for job in busy)
    for job in waiting:
        alone += took[job.pace]
        assert took[job.pace] <= ahead[job.id] <= alone + 1e-6
        if len(busy) <= 1:
            assert ahead[job.id] == pytest.approx(alone)
