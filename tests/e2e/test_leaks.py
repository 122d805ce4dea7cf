"""What is told in confidence, and what opens doors, is in no log, metric, error, message or command line."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx2
import pytest

from service.access.keys import Keys
from service.pb import files_pb2
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.local import valkey
from tests import clips
from tests.service.webhooks.receiver import HOST, receiving
from tests.worker.storage import seaweedfs
from worker.connection import connect

pytestmark = pytest.mark.slow

SERVING = re.compile(r"ciotat: serving at (http://\S+) \(gRPC on port (\d+)\)")
MARK = "Zq7marked"
SMALL = {"size": "128x128", "seconds": 1, "steps": 2, "guidance_scale": 3}
ASKED = SMALL | {
    "prompt": f"{MARK}-prompt boat",
    "negative_prompt": f"{MARK}-negative rain",
    "metadata": {f"{MARK}-name": f"{MARK}-value"},
}
BOMB = base64.b64encode(clips.bomb(9, 9)).decode()
URL = f"https://{MARK}-host.example/{MARK}-path?token={MARK}-token"


class Watched(threading.Thread):
    """The command lines of all processes of this machine but our own, as long as this block lasts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines = set()
        self._over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def run(self):
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if path.parent.name != str(os.getpid()):
                        self.lines.add(path.read_bytes())
                except OSError:
                    continue


@contextmanager
def logging_to(path, command, environment):
    """A part of the service, all of whose words go to this file."""
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *command],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(found, within=120):
    """What this function finds, once it does."""
    deadline = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result


class Told:
    """All that was answered, and what must be in none of it."""

    def __init__(self, http, rpc, key):
        self.http, self.rpc, self._key = http, rpc, key
        self.errors = []

    def refused(self, method, path, **given):
        """An answer that must be an error; kept."""
        reply = self.http.request(method, path, **given)
        assert reply.status_code >= 400, (path, reply.text)
        self.errors.append(f"{reply.status_code} {dict(reply.headers)} {reply.text}")
        return reply

    def refused_over_grpc(self, method, request, key=None):
        metadata = [("authorization", f"Bearer {key or self._key}")]
        with pytest.raises(grpc.RpcError) as error:
            getattr(self.rpc, method)(request, metadata=metadata, timeout=60)
        self.errors.append(f"{error.value.details()} {error.value.trailing_metadata()}")

    def over(self, video_id):
        """The video, once it has come to its end."""

        def found():
            video = self.http.get(f"/v1/videos/{video_id}").json()
            return video["status"] not in ("queued", "in_progress") and video

        return until(found)


def refuse_everything(told, video_id, redis):
    """One refusal of each kind that quotes, or could quote, what it refuses."""
    long = {"metadata": {f"{MARK}-name": MARK * 100}}
    for fields in (
        ASKED | {"prompt": MARK * 1000}, ASKED | {"negative_prompt": MARK * 1000}, ASKED | long,
        ASKED | {"seconds": "x"}, ASKED | {"input_reference": {"image_url": f"data:image/png;base64,{BOMB}"}},
        ASKED | {"input_reference": {"image_url": URL}}, ASKED | {"input_reference": {"image_url": f"data:,{MARK}"}},
        ASKED | {"input_reference": {"image_url": f"https://u:{MARK}@a.example/"}}, ASKED | {"input_reference": MARK},
        ASKED | {"input_reference": {"file_id": "file_x"}}, ASKED | {"task": "stylize"}, ASKED | {"model": "absent"},
    ):  # fmt: skip
        told.refused("POST", "/v1/videos", json=fields)
    told.refused(
        "POST", "/v1/videos", json=ASKED | {"steps": 3}, headers={"idempotency-key": f"{MARK}-idempotency"}
    )
    told.refused(
        "POST", "/v1/videos", json=ASKED, headers={"idempotency-key": f"{MARK}\u00e9".encode("latin-1")}
    )
    text = json.dumps(ASKED).encode()
    for content, kind in (
        (text[:-2], "application/json"),
        (text, "text/plain"),
        (text, "multipart/form-data; boundary=b"),
    ):
        told.refused("POST", "/v1/videos", content=content, headers={"content-type": kind})
    for content in (b"no picture", clips.bomb(10**5, 10**5)):
        upload = {"file": (f"{MARK}-file.png", content)}
        told.refused("POST", "/v1/files", files=upload, data={"purpose": "vision"})
    hook = {"name": f"{MARK}-hook", "event_types": ["video.completed"]}
    for url in (f"http://user:{MARK}@a.example/", f"https://10.0.0.1/{MARK}", f"nonsense {MARK}"):
        told.refused("POST", "/v1/webhook_endpoints", json=hook | {"url": url})
    for headers in ({"authorization": f"Bearer ciotat_{MARK}"}, {"authorization": f"Basic {MARK}"}):
        told.refused("GET", f"/v1/videos/{video_id}", headers=headers)
    told.refused_over_grpc("GetVideo", pb.GetVideoRequest(id=video_id), f"ciotat_{MARK}")
    told.refused_over_grpc("CreateVideo", pb.CreateVideoRequest(prompt=MARK * 1000))
    told.refused_over_grpc("CreateVideo", pb.CreateVideoRequest(prompt="a", request_id=f"{MARK}\n"))
    parts = [files_pb2.FileHeader(purpose="vision", filename=f"{MARK}-file")]
    stream = [files_pb2.UploadFileRequest(header=parts[0]), files_pb2.UploadFileRequest(chunk=b"no picture")]
    told.refused_over_grpc("UploadFile", iter(stream))


def fail_unforeseen(told, video_id, redis):
    """The record of a video is not as it should be, and nobody has a word for that."""
    name = f"ciotat:job:{video_id}"
    for field, wrong in (
        ("spec", json.dumps(ASKED | {"steps": MARK})),
        ("status", MARK),
        ("metadata", f'["{MARK}"]'),
    ):
        right = redis.hget(name, field)
        redis.hset(name, field, wrong)
        assert told.refused("GET", f"/v1/videos/{video_id}").status_code == 500
        told.refused_over_grpc("GetVideo", pb.GetVideoRequest(id=video_id))
        redis.hset(name, field, right)


@pytest.fixture(scope="module")
def spilled(checkpoints, tmp_path_factory):  # noqa: PLR0915 - one story
    """Everything that was written or answered while marked requests went all ways, and what must not be in it."""
    folder = tmp_path_factory.mktemp("leaks")
    secrets = {}
    with ExitStack() as stack:
        (folder / "s3").mkdir()
        store = stack.enter_context(valkey(folder / "valkey"))
        redis = stack.enter_context(connect(store.url))
        s3 = stack.enter_context(seaweedfs.running(folder / "s3"))
        receiver = stack.enter_context(receiving(500))
        secrets["key"] = key = Keys(redis).create("anna")[1]
        environment = {
            "REDIS_URL": store.url,
            "CIOTAT_DATA": str(folder / "data"),
            "CIOTAT_CHECKPOINTS": str(checkpoints),
            "CIOTAT_LOG_LEVEL": "DEBUG",
            "CIOTAT_METRICS_PORT": "0",
            "CIOTAT_IMAGE_URLS": "true",
            "CIOTAT_OUTBOUND_HTTP": "true",
            "CIOTAT_OUTBOUND_NETWORKS": f"{HOST}/32",
            "CIOTAT_OUTBOUND_PORTS": f"{receiver.port},443",
            "CIOTAT_WEBHOOK_WAITS": "0.1,0.1",
            "S3_BUCKET": seaweedfs.BUCKET,
            "S3_ENDPOINT_URL": s3.url,
            "S3_ATTEMPTS": "1",
            "S3_TIMEOUT_SECONDS": "2",
            "CIOTAT_PATIENCE_SECONDS": "1",
            "CIOTAT_MAX_ATTEMPTS": "1",
            "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET,
        }
        secrets["the bucket's"] = seaweedfs.SECRET
        logs = {part: folder / f"{part}.log" for part in ("api", "worker", "deliverer")}
        (folder / "data").mkdir()
        with Watched() as commands, ExitStack() as parts:
            port = free_port()
            environment["CIOTAT_METRICS_PORT"] = str(port)
            parts.enter_context(logging_to(logs["api"], ["serve", "--port=0", "--grpc-port=0"], environment))
            address, grpc_port = until(lambda: SERVING.search(logs["api"].read_text())).groups()
            headers = {"authorization": f"Bearer {key}"}
            http = parts.enter_context(httpx2.Client(base_url=address, headers=headers, timeout=60))
            channel = parts.enter_context(grpc.insecure_channel(f"127.0.0.1:{grpc_port}"))
            told = Told(http, VideoServiceStub(channel), key)

            hook = {
                "name": f"{MARK}-hook",
                "url": f"http://{HOST}:{receiver.port}/{MARK}-in",
                "event_types": ["video.completed", "video.failed"],
            }
            made = http.post("/v1/webhook_endpoints", json=hook).json()
            secrets["webhook"] = made["signing_secret"]
            secrets["webhook's middle"] = made["signing_secret"][10:40]
            video = http.post(
                "/v1/videos", json=ASKED, headers={"idempotency-key": f"{MARK}-idempotency"}
            ).json()
            messages = redis.lrange("ciotat", 0, -1)
            assert messages
            parts.enter_context(logging_to(logs["deliverer"], ["deliver"], environment))
            parts.enter_context(logging_to(logs["worker"], ["worker"], environment))
            assert told.over(video["id"])["status"] == "completed"
            failed = http.post("/v1/videos", json=ASKED | {"model": "truncated"}).json()
            assert told.over(failed["id"])["status"] == "failed"
            link = http.get(f"/v1/videos/{video['id']}/content").headers["location"]
            secrets["link"] = parse_qs(urlsplit(link).query)["X-Amz-Signature"][0]
            assert httpx2.get(link).status_code == 200
            upload = {"file": (f"{MARK}-file.png", clips.photograph(1))}
            assert http.post("/v1/files", files=upload, data={"purpose": "vision"}).status_code == 200
            refuse_everything(told, video["id"], redis)
            fail_unforeseen(told, video["id"], redis)
            trial = {"event_type": "video.completed"}
            http.post(f"/v1/webhook_endpoints/{made['id']}/test", json=trial)
            receiver.wait(4, within=60)
            metrics = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            os.kill(s3.pid, signal.SIGKILL)
            for method, path in (("GET", "/content"), ("DELETE", "")):
                assert told.refused(method, f"/v1/videos/{video['id']}{path}").status_code == 503
            assert (
                told.refused("POST", "/v1/files", files=upload, data={"purpose": "vision"}).status_code == 503
            )
            late = http.post("/v1/videos", json=ASKED).json()
            assert told.over(late["id"])["error"]["code"] == "storage_unavailable"
            metrics += httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    found = {f"log of {part}": path.read_text(errors="replace") for part, path in logs.items()}
    found |= {"metrics": metrics, "messages": "\n".join(messages), "errors": "\n".join(told.errors)}
    found["command lines"] = b"\n".join(commands.lines).decode(errors="replace")
    return found, secrets


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


PLACES = ["log of api", "log of worker", "log of deliverer", "metrics", "messages", "errors", "command lines"]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_confidential_is_in(spilled, place):
    found, secrets = spilled
    text = found[place]
    assert text
    lines = [line[:300] for line in text.splitlines() if MARK.lower() in line.lower()]
    assert lines == []
    for name, secret in secrets.items():
        assert secret not in text, (name, [line[:400] for line in text.splitlines() if secret in line])


def test_the_log_was_one_of_everything(spilled):
    """Else there would be nothing to find."""
    found, _ = spilled
    assert "DEBUG" in found["log of worker"] + found["log of api"] or "INFO" in found["log of worker"]
    assert "Traceback" in found["log of api"]
    assert "WARNING" in found["log of api"]
