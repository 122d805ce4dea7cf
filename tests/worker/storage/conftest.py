import pytest

from tests.worker.storage import seaweedfs
from worker.settings import Settings
from worker.storage import LocalStorage, open_storage


@pytest.fixture
def local(tmp_path):
    return LocalStorage(tmp_path / "store")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    with seaweedfs.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(monkeypatch):
    """The bucket as a process of ours opens it, at a given address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.SECRET)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return lambda url, **settings: open_storage(
        Settings(s3_bucket=seaweedfs.BUCKET, s3_endpoint_url=url, **settings)
    )


@pytest.fixture
def s3(s3_server, bucket):
    return bucket(s3_server.url)


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def storage(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def source(tmp_path):
    """A file of these bytes, to be put."""

    def write(content):
        (tmp_path / "source").write_bytes(content)
        return tmp_path / "source"

    return write
