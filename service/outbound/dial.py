"""Connections that lead only where they may, and end in time: the network below the HTTP client."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import httpcore2

from service.outbound.addresses import Rules
from service.outbound.errors import AnswerTooLarge, TimedOut, Unreachable

Resolve = Callable[[str], list[str]]
CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 4  # of one name that are tried
log = logging.getLogger(__name__)


def resolve(host: str) -> list[str]:
    """The addresses of a name, as the machine's resolver tells them; OSError where there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Allowance:
    """What is left of the time and the bytes of one call, over all its connections."""

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._ends = time.monotonic() + seconds
        self._bytes = 2 * most_bytes + (256 << 10)  # the framing of small chunks, and headers

    def seconds(self, most: float | None = None) -> float:
        """The seconds left, but not more than `most`."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimedOut(self._seconds)
        return left if most is None else min(left, most)

    def spend(self, count: int) -> None:
        """Count bytes that arrived."""
        self._bytes -= count
        if self._bytes < 0:
            raise AnswerTooLarge(self._most_bytes)


class _Stream(httpcore2.NetworkStream):
    """A stream whose every step is inside the allowance: a drop each second does not keep it open."""

    def __init__(self, stream: httpcore2.NetworkStream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as they come, at most `max_bytes`."""
        content = self._stream.read(max_bytes, self._allowance.seconds(timeout))
        self._allowance.spend(len(content))
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of the bytes; a receiver that takes them drop by drop is cut off between two pieces."""
        for start in range(0, len(buffer), 16 << 10):
            self._stream.write(buffer[start : start + (16 << 10)], self._allowance.seconds(timeout))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same stream under TLS, for the name that was asked for."""
        secured = self._stream.start_tls(ssl_context, server_hostname, self._allowance.seconds(timeout))
        return _Stream(secured, self._allowance)

    def get_extra_info(self, info: str) -> Any:
        """What the HTTP client wants to know of the socket."""
        return self._stream.get_extra_info(info)


class Dialler(httpcore2.NetworkBackend):
    """Resolves a name once, checks every address it has, and connects to one of those that were checked."""

    def __init__(self, rules: Rules, resolve: Resolve, allowance: Allowance) -> None:
        self._rules = rules
        self._resolve = resolve
        self._allowance = allowance
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the host; Unreachable when there is none, or when there may be none."""
        addresses = self._addresses(host)
        if not self._rules.allow_all(addresses):
            log.warning("not called: %r is %s", host, ", ".join(addresses))
            raise Unreachable
        for address in addresses[:MOST_ADDRESSES]:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                stream = self._sockets.connect_tcp(address, port, self._allowance.seconds(CONNECT_SECONDS))
                return _Stream(stream, self._allowance)
        raise Unreachable

    def _addresses(self, host: str) -> list[str]:
        """The resolver's answer, which has no time limit of its own: who does not wait leaves its thread behind."""
        answer: Future[list[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(host))
            except (OSError, UnicodeError):
                answer.set_result([])

        threading.Thread(target=ask, daemon=True).start()
        try:
            return answer.result(self._allowance.seconds(CONNECT_SECONDS))
        except TimeoutError:
            raise Unreachable from None
