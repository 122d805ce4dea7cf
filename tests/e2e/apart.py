"""Parts of the service as an operator runs them, each a process of its own."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

from worker.jobs import JobStore, LeaseLost, connect
from worker.storage import LocalStorage
from worker.variants import Variant, video_key
from worker.warmth import Warmth

SERVING = re.compile(r"ciotat: serving at (http://\S+) \(gRPC on port (\d+)\)")


@contextmanager
def serving(redis_url, data, *options, **environment):
    """`ciotat serve` on a free port; yields the process with its address."""
    command = [sys.executable, "-m", "service.cli", "serve", "--port=0", "--grpc-port=0", *options]
    env = os.environ | {"REDIS_URL": redis_url, "CIOTAT_DATA": str(data)} | environment
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        told = SERVING.fullmatch(process.stdout.readline().strip())
        assert told, "the API process did not start"
        process.address, process.grpc_port = told.groups()
        yield process
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@contextmanager
def working(redis_url, data, checkpoints, **environment):
    """`ciotat worker`."""
    env = os.environ | {
        "REDIS_URL": redis_url,
        "CIOTAT_DATA": str(data),
        "CIOTAT_CHECKPOINTS": str(checkpoints),
    }
    env |= environment
    process = subprocess.Popen([sys.executable, "-m", "service.cli", "worker"], env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


class Instant(threading.Thread):
    """Does to jobs what a worker does, in an instant: two of three are completed, one fails; and says it is warm."""

    def __init__(self, redis_url, data):
        super().__init__(daemon=True)
        self._client = connect(redis_url)
        self._storage = LocalStorage(data / "videos")
        self._picture = data / "made"
        self._over = threading.Event()

    def __enter__(self):
        self._picture.write_bytes(bytes(range(250)) * 4)
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()
        self._client.close()

    def run(self):
        jobs, warmth, made = JobStore(self._client), Warmth(self._client, "ciotat"), 0
        while not self._over.wait(0.1):
            warmth.tell("instant")
            while job := jobs.claim_next():
                made += 1
                with suppress(LeaseLost):
                    self._finish(jobs, job, made)

    def _finish(self, jobs, job, made):
        if made % 3 == 0:
            jobs.fail(job, "internal_error", "the worker failed on this video")
            return
        stored = video_key(job.id, job.token)
        for variant in Variant:
            self._storage.put(variant.beside(stored), self._picture, variant.content_type)
        jobs.complete(job, stored)
