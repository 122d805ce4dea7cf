"""Real servers on loopback addresses, which say exactly what a test wants them to."""

import contextlib
import socket
import ssl
import threading
from contextlib import contextmanager
from functools import cache

import trustme


@cache
def authority():
    return trustme.CA()


def trusting():
    """A client's side of TLS that trusts the tests' own authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def certified(*names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*names).configure_cert(context)
    return context


class Server:
    """Answers each connection in a thread of its own; remembers the heads of the requests it has read."""

    def __init__(self, answer, host, port, tls):
        self.heads = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with stream:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (piece := stream.recv(65536)):
                        return
                    head += piece
                self.heads.append(head)
                self._answer(stream, head)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def serving(answer, host="127.0.0.1", port=0, tls=None):
    """A server whose `answer` gets the open stream and the request's head."""
    server = Server(answer, host, port, tls)
    try:
        yield server
    finally:
        server.close()


def saying(status, body=b"", **headers):
    """An answer with this status, body and these headers."""
    lines = {"content-length": len(body)} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    content = f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body
    return lambda stream, request: stream.sendall(content)
