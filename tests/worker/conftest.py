import pytest

from worker.hold import Hold
from worker.settings import Settings
from worker.storage import LocalStorage


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    from tests.tiny import write_checkpoint, write_style

    root = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(root / "ciotat-1")
    write_style(root / "ciotat-1", "flat", 0)
    return root


@pytest.fixture
def render(checkpoints, tmp_path):
    from worker.render import render

    settings = Settings(checkpoints=checkpoints, device="cpu", patience_seconds=0)
    here = LocalStorage(tmp_path)
    return lambda job, jobs, storage=here: render(Hold(job, jobs), storage, settings)


@pytest.fixture
def hurried(redis, monkeypatch):
    """The same Valkey, which for once answers before anything is on disk; neither do files wait for it."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    redis.config_set("appendfsync", "no")
    yield redis
    redis.config_set("appendfsync", "always")
