import json
from contextlib import ExitStack

import grpc
import pytest
from fastapi.testclient import TestClient

from service.access.access import Access
from service.access.keys import Keys
from service.media.files import Files
from service.media.inputs import Inputs
from service.media.intake import Intake
from service.pb.videos_pb2_grpc import VideoServiceStub
from service.processes.leaving import Leaving
from service.rest.app import create_app
from service.rest.objects import Objects
from service.rpc.servicer import serve
from service.videos.videos import Videos
from tests.claims import claim
from tests.service.documented import held_against
from worker.files import FileStore
from worker.jobs import JobStore
from worker.settings import Settings
from worker.storage import LocalStorage
from worker.variants import Variant, video_key

HERE = "http://127.0.0.1:8000"


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
def files(redis, storage):
    """Uploads of at most 100,000 bytes."""
    settings = Settings(max_upload_bytes=100_000)
    return Files(FileStore(redis), storage, Intake(settings), settings.file_seconds)


@pytest.fixture
def inputs(files, storage):
    """No address is fetched, as by default."""
    return Inputs(files, storage, None)


@pytest.fixture
def videos(jobs, queue, storage, checkpoints, inputs):
    return Videos(jobs, queue.append, storage, checkpoints, inputs)


@pytest.fixture
def keys(redis):
    """None yet, so that the doors are open to this machine."""
    return Keys(redis)


@pytest.fixture
def access(keys):
    return Access(keys)


@pytest.fixture
def opened(storage, access):
    """Opens both doors to the given `Videos`: an HTTP client and a gRPC stub."""
    with ExitStack() as stack:

        def doors(videos):
            app = create_app(videos, lambda: None, access, 50_000, Objects(storage))
            http = stack.enter_context(TestClient(app, HERE, raise_server_exceptions=False))
            http.event_hooks["response"].append(held_against(app))
            leaving = Leaving(videos.feed.stop)
            server = serve(videos, access, leaving, lambda: None, ("127.0.0.1", 0))
            stack.callback(videos.feed.close)
            stack.callback(lambda: server.drain(0))
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
            return http, VideoServiceStub(channel)

        yield doors


@pytest.fixture
def doors(opened, videos):
    return opened(videos)


@pytest.fixture
def http(doors):
    return doors[0]


@pytest.fixture
def rpc(doors):
    return doors[1]


CONTENT = {
    Variant.VIDEO: bytes(range(250)) * 4,
    Variant.THUMBNAIL: b"a picture",
    Variant.SPRITESHEET: b"many pictures",
    Variant.PREVIEW: b"moving pictures",
}


@pytest.fixture
def finish(jobs, storage, tmp_path):
    """Finishes a queued video as a worker does, with known bytes."""

    def finish(video_id):
        job = claim(jobs, video_id)
        stored = video_key(job.id, job.token)
        for variant, content in CONTENT.items():
            (tmp_path / "made").write_bytes(content)
            storage.put(variant.beside(stored), tmp_path / "made", variant.content_type)
        jobs.complete(job, stored)
        return video_id

    return finish


@pytest.fixture
def finished(http, finish):
    """A finished video of 1,000 known bytes, and its pictures."""
    return finish(http.post("/v1/videos", json={"prompt": "a paper boat"}).json()["id"])
