"""What real processes leave behind: every key and every object of a stack that has worked is accounted for."""

import time

import httpx2
import pytest

from tests.e2e.test_keys import made
from tests.e2e.test_stack import ciotat

pytestmark = pytest.mark.slow

ASKED = {"prompt": "a boat", "size": "128x128", "seconds": "1", "steps": 2, "seed": 1}


def test_a_stack_that_has_made_cancelled_and_deleted_videos_is_in_order(keyed):
    headers = {"authorization": f"Bearer {made(keyed.data, 'swept')}"}
    with httpx2.Client(base_url=f"{keyed.address}/v1", headers=headers, timeout=60) as http:
        ids = [
            http.post("/videos", json=ASKED, headers={"idempotency-key": f"{n}"}).json()["id"]
            for n in range(3)
        ]
        http.post(f"/videos/{ids[1]}/cancel")
        http.delete(f"/videos/{ids[2]}")
        deadline = time.monotonic() + 60
        while http.get(f"/videos/{ids[0]}").json()["status"] != "completed" and time.monotonic() < deadline:
            time.sleep(0.1)

        done = ciotat("sweep", "--data", keyed.data)

        assert (done.returncode, done.stderr) == (0, "")
        assert "repaired" not in done.stdout
        assert http.get(f"/videos/{ids[0]}/content").is_success
