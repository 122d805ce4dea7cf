"""`make abuse` sends at least 10,000 bad inputs; without it a few hundred, in seconds."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx2
import pytest

from model.tasks import Task
from service.access.keys import Keys
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.local import valkey
from tests.abuse.target import Target
from tests.e2e.apart import serving
from tests.service.outbound.servers import saying
from tests.service.outbound.servers import serving as listening
from worker.jobs import connect

TIMES = int(os.environ.get("ABUSE_TIMES", "1"))
AT_LEAST = int(os.environ.get("ABUSE_AT_LEAST", "0"))
HOOK = Path(__file__).parent / "hook"
GENEROUS = {
    "CIOTAT_TENANT_JOBS": "1000000",
    "CIOTAT_TENANT_COST_A_DAY": "1000000000",
    "CIOTAT_QUEUE_COST": "1000000000",
    "CIOTAT_TENANT_REQUESTS_A_SECOND": "100000",
}
SMALL = {
    "CIOTAT_MAX_BODY_BYTES": "100000",
    "CIOTAT_MAX_UPLOAD_BYTES": "2000000",
    "CIOTAT_MAX_IMAGE_PIXELS": str(1 << 22),
    "CIOTAT_MAX_VIDEO_PIXELS": str(640 * 480),
    "CIOTAT_MAX_VIDEO_FRAMES": "40",
    "CIOTAT_MAX_VIDEO_SECONDS": "3",
    "CIOTAT_MEDIA_CPU_SECONDS": "3",
    "CIOTAT_MEDIA_MEMORY_BYTES": str(1 << 29),
}
OPEN = "127.0.0.2"  # the one address that may be called


def redirecting(stream, head):
    """A server outside that leads wherever the path says: `/?to=URL`."""
    to = parse_qs(urlsplit(head.split(b" ")[1].decode("latin-1")).query).get("to", ["/"])[0]
    location = to.replace("\r", "").replace("\n", "")
    saying(302, location=location.encode("utf-8", "replace").decode("latin-1"))(stream, head)


@pytest.fixture(scope="session")
def traps():
    """The redirecting server, and one on each address of this machine that must not be called, on the same port."""
    with ExitStack() as stack:
        outside = stack.enter_context(listening(redirecting, OPEN))
        within = [
            stack.enter_context(listening(saying(200, b"secret"), host, outside.port))
            for host in ("127.0.0.1", "127.0.0.3", "::1")
        ]
        yield outside, within


@pytest.fixture(scope="session")
def target(tmp_path_factory, traps):
    """A server whose checkpoint does all tasks, which fetches addresses, for a tenant with a key."""
    outside, within = traps
    data = tmp_path_factory.mktemp("abused")
    (data / "scratch").mkdir()
    (data / "checkpoints" / "ciotat-1").mkdir(parents=True)
    index = {"tasks": list(Task), "limits": {"seconds": 20, "megapixels": 336}}
    (data / "checkpoints" / "ciotat-1" / "model_index.json").write_text(json.dumps(index))
    (data / "checkpoints" / "ciotat-1" / "styles" / "flat").mkdir(parents=True)
    (data / "checkpoints" / "ciotat-1" / "styles" / "flat" / "config.json").write_text("{}")
    log = data / "log"
    log.touch()
    environment = GENEROUS | SMALL
    environment |= {
        "CIOTAT_CHECKPOINTS": str(data / "checkpoints"),
        "CIOTAT_IMAGE_URLS": "true",
        "CIOTAT_OUTBOUND_HTTP": "true",
        "CIOTAT_OUTBOUND_NETWORKS": f"{OPEN}/32",
        "CIOTAT_OUTBOUND_PORTS": str(outside.port),
        "TMPDIR": str(data / "scratch"),
        "ABUSE_LOG": str(log),
        "PYTHONPATH": f"{HOOK}:{os.environ.get('PYTHONPATH', '')}",
    }
    with (
        valkey(data / "valkey") as store,
        connect(store.url) as redis,
        serving(store.url, data, **environment) as api,
        grpc.insecure_channel(f"127.0.0.1:{api.grpc_port}") as channel,
    ):
        key = Keys(redis).create("anna")[1]
        bearer = f"Bearer {key}"
        with httpx2.Client(base_url=api.address, headers={"authorization": bearer}, timeout=30) as http:
            http.post("/v1/videos", json={"prompt": " "})
            target = Target(api, http, _Keyed(VideoServiceStub(channel), bearer), redis, data, log)
            yield target
            target.check()
            print("\n" + target.told())
            assert target.dialled() <= {(OPEN, outside.port)}
            assert [each.connections for each in within] == [0, 0, 0]
            assert target.inputs >= AT_LEAST


class _Keyed:
    """The stub, with the key in the metadata of each call."""

    def __init__(self, stub, bearer):
        self._stub, self.bearer = stub, [("authorization", bearer)]

    def __getattr__(self, name):
        method = getattr(self._stub, name)

        def call(request, metadata, timeout):
            return method(request, metadata=[*self.bearer, *metadata], timeout=timeout)

        return call


@pytest.fixture(autouse=True)
def clean(target):
    """What no test of this folder may leave behind."""
    yield
    target.check()
