"""Between clients and replicas of the API: passes bytes on, and closes both ends when one closes."""

import itertools
import socket
import threading
from contextlib import suppress

import httpx2


class Balancer:
    """Passes each connection on to the first of `addresses`, which may change, or each time the next, that takes it."""

    def __init__(self, *addresses, taking_turns=False):
        self.addresses = list(addresses)
        self._turns = itertools.count() if taking_turns else itertools.repeat(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        with client, self._connected() as server:
            back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
            back.start()
            self._pass_on(client, server)
            back.join()

    def _connected(self):
        addresses, turn = list(self.addresses), next(self._turns)
        for each in range(len(addresses)):
            address = httpx2.URL(addresses[(turn + each) % len(addresses)])
            with suppress(ConnectionError):
                return socket.create_connection((address.host, address.port))
        raise AssertionError("no replica is left")

    @staticmethod
    def _pass_on(source, target):
        """Until either end closes: then both are closed, as they are by a balancer."""
        with suppress(OSError):
            while piece := source.recv(1 << 14):
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
