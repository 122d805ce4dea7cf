"""`make soak`: many tiny jobs while something is killed every few seconds; none is lost, none made twice."""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx2
from tqdm import tqdm

from tests.chaos.audit import audited, leftovers, swept
from tests.chaos.checkpoints import written
from tests.chaos.faults import SUPERVISOR_SECONDS
from tests.chaos.lane import UNFINISHED, kill, lane, wait_for

TINY = {"prompt": "a boat", "size": "128x128", "seconds": 1, "steps": 2}
SETTINGS = {
    "CIOTAT_LEASE_SECONDS": "3",
    "CIOTAT_MAX_ATTEMPTS": "10",
    "CIOTAT_TENANT_JOBS": "100000",
    "CIOTAT_TENANT_REQUESTS_A_SECOND": "100000",
}
END_SECONDS = 300.0  # without a single video finished
AT_A_TIME = 40  # unfinished videos that the client has
JSON = Path("var/soak.json")


class Soak:
    """A lane, a client that creates and never gives up, and somebody who kills."""

    def __init__(self, made, jobs, every, chance):
        self.lane, self.jobs, self.every, self.chance = made, jobs, every, chance
        self.made = {}  # number of the job: id
        self.kills = []
        self.over = threading.Event()
        self._before = made.redis.zcard("ciotat:jobs")

    def run(self, shown=lambda over: None):
        """All jobs, to their end; `shown` gets how many are over."""
        killer = threading.Thread(target=self._kill_on)
        killer.start()
        try:
            self._create_and_wait(shown)
        finally:
            self.over.set()
            killer.join()
        self.lane.mend()
        self.lane.await_ready()
        wait_for(
            lambda: all(map(self.lane.events, self.made.values())),
            30,
            "not every video was told to the webhook",
        )

    def _create_and_wait(self, shown):
        waiting, created, before = set(), 0, time.monotonic()
        while created < self.jobs or waiting:
            if created < self.jobs and len(waiting) < AT_A_TIME:
                self.made[created] = self._create(created)
                waiting.add(self.made[created])
                created += 1
                continue
            over = {video for video in waiting if self._status(video) not in UNFINISHED}
            waiting -= over
            before = time.monotonic() if over else before
            shown(len(over))
            if time.monotonic() - before > END_SECONDS:
                raise TimeoutError(f"nothing was finished for {END_SECONDS} s: {sorted(waiting)}")
            time.sleep(0.2)

    def _create(self, number):
        """Under one key until it is acknowledged, by whichever process answers."""
        fields, deadline = TINY | {"seed": number}, time.monotonic() + END_SECONDS
        for turn in range(10_000):
            with suppress(httpx2.TransportError, httpx2.HTTPStatusError):
                return self.lane.create(fields, f"soak-{number}", api=(number + turn) % 2)
            assert time.monotonic() < deadline, "no API process takes a job"
            time.sleep(0.1)
        raise AssertionError

    def _status(self, video_id):
        while True:
            with suppress(Exception):  # whatever it is, the store is being killed
                return self.lane.record(video_id)["status"]
            time.sleep(0.1)

    def _kill_on(self):
        """A worker only while each of them is warm: what is measured is how soon another one goes on."""
        while not self.over.wait(self.chance.uniform(*self.every)):
            self.chance.choice([self._kill_child, self._kill_parent, self._kill_api, self._kill_valkey])()
            time.sleep(SUPERVISOR_SECONDS)
            self.lane.watch()

    def _worker(self):
        warm = self.lane.warm()
        return self.chance.choice(warm) if len(warm) == len(self.lane.workers) else None

    def _kill_child(self):
        if worker := self._worker():
            pids = self.lane.children_of(worker)
            self._note("worker child", pids)
            for pid in pids:
                kill(pid)

    def _kill_parent(self):
        if worker := self._worker():
            self._note("worker parent", self.lane.children_of(worker))
            worker.signal(signal.SIGKILL)
            self.lane.mend()

    def _kill_api(self):
        api = self.chance.choice(self.lane.apis)
        self._note("API", [])
        api.process.signal(signal.SIGKILL)
        self.lane.mend()

    def _kill_valkey(self):
        self._note("Valkey", [])
        self.lane.valkey.signal(signal.SIGKILL)
        time.sleep(SUPERVISOR_SECONDS)
        self.lane.valkey.start()

    def _note(self, what, pids):
        self.kills.append({"what": what, "time": time.time(), "pids": pids})

    def report(self):
        """Figures, and everything that is not as it has to be."""
        lane, videos = self.lane, list(self.made.values())
        records = {video: lane.record(video) for video in videos}
        ends = [record["status"] for record in records.values()]
        twice = [video for video in videos if len(set(lane.events(video))) != 1]
        problems = [
            f"{video}: {problem}"
            for video, end in zip(videos, ends, strict=True)
            for problem in audited(lane, video, end)
        ]
        problems += [f"{end}: {video}" for video, end in zip(videos, ends, strict=True) if end != "completed"]
        if not len(set(videos)) == lane.redis.zcard("ciotat:jobs") - self._before == self.jobs:
            problems.append(f"{len(set(videos))} ids and {lane.redis.zcard('ciotat:jobs')} records")
        stored = [key for key in lane.objects() if key.endswith(".mp4")]
        recoveries = self._recoveries()
        left = sum(len(leftovers(lane, video)) for video in videos)
        unswept, removed = swept(lane)
        return {
            "jobs": self.jobs,
            "completed": ends.count("completed"),
            "lost": self.jobs - ends.count("completed"),
            "made twice": len(twice) + len(stored) - len({key.rpartition("/")[0] for key in stored}),
            "kills": dict(Counter(kill["what"] for kill in self.kills)),
            "attempts": dict(sorted(Counter(record["attempts"] for record in records.values()).items())),
            "recoveries": len(recoveries),
            "recovery seconds": _percentiles(recoveries),
            "objects left to the sweeper": left,
            "things that it removed": removed,
            "deaths that nobody has made": len(lane.deaths),
            "problems": problems + lane.deaths + unswept,
        }

    def _recoveries(self):
        """Seconds from each kill of a process that held a job to the next claim of that job."""
        claims = self.lane.control.traces(what="claim")
        found = []
        for kill_ in self.kills:
            for pid in kill_["pids"]:
                mine = [claim for claim in claims if claim["pid"] == pid and claim["time"] < kill_["time"]]
                if not mine:
                    continue
                job, token = mine[-1]["job"], mine[-1]["token"]
                next_ = [c for c in claims if c["job"] == job and c["token"] == token + 1]
                if next_ and next_[0]["time"] > kill_["time"]:
                    found.append(next_[0]["time"] - kill_["time"])
        return sorted(found)


def _percentiles(values):
    if not values:
        return {}
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(values[min(len(values) - 1, int(share * len(values)))], 2) for name, share in at.items()
    }


def soak(folder, jobs, seed, every=(4.0, 9.0), shown=lambda over: None):
    """The report of one soak."""
    began = time.monotonic()
    with lane(folder / "soak", written(folder / "checkpoints"), **SETTINGS) as made:
        ready = time.monotonic()
        run = Soak(made, jobs, every, random.Random(seed))
        run.run(shown)
        took = time.monotonic() - ready
        return {"seed": seed, "seconds": round(took), "start seconds": round(ready - began), **run.report()}


def main():
    """By the environment: JOBS, SEED."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS") or 1000))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or time.time()))
    parser.add_argument("--keep", action="store_true", help="leave the folder, with the logs")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    folder = Path(tempfile.mkdtemp(prefix="ciotat-soak-"))
    try:
        with tqdm(total=options.jobs, unit="video") as bar:
            report = soak(folder, options.jobs, options.seed, shown=bar.update)
    finally:
        print(folder) if options.keep else shutil.rmtree(folder, ignore_errors=True)
    JSON.parent.mkdir(exist_ok=True)
    JSON.write_text(json.dumps(report, indent=1))
    for name, value in report.items():
        print(f"{name:28} {value}")
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
