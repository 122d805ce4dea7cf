import logging
import os
import time

import pytest

from model.spec import VideoSpec
from worker.hold import RENEW_SECONDS, Hold
from worker.jobs import LEASES, JobStore, LeaseLost, Status, StoreUnavailable
from worker.notes import NOTES, at_work

SPEC = VideoSpec(prompt="a paper boat", seed=7)


class Deaf(JobStore):
    """The real store, which hears nothing for so many calls; what it was told may have arrived all the same."""

    def __init__(self, client, arrives=False):
        super().__init__(client, lease_seconds=60)
        self.calls = self.deaf = 0
        self._arrives = arrives

    def _heard(self, call, *arguments):
        self.calls += 1
        if self.deaf:
            self.deaf -= 1
            if self._arrives:
                call(*arguments)
            raise StoreUnavailable("the job store does not answer")
        return call(*arguments)

    def claim_next(self, asked_as=""):
        return self._heard(super().claim_next, asked_as)

    def _change(self, *arguments):
        return self._heard(super()._change, *arguments)

    def _hand_back(self, *arguments):
        return self._heard(super()._hand_back, *arguments)


@pytest.fixture(params=[False, True], ids=["not arrived", "arrived"])
def jobs(redis, request):
    return Deaf(redis, request.param)


@pytest.fixture
def hold(jobs):
    jobs.create(SPEC)
    return Hold.next(jobs, patience=2.0)


def test_where_there_is_nothing_to_do_nothing_is_held(jobs):
    assert Hold.next(jobs) is None


def test_a_claim_whose_answer_was_lost_is_made_once(jobs, redis):
    first, second = jobs.create(SPEC), jobs.create(SPEC)
    jobs.deaf = 2

    hold = Hold.next(jobs)

    assert hold.job == jobs.get(first.id)
    assert (hold.job.attempts, hold.job.token) == (1, 1)
    assert jobs.get(second.id).status is Status.QUEUED


def test_a_beat_renews_the_lease_and_tells_progress(hold, jobs, redis):
    redis.zadd(LEASES, {hold.job.id: 1.0})

    hold.beat(40)

    assert jobs.get(hold.job.id).progress == 40
    assert redis.zscore(LEASES, hold.job.id) > time.time() + 50


def test_beats_with_nothing_new_are_told_twice_a_second_at_most(hold, jobs):
    hold.beat(40)
    before, until = jobs.calls, time.monotonic() + 1.2 * RENEW_SECONDS

    while time.monotonic() < until:
        hold.beat(40)
        hold.beat()

    assert jobs.calls - before == 1
    hold.beat(41)
    hold.beat(42)
    assert jobs.calls - before == 3


@pytest.mark.parametrize("end", [JobStore.cancel, JobStore.delete])
def test_a_beat_tells_that_the_job_is_this_worker_s_no_longer(hold, jobs, end):
    end(jobs, hold.job.id)

    with pytest.raises(LeaseLost):
        hold.beat()


def test_beats_that_nobody_hears_are_logged_once_and_the_work_goes_on(hold, jobs, monkeypatch, caplog):
    monkeypatch.setattr("worker.hold.DEAF_SECONDS", 0.0)
    jobs.deaf = 3

    with caplog.at_level(logging.WARNING):
        for percent in (10, 20, 30, 40):
            hold.beat(percent)

    assert caplog.text.count("goes on although the job store does not answer") == 1
    assert jobs.get(hold.job.id).progress == 40


def test_a_resume_point_that_nobody_hears_of_keeps_no_step(hold, jobs):
    jobs.deaf = 1
    assert not hold.point("k", 40)

    hold._next = 0.0
    assert hold.point("k", 40)
    assert jobs.get(hold.job.id).resume_key == "k"


def test_a_store_that_has_not_answered_is_left_alone_for_a_while(hold, jobs):
    jobs.deaf = 1
    hold.beat(10)
    before = jobs.calls

    hold.beat(20)
    hold.preview("k", 1)

    assert jobs.calls == before


COMMITS = {
    "complete": (lambda hold: hold.complete("k", {"base": 1.0}), Status.COMPLETED),
    "fail": (lambda hold: hold.fail("invalid_checkpoint", "truncated"), Status.FAILED),
    "give_up": (lambda hold: hold.give_up("storage_unavailable", "full"), Status.QUEUED),
    "release": (lambda hold: hold.release(), Status.QUEUED),
    "warn": (lambda hold: hold.warn(()), Status.IN_PROGRESS),
}


@pytest.mark.parametrize("commit", COMMITS)
def test_a_commit_is_tried_until_it_is_heard(hold, jobs, commit):
    write, status = COMMITS[commit]
    jobs.deaf = 3

    write(hold)

    assert jobs.get(hold.job.id).status is status
    assert jobs.deaf == 0


@pytest.mark.parametrize("commit", COMMITS)
def test_a_commit_is_given_up_when_the_patience_is_over(redis, commit):
    jobs = Deaf(redis)
    jobs.create(SPEC)
    hold = Hold.next(jobs, patience=0.2)
    jobs.deaf = 1000
    began = time.monotonic()

    with pytest.raises(StoreUnavailable):
        COMMITS[commit][0](hold)

    assert time.monotonic() - began < 1.0
    assert jobs.get(hold.job.id) == hold.job


def test_a_refused_commit_is_not_tried_again(hold, jobs):
    jobs.cancel(hold.job.id)
    before = jobs.calls

    with pytest.raises(LeaseLost):
        hold.complete("k")

    assert jobs.calls == before + 1


def test_each_beat_and_each_try_is_a_sign_of_life(hold, jobs, tmp_path, monkeypatch):
    monkeypatch.setenv(NOTES, str(tmp_path))
    with at_work():
        [mark] = tmp_path.iterdir()
        for act in (hold.beat, lambda: hold.warn(())):
            os.utime(mark, ns=(0, 0))

            act()

            assert mark.stat().st_mtime_ns > 0
