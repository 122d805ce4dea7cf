import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.spec import VideoSpec
from tests.claims import NotClaimed, claim
from worker.jobs import (
    LEASES,
    PENDING,
    Created,
    JobNotFound,
    JobOver,
    JobStore,
    KeyReused,
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
    claimed = claim(jobs, first.job.id)

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
    for use in (jobs.get, jobs.cancel, jobs.delete):
        with pytest.raises(JobNotFound, match="video_x"):
            use("video_x")


def test_a_claim_takes_a_lease_a_token_and_an_attempt(jobs, redis):
    job = claim(jobs, jobs.create(SPEC).id)

    assert (job.status, job.attempts, job.token) == (Status.IN_PROGRESS, 1, 1)
    assert redis.zcard(PENDING) == 0
    assert 55 < redis.zscore(LEASES, job.id) - time.time() < 61


def test_who_asks_for_work_is_given_what_was_lost_first_then_the_oldest_that_waits(jobs, redis):
    ids = [jobs.create(SPEC).id for _ in range(4)]
    first, second = (jobs.claim_next() for _ in range(2))
    redis.zadd(LEASES, {second.id: 2.0, first.id: 3.0})

    given = [jobs.claim_next() for _ in range(5)]

    assert [job and (job.id, job.token) for job in given] == [
        (ids[1], 2),
        (ids[0], 2),
        (ids[2], 1),
        (ids[3], 1),
        None,
    ]


def test_who_heard_no_answer_to_a_claim_is_given_the_same_job_again(jobs, redis):
    jobs.create(SPEC), jobs.create(SPEC)

    heard, again = jobs.claim_next("mine"), jobs.claim_next("mine")

    assert heard == again
    assert redis.zcard(PENDING) == 1
    assert jobs.claim_next("another's").id != heard.id


@pytest.mark.parametrize("since", ["lost", "released", "completed", "deleted"])
def test_a_claim_asked_for_again_gives_no_job_that_is_another_s_by_now(jobs, redis, since):
    heard = jobs.claim_next("mine") if jobs.create(SPEC) else None
    if since == "lost":
        redis.zadd(LEASES, {heard.id: 1.0})
        jobs.claim_next("another's")
    elif since == "released":
        jobs.release(heard)
        jobs.claim_next("another's")
    elif since == "completed":
        jobs.complete(heard, "k")
    else:
        jobs.delete(heard.id)

    assert jobs.claim_next("mine") is None


def test_of_many_claims_one_wins(jobs):
    jobs.create(SPEC)

    with ThreadPoolExecutor(8) as pool:
        won = [job for job in pool.map(lambda _: jobs.claim_next(), range(32)) if job is not None]

    assert len(won) == 1


def test_progress_renews_the_lease(jobs, redis):
    job = claim(jobs, jobs.create(SPEC).id)
    redis.zadd(LEASES, {job.id: 1.0})

    jobs.progress(job, 40)

    assert jobs.get(job.id).progress == 40
    assert redis.zscore(LEASES, job.id) > time.time() + 50


def test_a_completed_job_says_where_its_video_is(jobs, redis):
    job = claim(jobs, jobs.create(SPEC).id)

    jobs.complete(job, "videos/a.mp4")

    done = jobs.get(job.id)
    assert (done.status, done.progress, done.video_key) == (Status.COMPLETED, 100, "videos/a.mp4")
    assert done.created_at <= done.started_at <= done.completed_at
    assert redis.zcard(LEASES) == 0


def test_a_failed_job_says_why(jobs):
    job = claim(jobs, jobs.create(SPEC).id)

    jobs.fail(job, "invalid_checkpoint", "unet.safetensors is truncated")

    failed = jobs.get(job.id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "invalid_checkpoint")
    assert failed.error_message == "unet.safetensors is truncated"


def test_a_worker_that_lost_its_lease_can_write_nothing(hasty):
    stale = claim(hasty, hasty.create(SPEC).id)
    time.sleep(0.02)
    fresh = claim(hasty, stale.id)

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
        claim(hasty, job_id)
        time.sleep(0.02)

    assert hasty.claim_next() is None

    failed = hasty.get(job_id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "worker_lost")
    assert failed.error_message == "the worker was lost at attempt 2 of 2 at this video"


def test_an_ending_told_twice_is_agreed_to_and_told_once(jobs):
    job = claim(jobs, jobs.create(SPEC).id)
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
    assert jobs.claim_next() is None


def test_a_cancelled_job_refuses_every_later_write_of_its_worker(jobs, redis):
    job = claim(jobs, jobs.create(SPEC).id)

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
    job = claim(jobs, jobs.create(SPEC).id)
    end(jobs, job)
    over = jobs.get(job.id)

    with pytest.raises(JobOver, match=over.status):
        jobs.cancel(job.id)

    assert jobs.get(job.id) == over


def test_a_deleted_job_is_nowhere_and_comes_back_by_no_write(jobs, redis):
    job = claim(jobs, jobs.create(SPEC).id)

    jobs.delete(job.id)

    for write in (
        lambda: jobs.progress(job, 99),
        lambda: jobs.complete(job, "k"),
        lambda: jobs.fail(job, "c", "m"),
    ):
        with pytest.raises(LeaseLost):
            write()
    for use in (jobs.get, jobs.cancel, jobs.delete):
        with pytest.raises(JobNotFound):
            use(job.id)
    assert jobs.claim_next() is None
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
        redis.flushall()
        jobs = JobStore(redis, lease_seconds=60)
        job = jobs.create(SPEC)
        ended = None
        for move in moves:
            try:
                match move:
                    case "claim":
                        job = claim(jobs, job.id)
                    case "progress":
                        jobs.progress(job, 50)
                    case "complete":
                        jobs.complete(job, "k")
                    case "fail":
                        jobs.fail(job, "c", "m")
                    case "cancel":
                        jobs.cancel(job.id)
            except (NotClaimed, LeaseLost, JobOver):
                pass
            now = jobs.get(job.id)
            assert ended in (None, now)
            ended = now if now.status in ENDED else None


def test_what_is_unfinished_can_be_listed(jobs):
    queued, running, done = (jobs.create(SPEC).id for _ in range(3))
    claim(jobs, running)
    jobs.complete(claim(jobs, done), "k")

    assert sorted(jobs.unfinished()) == sorted([queued, running])


def test_a_corrupt_record_is_an_error_of_ours(jobs, redis):
    job = jobs.create(SPEC)
    redis.hset(f"ciotat:job:{job.id}", "spec", '{"prompt": ""}')

    with pytest.raises(ValidationError):
        jobs.get(job.id)


def test_a_store_that_is_away_is_named(jobs, tmp_path):
    held = jobs.create(SPEC) and jobs.claim_next()
    away = JobStore(connect(f"unix://{tmp_path}/nothing.sock"))

    for use in (
        lambda: away.create(SPEC),
        lambda: away.get("x"),
        lambda: away.cancel("x"),
        lambda: away.delete("x"),
        lambda: away.page(None, 1, "asc"),
        away.ping,
        away.unfinished,
        away.claim_next,
        lambda: away.renew(held),
        lambda: away.complete(held, "k"),
        lambda: away.release(held),
    ):
        with pytest.raises(StoreUnavailable):
            use()


def test_a_released_job_is_queued_at_its_old_place_and_its_attempt_does_not_count(jobs, redis):
    first, second = jobs.create(SPEC), jobs.create(SPEC)
    held = jobs.claim_next()
    jobs.point(held, "videos/a/1.resume.safetensors", 40)
    jobs.progress(held, 50)

    jobs.release(held)

    queued = jobs.get(first.id)
    assert (queued.status, queued.attempts, queued.token, queued.progress) == (Status.QUEUED, 0, 1, 40)
    assert redis.zrange(PENDING, 0, -1) == [first.id, second.id]
    assert redis.zscore(PENDING, first.id) == pytest.approx(first.created_at)
    assert redis.zcard(LEASES) == 0
    again = jobs.claim_next()
    assert (again.id, again.attempts, again.token) == (first.id, 1, 2)


def test_an_attempt_that_was_given_up_counts_and_the_last_one_s_reason_is_the_job_s(jobs, redis):
    job = jobs.create(SPEC)

    jobs.give_up(jobs.claim_next(), "storage_unavailable", "the object store failed on this video")
    queued = jobs.get(job.id)
    jobs.give_up(jobs.claim_next(), "out_of_memory", "the device is too small")

    assert (queued.status, queued.attempts) == (Status.QUEUED, 1)
    assert (queued.last_error_code, queued.error_code) == ("storage_unavailable", None)
    failed = jobs.get(job.id)
    assert (failed.status, failed.error_code, failed.last_error_code) == (
        Status.FAILED,
        "out_of_memory",
        None,
    )
    assert failed.error_message == "the device is too small"
    assert redis.zcard(PENDING) == redis.zcard(LEASES) == 0


def test_an_attempt_that_ends_without_a_word_has_no_reason_of_an_earlier_one(jobs, redis):
    job = jobs.create(SPEC)
    jobs.give_up(jobs.claim_next(), "storage_unavailable", "the object store failed on this video")
    jobs.claim_next()
    redis.zadd(LEASES, {job.id: 1.0})

    assert jobs.claim_next() is None

    assert jobs.get(job.id).error_code == "worker_lost"


BACK = {
    "release": lambda jobs, job: jobs.release(job),
    "give_up": lambda jobs, job: jobs.give_up(job, "storage_unavailable", "the object store failed"),
}


@pytest.mark.parametrize("back", BACK.values(), ids=BACK)
def test_a_job_handed_back_twice_is_handed_back_once(jobs, back):
    job = jobs.create(SPEC)
    held = jobs.claim_next()
    back(jobs, held)
    queued = jobs.get(job.id)

    back(jobs, held)

    assert jobs.get(job.id) == queued


def test_a_last_attempt_given_up_twice_is_one_end(redis):
    jobs = JobStore(redis, max_attempts=1)
    jobs.create(SPEC)
    held = jobs.claim_next()
    BACK["give_up"](jobs, held)
    failed = jobs.get(held.id)

    BACK["give_up"](jobs, held)

    assert jobs.get(held.id) == failed


@pytest.mark.parametrize("back", BACK.values(), ids=BACK)
def test_who_handed_a_job_back_can_write_to_it_no_more(jobs, back):
    jobs.create(SPEC)
    held = jobs.claim_next()
    back(jobs, held)

    def refused(now):
        for write in (
            lambda: jobs.renew(held),
            lambda: jobs.progress(held, 99),
            lambda: jobs.point(held, "k", 99),
            lambda: jobs.complete(held, "k"),
            lambda: jobs.fail(held, "c", "m"),
        ):
            with pytest.raises(LeaseLost):
                write()
        assert jobs.get(held.id) == now

    refused(jobs.get(held.id))
    another = jobs.claim_next()
    refused(another)
    for each in BACK.values():
        with pytest.raises(LeaseLost):
            each(jobs, held)
    assert jobs.get(held.id) == another


def test_an_attempt_begins_with_the_progress_of_the_point_that_it_resumes_from(jobs, redis):
    job = jobs.create(SPEC)
    lost = jobs.claim_next()
    jobs.point(lost, "videos/a/1.resume.safetensors", 40)
    jobs.progress(lost, 70)
    redis.zadd(LEASES, {job.id: 1.0})

    fresh = jobs.claim_next()

    assert (fresh.progress, fresh.resume_key) == (40, "videos/a/1.resume.safetensors")
    with pytest.raises(LeaseLost):
        jobs.point(lost, "videos/a/1.resume.safetensors", 80)


def test_progress_never_goes_back_within_an_attempt(jobs, redis):
    jobs.create(SPEC)
    job = jobs.claim_next()
    jobs.progress(job, 50)
    redis.zadd(LEASES, {job.id: 1.0})

    jobs.progress(job, 40)  # sent earlier, and arrived later

    assert jobs.get(job.id).progress == 50
    assert redis.zscore(LEASES, job.id) > time.time() + 50


ENDINGS = {
    "completed": lambda jobs, job: jobs.complete(job, "k"),
    "failed": lambda jobs, job: jobs.fail(job, "c", "m"),
    "cancelled": lambda jobs, job: jobs.cancel(job.id),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_a_job_that_is_over_has_no_point_to_resume_from(jobs, end):
    jobs.create(SPEC)
    job = jobs.claim_next()
    jobs.point(job, "videos/a/1.resume.safetensors", 40)

    end(jobs, job)

    assert jobs.get(job.id).resume_key is None


BROKEN = {
    "a field of a later version": ("colour", "red"),
    "no spec": ("spec", "{"),
    "no number": ("place", "x"),
}


@pytest.mark.parametrize("field", BROKEN.values(), ids=BROKEN)
def test_a_job_that_cannot_be_read_fails_and_the_next_one_is_given(jobs, redis, caplog, field):
    broken, good = jobs.create(SPEC), jobs.create(SPEC)
    redis.hset(f"ciotat:job:{broken.id}", *field)

    assert jobs.claim_next().id == good.id

    assert redis.hmget(f"ciotat:job:{broken.id}", "status", "error_code") == ["failed", "internal_error"]
    assert f"video {broken.id} cannot be read: {field[0]}" in caplog.text
    assert SPEC.prompt not in caplog.text
    assert redis.hget("ciotat:unfinished:default", broken.id) is None


def test_an_entry_without_a_record_does_not_stand_in_the_way(jobs, redis):
    good = jobs.create(SPEC)
    redis.zadd(PENDING, {"video_x": 0})
    redis.zadd(LEASES, {"video_y": 0})

    assert jobs.claim_next().id == good.id
    assert jobs.unfinished() == [good.id]


def test_a_store_that_takes_no_changes_is_unavailable_and_not_broken(jobs, redis):
    jobs.create(SPEC)
    job = jobs.claim_next()
    redis.config_set("maxmemory", 1)
    try:
        for write in (
            lambda: jobs.create(SPEC),
            lambda: jobs.progress(job, 40),
            lambda: jobs.complete(job, "k"),
        ):
            with pytest.raises(StoreUnavailable, match="takes no changes"):
                write()
    finally:
        redis.config_set("maxmemory", 0)

    jobs.complete(job, "k")
    assert jobs.get(job.id).status is Status.COMPLETED


def test_what_nobody_asked_for_is_left_out_of_what_was_chosen(jobs):
    sampled = SPEC.model_copy(update={"steps": 8, "guidance_scale": 2.5})
    usual = SPEC.model_copy(update={"steps": 20, "guidance_scale": 3.0})

    told = jobs.create(sampled, settled=["steps"])
    older = jobs.create(usual).model_copy(update={"settled": None})

    assert jobs.get(told.id).chosen.model_fields_set & {"steps", "guidance_scale"} == {"guidance_scale"}
    assert jobs.get(told.id).spec.steps == 8
    assert older.chosen.model_fields_set & {"steps", "guidance_scale"} == {"guidance_scale"}
    assert older.chosen.seed == usual.seed
