"""Two API processes on one Redis and one worker: one is killed, and clients notice no more than a reconnect."""

import hashlib
import random
import threading
import time
from contextlib import suppress

import httpx2
import openai
import pytest

from service.processes.local import valkey
from tests.claims import claim
from tests.e2e.apart import serving, working
from tests.e2e.balancer import Balancer
from worker.jobs import JobStore, connect
from worker.storage import LocalStorage
from worker.variants import Variant, video_key

pytestmark = pytest.mark.slow

LONG = {"prompt": "a boat", "size": "128x128", "seconds": 5, "steps": 40}
LARGE = random.Random(5).randbytes(1 << 24)


class Client(threading.Thread):
    """Does one thing to its end, and comes back as often as it is cut off; `under_way` when it has begun."""

    def __init__(self, http):
        super().__init__(daemon=True)
        self.http = http
        self.connections = 0
        self.under_way = threading.Event()
        self.over = False

    def run(self):
        while not self.over:
            self.connections += 1
            with suppress(httpx2.TransportError):
                self.go_on()


class Watcher(Client):
    """Reads the events of a video, as a browser's EventSource does."""

    def __init__(self, http, video_id):
        super().__init__(http)
        self.url = f"/v1/videos/{video_id}/events"
        self.ids, self.kinds = [], []

    def go_on(self):
        headers = {"last-event-id": self.ids[-1]} if self.ids else {}
        with self.http.stream("GET", self.url, headers=headers, timeout=30) as reply:
            self.over = reply.status_code == 204
            for line in reply.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    self.kinds.append(value)
                elif name == "id":
                    self.ids.append(value)
                    self.under_way.set()
            self.over = self.over or self.kinds[-1] == "done"


class Downloader(Client):
    """Reads a file slowly, and goes on where it was."""

    def __init__(self, http, video_id):
        super().__init__(http)
        self.url = f"/v1/videos/{video_id}/content"
        self.content, self.etag = b"", ""
        self.hurry = threading.Event()

    def go_on(self):
        headers = {"range": f"bytes={len(self.content)}-", "if-range": self.etag} if self.content else {}
        with self.http.stream("GET", self.url, headers=headers) as reply:
            assert reply.status_code == (206 if self.content else 200)
            self.etag = reply.headers["etag"]
            for piece in reply.iter_raw(1 << 16):
                self.content += piece
                self.under_way.set()
                if len(self.content) < len(LARGE) // 2:
                    self.hurry.wait(0.5)
        self.over = True


class Poller(Client):
    """Polls with the official client, which repeats by itself what was cut off."""

    def __init__(self, client, video_id):
        super().__init__(None)
        self.client, self.video_id = client, video_id
        self.progress, self.status = [], None

    def go_on(self):
        while self.status not in ("completed", "failed"):
            video = self.client.videos.retrieve(
                self.video_id
            )  # what it raises ends this thread, and the test
            self.status = video.status
            self.progress.append(video.progress)
            self.under_way.set()
            time.sleep(0.05)
        self.over = True


def finished_by_hand(redis_url, storage, tmp_path, video_id):
    """A large video, made without a worker; its link."""
    with connect(redis_url) as client:
        jobs = JobStore(client)
        job = claim(jobs, video_id)
        stored = video_key(job.id, job.token)
        (tmp_path / "large").write_bytes(LARGE)
        for variant in Variant:
            storage.put(variant.beside(stored), tmp_path / "large", variant.content_type)
        jobs.complete(job, stored)
    return storage.signed_url(stored, 600)


def test_clients_of_a_killed_replica_go_on_at_the_other(checkpoints, tmp_path):
    with valkey(tmp_path / "valkey") as store:
        places = (store.url, tmp_path)
        environment = {"CIOTAT_CHECKPOINTS": str(checkpoints)}
        with (
            serving(*places, **environment) as first,
            serving(*places, **environment) as second,
            Balancer(first.address, second.address) as balancer,
            httpx2.Client(base_url=balancer.url) as http,
            openai.OpenAI(base_url=f"{balancer.url}/v1", api_key="unused") as client,
        ):
            large = http.post("/v1/videos", json=LONG).json()["id"]
            link = finished_by_hand(store.url, LocalStorage(tmp_path / "videos"), tmp_path, large)
            with working(*places, checkpoints):
                ready(http)
                video_id = http.post("/v1/videos", json=LONG).json()["id"]
                watcher, downloader = Watcher(http, video_id), Downloader(http, large)
                poller = Poller(client, video_id)
                for each in (watcher, downloader, poller):
                    each.start()
                for each in (watcher, downloader, poller):
                    assert each.under_way.wait(60)
                while watcher.kinds.count("progress") < 3:
                    time.sleep(0.02)
                assert httpx2.get(first.address + link).content == LARGE

                first.kill()

                downloader.hurry.set()
                for each in (watcher, downloader, poller):
                    each.join(120)
            told = httpx2.get(f"{second.address}/v1/videos/{video_id}/events").text
            with_link = httpx2.get(second.address + link)
            forged = httpx2.get(second.address + link.replace("signature=", "signature=0"))

    assert (watcher.over, downloader.over, poller.over) == (True, True, True)
    assert (watcher.connections, downloader.connections, poller.connections) == (2, 2, 1)
    assert watcher.ids == [line[4:] for line in told.splitlines() if line.startswith("id: ")]
    assert watcher.kinds[-1] == "done"
    assert hashlib.sha256(downloader.content).digest() == hashlib.sha256(LARGE).digest()
    assert poller.status == "completed"
    assert poller.progress == sorted(poller.progress)
    assert with_link.content == LARGE  # signed before the other was killed, by the key that both have
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "link_refused")


def ready(http):
    while http.get("/readyz").status_code != 200:
        time.sleep(0.1)
