import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx2
import openai
import pytest

from model.spec import VideoSpec
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from tests.e2e.conftest import running
from tests.service.outbound.servers import authority, certified, serving
from tests.service.webhooks.receiver import HOST, Receiver, receiving
from worker.jobs import JobStore
from worker.outbox import EVENTS

pytestmark = pytest.mark.slow

SMALL = {"prompt": "a boat", "size": "128x128", "seconds": 1, "steps": 2}


def test_a_stack_tells_an_https_endpoint_and_the_official_client_believes_it(checkpoints, tmp_path):
    receiver = Receiver()
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(receiver, "127.0.0.1", tls=certified("localhost")) as server:
        environment = {
            "CIOTAT_OUTBOUND_NETWORKS": "127.0.0.0/8,::1/128",
            "CIOTAT_OUTBOUND_PORTS": str(server.port),
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        }
        with running(checkpoints, tmp_path / "data", **environment) as stack:
            client = openai.OpenAI(api_key="unused", base_url=f"{stack.address}/v1")
            endpoint = client.webhooks.create(
                name="ours",
                url=f"https://localhost:{server.port}/in",
                event_types=["video.completed", "video.failed"],
            )
            made = httpx2.post(f"{stack.address}/v1/videos", json=SMALL).json()["id"]
            failed = httpx2.post(f"{stack.address}/v1/videos", json=SMALL | {"model": "truncated"}).json()[
                "id"
            ]
            arrived = receiver.wait(2, within=120)

    events = [
        client.webhooks.unwrap(each.body, each.headers, secret=endpoint.signing_secret) for each in arrived
    ]
    assert [(event.type, event.data.id) for event in events] == [
        ("video.completed", made),
        ("video.failed", failed),
    ]


@contextmanager
def deliverer(redis_url, **environment):
    """`ciotat deliver` as a process of its own."""
    env = os.environ | {
        "REDIS_URL": redis_url,
        "CIOTAT_OUTBOUND_HTTP": "true",
        "CIOTAT_OUTBOUND_NETWORKS": f"{HOST}/32",
        "CIOTAT_WEBHOOK_SECONDS": "1",
        "CIOTAT_WEBHOOK_WAITS": "0.1,0.1,0.1",
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-m", "service.cli", "deliver"], env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def subscribed(redis, receiver):
    url = f"http://{HOST}:{receiver.port}/in"
    return Endpoints(redis).add("default", {"name": "ours", "url": url, "events": ",".join(EVENTS)})


def cancelled(redis):
    jobs = JobStore(redis)
    return jobs.cancel(jobs.create(VideoSpec(prompt="a boat")).id).id


def settled(redis, endpoint, count, within=20):
    """The log, once nothing is owed any more."""
    deadline = time.monotonic() + within
    while len(found := Deliveries(redis).log(endpoint.id, 200)) < count or redis.exists(
        "ciotat:webhooks:due"
    ):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found[::-1]


def test_a_deliverer_killed_before_it_wrote_down_the_answer_costs_a_repetition_and_no_event(redis, redis_url):
    def answer_too_late():
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        return 204

    with receiving(answer_too_late, 204) as receiver:
        ports = {"CIOTAT_OUTBOUND_PORTS": str(receiver.port)}
        endpoint = subscribed(redis, receiver)
        with deliverer(redis_url, **ports) as first:
            video = cancelled(redis)
            [arrived] = receiver.wait(1, within=30)
            assert first.wait(10) == -signal.SIGKILL
        assert Deliveries(redis).log(endpoint.id, 10) == []
        with deliverer(redis_url, **ports):
            again = receiver.wait(2, within=30)[1]
            [entry] = settled(redis, endpoint, 1)

    assert (again.id, again.body) == (arrived.id, arrived.body)
    assert json.loads(again.body)["data"]["id"] == video
    assert (entry.event_id, entry.attempt, entry.delivered) == (arrived.id, 2, True)


def test_two_deliverers_of_which_one_is_killed_lose_nothing(redis, redis_url):
    with receiving() as receiver:
        ports = {"CIOTAT_OUTBOUND_PORTS": str(receiver.port)}
        endpoint = subscribed(redis, receiver)
        with deliverer(redis_url, **ports) as first, deliverer(redis_url, **ports):
            videos = {cancelled(redis) for _ in range(60)}
            receiver.wait(5, within=30)
            os.kill(first.pid, signal.SIGKILL)
            videos |= {cancelled(redis) for _ in range(20)}
            entries = settled(redis, endpoint, 80)

    told = [json.loads(each.body)["data"]["id"] for each in receiver.received]
    assert set(told) == videos
    assert len(told) <= len(videos) + 1
    assert {entry.event_id for entry in entries} == {each.id for each in receiver.received}


def test_a_deliverer_told_to_stop_finishes_what_it_is_at(redis, redis_url):
    with receiving(lambda: os.kill(process.pid, signal.SIGTERM) or time.sleep(0.3) or 204) as receiver:
        endpoint = subscribed(redis, receiver)
        cancelled(redis)
        with deliverer(redis_url, CIOTAT_OUTBOUND_PORTS=str(receiver.port)) as process:
            assert process.wait(20) == 0
        [entry] = settled(redis, endpoint, 1)

    assert entry.delivered
