"""A video that a real worker makes, followed by plain HTTP through two API processes."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import grpc
import httpx2
import pytest
from PIL import Image

from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from tests.e2e.conftest import running

pytestmark = pytest.mark.slow

LONG = {"prompt": "a boat", "size": "128x128", "seconds": 5, "steps": 40, "metadata": {"shot": "12"}}


@contextmanager
def replica(checkpoints, data, redis_url):
    """One more API process on the same Redis, and nothing else; yields it with its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "service.main:app", "--port", str(port)]
    env = os.environ | {
        "CIOTAT_CHECKPOINTS": str(checkpoints),
        "CIOTAT_DATA": str(data),
        "REDIS_URL": redis_url,
    }
    process = subprocess.Popen([*command, "--log-level", "warning"], env=env)
    process.address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(process.address))
        yield process
    finally:
        process.terminate()
        process.wait(30)


def answers(address):
    try:
        return httpx2.get(f"{address}/livez").is_success
    except httpx2.HTTPError:
        return False


def wait_for(condition, within=60):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def follow(address, video_id, after=None, until=lambda event: False):
    """The events of a video, up to the one that is enough."""
    headers = {"accept": "text/event-stream"} | ({} if after is None else {"last-event-id": after})
    seen, fields = [], {}
    with httpx2.stream("GET", f"{address}/v1/videos/{video_id}/events", headers=headers, timeout=60) as reply:
        for line in reply.iter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in fields:
                seen.append(fields | {"data": json.loads(fields["data"])})
                if until(seen[-1]):
                    break
            fields = {} if line == "" else fields | {name: value}
    return seen


def animation(picture):
    """The frames of an animated WebP, as bytes."""
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "WEBP"
        frames = []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(image.convert("RGB").tobytes())
        return image.size, frames


@pytest.fixture(scope="module")
def service(checkpoints, tmp_path_factory, redis_url):
    """The stack and one more API process, whose addresses are yielded, and the port for gRPC."""
    data = tmp_path_factory.mktemp("data")
    with (
        running(checkpoints, data, REDIS_URL=redis_url) as stack,
        replica(checkpoints, data, redis_url) as other,
    ):
        yield stack.address, other.address, stack.grpc_port


def test_a_video_is_followed_through_two_servers_while_it_is_made_and_shows_itself_early(service):
    here, there, grpc_port = service
    video_id = httpx2.post(f"{here}/v1/videos", json=LONG).json()["id"]
    content = f"/v1/videos/{video_id}/content"

    seen = follow(here, video_id, until=lambda event: event["event"] == "preview")
    early = httpx2.get(f"{there}{content}", params={"variant": "preview"})
    then = httpx2.get(f"{there}/v1/videos/{video_id}").json()
    seen += follow(there, video_id, after=seen[-1]["id"])

    assert then["status"] == "in_progress"
    for picture in (early, httpx2.get(f"{here}{content}", params={"variant": "preview"})):
        size, frames = animation(picture.content)
        assert picture.headers["content-type"] == "image/webp"
        assert (size, len(frames)) == ((128, 128), 40)
        assert len(set(frames)) == 40
        assert all(len(set(frame)) > 10 for frame in frames)
    kinds = [event["event"] for event in seen]
    assert (kinds[0], kinds[-1]) == ("queued", "done")
    progress = [event["data"]["progress"] for event in seen if event["event"] == "progress"]
    assert progress == sorted(set(progress))
    assert len(progress) == 41
    ids = [tuple(map(int, event["id"].split("-"))) for event in seen]
    assert ids == sorted(set(ids))
    again = httpx2.get(f"{here}/v1/videos/{video_id}/events", headers={"last-event-id": seen[-1]["id"]})
    assert again.status_code == 204
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        watch = VideoServiceStub(channel).WatchVideo(pb.WatchVideoRequest(id=video_id, after=seen[0]["id"]))
        assert [answer.event_id for answer in watch] == [event["id"] for event in seen[1:]]
    _took_no_more_than_their_share(httpx2.get(f"{here}/v1/videos/{video_id}").json()["timings"], kinds)


def _took_no_more_than_their_share(took, kinds):
    """The previews, of the time of a real job."""
    whole = sum(seconds for name, seconds in took.items() if seconds is not None and name != "queued")
    print(f"\n{kinds.count('preview')} previews, {took['previews'] / whole:.1%}: {took}")
    assert took["previews"] / whole < 0.04  # 3 %, and the look at the clock after each step


def test_a_finished_video_tells_its_timings_and_how_long_the_next_will_take(service):
    here, there, _ = service
    short = LONG | {"seconds": 1, "steps": 10}
    made = httpx2.post(f"{here}/v1/videos", json=short).json()
    follow(here, made["id"])
    made = httpx2.get(f"{there}/v1/videos/{made['id']}").json()
    took = made["timings"]
    queued = httpx2.post(f"{there}/v1/videos", json=short).json()
    follow(here, queued["id"])

    assert {"queued", "load", "base", "previews", "encode", "upload"} <= {
        name for name in took if took[name] is not None
    }
    assert took["ssr"] is None
    assert made["metadata"] == {"shot": "12"}
    assert sum(filter(None, took.values())) <= made["completed_at"] - made["created_at"] + 1
    assert took["base"] > 0
    assert 0 < queued["eta_seconds"] < 60


def test_a_rolling_restart_ends_streams_at_once_and_clients_go_on_elsewhere(
    checkpoints, tmp_path, redis_url, service
):
    here, _, _ = service
    busy = httpx2.post(f"{here}/v1/videos", json=LONG).json()["id"]
    seen, errors, heard = [], [], set()
    with replica(checkpoints, tmp_path, redis_url) as leaving:

        def listen():
            try:
                seen.append(
                    follow(leaving.address, busy, until=lambda event: heard.add(threading.get_ident()))
                )
            except httpx2.HTTPError as error:
                errors.append(error)

        listeners = [threading.Thread(target=listen) for _ in range(20)]
        for listener in listeners:
            listener.start()
        wait_for(lambda: len(heard) == 20)

        began = time.monotonic()
        leaving.terminate()
        leaving.wait(30)
        took = time.monotonic() - began

        for listener in listeners:
            listener.join()
    assert took < 2
    assert (errors, len(seen)) == ([], 20)
    httpx2.post(f"{here}/v1/videos/{busy}/cancel").raise_for_status()  # how it would end is no matter here
    whole = [event["id"] for event in follow(here, busy)]
    for part in seen:
        rest = follow(here, busy, after=part[-1]["id"])
        assert [event["id"] for event in part + rest] == whole
