"""A lane: everything of a service as processes of its own, on a folder of its own, that faults can be made to."""

import hashlib
import os
import re
import signal
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import boto3
import httpx2

from service.webhooks.endpoints import Endpoints
from tests.chaos.control import PLACE, Control
from tests.chaos.processes import ROOT, Valkey, free_port, python, sweep_away
from tests.chaos.proxy import Proxy
from tests.service.test_local import children
from tests.service.webhooks.receiver import HOST, receiving
from tests.worker.storage import seaweedfs
from worker.connection import connect
from worker.jobs import JobStore
from worker.outbox import EVENTS
from worker.storage import LocalStorage
from worker.storage.s3 import S3Storage

QUEUE = "ciotat"
WARM = f"ciotat:warm:{QUEUE}"
UNFINISHED = ("queued", "in_progress")


class Api(NamedTuple):
    """An API process and its address."""

    process: object
    url: str


class Lane:
    """Two API processes, a deliverer with one endpoint, workers, a Valkey, and a storage."""

    def __init__(self, stack, folder, checkpoints, workers, s3, environment):
        self.control = Control(folder / "control")
        self.data = folder / "data"
        self.data.mkdir()
        self._receiver = stack.enter_context(receiving())
        env = (
            os.environ
            | {
                PLACE: str(folder / "control"),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "CIOTAT_DATA": str(self.data),
                "CIOTAT_CHECKPOINTS": str(checkpoints),
                "CIOTAT_DEVICE": "cpu",
                "CIOTAT_WINDOW_BATCH": "2",
                "OMP_NUM_THREADS": "1",  # tiny tensors win nothing from threads, and wait for them on a busy machine
                "CIOTAT_LINK_SECONDS": "0",
                "CIOTAT_OUTBOUND_HTTP": "true",
                "CIOTAT_OUTBOUND_NETWORKS": f"{HOST}/32",
                "CIOTAT_OUTBOUND_PORTS": str(self._receiver.port),
                "CIOTAT_WEBHOOK_SECONDS": "2",
                "CIOTAT_WEBHOOK_WAITS": ",".join(["0.5"] * 40),
                **environment,
            }
        )
        self.proxy = self._bucket = None
        self.storage = LocalStorage(self.data / "videos")
        if s3:
            env |= self._storage(stack, folder)
        self.valkey = Valkey(self.data, env)
        env["REDIS_URL"] = self.valkey.url
        self.redis = stack.enter_context(connect(self.valkey.url))
        self.jobs = JobStore(self.redis)
        self.environment = env
        ports = [free_port() for _ in range(4)]
        self.apis = [
            Api(
                python(f"api-{n}", folder, env, "tests.chaos.api", f"--port={port}", f"--grpc-port={rpc}"),
                f"http://127.0.0.1:{port}",
            )
            for n, (port, rpc) in enumerate(zip(ports[:2], ports[2:], strict=True))
        ]
        self.deliverer = python("deliverer", folder, env, "service.cli", "deliver")
        self.workers = [python(f"worker-{n}", folder, env, "tests.chaos.worker") for n in range(workers)]
        self.deaths = []  # of processes that nobody has killed

    def _storage(self, stack, folder):
        (folder / "s3").mkdir()
        server = stack.enter_context(seaweedfs.running(folder / "s3"))
        self.proxy = Proxy(int(server.url.rpartition(":")[2]))
        stack.callback(self.proxy.close)
        access = {"AWS_ACCESS_KEY_ID": seaweedfs.ACCESS, "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET}
        access["AWS_DEFAULT_REGION"] = "us-east-1"
        direct = boto3.Session(seaweedfs.ACCESS, seaweedfs.SECRET, region_name="us-east-1")
        self._bucket = direct.client("s3", endpoint_url=server.url)
        self.storage = S3Storage(self._bucket, seaweedfs.BUCKET)
        place = {"S3_BUCKET": seaweedfs.BUCKET, "S3_ENDPOINT_URL": self.proxy.url}
        return access | place | {"S3_TIMEOUT_SECONDS": "1", "S3_ATTEMPTS": "2"}

    @property
    def parts(self):
        """All processes, in the order in which they start."""
        return [self.valkey, *(api.process for api in self.apis), self.deliverer, *self.workers]

    def start(self):
        """Everything, with one webhook endpoint; the workers are warm."""
        for part in self.parts:
            part.start()
        url = f"http://{HOST}:{self._receiver.port}/in"
        Endpoints(self.redis).add("default", {"name": "chaos", "url": url, "events": ",".join(EVENTS)})
        self.await_ready()

    def end(self):
        """Of everything that was started here, orphans too."""
        for part in self.parts:
            part.end()
        sweep_away(self.environment[PLACE])

    def mend(self):
        """Start again what has ended, as a supervisor does."""
        for part in self.parts:
            if part.dead:
                part.start()

    def watch(self):
        """The same for what has ended although nobody has killed it, and write that down."""
        for part in self.parts:
            if part.dead:
                self.deaths.append(f"{part.name} ended with {part.status}")
                part.start()

    def warm(self):
        """The workers that say that they are."""
        now = float(".".join(map(str, self.redis.time())))
        said = self.redis.zrangebyscore(WARM, now, "+inf")
        pids = {int(name.partition("@")[0]) for name in said}
        return [worker for worker in self.workers if worker.pid in pids]

    def children_of(self, worker):
        """The processes that render for it: its other ones only help it."""
        lines = {pid: command_line(pid) for pid in children(worker.pid)}
        return [pid for pid, line in lines.items() if "spawn_main" in line]

    def await_ready(self, within=300.0):
        """Every worker is warm and every API process answers."""
        wait_for(lambda: len(self.warm()) == len(self.workers), within, "the workers are not warm")
        self.await_apis(within)

    def await_apis(self, within=120.0):
        """Every API process answers."""
        for api in self.apis:
            wait_for(lambda api=api: self.answers(api), within, f"{api.process.name} does not answer")

    @staticmethod
    def answers(api):
        """Whether it lives."""
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{api.url}/livez", timeout=2).status_code == 200
        return False

    def create(self, fields, key, api=0):
        """The id of a new video. Raises TransportError."""
        reply = httpx2.post(
            f"{self.apis[api].url}/v1/videos", json=fields, headers={"idempotency-key": key}, timeout=60
        )
        reply.raise_for_status()
        return reply.json()["id"]

    def cancel(self, video_id, api=0):
        """An unfinished video."""
        httpx2.post(f"{self.apis[api].url}/v1/videos/{video_id}/cancel", timeout=60).raise_for_status()

    def video(self, video_id, api=0):
        """As the service tells it."""
        return httpx2.get(f"{self.apis[api].url}/v1/videos/{video_id}", timeout=60).json()

    def digest(self, video_id, api=0):
        """Of the bytes that are downloaded."""
        reply = httpx2.get(f"{self.apis[api].url}/v1/videos/{video_id}/content", timeout=60)
        reply.raise_for_status()
        return hashlib.sha256(reply.content).hexdigest()

    def record(self, video_id):
        """As it is stored."""
        return self.redis.hgetall(f"ciotat:job:{video_id}")

    def objects(self, video_id=""):
        """The keys of what is stored of a video, or of all; what is half written too."""
        if self._bucket:
            pages = self._bucket.get_paginator("list_objects_v2").paginate(
                Bucket=seaweedfs.BUCKET, Prefix=f"videos/{video_id}"
            )
            return sorted(found["Key"] for page in pages for found in page.get("Contents", ()))
        root = self.data / "videos"
        files = (path for path in (root / "videos" / video_id).rglob("*") if path.is_file())
        return sorted(str(path.relative_to(root)) for path in files if path.suffix != ".type")

    def events(self, video_id):
        """The ids of the webhooks that have arrived for it, and their types."""
        body = f'"{video_id}"'.encode()
        told = [each for each in self._receiver.received if body in each.body]
        return [(each.id, re.search(rb'"type": ?"([a-z.]+)"', each.body)[1].decode()) for each in told]


@contextmanager
def lane(folder, checkpoints, workers=2, s3=False, **environment):
    """A running lane; with this block ends everything that was started in it."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        made = Lane(stack, folder, checkpoints, workers, s3, environment)
        stack.callback(made.end)
        made.start()
        yield made


def wait_for(condition, within, otherwise):
    """Until it is so. Raises TimeoutError."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.02)
    return answer


def command_line(pid):
    """Of a process that may have ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def kill(pid, number=signal.SIGKILL):
    """A process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
