"""Both doors of a whole service, told to end."""

import signal
import socket
import threading
import time

import grpc
import httpx2
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from service.main import build
from service.processes.apart import listen
from service.processes.doors import Doors
from worker.settings import Settings


def test_both_doors_go_on_for_as_long_as_the_notice_and_then_close(redis_url, redis, tmp_path):
    settings = Settings(data=tmp_path, redis_url=redis_url, notice_seconds=1.5, grace_seconds=2)
    service = build(settings)
    doors = Doors(service, settings, socket.create_server(("127.0.0.1", 0)), 0)
    running = threading.Thread(target=doors.run)
    running.start()
    with (
        httpx2.Client(base_url=doors.url) as http,
        grpc.insecure_channel(f"127.0.0.1:{doors.rpc.port}") as rpc,
    ):
        assert http.get("/livez").status_code == 200
        began = time.monotonic()

        doors.rest.handle_exit(signal.SIGTERM, None)

        while not service.leaving.announced:
            time.sleep(0.01)
        told = http.get("/readyz")
        assert (told.status_code, "shutting down" in told.text) == (503, True)
        health = HealthStub(rpc).Check(HealthCheckRequest(), timeout=10)
        assert health.status == HealthCheckResponse.NOT_SERVING
        assert http.get("/livez").status_code == 200
        assert time.monotonic() - began < 1.5
        running.join(20)
        assert time.monotonic() - began >= 1.5
        assert not running.is_alive()
        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            HealthStub(rpc).Check(HealthCheckRequest(), timeout=10)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{doors.url}/livez")


def test_idle_connections_are_kept_for_longer_than_clients_keep_them(redis_url, redis, tmp_path):
    settings = Settings(data=tmp_path, redis_url=redis_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        doors = Doors(build(settings), settings, listener, 0)
    doors.rpc.drain(0)

    pool = httpx2.HTTPTransport()._pool
    assert doors.rest.config.timeout_keep_alive > 2 * pool._keepalive_expiry > 0


def test_what_a_door_says_is_sent_at_once():
    """And not 40 ms later, when the client has acknowledged what was sent before."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
