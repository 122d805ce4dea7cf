"""The parts of a service that runs on several machines: an API process, a worker; Redis and storage are given."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Never

from service.errors import NotLocal
from service.main import build
from service.processes.doors import Doors
from worker.jobs import StoreUnavailable
from worker.logs import configure
from worker.settings import Settings


class CannotStart(RuntimeError):
    """A part could not start; the message says why."""


def serve(settings: Settings, host: str, port: int, grpc_port: int, announce: Callable[[str], None]) -> None:
    """One API process until INT or TERM; `announce` gets its address once it listens, ready or not."""
    configure(settings.log_level)
    end_blocks_on_signals()
    with ExitStack() as stack:
        service = build(settings)
        try:
            service.access.check_address(host)
        except (NotLocal, StoreUnavailable) as refused:
            raise CannotStart(refused) from None
        listener = stack.enter_context(listen(host, port))
        stack.enter_context(service.metrics.served(settings.metrics_host, settings.metrics_port))
        doors = Doors(service, settings, listener, grpc_port)
        stack.callback(service.videos.feed.close)
        stack.enter_context(service.upkeep())
        announce(f"{doors.url} (gRPC on port {doors.rpc.port})")
        doors.run()


def work() -> Never:
    """This process becomes a worker: TERM lets it end the video it is making, or hand it back, and take no other."""
    command = worker_command()
    os.execv(command[0], command)


def end_blocks_on_signals(hurry: Callable[[], None] = lambda: None) -> None:
    """From now on INT and TERM end the block we are in, and so all of them; those that follow `hurry` that."""

    def stop(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: hurry())
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def worker_command() -> list[str]:
    """A message is a job id in JSON, so what Celery says about root and pickles is not about us."""
    python = [sys.executable, "-P", "-Wignore:You're running the worker"]
    celery = ["-m", "celery", "--quiet", "-A", "worker.app", "worker", f"--hostname={os.getpid()}@%h"]
    return [*python, *celery, "--loglevel=WARNING", "--without-gossip", "--without-mingle"]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, on a free port for 0. Raises CannotStart."""
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise CannotStart(f"cannot listen on {host}:{port}: {error.strerror}") from None
    # Its connections inherit it. Without, each body waits 40 ms for the client to acknowledge the headers; asyncio
    # sees to that only where a socket names its protocol, which one of `create_server` does not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return listener
