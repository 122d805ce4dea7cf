"""A proxy before an S3 server that passes everything on, or is down, answers 500, or is slow."""

import socket
import threading
import time
from contextlib import suppress

SLOW_SECONDS = 4.0  # that each piece of a request takes longer: more than the client waits
ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>a test says so</Message></Error>"
ANSWER = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"


class Proxy:
    """One port for all of its moods."""

    def __init__(self, upstream_port):
        self._upstream = ("127.0.0.1", upstream_port)
        self._mood = "open"
        self._ends = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._listen()

    def be(self, mood):
        """`open`, `down`, `500` or `slow`, from now on, for connections that are open too: those are cut."""
        if mood == "down":
            self.close()
        elif self._mood == "down":
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()
        self._mood = mood
        for end in list(self._ends):
            _shut(end)

    def close(self):
        """Refuse connections."""
        _shut(self._listener)
        self._listener.close()

    def _listen(self):
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with suppress(OSError), client:
            self._ends.add(client)
            try:
                if self._mood == "500":
                    client.recv(1 << 16)
                    client.sendall(ANSWER % (len(ERROR), ERROR))
                    return
                with socket.create_connection(self._upstream) as server:
                    threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
                    _pass_on(client, server, lambda: time.sleep(SLOW_SECONDS * (self._mood == "slow")))
            finally:
                self._ends.discard(client)


def _pass_on(source, target, before=lambda: None):
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            before()
            target.sendall(piece)
    _shut(source)
    _shut(target)


def _shut(end):
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
