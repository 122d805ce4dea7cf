"""Which workers are warm and consume, as Redis is told and as a real worker tells it."""

import os
import signal
import time

import pytest

from model.spec import VideoSpec
from tests.e2e.conftest import checkpoints  # noqa: F401
from tests.worker.processes import becomes, renderer, worker
from worker.app import create_app, submit
from worker.jobs import JobStore, Status, StoreUnavailable, connect
from worker.settings import Settings
from worker.warmth import TOLD_FOR, Warmth

QUEUE = "ciotat"
BRISK, SILENT = "tests.worker.hooks.brisk", 3.0


@pytest.fixture
def warmth(redis):
    return Warmth(redis, QUEUE)


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


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


@pytest.mark.slow
def test_a_worker_is_ready_when_it_has_loaded_and_as_long_as_it_takes_messages(
    warmth,
    jobs,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    control = create_app(Settings(redis_url=redis_url))
    with worker(redis_url, tmp_path, checkpoints, BRISK) as process:
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

        os.kill(renderer(process), signal.SIGKILL)
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
        assert process.wait(60) == 78

    said = process.log.read_text()
    assert "nothing to make videos with, and ends: model 'ciotat-1' is not installed" in said
    assert "Traceback" not in said
