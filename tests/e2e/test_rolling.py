"""Every process is replaced, one after the other, while clients create and poll: they notice nothing, nothing is lost.

`ROLLS=20` replaces everything as often; once is the default.
"""

import os
import signal
import threading
import time
from contextlib import ExitStack

import openai
import pytest

from tests.e2e.apart import serving, working
from tests.e2e.balancer import Balancer
from worker.events import START, EventLog, Kind
from worker.jobs import JobStore, Status
from worker.warmth import Warmth

pytestmark = pytest.mark.slow

ROLLS = int(os.environ.get("ROLLS", "1"))
ENVIRONMENT = {
    "CIOTAT_LEASE_SECONDS": "20",
    "CIOTAT_DRAIN_SECONDS": "20",
    "CIOTAT_NOTICE_SECONDS": "1",
    "OMP_NUM_THREADS": "1",  # more of them wait for each other on a busy machine, for seconds
}
VIDEO = {"prompt": "a boat", "size": "128x128", "seconds": "1", "extra_body": {"steps": 12}}


class Client(threading.Thread):
    """Makes one video after the other with the official client, which repeats by itself what it takes for passing."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self._url = url
        self.over = threading.Event()
        self.made, self.problem = [], None

    def run(self):
        try:
            with openai.OpenAI(base_url=f"{self._url}/v1", api_key="unused", timeout=30) as client:
                while not self.over.is_set():
                    video = client.videos.create(**VIDEO)
                    self.made.append(video.id)
                    while video.status in ("queued", "in_progress"):
                        time.sleep(0.1)
                        video = client.videos.retrieve(video.id)
                    assert video.status == "completed", video
        except (openai.OpenAIError, AssertionError) as problem:
            self.problem = problem


class Fleet:
    """Two replicas and two workers, as they are at the moment."""

    def __init__(self, stack, redis_url, data, checkpoints, balancer, warmth):
        self._stack, self._balancer, self._warmth = stack, balancer, warmth
        environment = ENVIRONMENT | {"CIOTAT_CHECKPOINTS": str(checkpoints)}
        self._serve = lambda: serving(redis_url, data, **environment)
        self._work = lambda: working(redis_url, data, checkpoints, **ENVIRONMENT)
        self._replicas, self._workers = [self._replica(), self._replica()], [self._worker(), self._worker()]
        self._warm(2)

    def _replica(self):
        process = self._stack.enter_context(self._serve())
        self._balancer.addresses.append(process.address)
        return process

    def _worker(self):
        return self._stack.enter_context(self._work())

    def _warm(self, workers):
        deadline = time.monotonic() + 120
        while self._warmth.workers() != workers:
            assert time.monotonic() < deadline, self._warmth.workers()
            time.sleep(0.1)

    def roll(self):
        """A new one, then the end of an old one, until all are new."""
        for old in self._workers.copy():
            self._workers.append(self._worker())
            self._warm(3)
            old.send_signal(signal.SIGTERM)
            assert old.wait(25) == 0
            self._workers.remove(old)
        for old in self._replicas.copy():
            self._replicas.append(self._replica())
            old.send_signal(signal.SIGTERM)
            time.sleep(0.5)  # a balancer asks for readiness that often, within the notice
            self._balancer.addresses.remove(old.address)
            assert old.wait(25) == 0
            self._replicas.remove(old)


def test_everything_is_replaced_one_after_the_other_and_clients_notice_nothing(
    redis, redis_url, checkpoints, tmp_path
):
    jobs = JobStore(redis)
    with Balancer(taking_turns=True) as balancer, ExitStack() as stack:
        fleet = Fleet(stack, redis_url, tmp_path, checkpoints, balancer, Warmth(redis, "ciotat"))
        clients = [Client(balancer.url) for _ in range(2)]
        for each in clients:
            each.start()
        for _ in range(ROLLS):
            fleet.roll()
        for each in clients:
            each.over.set()
        for each in clients:
            each.join(120)
    made = [video_id for each in clients for video_id in each.made]
    assert [each.problem for each in clients] == [None, None]
    assert len(made) >= 4
    assert {jobs.get(video_id).status for video_id in made} == {Status.COMPLETED}
    for video_id in made:
        told = EventLog(redis).after(video_id, START).events
        assert [event.kind for event in told].count(Kind.DONE) == 1
        assert len(list((tmp_path / "videos" / "videos" / video_id).glob("*.mp4"))) == 1
    assert jobs.unfinished() == []
