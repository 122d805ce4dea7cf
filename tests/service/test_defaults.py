"""Where a request does not say how a video is sampled, its checkpoint's index does."""

import json

import pytest

from model.tasks import Task
from service.pb import videos_pb2 as pb


@pytest.fixture
def distilled(checkpoints):
    index = {"defaults": {"steps": 8, "guidance_scale": 1.0}}
    (checkpoints / "ciotat-1" / "model_index.json").write_text(json.dumps(index))


@pytest.mark.usefixtures("distilled")
@pytest.mark.parametrize(
    ("asked", "steps", "guidance"),
    [
        ({}, 8, 1.0),
        ({"steps": 20}, 20, 1.0),
        ({"steps": "12", "guidance_scale": "2.5"}, 12, 2.5),
    ],
)
def test_what_is_not_asked_for_is_the_checkpoints_own(http, asked, steps, guidance):
    made = http.post("/v1/videos", json={"prompt": "a boat"} | asked).json()

    assert (made["steps"], made["guidance_scale"]) == (steps, guidance)


@pytest.mark.usefixtures("distilled")
def test_a_repeated_creation_is_the_same_whatever_the_checkpoint_has_come_to_say(http, checkpoints):
    def create():
        return http.post("/v1/videos", json={"prompt": "a boat"}, headers={"idempotency-key": "k"}).json()

    first = create()
    (checkpoints / "ciotat-1" / "model_index.json").write_text("{}")

    assert create() == first
    assert first["steps"] == 8


def sampled_by(checkpoints, steps: int, guidance: float) -> None:
    """The checkpoint does everything, and this is how it is sampled by now."""
    index = {"tasks": list(Task), "defaults": {"steps": steps, "guidance_scale": guidance}}
    (checkpoints / "ciotat-1" / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("door", ["rest", "grpc"])
@pytest.mark.parametrize(
    ("asked", "later"),
    [({}, (8, 1.0)), ({"steps": 20}, (20, 1.0)), ({"guidance_scale": 2.5}, (8, 2.5)),
     ({"steps": 7, "guidance_scale": 3.0}, (7, 3.0))],
)  # fmt: skip
def test_a_video_from_a_video_takes_over_how_it_is_sampled_only_if_that_was_asked_for(
    http, rpc, checkpoints, finish, jobs, door, asked, later
):
    def made_from(video: str) -> list[str]:
        edit = {"prompt": "b", "video": {"id": video}}
        if door == "rest":
            ways = {f"{video}/remix": {"prompt": "b"}, "edits": edit, "extensions": edit | {"seconds": 5}}
            return [http.post(f"/v1/videos/{way}", json=body).json()["id"] for way, body in ways.items()]
        replies = (
            rpc.RemixVideo(pb.RemixVideoRequest(id=video, prompt="b")),
            rpc.EditVideo(pb.EditVideoRequest(**edit)),
            rpc.ExtendVideo(pb.ExtendVideoRequest(**edit, seconds=5)),
        )
        return [reply.video.id for reply in replies]

    sampled_by(checkpoints, 20, 2.5)
    create = {"prompt": "a boat", "seconds": 2} | asked
    if door == "rest":
        first = http.post("/v1/videos", json=create).json()["id"]
    else:
        first = rpc.CreateVideo(pb.CreateVideoRequest(**create)).video.id
    finish(first)
    sampled_by(checkpoints, 8, 1.0)

    derived = made_from(first)
    finish(derived[0])
    derived += made_from(derived[0])

    specs = [jobs.get(video).spec for video in derived]
    assert {(spec.steps, spec.guidance_scale) for spec in specs} == {later}
    assert {spec.size for spec in specs} == {"512x512"}
