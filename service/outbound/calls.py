"""Fetching from and posting to addresses of clients: HTTP/1.1 without proxies, cookies or decompression."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import httpcore2
import httpx2

from service.outbound.addresses import Rules
from service.outbound.dial import Allowance, Dialler, Resolve, resolve
from service.outbound.errors import AnswerRefused, AnswerTooLarge, TimedOut, Unreachable

MOST_REDIRECTS = 3
MOST_OF_A_RECEIPT = 64 << 10  # bytes of the answer to a post; only its status is wanted
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {"user-agent": "ciotat", "accept": "*/*", "accept-encoding": "identity", "connection": "close"}


class Fetched(NamedTuple):
    """What an address held, and what its server calls it: a claim, not a fact."""

    content: bytes
    content_type: str


class Receipt(NamedTuple):
    """What was answered to a post: the status, and in how many seconds to come back, if that was said."""

    status: int
    retry_after: float | None


class Outbound:
    """Calls to addresses that clients gave; every refusal and failure is an `OutboundError`."""

    def __init__(
        self, rules: Rules | None = None, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._rules = rules or Rules()
        self._resolve = resolve
        self._tls = tls or httpcore2.default_ssl_context()

    def check(self, url: str) -> None:
        """Raise UrlRefused if the address can be seen to be one that is never called; nothing is resolved."""
        self._rules.read(url)

    def fetch(self, url: str, most_bytes: int, seconds: float) -> Fetched:
        """What lies at the address, in at most so many bytes and seconds, over at most three redirects."""
        allowance = Allowance(seconds, most_bytes)
        at = self._rules.read(url)
        for _ in range(MOST_REDIRECTS + 1):
            with self._asked("GET", at, b"", {}, allowance, seconds) as answer:
                if answer.status not in _REDIRECTS:
                    return _taken(answer, most_bytes)
                at = self._rules.read(_target(at, answer))
        raise AnswerRefused(f"the host redirects more than {MOST_REDIRECTS} times")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Receipt:
        """What is answered to this body; a redirect is not followed but is a status like others."""
        at = self._rules.read(url)
        with self._asked("POST", at, body, headers, Allowance(seconds, MOST_OF_A_RECEIPT), seconds) as answer:
            wait = _header(answer, b"retry-after")
            return Receipt(answer.status, float(wait) if wait.isdecimal() and len(wait) < 10 else None)

    @contextmanager
    def _asked(
        self,
        method: str,
        at: httpx2.URL,
        body: bytes,
        headers: Mapping[str, str],
        allowance: Allowance,
        seconds: float,
    ) -> Iterator[httpcore2.Response]:
        """One request over a connection of its own; its answer, of which only the head has been read."""
        target = httpcore2.URL(
            scheme=at.raw_scheme, host=at.raw_host, port=self._rules.port_of(at), target=at.raw_path
        )
        framing = {"content-length": str(len(body))} if method == "POST" else {}
        sent = {"host": at.netloc.decode("ascii"), **_HEADERS, **headers, **framing}
        try:
            with (
                httpcore2.ConnectionPool(
                    ssl_context=self._tls, network_backend=Dialler(self._rules, self._resolve, allowance)
                ) as pool,
                pool.stream(method, target, headers=list(sent.items()), content=body) as answer,
            ):
                yield answer
        except httpcore2.TimeoutException:
            raise TimedOut(seconds) from None
        except (httpcore2.NetworkError, ssl.SSLError):
            raise Unreachable from None
        except httpcore2.ProtocolError:
            raise AnswerRefused("the host does not answer in HTTP") from None


def _header(answer: httpcore2.Response, name: bytes) -> str:
    """The first header of this name, or nothing."""
    return next((value.decode("latin-1") for each, value in answer.headers if each.lower() == name), "")


def _target(at: httpx2.URL, answer: httpcore2.Response) -> str:
    """Where a redirect leads."""
    try:
        return str(at.join(_header(answer, b"location")))
    except httpx2.InvalidURL:
        raise AnswerRefused("the host redirects to no address") from None


def _taken(answer: httpcore2.Response, most_bytes: int) -> Fetched:
    """The body as it comes; what was compressed although nobody asked is not unpacked."""
    if answer.status != 200:
        raise AnswerRefused(f"the host answered with status {answer.status}")
    if _header(answer, b"content-encoding").strip().lower() not in ("", "identity"):
        raise AnswerRefused("the host answered with compressed content, which was not asked for")
    length = _header(answer, b"content-length")
    if length.isdecimal() and int(length) > most_bytes:
        raise AnswerTooLarge(most_bytes)
    content = bytearray()
    for piece in answer.iter_stream():
        content += piece
        if len(content) > most_bytes:
            raise AnswerTooLarge(most_bytes)
    return Fetched(bytes(content), _header(answer, b"content-type"))
