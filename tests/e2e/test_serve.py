"""`ciotat serve`: one API process on a Redis that is given."""

import os
import signal
import subprocess
import sys
import threading
import time

import httpx2
import pytest

from tests.e2e.apart import Instant, serving

pytestmark = pytest.mark.slow


def test_an_api_process_told_to_end_says_so_first_and_ends_well(redis, redis_url, tmp_path):
    with (
        Instant(redis_url, tmp_path),
        serving(redis_url, tmp_path, CIOTAT_NOTICE_SECONDS="3") as api,
        httpx2.Client(base_url=api.address) as http,
    ):
        while http.get("/readyz").status_code != 200:
            time.sleep(0.05)

        api.send_signal(signal.SIGTERM)

        while (told := http.get("/readyz")).status_code == 200:
            time.sleep(0.05)
        assert "shutting down" in told.json()["error"]["message"]
        assert http.get("/v1/models").status_code == 200  # for as long as the notice
        assert api.wait(20) == 0


def test_event_streams_go_on_for_the_notice_and_end_in_good_order_after_it(redis, redis_url, tmp_path):
    with (
        serving(redis_url, tmp_path, CIOTAT_NOTICE_SECONDS="3") as api,
        httpx2.Client(base_url=api.address, timeout=30) as http,
    ):
        asked = [http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"] for _ in range(2)]
        followers = [Follower(f"{api.address}/v1/videos/{each}/events") for each in asked]
        for each in followers:
            each.start()
            assert each.under_way.wait(20)
        told = time.monotonic()

        api.send_signal(signal.SIGTERM)
        time.sleep(1)
        http.post(f"/v1/videos/{asked[0]}/cancel")

        for each in followers:
            each.join(20)
        assert api.wait(20) == 0
    assert followers[0].kinds[-1] == "done"  # told in the notice
    assert [each.broken for each in followers] == [False, False]
    assert 3 <= followers[1].ended - told < 3 + 5


class Follower(threading.Thread):
    """Reads the events of a video until the stream ends; `ended` says when, and `broken` whether it was cut off."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url
        self.kinds = []
        self.under_way = threading.Event()
        self.broken = True

    def run(self):
        with httpx2.stream("GET", self.url, timeout=30) as reply:
            for line in reply.iter_lines():
                if line.startswith("event: "):
                    self.kinds.append(line.removeprefix("event: "))
                    self.under_way.set()
        self.broken, self.ended = False, time.monotonic()


def test_an_api_process_is_not_ready_without_a_warm_worker(redis, redis_url, tmp_path):
    with serving(redis_url, tmp_path) as api:
        assert httpx2.get(f"{api.address}/livez").status_code == 200
        assert httpx2.get(f"{api.address}/readyz").json()["error"]["code"] == "not_ready"


@pytest.mark.parametrize(
    ("host", "store", "reason"),
    [
        ("0.0.0.0", None, "without API keys"),
        ("0.0.0.0", "redis://127.0.0.1:9/0", "the job store does not answer"),
    ],
)
def test_an_api_process_that_may_not_or_cannot_start_says_why(redis, redis_url, host, store, reason):
    command = [sys.executable, "-m", "service.cli", "serve", "--port=0", "--grpc-port=0", f"--host={host}"]

    ran = subprocess.run(
        command,
        env=os.environ | {"REDIS_URL": store or redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 1
    assert reason in ran.stderr
    assert "Traceback" not in ran.stderr
