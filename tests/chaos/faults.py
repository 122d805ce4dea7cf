"""The faults: each is made while a process waits at a point, and passes by itself."""

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests.chaos.lane import kill, wait_for
from tests.chaos.points import BELL, Point
from worker.jobs import LEASES

OUTAGE_SECONDS = 30.0
AILING_SECONDS = 8.0  # of an object store that answers 500, or slowly
FULL_SECONDS = 4.0
RESTART_SECONDS = 1.0
SUPERVISOR_SECONDS = 0.3  # in which a supervisor starts again what has ended


class Moment(NamedTuple):
    """Where a fault is made: who waits at which point, and with which video."""

    lane: object
    point: str
    pid: int
    video_id: str

    def go(self):
        """Who waits goes on."""
        self.lane.control.go(self.point)

    @property
    def worker(self):
        """The worker whose child waits there."""
        parent = int(Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[1])
        return next(worker for worker in self.lane.workers if worker.pid == parent)

    def begin_again(self):
        """What was killed, by a supervisor."""
        time.sleep(SUPERVISOR_SECONDS)
        self.lane.mend()


def kill_child(moment):
    kill(moment.pid)
    moment.go()


def kill_parent(moment):
    moment.worker.signal(signal.SIGKILL)
    moment.go()
    moment.begin_again()


def terminate(moment):
    worker = moment.worker
    worker.signal(signal.SIGTERM)
    moment.go()
    worker.wait(60)
    moment.begin_again()


def kill_api(moment):
    for api in moment.lane.apis:
        if moment.point != BELL or api.process.pid == moment.pid:
            api.process.signal(signal.SIGKILL)
            break
    moment.go()
    moment.begin_again()


def restart_redis(moment):
    moment.lane.valkey.signal(signal.SIGKILL)
    moment.go()
    time.sleep(RESTART_SECONDS)
    moment.lane.valkey.start()


def stall_redis(moment):
    moment.lane.valkey.signal(signal.SIGSTOP)
    moment.go()
    time.sleep(OUTAGE_SECONDS)
    moment.lane.valkey.signal(signal.SIGCONT)


def _ailing(mood, seconds):
    def ail(moment):
        moment.lane.proxy.be(mood)
        moment.go()
        time.sleep(seconds)
        moment.lane.proxy.be("open")

    return ail


def fill_disk(moment):
    moment.lane.control.arm("full")
    moment.go()
    time.sleep(FULL_SECONDS)
    moment.lane.control.disarm("full")


def exhaust_memory(moment):
    moment.lane.control.arm("oom")
    moment.go()


def jump(moment):
    """The lease is over at once, however often its worker renews it, until another one has the job."""

    def claimed_again():
        if moment.lane.record(moment.video_id)["token"] == "2":
            return True
        moment.lane.redis.zadd(LEASES, {moment.video_id: 1}, xx=True)
        return False

    wait_for(claimed_again, 60, "no other worker claimed the job")
    moment.go()


NO_LEASE = dict.fromkeys([Point.CLAIM], "there is no lease before the claim")
NO_NETWORK = dict.fromkeys([Point.CLAIM, Point.UPLOAD, Point.COMMIT], "no network runs there")


class Fault(NamedTuple):
    """One row: what is done, how many attempts a job may then take, and where it would mean nothing, and why."""

    name: str
    make: Callable[[Moment], None]
    lane: str = "folder"
    attempts: tuple[int, ...] = (1,)
    meaningless: Mapping[Point, str] = MappingProxyType({})
    resumes: bool = False  # where an attempt is lost, the next one goes on from a point of it, and soon
    unanswered: bool = False  # a claim can have been made of which its worker does not hear
    fatal: frozenset[Point] = frozenset()  # where the video fails, and its worker goes on

    def end_at(self, point):
        """As which the video has to end."""
        return "failed" if point in self.fatal else "completed"

    def attempts_at(self, point):
        """What fails before the claim has not been attempted."""
        return (1,) if point is Point.CLAIM and not self.unanswered else self.attempts


FAULTS = (
    Fault("kill -9 worker child", kill_child, "workers", (2,), resumes=True),
    Fault("kill -9 worker parent", kill_parent, "workers", (1, 2), resumes=True),
    Fault("TERM worker", terminate, "workers"),
    Fault("kill -9 API", kill_api),
    Fault("Redis kill -9 + restart", restart_redis, attempts=(1, 2), unanswered=True),
    Fault("Redis stalled 30 s", stall_redis, "stall", (1, 2), unanswered=True),
    Fault("object store down 30 s", _ailing("down", OUTAGE_SECONDS), "s3-down"),
    Fault("object store answers 500", _ailing("500", AILING_SECONDS), "s3"),
    Fault("object store slow", _ailing("slow", AILING_SECONDS), "s3"),
    Fault("disk full", fill_disk),
    Fault("CUDA out of memory", exhaust_memory, meaningless=NO_NETWORK, fatal=frozenset({Point.BASE})),
    Fault("lease jumps", jump, attempts=(2,), meaningless=NO_LEASE),
)
