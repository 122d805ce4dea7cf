import pytest
from hypothesis import settings

from worker.jobs import connect

settings.register_profile("ciotat", deadline=None, derandomize=True)
settings.load_profile("ciotat")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A real Valkey, one for all tests."""
    from service.processes.local import valkey

    with valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def redis(redis_url):
    """A client of that Valkey, emptied."""
    with connect(redis_url) as client:
        client.flushall()
        yield client
