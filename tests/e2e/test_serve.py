"""`ciotat serve`: one API process on a Redis that is given."""

import os
import signal
import subprocess
import sys
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
