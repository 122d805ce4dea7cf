from concurrent.futures import ThreadPoolExecutor

import pytest

from service.pb import videos_pb2 as pb
from service.videos.videos import Videos
from tests.claims import claim
from worker.jobs import StoreUnavailable
from worker.tenants import DEFAULT_TENANT

FIELDS = {"prompt": "a paper boat", "seconds": 2}
KEY = {"idempotency-key": "order 66"}


def post(http, fields=FIELDS, headers=KEY):
    return http.post("/v1/videos", json=fields, headers=headers)


def test_a_repeated_creation_is_answered_as_the_first_time(http, jobs):
    first, again = post(http), post(http)
    jobs.progress(claim(jobs, first.json()["id"]), 40)
    later = post(http)

    assert first.content == again.content == later.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == later.headers["idempotent-replayed"] == "true"
    assert len(http.get("/v1/videos").json()["data"]) == 1


def test_without_a_key_and_under_another_each_creation_is_its_own(http):
    made = [post(http, headers=headers) for headers in ({}, {}, KEY, {"idempotency-key": "order 67"})]

    assert len({each.json()["id"] for each in made}) == 4
    assert not any("idempotent-replayed" in each.headers for each in made)


def test_what_means_the_same_is_the_same_payload(http):
    first = post(http, {"prompt": "a boat", "seconds": 2})

    for same in ({"seconds": "2", "prompt": " a boat "}, {"prompt": "a boat", "seconds": 2, "seed": None}):
        assert post(http, same).json() == first.json()


@pytest.mark.parametrize("other", [{"seconds": 3}, {"seed": 7}, {"negative_prompt": "fog"}])
def test_another_payload_under_the_same_key_is_refused_and_makes_nothing(http, queue, other):
    first = post(http)

    refused = post(http, FIELDS | other)

    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "Idempotency-Key")
    assert queue == [first.json()["id"]]
    assert post(http).json() == first.json()


def test_a_seed_that_was_asked_for_belongs_to_the_payload(http):
    first = post(http, FIELDS | {"seed": 7})

    assert post(http, FIELDS | {"seed": "7"}).json() == first.json()
    assert post(http, FIELDS | {"seed": 8}).status_code == post(http, FIELDS).status_code == 422


def test_a_key_means_the_same_through_both_doors(http, rpc):
    first = post(http).json()

    answer, call = rpc.CreateVideo.with_call(pb.CreateVideoRequest(**FIELDS, request_id="order 66"))

    assert (answer.video.id, answer.video.seed) == (first["id"], first["seed"])
    assert dict(call.initial_metadata())["idempotent-replayed"] == "true"
    assert dict(call.trailing_metadata())["x-request-id"].startswith("req_")


def test_a_refused_request_leaves_its_key_free(http):
    assert post(http, {"prompt": "a boat", "seconds": 9}).status_code == 400

    assert post(http).status_code == 200


def test_of_equal_requests_at_one_moment_one_makes_the_video(videos):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: videos.create(DEFAULT_TENANT, FIELDS, "k"), range(32)))

    assert len({answer.video.id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1


def test_a_video_that_was_saved_is_acknowledged_although_nobody_could_be_rung_for(
    opened, jobs, storage, checkpoints, inputs, caplog
):
    def submit(video_id):
        raise StoreUnavailable("the queue does not answer")

    http, rpc = opened(Videos(jobs, submit, storage, checkpoints, inputs))
    through_rest = post(http)
    through_grpc = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a paper boat"))

    assert through_rest.status_code == 200
    for video_id in (through_rest.json()["id"], through_grpc.video.id):
        assert http.get(f"/v1/videos/{video_id}").json()["status"] == "queued"
        assert f"video {video_id} is queued and not rung for yet" in caplog.text


def test_a_repeated_creation_rings_for_nobody(http, queue):
    video_id = post(http).json()["id"]

    post(http)

    assert queue == [video_id]


@pytest.mark.parametrize("limits", [{"jobs": 0}, {"cost_a_day": 0}, {}])
def test_no_limit_stands_in_the_way_of_a_repeated_creation(http, keys, redis, limits):
    first = post(http)
    keys.limit("default", limits)
    redis.set("ciotat:load", 100_000)

    assert post(http, headers={"idempotency-key": "order 67"}).status_code == 429
    assert post(http).json() == first.json()


def test_a_creation_that_a_limit_refused_leaves_its_key_free(http, keys, redis):
    keys.limit("default", {"jobs": 0})
    assert post(http).status_code == 429

    keys.limit("default", {"jobs": 1})

    assert post(http).status_code == 200
