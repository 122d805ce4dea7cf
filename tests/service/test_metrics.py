"""What a process tells Prometheus."""

from contextlib import closing

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.processes.metrics import Measured, Metrics
from worker.settings import Settings

COUNT = "ciotat_http_request_duration_seconds_count"


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def told(metrics):
    """Every sample, as a scrape of the port reads it."""
    with metrics.served("127.0.0.1", 0) as port:

        def told():
            text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

        yield told


@pytest.fixture
def http(metrics):
    app = FastAPI()
    app.add_middleware(Measured, metrics=metrics)

    @app.get("/v1/videos/{video_id}")
    def get(video_id: str) -> str:
        if video_id == "broken":
            raise RuntimeError
        return video_id

    with closing(TestClient(app, raise_server_exceptions=False)) as client:
        yield client


def test_requests_are_counted_by_the_template_of_their_route(http, told):
    for video_id in ("video_1", "video_2", "broken"):
        http.get(f"/v1/videos/{video_id}")
    http.get("/wp-admin.php")
    http.request("BREW", "/v1/videos/a")

    counts = {tuple(each.labels.values()): each.value for each in told() if each.name == COUNT}
    assert counts == {
        ("GET", "/v1/videos/{video_id}", "200"): 2,
        ("GET", "/v1/videos/{video_id}", "500"): 1,
        ("GET", "unknown", "404"): 1,
        ("unknown", "/v1/videos/{video_id}", "405"): 1,
    }


def test_the_process_and_its_build_are_told(told):
    names = {sample.name for sample in told()}

    assert {"process_resident_memory_bytes", "process_open_fds", "ciotat_build_info"} <= names


def test_a_port_is_free_again_behind_its_block_and_no_port_is_none(metrics):
    with metrics.served("127.0.0.1", 0) as port:
        pass

    with metrics.served("127.0.0.1", port) as again:
        assert again == port
    with metrics.served("127.0.0.1", Settings().metrics_port) as none:
        assert none is None
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/metrics")
