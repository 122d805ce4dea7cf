import os
import re
import shutil
import signal
import subprocess
import sys
import time

import av
import httpx2
import pytest

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


def test_a_stack_replaces_what_it_loses_and_says_so_in_a_line(checkpoints, tmp_path, capfd):
    with (
        running(checkpoints, tmp_path, CIOTAT_LEASE_SECONDS="8") as stack,
        httpx2.Client(base_url=stack.address) as http,
    ):
        made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
        job = http.post("/v1/videos", json=SMALL | {"steps": 25}).json()["id"]
        for name, part in (("worker", "celery"), ("deliverer", "deliver"), ("Valkey", "valkey-server")):
            lost = the(part, stack)

            os.kill(lost, signal.SIGKILL)

            assert gone([lost], within=5)
            deadline = time.monotonic() + 30
            while not running_now(part, stack):
                assert time.monotonic() < deadline, name
                time.sleep(0.1)
        deadline = time.monotonic() + 60
        while http.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)

        completed(http, job, within=120)
        assert http.get(f"/v1/videos/{made['id']}").json() == made
    said = capfd.readouterr().err.splitlines()
    for name in ("worker", "deliverer", "Valkey"):
        lines = [line for line in said if line.startswith(f"WARNING ciotat: the {name} was lost")]
        assert lines == [
            f"WARNING ciotat: the {name} was lost (killed by signal 9) and is started again in 0.5 s"
        ]


def test_a_stack_that_loses_a_part_again_and_again_ends_and_says_why(checkpoints, tmp_path, capfd):
    with running(checkpoints, tmp_path) as stack:
        for _ in range(3):
            deadline = time.monotonic() + 30
            while not running_now("deliver", stack):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(the("deliver", stack), signal.SIGKILL)
        family = children(stack.pid)

        assert stack.wait(60) == 1
        assert gone(family, within=5)
    assert "the deliverer was lost 3 times within a minute, the last time by" in capfd.readouterr().err


def test_a_stack_without_a_checkpoint_that_can_be_loaded_does_not_start_and_says_why(
    checkpoints, tmp_path, capfd
):
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(checkpoints / "truncated", tmp_path / "checkpoints" / "ciotat-1")
    began = time.monotonic()

    ended = ciotat(
        "up",
        "--port=0",
        "--grpc-port=0",
        "--data",
        tmp_path,
        CIOTAT_CHECKPOINTS=str(tmp_path / "checkpoints"),
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "is truncated or not safetensors" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "ciotat: the worker cannot load what it makes videos with"
    assert "started again" not in ended.stderr
    assert time.monotonic() - began < 60


def test_a_stack_whose_checkpoint_breaks_later_ends_and_does_not_try_for_ever(checkpoints, tmp_path, capfd):
    shutil.copytree(checkpoints / "ciotat-1", tmp_path / "checkpoints" / "ciotat-1")
    with running(tmp_path / "checkpoints", tmp_path) as stack:
        (tmp_path / "checkpoints" / "ciotat-1" / "model_index.json").unlink()

        os.kill(the("celery", stack), signal.SIGKILL)

        assert stack.wait(60) == 1
    said = capfd.readouterr().err
    assert said.count("started again") == 1
    assert "ciotat: the worker cannot load what it makes videos with" in said


def running_now(part, stack):
    """The processes of a part, without its leash: the parent of its family first."""
    return sorted(pid for pid in children(stack.pid) if re.search(part, command_of(pid)))


def the(part, stack):
    return running_now(part, stack)[0]


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
