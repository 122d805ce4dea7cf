"""Two workers; the one at work is lost with all its processes, and the other goes on."""

import os
import signal
import time
from contextlib import ExitStack

import httpx2
import pytest

from service.processes.local import valkey
from tests.e2e.apart import serving, working
from tests.service.test_local import children
from worker.jobs import JobStore, connect
from worker.warmth import Warmth

pytestmark = pytest.mark.slow

LEASE = 5.0
LONG = {"prompt": "a boat", "size": "128x128", "seconds": 5, "steps": 100}


def until(true, within=120):
    deadline = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_a_job_whose_worker_is_lost_is_taken_up_within_its_lease_and_a_few_seconds(checkpoints, tmp_path):
    with ExitStack() as stack:
        store = stack.enter_context(valkey(tmp_path / "valkey"))
        places = (store.url, tmp_path)
        client = stack.enter_context(connect(store.url))
        jobs, warmth = JobStore(client), Warmth(client, "ciotat")
        short = {"CIOTAT_LEASE_SECONDS": str(LEASE)}
        api = stack.enter_context(serving(*places, CIOTAT_CHECKPOINTS=str(checkpoints), **short))
        lost = stack.enter_context(working(*places, checkpoints, **short))
        until(lambda: warmth.workers() == 1)
        job_id = httpx2.post(f"{api.address}/v1/videos", json=LONG).json()["id"]
        until(lambda: jobs.get(job_id).progress > 0)
        stack.enter_context(working(*places, checkpoints, **short))
        until(lambda: warmth.workers() == 2)

        for pid in (lost.pid, *children(lost.pid)):
            os.kill(pid, signal.SIGKILL)
        killed = time.time()
        assert jobs.get(job_id).attempts == 1

        again = until(lambda: (job := jobs.get(job_id)).attempts == 2 and job)
        print(f"taken up after {again.started_at - killed:.2f} s")
        assert again.started_at - killed < LEASE + 5
        assert again.token == 2
        jobs.cancel(job_id)
