import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.spec import VideoSpec
from tests.claims import NotClaimed, claim
from worker.events import PAGE, START, EventLog, Kind, is_event_id, log
from worker.jobs import JobNotFound, JobOver, JobStore, LeaseLost, Status, connect

SPEC = VideoSpec(prompt="a paper boat", seed=7)
ENDS = ("completed", "failed", "cancelled")


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=60, max_attempts=2)


@pytest.fixture
def events(redis):
    return EventLog(redis)


def brief(events):
    """Each event as its kind and what it says."""
    return [
        (event.kind, next(v for v in (event.status, event.queue_position, event.progress) if v is not None))
        for event in events
    ]


def number(event_id):
    return tuple(map(int, event_id.split("-")))


def test_what_happens_to_a_job_is_told_in_order(jobs, events):
    job = claim(jobs, jobs.create(SPEC).id)
    for percent in (0, 40, 40, 80):
        jobs.progress(job, percent)
    jobs.complete(job, "k")
    jobs.complete(job, "k")

    told, over = events.after(job.id, START)

    assert brief(told) == [
        (Kind.QUEUED, 1),
        (Kind.PROGRESS, 0),
        (Kind.PROGRESS, 40),
        (Kind.PROGRESS, 80),
        (Kind.DONE, Status.COMPLETED),
    ]
    assert over
    assert [number(event.id) for event in told] == sorted(number(event.id) for event in told)
    assert events.last(job.id) == told[-1].id


def test_reading_goes_on_behind_any_event(jobs, events):
    job = claim(jobs, jobs.create(SPEC).id)
    jobs.progress(job, 50)
    told = events.after(job.id, START).events

    for index, event in enumerate(told):
        assert events.after(job.id, event.id) == (told[index + 1 :], False)


def test_a_failure_is_told_with_its_reason(jobs, events):
    job = claim(jobs, jobs.create(SPEC).id)
    jobs.fail(job, "invalid_checkpoint", "truncated")

    last = events.after(job.id, START).events[-1]

    assert (last.kind, last.status) == (Kind.DONE, Status.FAILED)
    assert (last.error_code, last.error_message) == ("invalid_checkpoint", "truncated")


def test_a_job_that_lost_its_last_worker_is_told_as_failed(redis, events):
    jobs = JobStore(redis, lease_seconds=0.0, max_attempts=1)
    job = claim(jobs, jobs.create(SPEC).id)
    assert jobs.claim_next() is None

    last = events.after(job.id, START).events[-1]

    assert (last.status, last.error_code) == (Status.FAILED, "worker_lost")


def test_those_behind_a_job_that_leaves_the_queue_are_told_that_they_have_moved_up(jobs, events):
    ids = [jobs.create(SPEC).id for _ in range(4)]

    claim(jobs, ids[0])
    jobs.cancel(ids[2])

    places = [brief(events.after(each, START).events) for each in ids]
    assert places[0] == [(Kind.QUEUED, 1), (Kind.PROGRESS, 0)]
    assert places[1] == [(Kind.QUEUED, 2), (Kind.QUEUED, 1)]
    assert places[2] == [(Kind.QUEUED, 3), (Kind.QUEUED, 2), (Kind.DONE, Status.CANCELLED)]
    assert places[3] == [(Kind.QUEUED, 4), (Kind.QUEUED, 3), (Kind.QUEUED, 2)]


def test_a_change_at_the_head_of_a_long_queue_is_told_to_the_first_hundred(jobs, events, redis):
    ids = [jobs.create(SPEC, f"tenant-{number % 2}").id for number in range(105)]

    claim(jobs, ids[0])

    assert [redis.xlen(log(each)) for each in ids] == [2] * 101 + [1] * 4
    assert events.after(ids[100], START).events[-1].queue_position == 100


def test_a_stale_worker_tells_nothing(redis, events):
    jobs = JobStore(redis, lease_seconds=0.0, max_attempts=9)
    stale = claim(jobs, jobs.create(SPEC).id)
    claim(jobs, stale.id)
    before = events.last(stale.id)

    for write in (lambda: jobs.progress(stale, 9), lambda: jobs.complete(stale, "k")):
        with pytest.raises(LeaseLost):
            write()

    assert events.last(stale.id) == before


def test_the_end_of_a_deleted_job_can_be_heard_for_a_minute(jobs, events, redis):
    running, done = (claim(jobs, jobs.create(SPEC).id) for _ in range(2))
    jobs.complete(done, "k")

    for job in (running, done):
        jobs.delete(job.id)

    assert brief(events.after(running.id, START).events)[-1] == (Kind.DONE, "deleted")
    assert brief(events.after(done.id, START).events)[-1] == (Kind.DONE, "completed")
    for job in (running, done):
        assert events.after(job.id, START).over
        assert 0 < redis.ttl(log(job.id)) <= 60


def test_a_log_is_bounded_and_told_page_by_page(jobs, events, redis):
    job = claim(jobs, jobs.create(SPEC).id)
    for beat in range(1200):
        jobs.preview(job, "k", beat + 1)
    jobs.complete(job, "k")

    seen, position, over = [], START, False
    while not over:
        told, over = events.after(job.id, position)
        assert len(told) <= PAGE
        seen += told
        position = told[-1].id if told else position

    assert len(seen) == len({event.id for event in seen}) == redis.xlen(log(job.id)) == 1000
    assert brief(seen)[-1] == (Kind.DONE, Status.COMPLETED)


def test_ids_grow_and_nothing_is_missed_while_many_write(redis_url, jobs, events):
    claimed = [claim(jobs, jobs.create(SPEC).id) for _ in range(4)]
    writing = threading.Event()
    writing.set()

    def write(job):
        with connect(redis_url) as client:
            own = JobStore(client)
            for percent in range(1, 100):
                own.progress(job, percent)

    def read(job):
        seen, position = [], START
        while writing.is_set() or events.after(job.id, position).events:
            told = events.after(job.id, position).events
            seen += told
            position = told[-1].id if told else position
        return seen

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, job) for job in claimed]
        list(pool.map(write, claimed))
        writing.clear()
        for reader in readers:
            seen = reader.result()
            assert [e.progress for e in seen if e.kind is Kind.PROGRESS] == list(range(100))
            assert [number(e.id) for e in seen] == sorted({number(e.id) for e in seen})


MOVES = {
    "claim": lambda jobs, job, percent: claim(jobs, job.id),
    "progress": lambda jobs, job, percent: jobs.progress(job, percent),
    "complete": lambda jobs, job, percent: jobs.complete(job, "k"),
    "fail": lambda jobs, job, percent: jobs.fail(job, "c", "m"),
    "cancel": lambda jobs, job, percent: jobs.cancel(job.id),
    "delete": lambda jobs, job, percent: jobs.delete(job.id),
}


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=10))
def test_there_is_one_end_and_nothing_after_it(redis_url, moves):
    with connect(redis_url) as redis:
        redis.flushall()
        jobs, events = JobStore(redis, lease_seconds=0.0, max_attempts=2), EventLog(redis)
        job = jobs.create(SPEC)
        for percent, move in enumerate(moves):
            with suppress(NotClaimed, LeaseLost, JobOver, JobNotFound):
                moved = MOVES[move](jobs, job, percent)
                job = moved if move == "claim" else job

            told, over = events.after(job.id, START)

            ends = [event for event in told if event.kind is Kind.DONE]
            assert over == bool(ends)
            assert ends == (told[-1:] if ends else [])


NO_IDS = ["", "0", "x", "1-", "-1", "1-2-3", " 1-2", "1-2\n", "$", "+", "9" * 19 + "-0", "\uff11-1"]


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_event_id_is_known_as_such(text):
    assert not is_event_id(text)


def test_what_redis_gives_is_an_event_id(jobs, events):
    assert is_event_id(START)
    assert is_event_id(events.last(jobs.create(SPEC).id))
