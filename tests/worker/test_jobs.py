import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.spec import VideoSpec
from worker.jobs import (
    LEASES,
    PENDING,
    JobNotFound,
    JobOver,
    JobStore,
    LeaseHeld,
    LeaseLost,
    Status,
    StoreUnavailable,
    connect,
)

SPEC = VideoSpec(prompt="a paper boat", seed=7)


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=60, max_attempts=2)


@pytest.fixture
def hasty(redis):
    """A store whose leases are over at once."""
    return JobStore(redis, lease_seconds=0.01, max_attempts=2)


def test_a_created_job_is_queued_and_waits_to_be_dispatched(jobs, redis):
    job = jobs.create(SPEC)

    assert jobs.get(job.id) == job
    assert (job.status, job.progress, job.attempts) == (Status.QUEUED, 0, 0)
    assert job.spec == SPEC
    assert redis.zrange(PENDING, 0, -1) == [job.id]


def test_an_unknown_job_is_named(jobs):
    for use in (jobs.get, jobs.claim):
        with pytest.raises(JobNotFound, match="video_x"):
            use("video_x")


def test_a_claim_takes_a_lease_a_token_and_an_attempt(jobs, redis):
    job = jobs.claim(jobs.create(SPEC).id)

    assert (job.status, job.attempts, job.token) == (Status.IN_PROGRESS, 1, 1)
    assert redis.zcard(PENDING) == 0
    assert 55 < redis.zscore(LEASES, job.id) - time.time() < 61


def test_a_second_claim_is_told_how_long_the_lease_runs(jobs):
    job = jobs.claim(jobs.create(SPEC).id)

    with pytest.raises(LeaseHeld) as held:
        jobs.claim(job.id)

    assert 55 < held.value.remaining <= 60


def test_of_many_claims_one_wins(jobs):
    job_id = jobs.create(SPEC).id

    def claim(_):
        try:
            return jobs.claim(job_id)
        except LeaseHeld:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [job for job in pool.map(claim, range(32)) if job is not None]

    assert len(won) == 1


def test_progress_renews_the_lease(jobs, redis):
    job = jobs.claim(jobs.create(SPEC).id)
    redis.zadd(LEASES, {job.id: 1.0})

    jobs.progress(job, 40)

    assert jobs.get(job.id).progress == 40
    assert redis.zscore(LEASES, job.id) > time.time() + 50


def test_a_completed_job_says_where_its_video_is(jobs, redis):
    job = jobs.claim(jobs.create(SPEC).id)

    jobs.complete(job, "videos/a.mp4")

    done = jobs.get(job.id)
    assert (done.status, done.progress, done.video_key) == (Status.COMPLETED, 100, "videos/a.mp4")
    assert done.created_at <= done.started_at <= done.completed_at
    assert redis.zcard(LEASES) == 0


def test_a_failed_job_says_why(jobs):
    job = jobs.claim(jobs.create(SPEC).id)

    jobs.fail(job, "invalid_checkpoint", "unet.safetensors is truncated")

    failed = jobs.get(job.id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "invalid_checkpoint")
    assert failed.error_message == "unet.safetensors is truncated"


def test_a_worker_that_lost_its_lease_can_write_nothing(hasty):
    stale = hasty.claim(hasty.create(SPEC).id)
    time.sleep(0.02)
    fresh = hasty.claim(stale.id)

    for write in (
        lambda: hasty.progress(stale, 99),
        lambda: hasty.complete(stale, "stale.mp4"),
        lambda: hasty.fail(stale, "x", "y"),
    ):
        with pytest.raises(LeaseLost):
            write()

    assert hasty.get(stale.id) == fresh
    hasty.complete(fresh, "fresh.mp4")
    assert hasty.get(stale.id).video_key == "fresh.mp4"


def test_a_job_that_loses_its_workers_fails_after_the_last_attempt(hasty):
    job_id = hasty.create(SPEC).id
    for _ in range(2):
        hasty.claim(job_id)
        time.sleep(0.02)

    with pytest.raises(JobOver, match="failed"):
        hasty.claim(job_id)

    assert (hasty.get(job_id).status, hasty.get(job_id).error_code) == (Status.FAILED, "worker_lost")


@given(st.lists(st.sampled_from(["claim", "progress", "complete", "fail"]), max_size=8))
def test_nothing_leaves_a_final_state(redis_url, moves):
    jobs = JobStore(connect(redis_url), lease_seconds=60)
    job = jobs.create(SPEC)
    ended = None
    for move in moves:
        try:
            match move:
                case "claim":
                    job = jobs.claim(job.id)
                case "progress":
                    jobs.progress(job, 50)
                case "complete":
                    jobs.complete(job, "k")
                case "fail":
                    jobs.fail(job, "c", "m")
        except (LeaseHeld, LeaseLost, JobOver):
            pass
        now = jobs.get(job.id)
        assert ended in (None, now)
        ended = now if now.status in (Status.COMPLETED, Status.FAILED) else None


def test_what_is_unfinished_can_be_listed(jobs):
    queued, running, done = (jobs.create(SPEC).id for _ in range(3))
    jobs.claim(running)
    jobs.complete(jobs.claim(done), "k")

    assert sorted(jobs.unfinished()) == sorted([queued, running])


def test_a_corrupt_record_is_an_error_of_ours(jobs, redis):
    job = jobs.create(SPEC)
    redis.hset(f"ciotat:job:{job.id}", "spec", '{"prompt": ""}')

    with pytest.raises(ValidationError):
        jobs.get(job.id)


def test_a_store_that_is_away_is_named(tmp_path):
    away = JobStore(connect(f"unix://{tmp_path}/nothing.sock"))

    for use in (lambda: away.create(SPEC), lambda: away.get("x"), away.ping):
        with pytest.raises(StoreUnavailable):
            use()
