"""Videos by either door and by the command, from one running stack."""

import grpc
import httpx2
import pytest

from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from tests.e2e.test_stack import SMALL, ciotat, completed

pytestmark = pytest.mark.slow


def test_both_doors_and_the_command_make_the_same_bytes(stack, tmp_path):
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        request = pb.CreateVideoRequest(prompt="a boat", size="128x128", seconds=1, steps=2, seed=5)
        through_grpc = VideoServiceStub(channel).CreateVideo(request).video.id
    asked = ("--size=128x128", "--seconds=1", "--steps=2", "--seed=5", "--server", stack.address)
    by_command = ciotat("generate", "a boat", "-o", tmp_path / "a.mp4", *asked)
    with httpx2.Client(base_url=stack.address) as http:
        through_rest = http.post("/v1/videos", json=SMALL | {"seed": 5}).json()["id"]
        for video_id in (through_grpc, through_rest):
            completed(http, video_id)

        first, second = (
            http.get(f"/v1/videos/{each}/content").content for each in (through_grpc, through_rest)
        )

    assert by_command.returncode == 0, by_command.stderr
    assert first == second == (tmp_path / "a.mp4").read_bytes()


def test_a_video_is_watched_to_its_end_and_downloaded_over_grpc(stack):
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        rpc = VideoServiceStub(channel)
        request = pb.CreateVideoRequest(prompt="a boat", size="128x128", seconds=1, steps=25)
        video_id = rpc.CreateVideo(request).video.id
        seen = [answer.video for answer in rpc.WatchVideo(pb.WatchVideoRequest(id=video_id), timeout=60)]
        content = b"".join(answer.chunk for answer in rpc.DownloadVideo(pb.DownloadVideoRequest(id=video_id)))

    assert seen[-1].status == pb.VIDEO_STATUS_COMPLETED
    assert [video.progress for video in seen] == sorted(video.progress for video in seen)
    assert len(seen) > 3
    assert content == httpx2.get(f"{stack.address}/v1/videos/{video_id}/content").content


def test_generate_uses_a_running_server_and_tells_its_refusals(stack, tmp_path):
    output = tmp_path / "a.mp4"
    made = ciotat(
        "generate",
        "a boat",
        "-o",
        output,
        "--size=128x128",
        "--seconds=1",
        "--steps=2",
        "--server",
        stack.address,
    )
    refused = ciotat("generate", "a boat", "-o", output, "--seconds=21", CIOTAT_SERVER=stack.address)
    failed = ciotat(
        "generate", "a boat", "-o", tmp_path / "b.mp4", "--model=truncated", CIOTAT_SERVER=stack.address
    )

    assert made.returncode == 0, made.stderr
    assert output.stat().st_size > 1000
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "seconds: Input should be less than or equal to 20" in refused.stderr
    assert failed.returncode == 1
    assert "(invalid_checkpoint)" in failed.stderr
    assert not (tmp_path / "b.mp4").exists()


def test_wrong_command_lines_and_absent_servers_are_told_plainly(tmp_path):
    wrong = ciotat("generate", "a boat")
    absent = ciotat("generate", "a boat", "-o", tmp_path / "a.mp4", "--server", "http://127.0.0.1:9")
    nowhere = ciotat("generate", "a boat", "-o", tmp_path / "no" / "a.mp4")

    assert (wrong.returncode, absent.returncode, nowhere.returncode) == (2, 1, 1)
    assert "Traceback" not in wrong.stderr + absent.stderr + nowhere.stderr
    assert "no folder" in nowhere.stderr
