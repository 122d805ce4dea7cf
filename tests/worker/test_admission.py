"""Limits of videos: never one over, and everything given back, once, however a job ends."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.spec import VideoSpec
from tests.claims import NotClaimed, claim
from worker.admission import LOAD, spent_on, unfinished_of
from worker.jobs import JobNotFound, JobOver, JobStore, LeaseLost, Request, connect
from worker.limits import DayIsSpent, LimitReached, Limits, QueueFull, TooManyJobs, limits_of
from worker.tenants import index

SPEC = VideoSpec(prompt="a paper boat", seed=7, seconds=1, size="128x128", steps=8)
COST = 3  # 16 x 128 x 128 x 8 = 2,097,152
DEAR = VideoSpec(prompt="a paper boat", seed=7)
REFUSED = {"jobs": TooManyJobs, "cost_a_day": DayIsSpent, "queue_cost": QueueFull}


def store(redis, queue_cost=1_000_000, lease=60.0, **limits):
    return JobStore(redis, lease, 2, limits=Limits()._replace(**limits), queue_cost=queue_cost)


def today():
    return int(time.time() // 86400)


def spent(redis, tenant="default"):
    return int(redis.get(spent_on(today(), tenant)) or 0)


def held(redis, tenant="default"):
    return {job: int(cost) for job, cost in redis.hgetall(unfinished_of(tenant)).items()}


def load(redis):
    return int(redis.get(LOAD) or 0)


def test_a_cost_is_frames_times_pixels_times_steps_in_millions_rounded_up():
    assert SPEC.cost == COST
    assert DEAR.cost == 420  # 80 x 512 x 512 x 20 = 419,430,400
    assert VideoSpec(prompt="a", seconds=1, size="128x128", steps=1).cost == 1
    assert VideoSpec(prompt="a", size="1024x1024", steps=100).cost == 8389


@pytest.mark.parametrize("limit", ["jobs", "cost_a_day", "queue_cost"])
@pytest.mark.parametrize("tenants", [("a",), ("a", "b", "c")])
def test_of_many_creations_at_one_moment_never_one_is_too_many(redis, redis_url, limit, tenants):
    most = 5 if limit == "jobs" else 5 * COST + 1
    replicas = [store(connect(redis_url), **{limit: most}) for _ in range(3)]

    def create(number):
        try:
            return replicas[number % 3].create(SPEC, tenants[number // 3 % len(tenants)])
        except REFUSED[limit]:
            return None

    with ThreadPoolExecutor(12) as pool:
        made = [job for job in pool.map(create, range(60)) if job is not None]

    assert len(made) == 5 if limit == "queue_cost" else len(made) == 5 * len(tenants)
    assert load(redis) == COST * len(made) == sum(sum(held(redis, each).values()) for each in tenants)
    assert {job.id for job in made} == {
        each for tenant in tenants for each in redis.zrange(index(tenant), 0, -1)
    }


@pytest.mark.parametrize(
    ("limit", "most", "words", "wait"),
    [
        ("jobs", 1, ("'default'", "1 unfinished videos and has 1"), 5),
        ("queue_cost", 2 * COST - 1, ("costs 3", "takes 5", "has 3"), 5),
        ("cost_a_day", 2 * COST - 1, ("costs 3", "use 5 a day", "used 3"), None),
    ],
)
def test_a_refusal_says_the_limit_and_the_present_figure_and_leaves_nothing(redis, limit, most, words, wait):
    jobs = store(redis, **{limit: most})
    jobs.create(SPEC)
    before = {name: redis.dump(name) for name in redis.scan_iter()}

    with pytest.raises(REFUSED[limit]) as refused:
        jobs.create_once(SPEC, "default", Request("create", "k", "digest"))

    assert all(each in str(refused.value) for each in words)
    until_midnight = 86400 - time.time() % 86400
    assert refused.value.retry_after == pytest.approx(wait or until_midnight, abs=2)
    assert {name: redis.dump(name) for name in redis.scan_iter()} == before


@pytest.mark.parametrize(("limit", "most"), [("jobs", 0), ("queue_cost", 419), ("cost_a_day", 419)])
def test_what_can_never_come_in_is_not_told_to_come_back(redis, limit, most):
    with pytest.raises(REFUSED[limit]) as refused:
        store(redis, **{limit: most}).create(DEAR)

    assert refused.value.retry_after is None


@pytest.mark.parametrize("limit", ["jobs", "cost_a_day", "queue_cost"])
def test_a_request_that_is_known_is_answered_whatever_the_limits_say(redis, limit):
    request = Request("create", "k", "digest")
    first = store(redis).create_once(SPEC, "a", request)

    again = store(redis, **{limit: 0}).create_once(SPEC, "a", request)

    assert again == first._replace(before=True)
    assert (load(redis), spent(redis, "a")) == (COST, COST)


def test_what_was_set_for_a_tenant_stands_over_the_default_and_is_its_own(redis):
    redis.hset(limits_of("small"), "jobs", 1)
    redis.hset(limits_of("large"), "cost_a_day", 2 * COST)
    jobs = store(redis, jobs=2, cost_a_day=COST)

    jobs.create(SPEC, "small")
    with pytest.raises(DayIsSpent):
        jobs.create(SPEC, "small")
    redis.hset(limits_of("small"), "cost_a_day", 100)
    with pytest.raises(TooManyJobs):
        jobs.create(SPEC, "small")
    for _ in range(2):
        jobs.create(SPEC, "large")
    with pytest.raises(DayIsSpent):
        jobs.create(SPEC, "large")


def poisoned(jobs, job_id):
    """Lost by one worker more than is allowed."""
    for _ in range(2):
        claim(jobs, job_id)
        time.sleep(0.02)
    jobs.claim_next()  # and finds another, if there is one
    assert jobs.get(job_id).error_code == "worker_lost"


ENDS = {
    "completed": lambda jobs, job_id: jobs.complete(claim(jobs, job_id), "k"),
    "failed": lambda jobs, job_id: jobs.fail(claim(jobs, job_id), "c", "m"),
    "cancelled while queued": lambda jobs, job_id: jobs.cancel(job_id),
    "cancelled while running": lambda jobs, job_id: jobs.cancel(claim(jobs, job_id).id),
    "deleted while queued": lambda jobs, job_id: jobs.delete(job_id),
    "deleted while running": lambda jobs, job_id: jobs.delete(claim(jobs, job_id).id),
    "poisoned": poisoned,
}


@pytest.mark.parametrize("end", ENDS)
def test_what_a_job_holds_is_given_back_once_however_it_ends(redis, end):
    jobs = store(redis, lease=0.01, jobs=2)
    other, job = jobs.create(SPEC, "a"), jobs.create(SPEC, "a")
    stale = job.model_copy(update={"token": 1})
    assert held(redis, "a") == {other.id: COST, job.id: COST}

    ENDS[end](jobs, job.id)
    for again in (
        lambda: jobs.complete(stale, "k"),
        lambda: jobs.fail(stale, "c", "m"),
        lambda: jobs.cancel(job.id),
        lambda: claim(jobs, job.id),
        lambda: jobs.delete(job.id),
    ):
        with suppress(NotClaimed, LeaseLost, JobOver, JobNotFound):
            again()

    assert held(redis, "a") == {other.id: COST}
    assert load(redis) == COST
    assert spent(redis, "a") == (COST if "queued" in end else 2 * COST)
    jobs.create(SPEC, "a")


def test_of_many_that_end_a_job_at_one_moment_one_gives_it_back(redis, redis_url):
    jobs = store(redis)
    jobs.create(DEAR)
    claimed = [claim(jobs, jobs.create(SPEC).id) for _ in range(10)]
    replicas = [store(connect(redis_url)) for _ in range(3)]
    ends = (
        lambda store, job: store.complete(job, "k"),
        lambda store, job: store.cancel(job.id),
        lambda store, job: store.fail(job, "c", "m"),
        lambda store, job: store.delete(job.id),
    )

    def end(number):
        with suppress(NotClaimed, LeaseLost, JobOver, JobNotFound):
            ends[number % 4](replicas[number % 3], claimed[number // 12])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(end, range(120)))

    assert load(redis) == DEAR.cost == sum(held(redis).values())


def test_a_running_job_that_loses_its_lease_holds_what_it_held(redis):
    jobs = store(redis, lease=0.01)
    stale = claim(jobs, jobs.create(SPEC).id)
    time.sleep(0.02)
    fresh = claim(jobs, stale.id)
    with pytest.raises(LeaseLost):
        jobs.complete(stale, "k")

    assert held(redis) == {fresh.id: COST}


def test_a_job_older_than_costs_ends_as_ever_and_gives_nothing_back(redis):
    jobs = store(redis)
    old, new = jobs.create(SPEC), jobs.create(SPEC)
    redis.hdel(unfinished_of("default"), old.id)
    redis.set(LOAD, COST)

    jobs.cancel(old.id)

    assert (held(redis), load(redis), spent(redis)) == ({new.id: COST}, COST, 2 * COST)


def test_a_day_ends_and_its_account_with_it(redis):
    jobs = store(redis, cost_a_day=COST)
    yesterday = jobs.create(SPEC)
    redis.rename(spent_on(today(), "default"), spent_on(today() - 1, "default"))
    redis.hset(f"ciotat:job:{yesterday.id}", "created_at", str(time.time() - 86400))
    jobs.create(SPEC)
    assert 86400 < redis.ttl(spent_on(today() - 1, "default")) <= 2 * 86400

    jobs.cancel(yesterday.id)

    assert int(redis.get(spent_on(today() - 1, "default"))) == 0
    assert spent(redis) == COST


MOVES = {
    "claim": lambda jobs, job: claim(jobs, job.id),
    "lose": lambda jobs, job: jobs._redis.zadd("ciotat:leases", {job.id: 1.0}, xx=True),
    "progress": lambda jobs, job: jobs.progress(job, 50),
    "complete": lambda jobs, job: jobs.complete(job, "k"),
    "fail": lambda jobs, job: jobs.fail(job, "c", "m"),
    "cancel": lambda jobs, job: jobs.cancel(job.id),
    "delete": lambda jobs, job: jobs.delete(job.id),
}


def moved(jobs, move, job):
    """The job as its worker knows it after a move, which may have been refused."""
    with suppress(NotClaimed, LeaseLost, JobOver, JobNotFound):
        after = MOVES[move](jobs, job)
        return after if move == "claim" else job
    return job


@given(
    st.lists(
        st.tuples(st.sampled_from(["create", *MOVES]), st.sampled_from(["a", "b"]), st.integers(0, 3)),
        max_size=25,
    )
)
def test_the_accounts_are_right_after_every_move(redis_url, moves):
    """Unfinished jobs hold their cost, nothing else does, and limits are kept, whatever happens in which order."""
    with connect(redis_url) as redis:
        redis.flushall()
        jobs = store(redis, queue_cost=5 * COST, jobs=3, cost_a_day=6 * COST)
        known, used = {"a": [], "b": []}, {"a": 0, "b": 0}
        for move, tenant, number in moves:
            theirs = known[tenant]
            if move == "create":
                with suppress(LimitReached):
                    theirs.append(jobs.create(SPEC, tenant))
                    used[tenant] += COST
            elif theirs:
                job = theirs[number % len(theirs)]
                waited = redis.hget(f"ciotat:job:{job.id}", "status") == "queued"
                used[tenant] -= COST if waited and move in ("cancel", "delete") else 0
                theirs[number % len(theirs)] = moved(jobs, move, job)

            unfinished = set(jobs.unfinished())
            for each, made in known.items():
                assert held(redis, each) == dict.fromkeys(unfinished & {job.id for job in made}, COST)
                assert len(held(redis, each)) <= 3
                assert spent(redis, each) == used[each] <= 6 * COST
            assert load(redis) == COST * len(unfinished) <= 5 * COST
