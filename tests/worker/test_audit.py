"""Every key is accounted for; what the records do not say is put right, and what nobody can say is told."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.spec import VideoSpec
from service.access.keys import Keys
from service.webhooks.deliveries import Attempt, Deliveries
from service.webhooks.endpoints import Endpoints
from tests.worker.swept import PICTURE
from worker.admission import LOAD, unfinished_of
from worker.audit import Audit
from worker.connection import connect
from worker.events import log
from worker.files import FileStore, file_key, files_index, new_id
from worker.jobs import LEASES, PENDING, JobStore, Request, Status, key
from worker.limits import Limits
from worker.outbox import DUE, EVENT_SECONDS, event_key, owed, subscribed
from worker.reaper import LOCK, Reaper
from worker.tally import Tally
from worker.tenants import index
from worker.warmth import Warmth

SPEC = VideoSpec(prompt="a paper boat", seed=7)


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


@pytest.fixture
def audit(redis):
    def walk(dry=False, later=0.0):
        tally = Tally()
        for _ in Audit(redis, tally, lambda: time.time() + later, dry).turns():
            pass
        return tally

    return walk


def in_order(tally):
    return (tally.repaired, tally.named, tally.unaccounted) == ({}, [], 0)


def busy(redis, jobs):
    """Something of every kind that the service keeps."""
    endpoints, deliveries = Endpoints(redis), Deliveries(redis)
    endpoints.add("anna", {"name": "a", "url": "https://a", "events": "video.completed,video.failed"})
    for code in range(3):
        jobs.create_once(SPEC, "anna", Request("create", f"key:{code}", "digest"))
        job = jobs.claim_next("asked")
        jobs.fail(job, "internal_error", "no")
    claimed = deliveries.claim(30, 9)
    attempt = {
        "event_id": claimed.event.id,
        "event_type": claimed.event.type,
        "attempt": 1,
        "created_at": 1.0,
    }
    attempt |= {
        "delivered": False,
        "status_code": None,
        "error": "no",
        "latency_ms": 1,
        "next_attempt_at": None,
    }
    deliveries.finish(claimed, Attempt(**attempt), 60.0, 1e9)
    running = jobs.create(SPEC)
    assert jobs.claim_next("again").id == running.id
    jobs.create(SPEC)
    jobs.complete(jobs.claim_next(), "k")
    queued = jobs.create(SPEC, "anna")
    gone = jobs.create(SPEC)
    jobs.delete(gone.id)
    files = FileStore(redis)
    files.create("anna", new_id(), "vision", "a.png", PICTURE, 3600)
    files.delete(files.create("anna", new_id(), "vision", "a.png", PICTURE, 3600))
    keys = Keys(redis)
    _, secret = keys.create("anna")
    keys.limit("anna", Limits()._asdict())
    keys.authorize(secret)
    Warmth(redis, "ciotat").tell("worker")
    Reaper(redis, "ciotat", [].append).turn()
    return running, queued


def test_every_kind_of_key_is_accounted_for(redis, jobs, audit):
    busy(redis, jobs)
    before = {each: redis.dump(each) for each in redis.scan_iter()}

    tally = audit()

    assert in_order(tally)
    assert {each: redis.dump(each) for each in redis.scan_iter()} == before
    assert len({each.split(":")[1] for each in before}) >= 15
    assert LOCK in before
    (logged,) = (each for each in before if each.startswith("ciotat:webhooks:log:"))
    assert 0 < redis.ttl(logged) <= EVENT_SECONDS


def test_what_nobody_can_account_for_is_told_and_left(redis, jobs, audit):
    busy(redis, jobs)
    odd = {
        "ciotat:surprise": "the key ciotat:surprise",
        "ciotat:request:anna:create:x": "the key ciotat:request:anna:create:x, which has no end",
        event_key("evt_1"): f"the key {event_key('evt_1')}, which has no end",
        owed("we_gone"): f"the key {owed('we_gone')}",
        "ciotat:webhooks:log:we_gone": "the key ciotat:webhooks:log:we_gone",
        "ciotat:webhooks:unheard:of": "the key ciotat:webhooks:unheard:of",
    }
    for each in odd:
        redis.set(each, "x")
    redis.sadd(subscribed("bob", "video.failed"), "we_gone")
    redis.zadd(DUE, {"we_gone": 1})

    tally = audit()

    strays = {f"the key {subscribed('bob', 'video.failed')}", f"the key {DUE}"}
    assert set(tally.named) == set(odd.values()) | strays
    assert tally.unaccounted == len(odd) + 2
    assert all(redis.exists(each) for each in odd)


BREAKAGES = {
    "job without a place": lambda redis, job: redis.zrem(index("anna"), job.id),
    "place without a job": lambda redis, job: redis.zadd(index("anna"), {"video_0": 1}),
    "queued job without a place": lambda redis, job: redis.zrem(PENDING, job.id),
    "place without a queued job": lambda redis, job: redis.zadd(PENDING, {"video_0": 1}),
    "place without a running job": lambda redis, job: redis.zadd(LEASES, {job.id: 1e12}),
    "log without a job": lambda redis, job: redis.xadd(log("video_0"), {"kind": "done"}),
    "load of the queue": lambda redis, job: redis.incrby(LOAD, 1000),
    "file without a place": lambda redis, job: redis.delete(files_index("anna")),
    "place without a file": lambda redis, job: redis.zadd(files_index("bob"), {"file_0": 1}),
}


@pytest.mark.parametrize("broken", BREAKAGES)
def test_what_the_records_do_not_say_is_put_right(redis, jobs, audit, broken):
    _, queued = busy(redis, jobs)
    sound = {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1}
    BREAKAGES[broken](redis, queued)
    hurt = {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1}

    assert audit(dry=True).repaired == {broken: 1}
    assert {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1} == hurt
    assert audit().repaired == {broken: 1}

    assert {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1} == sound
    assert in_order(audit())


def test_a_running_job_that_lost_its_lease_is_there_to_be_claimed_again(redis, jobs, audit):
    running, _ = busy(redis, jobs)
    redis.delete(PENDING)
    redis.zrem(LEASES, running.id)

    assert audit().repaired == {"running job without a place": 1, "queued job without a place": 1}

    assert jobs.claim_next().id == running.id


def test_the_cost_of_a_job_that_is_not_there_is_given_back(redis, jobs, audit):
    busy(redis, jobs)
    load = int(redis.get(LOAD))
    redis.hset(unfinished_of("bob"), "video_0", 70)
    redis.incrby(LOAD, 70)

    assert audit().repaired == {"cost without an unfinished job": 1}

    assert int(redis.get(LOAD)) == load
    assert not redis.exists(unfinished_of("bob"))


def test_the_cost_of_a_job_that_is_over_is_given_back(redis, jobs, audit):
    job = jobs.create(SPEC)
    jobs.cancel(job.id)
    redis.hset(unfinished_of("default"), job.id, 70)
    redis.incrby(LOAD, 70)

    assert audit().repaired == {"cost without an unfinished job": 1}
    assert redis.get(LOAD) is None


def test_a_load_that_was_lost_is_counted_again(redis, jobs, audit):
    job = jobs.create(SPEC)
    redis.delete(LOAD)

    assert audit().repaired == {"load of the queue": 1}

    assert int(redis.get(LOAD)) == job.spec.cost


def test_a_worker_that_is_long_gone_is_forgotten(redis, jobs, audit):
    Warmth(redis, "ciotat").tell("worker")

    assert in_order(audit(later=3000))
    assert audit(later=3700).repaired == {"worker that is gone": 1}
    assert list(redis.scan_iter()) == []


@settings(max_examples=30)
@given(changes=st.lists(st.integers(0, 4), max_size=20))
def test_whatever_the_service_does_its_keys_are_in_order(redis_url, changes):
    with connect(redis_url) as redis:
        redis.flushall()
        jobs, known = JobStore(redis, lease_seconds=0.001, max_attempts=2), []
        for change in changes:
            match change:
                case 0:
                    known.append(jobs.create(SPEC, ("default", "anna")[len(known) % 2]).id)
                case 1:
                    jobs.claim_next()
                case 2 if job := jobs.claim_next():
                    jobs.complete(job, "k")
                case 3 if known and jobs.get(known[-1]).status in (Status.QUEUED, Status.IN_PROGRESS):
                    jobs.cancel(known[-1])
                case 4 if known:
                    jobs.delete(known.pop())
            tally = Tally()
            for _ in Audit(redis, tally).turns():
                pass
            assert in_order(tally)


def test_a_key_that_goes_while_it_is_looked_at_is_nobodys_fault(redis, jobs, audit):
    job = jobs.create(SPEC)
    file = FileStore(redis).create("anna", new_id(), "vision", "a.png", PICTURE, 3600)
    walk = Audit(redis, tally := Tally()).turns()
    next(walk)
    redis.delete(key(job.id), file_key(file.id), PENDING, index("default"), log(job.id), files_index("anna"))
    redis.delete(unfinished_of("default"), LOAD)

    for _ in walk:
        pass

    assert in_order(tally)
