import json

import pytest
from fastapi.testclient import TestClient

from service.rest import create_app
from service.videos import Videos
from worker.jobs import JobStore
from worker.storage import LocalStorage


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


@pytest.fixture
def queue():
    """Ids that were rung for."""
    return []


@pytest.fixture
def checkpoints(tmp_path):
    """A folder that says two models are installed; the API tier never looks deeper."""
    for name in ("ciotat-1", "other"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "model_index.json").write_text(json.dumps({}))
    return tmp_path / "checkpoints"


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "videos")


@pytest.fixture
def app(jobs, queue, storage, checkpoints):
    return create_app(Videos(jobs, queue.append, storage, checkpoints), jobs.ping, max_body_bytes=50_000)


@pytest.fixture
def http(app):
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def finished(http, jobs, storage, tmp_path):
    """A finished video of 1,000 known bytes."""
    video = http.post("/v1/videos", json={"prompt": "a paper boat"}).json()
    (tmp_path / "made").write_bytes(bytes(range(250)) * 4)
    storage.put("videos/made.mp4", tmp_path / "made", "video/mp4")
    jobs.complete(jobs.claim(video["id"]), "videos/made.mp4")
    return video["id"]
