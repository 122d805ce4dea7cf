"""Server-sent events as a plain HTTP client sees them, of a server on a real socket."""

import json
import socket
import sys
import threading
import time
import traceback
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from service.rest import event_stream
from service.rest.app import create_app
from service.videos.videos import Videos
from tests.claims import claim
from worker.jobs import connect


@contextmanager
def served(videos, access):
    """The REST door of these `Videos` on a port of its own; yields the server and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            create_app(videos, lambda: None, access), log_level="error", timeout_graceful_shutdown=5
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            videos.feed.stop()
            server.should_exit = True
            thread.join()


@pytest.fixture
def server(videos, access):
    with served(videos, access) as (_, address):
        yield address


@pytest.fixture
def client(server):
    with httpx2.Client(base_url=server, timeout=10) as http:
        yield http


@pytest.fixture
def video(client):
    return client.post("/v1/videos", json={"prompt": "a boat"}).json()["id"]


def events_of(reply, count=None):
    """The next events of a stream, as many as asked for: each a dict of its fields, its data read."""
    found, fields = [], {}
    lines = reply.lines
    while count is None or len(found) < count:
        line = next(lines, None)
        if line is None:
            break
        name, _, value = line.partition(": ")
        if line == "" and "data" in fields:
            found.append(fields | {"data": json.loads(fields["data"])})
        fields = {} if line == "" else fields | {name: value}
    return found


@contextmanager
def stream(http, video_id, after=None):
    headers = {} if after is None else {"last-event-id": after}
    with http.stream("GET", f"/v1/videos/{video_id}/events", headers=headers) as reply:
        reply.lines = reply.iter_lines()
        yield reply


def test_a_stream_tells_each_event_when_it_happens_and_ends_with_the_video(client, jobs, video):
    with stream(client, video) as reply:
        seen = events_of(reply, 1)
        job = claim(jobs, video)
        seen += events_of(reply, 1)
        jobs.progress(job, 40)
        seen += events_of(reply, 1)
        jobs.complete(job, "k")
        seen += events_of(reply)

    told = {"object": "video.event", "video_id": video}
    assert [(event["event"], event["data"]) for event in seen] == [
        ("queued", told | {"status": "queued", "queue_position": 1}),
        ("progress", told | {"status": "in_progress", "progress": 0}),
        ("progress", told | {"status": "in_progress", "progress": 40}),
        ("done", told | {"status": "completed"}),
    ]
    assert reply.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert (reply.headers["cache-control"], reply.headers["x-accel-buffering"]) == ("no-store", "no")
    assert reply.headers["x-request-id"].startswith("req_")


def test_an_end_says_why(client, jobs, video):
    jobs.fail(claim(jobs, video), "invalid_checkpoint", "truncated\nat the end")

    with stream(client, video) as reply:
        last = events_of(reply)[-1]

    assert last["data"]["status"] == "failed"
    assert last["data"]["error"] == {"code": "invalid_checkpoint", "message": "truncated\nat the end"}


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_video_that_its_owner_ends_ends_the_stream(client, video, act):
    with stream(client, video) as reply:
        events_of(reply, 1)

        asked = (
            ("POST", f"/v1/videos/{video}/cancel") if act == "cancel" else ("DELETE", f"/v1/videos/{video}")
        )
        client.request(*asked)

        assert [event["data"]["status"] for event in events_of(reply)] == ["cancelled"]


def test_a_stream_goes_on_behind_any_event_through_another_server_and_is_over_once(
    client, redis_url, jobs, queue, storage, checkpoints, inputs, access, video
):
    job = claim(jobs, video)
    for percent in range(1, 100):
        jobs.progress(job, percent)
    with stream(client, video) as reply:
        first = events_of(reply, 30)
    jobs.complete(job, "k")

    with connect(redis_url) as other_client:
        other = Videos(type(jobs)(other_client), queue.append, storage, checkpoints, inputs)
        with served(other, access) as (_, address), httpx2.Client(base_url=address, timeout=10) as http:
            with stream(http, video, after=first[-1]["id"]) as reply:
                rest = events_of(reply)
            again = http.get(f"/v1/videos/{video}/events", headers={"last-event-id": rest[-1]["id"]})

    progress = [event["data"]["progress"] for event in first + rest if event["event"] == "progress"]
    assert progress == list(range(100))
    assert rest[-1]["event"] == "done"
    assert (again.status_code, again.content) == (204, b"")


def test_a_silent_stream_says_that_it_is_there(client, video, monkeypatch):
    monkeypatch.setattr(event_stream, "PATIENCE_SECONDS", 0.05)

    with stream(client, video) as reply:
        lines = [next(reply.lines) for _ in range(12)]

    assert lines.count(": still here") >= 2


def test_who_hangs_up_is_forgotten_at_once_and_no_stream_holds_a_thread(client, videos, video, server):
    with httpx2.Client(base_url=server, timeout=10) as other:
        asked = other.build_request("GET", f"/v1/videos/{video}/events")
        replies = [other.send(asked, stream=True) for _ in range(20)]
        for reply in replies:
            reply.lines = reply.iter_lines()
            events_of(reply, 1)
        assert len(videos.feed._followers[video]) == 20
        assert in_a_stream() == 0

    deadline = time.monotonic() + 2
    while videos.feed._followers:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert client.get(f"/v1/videos/{video}").json()["status"] == "queued"


def in_a_stream():
    """Threads that are busy in a stream, other than that of the event loop."""
    stacks = [traceback.extract_stack(frame) for frame in sys._current_frames().values()]
    return sum(any(each.filename == event_stream.__file__ for each in stack) for stack in stacks)


def test_streams_end_with_the_server_and_miss_nothing(
    client, redis_url, jobs, queue, storage, checkpoints, inputs, access, video
):
    job = claim(jobs, video)
    with connect(redis_url) as own:
        leaving = Videos(type(jobs)(own), queue.append, storage, checkpoints, inputs)
        with (
            served(leaving, access) as (server, address),
            httpx2.Client(base_url=address, timeout=10) as http,
        ):
            with stream(http, video) as reply:
                seen = events_of(reply, 2)
                began = time.monotonic()
                leaving.feed.stop()
                server.should_exit = True
                seen += events_of(reply)
            jobs.complete(job, "k")
        assert time.monotonic() - began < 2

    with stream(client, video, after=seen[-1]["id"]) as reply:
        seen += events_of(reply)

    assert [event["event"] for event in seen] == ["queued", "progress", "done"]


def test_a_stream_survives_a_broken_connection_to_the_store(client, redis, jobs, video):
    with stream(client, video) as reply:
        seen = events_of(reply, 1)
        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        jobs.cancel(video)

        assert [event["event"] for event in seen + events_of(reply)] == ["queued", "done"]
