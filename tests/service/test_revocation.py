"""A stream that is open when its key is revoked ends; that of another key goes on."""

import threading
import time

import grpc
import httpx2
import pytest

from service.pb import videos_pb2 as pb
from service.videos import following
from tests.service.test_access import bearer
from tests.service.test_events import served

SOON = 5.0  # seconds; it is a fraction of one


class Listener(threading.Thread):
    """Follows a video through one of the doors: `begun` is set once it is told something, `ended` is how it ended."""

    def __init__(self, follow):
        super().__init__(daemon=True)
        self.begun = threading.Event()
        self.ended = None
        self._follow = follow
        self.start()

    def run(self):
        self.ended = self._follow(self.begun)


def over_http(address, video_id, headers):
    def follow(begun):
        with httpx2.stream(
            "GET", f"{address}/v1/videos/{video_id}/events", headers=headers, timeout=60
        ) as reply:
            for line in reply.iter_lines():
                if line.startswith("id: "):
                    begun.set()
            return reply.status_code

    return Listener(follow)


def over_grpc(rpc, video_id, headers):
    def follow(begun):
        try:
            for _ in rpc.WatchVideo(
                pb.WatchVideoRequest(id=video_id), metadata=[*headers.items()], timeout=60
            ):
                begun.set()
        except grpc.RpcError as refused:
            return refused.code(), refused.details()
        return None

    return Listener(follow)


@pytest.fixture
def listening(rpc, videos, access):
    """Follows a video with these headers, through both doors."""
    with served(videos, access) as (_, address):

        def listen(video_id, headers):
            listeners = over_http(address, video_id, headers), over_grpc(rpc, video_id, headers)
            for each in listeners:
                assert each.begun.wait(SOON)
            return listeners

        yield listen


def created(http, headers):
    return http.post("/v1/videos", json={"prompt": "a boat"}, headers=headers).json()["id"]


def ended(listeners, within=SOON):
    """How the streams ended, in so many seconds at most."""
    deadline = time.monotonic() + within
    for each in listeners:
        each.join(max(0.0, deadline - time.monotonic()))
    return [each.ended for each in listeners]


REVOKED = [200, (grpc.StatusCode.UNAUTHENTICATED, "this API key is unknown or was revoked")]


def test_streams_end_when_their_key_is_revoked_and_those_of_other_keys_go_on(http, keys, listening, jobs):
    (made, secret), (_, other) = keys.create("a"), keys.create("a")
    video = created(http, bearer(secret))
    listeners, others = listening(video, bearer(secret)), listening(video, bearer(other))

    keys.revoke(made.id)

    assert ended(listeners) == REVOKED
    assert [each.is_alive() for each in others] == [True, True]
    jobs.cancel(video)
    assert ended(others) == [200, None]


def test_streams_end_though_nobody_heard_that_their_key_was_revoked(
    http, keys, listening, redis, monkeypatch
):
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("service.rest.event_stream.PATIENCE_SECONDS", 0.3)
    made, secret = keys.create("a")
    listeners = listening(created(http, bearer(secret)), bearer(secret))

    redis.hset(f"ciotat:key:{redis.hget('ciotat:keys', made.id)}", "revoked_at", "1.5")

    assert ended(listeners) == REVOKED


def test_the_first_key_ends_the_streams_that_needed_none(http, keys, listening):
    listeners = listening(created(http, {}), {})

    keys.create("a")

    assert ended(listeners) == REVOKED


def test_to_ask_whether_a_key_is_good_costs_its_tenant_nothing(keys):
    _, secret = keys.create("a")
    keys.limit("a", {"requests_a_second": 1})

    assert all(keys.good(secret) for _ in range(5))
    assert keys.authorize(secret).tenant == "a"
    assert not keys.good("ciotat_" + "0" * 64)
