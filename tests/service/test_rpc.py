import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from service.errors import REFUSALS
from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.rpc import serve
from service.videos import Video, Videos

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rpc(jobs, queue, storage, checkpoints):
    server, port = serve(Videos(jobs, queue.append, storage, checkpoints), "127.0.0.1", 0)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VideoServiceStub(channel)
    server.stop(None).wait()


def test_both_doors_tell_the_same_video(http, rpc, queue):
    created = rpc.CreateVideo(
        pb.CreateVideoRequest(prompt="a boat", seconds=2, seed=0, guidance_scale=2.5)
    ).video

    video = http.get(f"/v1/videos/{created.id}").json()

    assert queue == [created.id]
    assert pb.VideoStatus.Name(created.status) == "VIDEO_STATUS_QUEUED"
    for field in pb.Video.DESCRIPTOR.fields:
        if field.name != "status":
            absent = field.has_presence and not created.HasField(field.name)
            assert (None if absent else getattr(created, field.name)) == video[field.name], field.name


def test_a_failed_video_is_an_answer(rpc, jobs):
    video_id = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat")).video.id
    jobs.fail(jobs.claim(video_id), "invalid_checkpoint", "truncated")

    video = rpc.GetVideo(pb.GetVideoRequest(id=video_id)).video

    assert video.status == pb.VIDEO_STATUS_FAILED
    assert (video.error.code, video.error.message) == ("invalid_checkpoint", "truncated")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prompt": " "},
        {"prompt": "a", "seconds": 0},
        {"prompt": "a", "size": "1x1"},
        {"prompt": "a", "model": "x"},
    ],
)
def test_both_doors_refuse_the_same_in_the_same_words(http, rpc, fields):
    told = http.post("/v1/videos", json=fields).json()["error"]["message"]

    with pytest.raises(grpc.RpcError) as refused:
        rpc.CreateVideo(pb.CreateVideoRequest(**fields))

    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, told)


def test_an_unknown_video_is_not_found_through_both_doors(http, rpc):
    with pytest.raises(grpc.RpcError) as refused:
        rpc.GetVideo(pb.GetVideoRequest(id="video_x"))

    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == http.get("/v1/videos/video_x").json()["error"]["message"]


def test_the_messages_have_the_fields_of_the_models():
    asked = {field.name for field in pb.CreateVideoRequest.DESCRIPTOR.fields}
    told = {field.name for field in pb.Video.DESCRIPTOR.fields}

    from model.spec import VideoSpec

    assert asked == set(VideoSpec.model_fields)
    assert told == set(Video.model_fields)


def test_every_refusal_has_a_code_of_its_own():
    codes = [refusal.code for refusal in REFUSALS.values()]

    assert len(codes) == len(set(codes))


def test_the_stubs_are_current(tmp_path):
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iservice/pb=proto/ciotat/v1"]
    out = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([*command, *out, "proto/ciotat/v1/videos.proto"], cwd=ROOT, check=True)

    for made in (tmp_path / "service" / "pb").iterdir():
        assert made.read_text() == (ROOT / "service" / "pb" / made.name).read_text(), "run make proto"
