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
    Created,
    JobNotFound,
    JobOver,
    JobStore,
    KeyReused,
    LeaseHeld,
    LeaseLost,
    Request,
    Status,
    StoreUnavailable,
    UnknownCursor,
    connect,
)
from worker.tenants import DEFAULT_TENANT, index

INDEX = index(DEFAULT_TENANT)
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
    assert redis.zrange(PENDING, 0, -1) == redis.zrange(INDEX, 0, -1) == [job.id]


def test_a_request_that_is_known_makes_no_second_job(jobs, redis):
    first = jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "digest"))
    claimed = jobs.claim(first.job.id)

    assert first == Created(first.job, before=False)
    assert jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "digest")) == Created(
        claimed, before=True
    )
    assert claimed.as_created == first.job
    with pytest.raises(KeyReused):
        jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "another digest"))
    assert redis.zrange(INDEX, 0, -1) == [first.job.id]
    assert redis.zcard(PENDING) == 0


def test_a_request_is_known_for_a_day_or_as_long_as_was_set(jobs, redis):
    jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "digest"))
    JobStore(redis, request_seconds=9).create_once(
        SPEC, DEFAULT_TENANT, Request("create", "briefly", "digest")
    )

    assert 86390 < redis.ttl("ciotat:request:default:create:k") <= 86400
    assert 0 < redis.ttl("ciotat:request:default:create:briefly") <= 9


def test_a_request_outlives_its_deleted_job(jobs):
    job = jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "digest")).job
    jobs.delete(job.id)

    with pytest.raises(JobNotFound, match=job.id):
        jobs.create_once(SPEC, DEFAULT_TENANT, Request("create", "k", "digest"))


def test_an_unknown_job_is_named(jobs):
    for use in (jobs.get, jobs.claim, jobs.cancel, jobs.delete):
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


def test_an_ending_told_twice_is_agreed_to_and_told_once(jobs):
    job = jobs.claim(jobs.create(SPEC).id)
    jobs.complete(job, "k")
    done = jobs.get(job.id)

    jobs.complete(job, "k")

    assert jobs.get(job.id) == done
    with pytest.raises(LeaseLost):
        jobs.fail(job, "c", "m")


def test_a_cancelled_job_that_was_queued_never_starts(jobs, redis):
    job_id = jobs.create(SPEC).id

    cancelled = jobs.cancel(job_id)

    assert (cancelled.status, cancelled.attempts) == (Status.CANCELLED, 0)
    assert cancelled.completed_at >= cancelled.created_at
    assert redis.zcard(PENDING) == 0
    with pytest.raises(JobOver, match="cancelled"):
        jobs.claim(job_id)


def test_a_cancelled_job_refuses_every_later_write_of_its_worker(jobs, redis):
    job = jobs.claim(jobs.create(SPEC).id)

    cancelled = jobs.cancel(job.id)

    for write in (
        lambda: jobs.progress(job, 99),
        lambda: jobs.complete(job, "k"),
        lambda: jobs.fail(job, "c", "m"),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert jobs.get(job.id) == cancelled == jobs.cancel(job.id)
    assert redis.zcard(LEASES) == 0


@pytest.mark.parametrize(
    "end", [lambda jobs, job: jobs.complete(job, "k"), lambda jobs, job: jobs.fail(job, "c", "m")]
)
def test_a_job_that_is_over_cannot_be_cancelled(jobs, end):
    job = jobs.claim(jobs.create(SPEC).id)
    end(jobs, job)
    over = jobs.get(job.id)

    with pytest.raises(JobOver, match=over.status):
        jobs.cancel(job.id)

    assert jobs.get(job.id) == over


def test_a_deleted_job_is_nowhere_and_comes_back_by_no_write(jobs, redis):
    job = jobs.claim(jobs.create(SPEC).id)

    jobs.delete(job.id)

    for write in (
        lambda: jobs.progress(job, 99),
        lambda: jobs.complete(job, "k"),
        lambda: jobs.fail(job, "c", "m"),
    ):
        with pytest.raises(LeaseLost):
            write()
    for use in (jobs.get, jobs.claim, jobs.cancel, jobs.delete):
        with pytest.raises(JobNotFound):
            use(job.id)
    kept = [name for name in redis.scan_iter() if not name.startswith("ciotat:spent:")]
    assert sorted(kept) == [f"ciotat:events:{job.id}", f"ciotat:place:default:{job.id}"]
    assert 0 < redis.ttl(f"ciotat:events:{job.id}") <= 60
    assert 0 < redis.ttl(f"ciotat:place:default:{job.id}") <= 3600


@given(
    st.integers(0, 7),
    st.integers(1, 8),
    st.sampled_from(["asc", "desc"]),
    st.lists(st.sampled_from([1.5, 2.5]), min_size=7, max_size=7),
)
def test_pages_go_through_all_jobs_once_in_order(redis_url, count, limit, order, stamps):
    with connect(redis_url) as redis:
        redis.flushall()
        jobs = JobStore(redis)
        ids = [jobs.create(SPEC).id for _ in range(count)]
        if ids:
            redis.zadd(INDEX, dict(zip(ids, stamps, strict=False)))  # many at one moment
        expected = sorted(ids, key=lambda each: (redis.zscore(INDEX, each), each), reverse=order == "desc")

        seen, after, more = [], None, True
        while more:
            found, more = jobs.page(after, limit, order)
            assert len(found) <= limit
            seen += [job.id for job in found]
            after = seen[-1] if seen else None

    assert seen == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_reading_on_works_behind_a_job_that_was_deleted(jobs, redis, order):
    for _ in range(5):
        jobs.create(SPEC)
    expected = [job.id for job in jobs.page(None, 5, order).jobs]

    seen, after, more = [], None, True
    while more:
        found, more = jobs.page(after, 2, order)
        for job in found:
            seen.append(job.id)
            jobs.delete(job.id)
        after = seen[-1]

    assert seen == expected
    assert redis.zcard(INDEX) == 0


def test_a_page_behind_a_job_that_never_was_is_an_error(jobs):
    jobs.create(SPEC)

    with pytest.raises(UnknownCursor, match="after: video 'video_x' does not exist"):
        jobs.page("video_x", 20, "desc")


ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@given(st.lists(st.sampled_from(["claim", "progress", "complete", "fail", "cancel"]), max_size=8))
def test_nothing_leaves_a_final_state(redis_url, moves):
    with connect(redis_url) as redis:
        jobs = JobStore(redis, lease_seconds=60)
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
                    case "cancel":
                        jobs.cancel(job.id)
            except (LeaseHeld, LeaseLost, JobOver):
                pass
            now = jobs.get(job.id)
            assert ended in (None, now)
            ended = now if now.status in ENDED else None


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

    for use in (
        lambda: away.create(SPEC),
        lambda: away.get("x"),
        lambda: away.cancel("x"),
        lambda: away.delete("x"),
        lambda: away.page(None, 1, "asc"),
        away.ping,
    ):
        with pytest.raises(StoreUnavailable):
            use()
