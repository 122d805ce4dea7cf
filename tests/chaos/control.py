"""How a test and the processes under test speak: by files in one folder.

A process that has reached a point writes `at/POINT` with its id and waits for that file to go away; it holds only
where `hold/POINT` tells it to. `armed/FAULT` makes a fault of a process. `traces/PID` is what a process has done.
"""

import json
import os
import time
from pathlib import Path

PLACE = "CHAOS"  # the environment variable with the folder: it also marks every process of a lane
HOLD_SECONDS = 60.0
LOOK_SECONDS = 0.005


class Control:
    """The folder, seen from either side."""

    def __init__(self, folder):
        self._folder = Path(folder)
        for name in ("at", "hold", "armed", "traces"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)

    # the processes under test

    def reached(self, point):
        """Wait here, where it was asked for; the first process that comes takes the hold with it."""
        try:
            (self._folder / "hold" / point).rename(self._folder / "at" / f".{point}")
        except FileNotFoundError:
            return
        at = self._folder / "at" / point
        (self._folder / "at" / f".{point}").write_text(str(os.getpid()))
        (self._folder / "at" / f".{point}").rename(at)
        deadline = time.monotonic() + HOLD_SECONDS
        while at.exists() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    def armed(self, fault):
        """Whether this fault is to happen now."""
        return (self._folder / "armed" / fault).exists()

    def fire(self, fault):
        """The same, for a fault that happens once."""
        try:
            (self._folder / "armed" / fault).unlink()
        except FileNotFoundError:
            return False
        return True

    def trace(self, **fact):
        """One thing that this process has done, and when."""
        line = json.dumps(fact | {"pid": os.getpid(), "time": time.time()}) + "\n"
        with (self._folder / "traces" / str(os.getpid())).open("a") as file:
            file.write(line)

    # the test

    def hold(self, point):
        """Who reaches this point first is to wait there."""
        (self._folder / "hold" / point).touch()

    def at(self, point, within=120.0):
        """The process that waits there."""
        deadline = time.monotonic() + within
        while not (self._folder / "at" / point).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody has reached {point!r}")
            time.sleep(LOOK_SECONDS)
        return int((self._folder / "at" / point).read_text())

    def go(self, point):
        """Let it go on."""
        for place in ("hold", "at"):
            (self._folder / place / point).unlink(missing_ok=True)

    def arm(self, fault):
        """From now on this happens."""
        (self._folder / "armed" / fault).touch()

    def disarm(self, fault):
        """It happens no more."""
        (self._folder / "armed" / fault).unlink(missing_ok=True)

    def traces(self, **like):
        """What all processes have done, in order of time, as far as it is like that."""
        facts = []
        for file in (self._folder / "traces").iterdir():
            for line in file.read_text().splitlines():
                try:
                    facts.append(json.loads(line))
                except ValueError:
                    continue  # its writer was killed at it
        return sorted(
            (fact for fact in facts if all(fact.get(name) == value for name, value in like.items())),
            key=lambda fact: fact["time"],
        )
