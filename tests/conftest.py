import os
from pathlib import Path
from tempfile import TemporaryDirectory

# Tiny tensors win nothing from threads, and wait for them where others work too.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from worker.jobs import connect

settings.register_profile("ciotat", deadline=None, derandomize=True)
settings.load_profile("ciotat")

# Files that share one running stack; each other file is for itself.
STACKS = {
    "keyed": ("test_clients", "test_playground", "test_examples", "test_bucket", "test_sweep"),
    "stack": (
        "test_tasks",
        "test_generate",
        "test_openai_client",
        "test_outside_client",
        "test_cancel_command",
    ),
}
# What takes longest comes first, so that all processes of pytest-xdist end at about the same time.
LONGEST = (
    "test_stack",
    *STACKS["keyed"],
    "test_playground",
    "test_shipped",
    "test_chaos",
    "test_watch",
    "test_rolling",
)
LONGEST += (*STACKS["stack"], "test_links", "test_keys", "test_events", "test_warmth")
RANKS = {name: rank for rank, name in enumerate(LONGEST)}
TOGETHER = {f"tests/e2e/{name}.py": stack for stack, names in STACKS.items() for name in names}


class ByStack(LoadScopeScheduling):
    """Gives a process of pytest-xdist all files of a stack, or one other file, at a time."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config, log):
    """For `--dist loadfile`."""
    return ByStack(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """In the order of `LONGEST`."""
    items.sort(key=lambda item: RANKS.get(item.path.stem, len(RANKS)))


@pytest.fixture(scope="session")
def redis_url():
    """A real Valkey, one for all tests; where memory can be its disk it is, and no write waits for a platter."""
    from service.processes.local import valkey

    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with TemporaryDirectory(prefix="ciotat-", dir=place) as folder, valkey(Path(folder)) as server:
        yield server.url


@pytest.fixture
def redis(redis_url):
    """A client of that Valkey, emptied."""
    with connect(redis_url) as client:
        client.flushall()
        yield client
