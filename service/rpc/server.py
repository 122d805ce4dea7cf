"""The gRPC server: its options, its health, what it tells of itself, and how it ends."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from service.pb.videos_pb2 import DESCRIPTOR
from service.pb.videos_pb2_grpc import VideoServiceServicer, add_VideoServiceServicer_to_server
from service.processes.leaving import Leaving
from service.rpc.health import Health
from service.rpc.readable import Readable

MAX_CALLS = 128  # each holds a thread, a watch or a download for long; one call more is RESOURCE_EXHAUSTED
VIDEO_SERVICE = DESCRIPTOR.services_by_name["VideoService"].full_name
MAX_MESSAGE_BYTES = 4 << 20  # gRPC's own; files come in chunks
HEALTH_SECONDS = 5.0  # how often we ask ourselves whether we are ready

OPTIONS = {
    "grpc.so_reuseport": 0,  # two servers on one port are a mistake, not a cluster
    "grpc.max_concurrent_streams": 100,  # a connection: the rest of MAX_CALLS is for the others, probes among them
    "grpc.keepalive_time_ms": 30_000,  # a client that vanished behind a NAT holds a thread no longer than this
    "grpc.keepalive_timeout_ms": 10_000,  # ... and this
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,  # clients may look after quiet watches as closely
    "grpc.keepalive_permit_without_calls": 1,  # ... and keep a connection open between two calls
    "grpc.max_connection_age_ms": 30 * 60_000,  # so that connections spread over replicas that came later;
    # calls that are running stay on the old one until they end
}


class RpcServer:
    """A started server."""

    def __init__(
        self,
        servicer: VideoServiceServicer,
        address: tuple[str, int],
        check_ready: Callable[[], None],
        leaving: Leaving,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        credentials: grpc.ServerCredentials | None = None,
        health_seconds: float = HEALTH_SECONDS,
    ) -> None:
        host, port = address
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        options = [*OPTIONS.items(), ("grpc.max_receive_message_length", max_message_bytes)]
        pool = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="grpc")
        self._server = grpc.server(pool, None, [Readable()], options, maximum_concurrent_rpcs=MAX_CALLS)
        add_VideoServiceServicer_to_server(servicer, self._server)  # type: ignore[no-untyped-call]
        self._health = Health(check_ready, (VIDEO_SERVICE,), health_seconds)
        add_HealthServicer_to_server(self._health.servicer, self._server)
        names = (VIDEO_SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), self._server)
        self._leaving = leaving
        if credentials is None:
            self.port = self._server.add_insecure_port(place)
        else:
            self.port = self._server.add_secure_port(place, credentials)
        self._server.start()

    def announce(self) -> None:
        """Say NOT_SERVING, and go on serving."""
        self._leaving.announce()
        self._health.close()

    def drain(self, grace: float) -> None:
        """Take no new call, end the watches, and wait until every call has ended or for so many seconds."""
        self.announce()
        ended = self._server.stop(grace)
        self._leaving.begin(grace)
        ended.wait()
