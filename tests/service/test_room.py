"""What a limit refuses costs nothing; what a repeated creation meets, and what it does not."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.pb import videos_pb2 as pb
from tests import clips
from tests.service.test_inputs import able, data_url, stored
from tests.service.test_strangers import refused as refused_over_grpc

__all__ = ["able"]
BROKEN = clips.bomb(1000, 1000)  # whoever looks inside refuses it
FULL = {
    "jobs": ("concurrent_jobs_limit", lambda keys, redis: keys.limit("default", {"jobs": 0})),
    "a day": ("daily_cost_limit", lambda keys, redis: keys.limit("default", {"cost_a_day": 1})),
    "the queue": ("queue_full", lambda keys, redis: redis.set("ciotat:load", 100_000)),
}


@pytest.mark.parametrize("limit", FULL)
def test_who_has_no_room_is_told_so_before_anybody_looks_into_what_was_sent(
    able, http, rpc, keys, redis, storage, limit
):
    code, fill = FULL[limit]
    fill(keys, redis)
    before = {name: redis.dump(name) for name in redis.keys("*") if "bucket" not in name}
    given = {"prompt": "a boat", "input_reference": {"image_url": data_url(BROKEN)}}

    reply = http.post("/v1/videos", json=given)
    method = next(
        each for each in pb.DESCRIPTOR.services_by_name["VideoService"].methods if each.name == "CreateVideo"
    )
    words = refused_over_grpc(rpc, method, "", **given)[1]

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, code)
    assert reply.json()["error"]["message"] == words
    assert stored(storage) == []
    assert {name: redis.dump(name) for name in redis.keys("*") if "bucket" not in name} == before


def test_a_creation_with_a_picture_is_repeated_where_there_is_no_room_for_another(able, http, keys):
    given = {"prompt": "a boat", "input_reference": {"image_url": data_url(clips.picture())}}
    named = {"idempotency-key": "k"}
    made = http.post("/v1/videos", json=given, headers=named)
    keys.limit("default", {"jobs": 1})

    again, another = http.post("/v1/videos", json=given, headers=named), http.post("/v1/videos", json=given)

    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert another.status_code == 429


def test_a_repeated_creation_is_a_request_and_may_meet_the_rate_of_requests(http, keys):
    """Of so many at one moment some are told to wait; who waits as told is answered with the one video."""
    keys.limit("default", {"requests_a_second": 4})
    named, body = {"idempotency-key": "k"}, {"prompt": "a boat"}

    def repeat(_):
        waited = 0
        while (reply := http.post("/v1/videos", json=body, headers=named)).status_code == 429:
            assert reply.json()["error"]["code"] == "request_rate_limit"
            assert reply.headers["x-should-retry"] == "true"
            wait = int(reply.headers["retry-after-ms"]) / 1000
            assert 0 < wait <= 1
            time.sleep(wait)
            waited += 1
        return reply.json()["id"], waited

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(repeat, range(8)))

    assert len({video_id for video_id, _ in answers}) == 1
    assert sum(1 for _, waited in answers if waited) >= 3
