import os
import re
import signal
import subprocess
import sys
import time

import av
import grpc
import httpx2
import pytest

from service.pb import videos_pb2 as pb
from service.pb.videos_pb2_grpc import VideoServiceStub
from tests.e2e.conftest import running
from tests.service.test_local import children, gone

pytestmark = pytest.mark.slow

SMALL = {"prompt": "a boat", "size": "128x128", "seconds": 1, "steps": 2}


def completed(http, video_id, within=60):
    deadline = time.monotonic() + within
    while (video := http.get(f"/v1/videos/{video_id}").json())["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, video
        time.sleep(0.1)
    assert video["status"] == "completed", video
    return video


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stack_told_to_stop_leaves_nothing_behind(checkpoints, tmp_path, number):
    with running(checkpoints, tmp_path) as stack:
        family = children(stack.pid)
        assert len(family) >= 5  # two leashes, Valkey, the worker and its child

        stack.send_signal(number)

        assert stack.wait(30) == 0
        assert gone(family, within=1)


def test_a_killed_stack_leaves_nothing_behind_and_remembers_its_videos(checkpoints, tmp_path):
    with running(checkpoints, tmp_path, CIOTAT_LEASE_SECONDS="5") as stack:
        with httpx2.Client(base_url=stack.address) as http:
            made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
            content = http.get(f"/v1/videos/{made['id']}/content").content
            unfinished = [http.post("/v1/videos", json=SMALL).json()["id"] for _ in range(2)]
        family = children(stack.pid)

        stack.kill()

        assert gone(family, within=30)
    with running(checkpoints, tmp_path) as stack, httpx2.Client(base_url=stack.address) as http:
        assert http.get(f"/v1/videos/{made['id']}").json() == made
        assert http.get(f"/v1/videos/{made['id']}/content").content == content
        for video_id in unfinished:
            completed(http, video_id)


@pytest.mark.parametrize("part", ["valkey-server", "celery"])
def test_a_stack_that_lost_a_part_ends_and_says_so(checkpoints, tmp_path, part):
    with running(checkpoints, tmp_path) as stack:
        family = children(stack.pid)

        os.kill(next(pid for pid in family if re.search(part, command_of(pid))), signal.SIGKILL)

        assert stack.wait(60) == 1
        assert gone(family, within=5)


def command_of(pid):
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "" if "service.processes.leash" in shown.stdout else shown.stdout


def test_a_job_outlives_the_process_that_was_making_it(checkpoints, tmp_path):
    with (
        running(checkpoints, tmp_path, CIOTAT_LEASE_SECONDS="2") as stack,
        httpx2.Client(base_url=stack.address) as http,
    ):
        completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
        job = http.post("/v1/videos", json=SMALL | {"steps": 25}).json()["id"]
        while http.get(f"/v1/videos/{job}").json()["progress"] == 0:
            time.sleep(0.02)

        os.kill(_child_of_the_worker(stack), signal.SIGKILL)

        completed(http, job, within=120)


def _child_of_the_worker(stack):
    """The process that renders: the newest descendant."""
    return max(children(stack.pid))


def test_a_given_redis_is_used_instead_of_an_own(checkpoints, tmp_path, redis, redis_url):
    with running(checkpoints, tmp_path, REDIS_URL=redis_url) as stack:
        assert httpx2.get(f"{stack.address}/readyz").status_code == 200

    assert not (tmp_path / "valkey").exists()


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


def ciotat(*arguments, **environment):
    command = [sys.executable, "-m", "service.cli", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_generate_starts_a_stack_of_its_own(checkpoints, tmp_path):
    options = ("--size", "128x128", "--seconds", 1, "--steps", 2, "--seed", 3)

    made = ciotat(
        "generate", "a boat", "-o", tmp_path / "a.mp4", *options, CIOTAT_CHECKPOINTS=str(checkpoints)
    )

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{tmp_path / 'a.mp4'} in ")
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 16


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
    refused = ciotat("generate", "a boat", "-o", output, "--seconds=9", CIOTAT_SERVER=stack.address)
    failed = ciotat(
        "generate", "a boat", "-o", tmp_path / "b.mp4", "--model=truncated", CIOTAT_SERVER=stack.address
    )

    assert made.returncode == 0, made.stderr
    assert output.stat().st_size > 1000
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "seconds: Input should be less than or equal to 5" in refused.stderr
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
