"""One API process while a job renders: 200 polls at a time and 20 event streams; `make bench-api` prints the table."""

import asyncio
import statistics
import time

import httpx2
import pytest

from service.processes.local import valkey
from tests.e2e.apart import serving, working

pytestmark = pytest.mark.slow

POLLS, STREAMS, ROUNDS = 200, 20, 10
LONG = {"prompt": "a boat", "size": "512x512", "seconds": 5, "steps": 40}
GENEROUS = {"CIOTAT_TENANT_REQUESTS_A_SECOND": "100000"}
SLOW = 10.0  # seconds; two cores that also render and poll are far below, a starved server is far above


async def streamed(http, video_id):
    """The last event of a stream."""
    kinds = []
    async with http.stream("GET", f"/v1/videos/{video_id}/events", timeout=300) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("event: "):
                kinds.append(line[7:])
    return kinds[-1]


async def polled(http, video_id, seconds):
    """One client that polls at once again."""
    for _ in range(ROUNDS):
        began = time.perf_counter()
        reply = await http.get(f"/v1/videos/{video_id}")
        seconds.append(time.perf_counter() - began)
        assert reply.status_code == 200


async def load(address):
    """Latencies of polls and of a probe meanwhile, and how the streams ended."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=address, limits=limits, timeout=60) as http:
        while (await http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.1)
        video_id = (await http.post("/v1/videos", json=LONG)).json()["id"]
        streams = [asyncio.create_task(streamed(http, video_id)) for _ in range(STREAMS)]
        while (await http.get(f"/v1/videos/{video_id}")).json()["status"] == "queued":
            await asyncio.sleep(0.05)
        polls, probes = [], []
        polling = [asyncio.create_task(polled(http, video_id, polls)) for _ in range(POLLS)]
        began = time.perf_counter()
        while not all(each.done() for each in polling):
            asked = time.perf_counter()
            assert (await http.get("/readyz")).status_code == 200
            probes.append(time.perf_counter() - asked)
            await asyncio.sleep(0.1)
        await asyncio.gather(*polling)
        took = time.perf_counter() - began
        rendering = (await http.get(f"/v1/videos/{video_id}")).json()["status"] == "in_progress"
        await http.post(
            f"/v1/videos/{video_id}/cancel"
        )  # the streams end with it, and are all there until then
        return polls, probes, took, rendering, await asyncio.gather(*streams)


def shown(name, seconds):
    cuts = statistics.quantiles(seconds, n=100)
    return (
        f"{name:10} {len(seconds):6} {1000 * cuts[49]:8.0f} {1000 * cuts[98]:8.0f} {1000 * max(seconds):8.0f}"
    )


def test_many_polls_and_streams_are_answered_while_a_job_renders(checkpoints, tmp_path):
    environment = GENEROUS | {"CIOTAT_CHECKPOINTS": str(checkpoints)}
    with (
        valkey(tmp_path / "valkey") as store,
        serving(store.url, tmp_path, **environment) as api,
        working(store.url, tmp_path, checkpoints),
    ):
        polls, probes, took, rendering, ends = asyncio.run(load(api.address))

    print(f"\n{'':10} {'number':>6} {'p50 ms':>8} {'p99 ms':>8} {'most ms':>8}")
    print(shown("polls", polls), f"  {len(polls) / took:.0f} a second, rendering at the end: {rendering}")
    print(shown("/readyz", probes))
    assert len(polls) == POLLS * ROUNDS
    assert statistics.quantiles(polls, n=100)[98] < SLOW
    assert max(probes) < SLOW
    assert ends == ["done"] * STREAMS
