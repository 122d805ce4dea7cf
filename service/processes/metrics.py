"""What this process tells Prometheus, on a port of its own: requests by route and status, and the process itself.

Names begin with `ciotat_` and end with their unit. No label has an id, a prompt or a path as a client wrote it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNKNOWN = "unknown"  # a path that is no route of ours
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self.registry)
        Info("ciotat_build", "What runs here", registry=self.registry).info({"version": version("ciotat")})
        self._requests = Histogram(
            "ciotat_http_request_duration_seconds",
            "From the arrival of a request to the beginning of its answer; streams go on after it",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=SECONDS,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One HTTP request has been answered after so many seconds."""
        known = method if method in METHODS else UNKNOWN
        self._requests.labels(known, route, str(status)).observe(seconds)

    @contextmanager
    def served(self, host: str, port: int | None) -> Iterator[int | None]:
        """`/metrics` at that address as long as this block lasts, on a free port for 0, nowhere for none."""
        if port is None:
            yield None
            return
        server, thread = start_http_server(port, host, self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Measured:
    """Counts and times what goes through it, by the template of the route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), False

        def tell(status: int) -> None:
            route = getattr(scope.get("route"), "path", UNKNOWN)
            self._metrics.answered(scope["method"], route, status, time.perf_counter() - began)

        async def timed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                tell(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, timed)
        finally:
            if not answered:  # what nobody foresaw is answered outside of us
                tell(500)
