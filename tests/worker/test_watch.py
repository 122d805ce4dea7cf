"""What a worker does about its own processes and about itself: real workers with something wrong in them."""

import os
import signal
import time
from pathlib import Path

import pytest

from model.spec import VideoSpec
from tests.e2e.conftest import checkpoints  # noqa: F401
from tests.service.test_local import alive, gone
from tests.worker.processes import Redis, becomes, renderer, worker
from worker.app import create_app, submit
from worker.jobs import JobStore, Status
from worker.notes import NOTES
from worker.settings import Settings
from worker.warmth import TOLD_FOR, Warmth

HANGING, IMPATIENT, DYING = (f"tests.worker.hooks.{name}" for name in ("hanging", "impatient", "dying"))
QUICK = {"size": "128x128", "seconds": 1, "steps": 2}
LONG = {"size": "512x512", "seconds": 5, "steps": 100}
LEASE = 5.0  # a first step may take seconds on a busy machine
AWAY = 5.0  # seconds
AGAIN = 45.0

pytestmark = pytest.mark.slow


@pytest.fixture
def warmth(redis):
    return Warmth(redis, "ciotat")


@pytest.fixture
def jobs(redis):
    return JobStore(redis, lease_seconds=LEASE)


@pytest.fixture
def bell(redis_url):
    return create_app(Settings(redis_url=redis_url))


def reaches(status, jobs, bell, job, within=60.0):
    """Whether the job does in time, with a bell for it each second, as the reaper rings it."""
    began, rung = time.monotonic(), 0.0
    while (now := jobs.get(job.id)).status != status:
        assert time.monotonic() - began < within, now
        if time.monotonic() - rung > 1:
            submit(bell, job.id)
            rung = time.monotonic()
        time.sleep(0.05)
    return now


def test_a_process_that_hangs_is_killed_and_its_video_made_all_the_same(
    warmth,
    jobs,
    bell,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    with worker(redis_url, tmp_path, checkpoints, HANGING, CIOTAT_LEASE_SECONDS=str(LEASE)) as process:
        becomes(1, warmth.workers)
        hung = renderer(process)
        job = jobs.create(VideoSpec(prompt="hang", **QUICK))
        reaches(Status.IN_PROGRESS, jobs, bell, job)

        assert gone([hung], within=LEASE + 15)

        assert reaches(Status.COMPLETED, jobs, bell, job).attempts == 2
        assert process.poll() is None
        assert f"process {hung} has made no step for" in process.log.read_text()


def test_a_worker_that_asks_for_no_messages_ends_and_says_so(
    warmth,
    jobs,
    bell,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    with worker(redis_url, tmp_path, checkpoints, IMPATIENT) as process:
        becomes(1, warmth.workers)
        family = renderer(process)

        bell.control.cancel_consumer("ciotat")

        assert process.wait(30) == 1
        assert "has asked for no message for" in process.log.read_text()
        assert gone([family], within=2)
        assert becomes(0, warmth.workers, within=TOLD_FOR + 1) < TOLD_FOR


def test_a_worker_whose_processes_die_one_after_the_other_ends(redis_url, tmp_path, checkpoints):  # noqa: F811
    with worker(redis_url, tmp_path, checkpoints, DYING, IMPATIENT) as process:
        assert process.wait(90) == 1

    assert "2 processes in a row have died" in process.log.read_text()


def test_a_worker_told_to_end_is_gone_in_time_and_another_makes_its_video(
    warmth,
    jobs,
    bell,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    limits = {"CIOTAT_LEASE_SECONDS": str(LEASE), "CIOTAT_DRAIN_SECONDS": "5"}
    with (
        worker(redis_url, tmp_path, checkpoints, HANGING, **limits) as first,
        worker(redis_url, tmp_path, checkpoints, HANGING, **limits) as second,
    ):
        becomes(2, warmth.workers)
        job = jobs.create(VideoSpec(prompt="stubborn", **QUICK))
        reaches(Status.IN_PROGRESS, jobs, bell, job)
        told, other = (first, second) if busy(first) else (second, first)
        rendering = renderer(told)
        time.sleep(LEASE + 3)
        assert alive(rendering)  # it makes steps, however long that takes

        os.kill(rendering, signal.SIGTERM)  # as who tells the whole group
        told.send_signal(signal.SIGTERM)

        becomes(1, warmth.workers, within=3)  # it takes nothing any more
        assert alive(rendering)
        assert jobs.get(job.id).attempts == 1
        assert told.wait(8) == 0
        assert gone([rendering], within=1)
        assert reaches(Status.COMPLETED, jobs, bell, job).attempts == 2

        idle = renderer(other)
        other.send_signal(signal.SIGINT)
        assert other.wait(4) == 0
        assert gone([idle], within=1)


def test_a_worker_told_to_end_hands_its_video_back_and_another_goes_on_with_it(
    warmth,
    jobs,
    bell,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    limits = {"CIOTAT_LEASE_SECONDS": "60", "CIOTAT_DRAIN_SECONDS": "10"}
    with worker(redis_url, tmp_path, checkpoints, **limits) as told:
        becomes(1, warmth.workers)
        job = jobs.create(VideoSpec(prompt="a boat", **LONG))
        reaches(Status.IN_PROGRESS, jobs, bell, job)
        becomes(True, lambda: jobs.get(job.id).progress > 2)

        told.send_signal(signal.SIGTERM)

        assert becomes(Status.QUEUED, lambda: jobs.get(job.id).status, within=10) < 10
        assert told.wait(12) == 0
        handed_back = jobs.get(job.id)
        assert (handed_back.attempts, handed_back.resume_progress > 0) == (0, True)
    with worker(redis_url, tmp_path, checkpoints, **limits):
        again = reaches(Status.IN_PROGRESS, jobs, bell, job)
        assert (again.attempts, again.progress >= handed_back.resume_progress) == (1, True)
        jobs.cancel(job.id)


def busy(process):
    """Whether its renderer is at work."""
    renders = renderer(process)
    environment = Path(f"/proc/{renders}/environ").read_text().split("\0")
    notes = dict(each.split("=", 1) for each in environment if each)[NOTES]
    return Path(notes, f"{renders}.work").exists()


def test_a_worker_told_twice_hurries(
    warmth,
    jobs,
    bell,
    redis_url,
    tmp_path,
    checkpoints,  # noqa: F811
):
    with worker(redis_url, tmp_path, checkpoints, HANGING) as process:
        becomes(1, warmth.workers)
        job = jobs.create(VideoSpec(prompt="stubborn", **QUICK))
        reaches(Status.IN_PROGRESS, jobs, bell, job)

        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
            time.sleep(1)

        assert process.wait(7) == 0


@pytest.mark.parametrize("fault", ["killed", "stalled"])
def test_a_worker_whose_redis_was_away_takes_messages_again(fault, tmp_path, checkpoints):  # noqa: F811
    with Redis(tmp_path / "redis") as server, worker(server.url, tmp_path, checkpoints) as process:
        jobs, warmth = JobStore(server.client), Warmth(server.client, "ciotat")
        becomes(1, warmth.workers)

        with server.away(fault):
            time.sleep(AWAY)

        bell = create_app(Settings(redis_url=server.url))
        job = jobs.create(VideoSpec(prompt="a boat", **QUICK))
        reaches(Status.COMPLETED, jobs, bell, job, within=AGAIN)
        becomes(1, warmth.workers)
        assert process.poll() is None
