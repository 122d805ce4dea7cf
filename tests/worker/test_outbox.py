import hashlib

import pytest

from model.spec import VideoSpec
from tests.claims import claim
from worker.jobs import JobOver, JobStore, LeaseLost, Status
from worker.outbox import DUE, EVENT_SECONDS, EVENTS, event_key, owed, subscribed

SPEC = VideoSpec(prompt="a paper boat", seed=7)


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=0.0, max_attempts=1)


def complete(jobs, job):
    jobs.complete(claim(jobs, job.id), "k")


def fail(jobs, job):
    jobs.fail(claim(jobs, job.id), "invalid_checkpoint", "truncated")


def cancel(jobs, job):
    jobs.cancel(job.id)


def lose(jobs, job):
    claim(jobs, job.id)
    assert jobs.claim_next() is None


ENDS = [
    (complete, "video.completed"),
    (fail, "video.failed"),
    (cancel, "video.cancelled"),
    (lose, "video.failed"),
]


@pytest.mark.parametrize(("end", "kind"), ENDS)
def test_the_end_of_a_job_is_owed_to_the_endpoints_that_asked_for_it(jobs, redis, end, kind):
    for endpoint in ("we_1", "we_2"):
        redis.sadd(subscribed("acme", kind), endpoint)
    redis.sadd(subscribed("acme", next(each for each in EVENTS if each != kind)), "we_of_another_type")
    redis.sadd(subscribed("default", kind), "we_of_another_tenant")
    job = jobs.create(SPEC, "acme")

    end(jobs, job)

    ended = jobs.get(job.id)
    assert f"video.{ended.status}" == kind
    assert sorted(redis.zrange(DUE, 0, -1)) == ["we_1", "we_2"]
    [(event, due)] = redis.zrange(owed("we_1"), 0, -1, withscores=True)
    assert redis.zrange(owed("we_2"), 0, -1) == [event]
    assert event == "evt_" + hashlib.sha1(f"{kind}:{job.id}".encode()).hexdigest()
    assert due == redis.zscore(DUE, "we_1") == pytest.approx(ended.completed_at)
    record = redis.hgetall(event_key(event))
    assert float(record.pop("created_at")) == ended.completed_at
    assert record == {"id": event, "tenant": "acme", "type": kind, "video": job.id}
    assert EVENT_SECONDS - 5 < redis.ttl(event_key(event)) <= EVENT_SECONDS


@pytest.mark.parametrize(("end", "kind"), ENDS)
def test_where_nobody_asked_nothing_is_written(jobs, redis, end, kind):
    end(jobs, jobs.create(SPEC))

    assert redis.keys("ciotat:webhooks:*") == []


def test_an_end_that_is_told_twice_is_one_event(jobs, redis):
    for kind in EVENTS:
        redis.sadd(subscribed("default", kind), "we_1")
    job = claim(jobs, jobs.create(SPEC).id)

    for _ in range(2):
        jobs.complete(job, "k")
    [event] = redis.zrange(owed("we_1"), 0, -1)
    redis.zrem(owed("we_1"), event)
    jobs.complete(job, "k")
    for change in (lambda: jobs.cancel(job.id), lambda: jobs.fail(job, "a", "b")):
        with pytest.raises((JobOver, LeaseLost)):
            change()

    assert redis.zrange(owed("we_1"), 0, -1) == []


def test_a_record_older_than_tenants_is_the_default_tenants(jobs, redis):
    redis.sadd(subscribed("default", "video.cancelled"), "we_1")
    job = jobs.create(SPEC)
    redis.hdel(f"ciotat:job:{job.id}", "tenant")

    jobs.cancel(job.id)

    assert redis.zcard(owed("we_1")) == 1


def test_an_endpoint_that_waits_for_a_retry_is_due_at_once_and_one_that_is_overdue_stays_so(jobs, redis):
    redis.sadd(subscribed("default", "video.cancelled"), "we_waits", "we_overdue")
    redis.zadd(DUE, {"we_waits": 9e12, "we_overdue": 1})
    job = jobs.create(SPEC)

    jobs.cancel(job.id)

    assert redis.zscore(DUE, "we_waits") == pytest.approx(jobs.get(job.id).completed_at)
    assert redis.zscore(DUE, "we_overdue") == 1


def test_a_state_change_and_its_event_are_one_write(jobs, redis):
    redis.sadd(subscribed("default", "video.completed"), "we_1")
    job = claim(jobs, jobs.create(SPEC).id)
    with redis.monitor() as monitor:
        jobs.complete(job, "k")
        redis.echo("over")
        commands = []
        while "ECHO" not in (command := monitor.next_command())["command"].upper():
            commands.append(command)

    asked = [each["command"].split()[0].upper() for each in commands if each["client_type"] != "lua"]
    assert [each for each in asked if each not in ("HELLO", "CLIENT", "PING")] == ["EVALSHA"]
    assert any(owed("we_1") in each["command"] for each in commands if each["client_type"] == "lua")
    assert jobs.get(job.id).status is Status.COMPLETED
