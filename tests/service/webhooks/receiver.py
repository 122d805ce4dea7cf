"""A real HTTP server that receives webhooks and remembers them."""

import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

from tests.service.outbound.servers import serving

HOST = "127.0.0.2"


class Received(NamedTuple):
    headers: dict
    body: bytes
    at: float

    @property
    def id(self):
        return self.headers["webhook-id"]


class Receiver:
    """Answers each webhook as `answers` say, the last of them for ever: a status, headers with it, or a function."""

    def __init__(self, *answers):
        self.answers = list(answers) or [204]
        self.received = []
        self._arrived = threading.Condition()

    def __call__(self, stream, head):
        lines, _, body = head.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in lines.decode().split("\r\n")[1:])
        headers = {name.lower(): value for name, value in headers.items()}
        while len(body) < int(headers["content-length"]):
            body += stream.recv(65536)
        with self._arrived:
            self.received.append(Received(headers, body, time.monotonic()))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self._arrived.notify_all()
        if callable(answer):
            answer = answer()
        status, extra = answer if isinstance(answer, tuple) else (answer, "")
        stream.sendall(f"HTTP/1.1 {status} X\r\n{extra}content-length: 0\r\n\r\n".encode())

    def wait(self, count, within=10):
        """The webhooks, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= count, within), self.received
            return list(self.received)


def silent_until(over):
    """An answer that comes when a test says so."""

    def answer():
        over.wait(20)
        return 204

    return answer


@contextmanager
def receiving(*answers, port=0):
    """A receiver under its address."""
    receiver = Receiver(*answers)
    with serving(receiver, HOST, port) as server:
        receiver.port = server.port
        receiver.url = f"http://hooks.example:{server.port}/in"
        yield receiver
