"""Both doors of one process: they open together, and close together in good order."""

import socket
import threading
import time
from types import FrameType

import uvicorn

from service.main import Service
from service.processes.tls import certificate
from service.rpc.server import RpcServer
from service.rpc.servicer import serve
from worker.settings import Settings

# Longer than clients keep idle connections (httpx, so the official client too: 5 s), or a request may meet the close.
KEEP_ALIVE_SECONDS = 65


class Doors:
    """REST on a listening socket, gRPC on a port (a free one for 0) of an address; gRPC is open when this is made."""

    def __init__(self, service: Service, settings: Settings, listener: socket.socket, rpc_port: int) -> None:
        self._listener = listener
        self._grace = settings.grace_seconds
        found = certificate(settings)
        self.rpc = serve(
            service.videos,
            service.access,
            service.leaving,
            service.check_ready,
            (listener.getsockname()[0], rpc_port),
            credentials=None if found is None else found.for_rpc(),
        )
        config = uvicorn.Config(
            service.rest,
            log_level="warning",
            timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ssl_context_factory=None if found is None else lambda *_: found.for_http(),
        )
        self.rest = _Rest(config, self.rpc, settings.notice_seconds)
        self.url = _url(listener, "http" if found is None else "https")

    def run(self) -> None:
        """Serve until INT, TERM or `rest.should_exit`; whoever asks meanwhile is served within the grace."""
        drained = threading.Thread(target=self._drain_with_rest)
        drained.start()
        try:
            self.rest.run(sockets=[self._listener])
        finally:
            self.rest.should_exit = True
            drained.join()

    def _drain_with_rest(self) -> None:
        while not self.rest.should_exit:
            time.sleep(0.05)
        self.rpc.drain(self._grace)


class _Rest(uvicorn.Server):
    """Tells the world that it will end, and for how long it has not yet, before it begins to."""

    def __init__(self, config: uvicorn.Config, rpc: RpcServer, notice: float) -> None:
        super().__init__(config)
        self._rpc = rpc
        self._notice = notice
        self._told = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second signal does not wait for the notice to run out."""
        if self._told:
            super().handle_exit(sig, frame)
            return
        self._told = True
        threading.Thread(target=self._leave, args=(sig, frame), daemon=True).start()

    def _leave(self, sig: int, frame: FrameType | None) -> None:
        self._rpc.announce()
        time.sleep(self._notice)
        super().handle_exit(sig, frame)


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
