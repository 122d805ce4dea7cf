import os
import signal
import subprocess
import sys
import time

import httpx2
import pytest

from tests.e2e.test_stack import ciotat

pytestmark = pytest.mark.slow

LONG = {"prompt": "a boat", "size": "256x256", "seconds": 5, "steps": 100}


def test_videos_are_cancelled_by_command_and_what_cannot_be_is_told(stack):
    with httpx2.Client(base_url=stack.address) as http:
        ids = [http.post("/v1/videos", json=LONG).json()["id"] for _ in range(2)]

        done = ciotat("cancel", ids[0], "video_x", ids[1], "--server", stack.address)
        again = ciotat("cancel", ids[0], CIOTAT_SERVER=stack.address)

        assert [http.get(f"/v1/videos/{each}").json()["status"] for each in ids] == ["cancelled"] * 2
    assert (done.returncode, done.stdout.split()) == (1, [ids[0], "cancelled", ids[1], "cancelled"])
    assert "video 'video_x' does not exist" in done.stderr
    assert "1 of 3 not cancelled" in done.stderr
    assert (again.returncode, again.stdout) == (0, f"{ids[0]} cancelled\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_generation_that_is_interrupted_cancels_its_video_and_says_so(stack, tmp_path, number):
    options = [f"--{name}={value}" for name, value in LONG.items() if name != "prompt"]
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "generate",
        "a boat",
        "-o",
        str(tmp_path / "a.mp4"),
        *options,
    ]
    with httpx2.Client(base_url=stack.address) as http:
        before = http.get("/v1/videos").json()["first_id"]
        process = subprocess.Popen(
            command, env=os.environ | {"CIOTAT_SERVER": stack.address}, stderr=subprocess.PIPE, text=True
        )
        while (video_id := http.get("/v1/videos").json()["first_id"]) == before:
            time.sleep(0.05)
        while "in_progress" not in http.get(f"/v1/videos/{video_id}").text:
            time.sleep(0.05)

        process.send_signal(number)

        _, told = process.communicate(timeout=30)
        assert process.returncode == 130
        assert f"ciotat: video {video_id} cancelled" in told
        assert http.get(f"/v1/videos/{video_id}").json()["status"] == "cancelled"
    assert list(tmp_path.iterdir()) == []
