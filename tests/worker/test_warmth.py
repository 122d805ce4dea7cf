"""Which workers are warm and consume, as Redis is told and as a real worker tells it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from model.spec import VideoSpec
from tests.e2e.conftest import checkpoints  # noqa: F401
from tests.service.test_local import children
from worker.app import create_app, submit
from worker.jobs import JobStore, Status, StoreUnavailable, connect
from worker.settings import Settings
from worker.warmth import SILENT, TOLD_FOR, Warmth

QUEUE = "ciotat"


@pytest.fixture
def warmth(redis):
    return Warmth(redis, QUEUE)


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


def becomes(expected, asked, within=60.0):
    """Whether the answer comes in time; how long it took."""
    began = time.monotonic()
    while asked() != expected:
        assert time.monotonic() - began < within, asked()
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_worker_that_has_spoken_is_counted_once_until_it_takes_that_back(warmth):
    assert warmth.workers() == 0

    for _ in range(2):
        warmth.tell("one")
    warmth.tell("two")
    assert warmth.workers() == 2

    warmth.forget("one")
    warmth.forget("one")
    assert warmth.workers() == 1


def test_a_worker_that_falls_silent_is_forgotten(warmth, redis):
    warmth.tell("one", 0.05)
    assert warmth.workers() == 1

    becomes(0, warmth.workers, within=5)
    warmth.tell("two")
    assert redis.zcard("ciotat:warm:ciotat") == 1


def test_workers_of_another_queue_do_not_count(warmth, redis):
    Warmth(redis, "other").tell("one")

    assert warmth.workers() == 0


def test_a_store_that_is_away_is_told_and_does_not_hold_up_a_probe():
    with connect("redis://127.0.0.1:9/0", patience=1) as nowhere, pytest.raises(StoreUnavailable):
        Warmth(nowhere, QUEUE).workers()


@contextmanager
def worker(redis_url, data, checkpoints):  # noqa: F811
    """`ciotat worker` as an operator runs it."""
    env = os.environ | {
        "REDIS_URL": redis_url,
        "CIOTAT_CHECKPOINTS": str(checkpoints),
        "CIOTAT_DATA": str(data),
        "CIOTAT_LEASE_SECONDS": "5",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "worker"], env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_worker_is_ready_when_it_has_loaded_and_as_long_as_it_takes_messages(
    warmth,
    jobs,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    control = create_app(Settings(redis_url=redis_url))
    with worker(redis_url, tmp_path, checkpoints) as process:
        becomes(True, lambda: bool(control.control.ping(timeout=0.3)))
        assert warmth.workers() == 0  # up, and its checkpoint is not loaded yet
        becomes(1, warmth.workers)

        control.control.cancel_consumer(QUEUE)
        assert becomes(0, warmth.workers, within=3 * TOLD_FOR)
        assert control.control.ping(timeout=1)  # it is up and warm, and takes nothing
        control.control.add_consumer(QUEUE)
        becomes(1, warmth.workers)

        process.send_signal(signal.SIGSTOP)
        becomes(0, warmth.workers, within=2 * TOLD_FOR)
        process.send_signal(signal.SIGCONT)
        becomes(1, warmth.workers)

        os.kill(max(children(process.pid)), signal.SIGKILL)
        becomes(0, warmth.workers, within=2 * TOLD_FOR)  # the next child is loading
        becomes(1, warmth.workers)

        job = jobs.create(VideoSpec(prompt="a boat", size="1024x1024", seconds=5, steps=100))
        submit(control, job.id)
        becomes(Status.IN_PROGRESS, lambda: jobs.get(job.id).status)
        began = time.monotonic()
        while time.monotonic() - began < SILENT + 3:  # busy, it asks for nothing, and is ready all the same
            assert warmth.workers() == 1
            time.sleep(0.2)
        assert jobs.cancel(job.id).progress < 100
        assert jobs.get(job.id).started_at is not None

        process.terminate()
        assert becomes(0, warmth.workers, within=10) < TOLD_FOR + 5
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_worker_that_can_load_nothing_ends_and_says_why(redis_url, tmp_path):
    with worker(redis_url, tmp_path, tmp_path) as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 78
    assert "nothing to make videos with, and ends: model 'ciotat-1' is not installed" in said
    assert "Traceback" not in said
