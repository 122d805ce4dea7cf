"""A thousand jobs are left in every way in which they can be, and the sweeper leaves what their records name."""

import time

import pytest

from tests.worker.swept import DAY, World, lived
from worker.admission import LOAD
from worker.jobs import LEASES, PENDING, key
from worker.retention import FOLDERS
from worker.storage import LocalStorage
from worker.sweeper import Sweeper
from worker.tenants import index

HOUR = 3600
MANY = {"local": 1000, "s3": 100}


@pytest.fixture
def world(hurried, storage, source):
    for folder in FOLDERS:
        for each in storage.list(folder):
            storage.delete(each.key)
        for each in storage.fragments(folder):
            storage.discard(each)
    storage.delete("ciotat-owner")
    return World(hurried, storage, source)


def stored(storage):
    return {each.key for folder in FOLDERS for each in storage.list(folder)}


def broken(storage):
    return [each for folder in FOLDERS for each in storage.fragments(folder)]


def on_disk(storage):
    """Every file below the folder, those that no list tells too."""
    return {path for folder in FOLDERS for path in (storage._root / folder).rglob("*") if path.is_file()}


def lasting(redis):
    """The keys that do not end by themselves, and are not the sign on the storage."""
    return {each for each in redis.scan_iter(count=1000) if redis.ttl(each) == -1} - {"ciotat:storage"}


def jobs_in(redis):
    """The ids in every place that is there for jobs."""
    costs = {each: redis.hkeys(each) for each in redis.scan_iter(match="ciotat:unfinished:*")}
    return {
        "records": {each.removeprefix(key("")) for each in redis.scan_iter(match=f"{key('')}*", count=1000)},
        "index": {each for name in ("default", "anna") for each in redis.zrange(index(name), 0, -1)},
        "unfinished": {each for ids in costs.values() for each in ids},
        "waiting or held": {*redis.zrange(PENDING, 0, -1), *redis.zrange(LEASES, 0, -1)},
    }


def ids_of(stories, unfinished=None):
    return {each.record for each in stories if each.record and unfinished in (None, each.unfinished)}


def union(parts):
    return set().union(*parts)


def swept(world, at, **options):
    tally = Sweeper(world.redis, world.storage, clock=lambda: at).sweep(**options)
    assert (tally.unaccounted, tally.named, tally.repaired, tally.whole) == (0, [], {}, True)
    return tally


def test_after_a_thousand_jobs_nothing_is_left_that_no_record_names(world, request):
    kind = "local" if isinstance(world.storage, LocalStorage) else "s3"
    stories = lived(world, MANY[kind])
    began = time.time()
    before = stored(world.storage)
    unfinished = ids_of(stories, unfinished=True)

    tally = swept(world, began + 2 * HOUR)
    assert tally.removed == len(before) - len(stored(world.storage))
    assert stored(world.storage) == union(each.objects for each in stories)
    assert jobs_in(world.redis) == {
        "records": ids_of(stories),
        "index": ids_of(stories),
        "unfinished": unfinished,
        "waiting or held": unfinished,
    }

    swept(world, began + 2 * DAY)
    assert stored(world.storage) == union(each.objects - each.expiring for each in stories)
    assert broken(world.storage) == []
    assert jobs_in(world.redis)["records"] == ids_of(stories)
    logs = {each: world.redis.xlen(f"ciotat:events:{each}") for each in ids_of(stories)}
    assert {each for each, length in logs.items() if length == 1} >= ids_of(stories, unfinished=False)
    assert not list(world.redis.scan_iter(match="ciotat:file:*"))

    swept(world, began + 100 * DAY)
    assert stored(world.storage) == union(each.objects for each in stories if each.unfinished)
    assert jobs_in(world.redis) == dict.fromkeys(jobs_in(world.redis), unfinished)

    for each in unfinished:
        world.jobs.cancel(each)
    swept(world, time.time() + 200 * DAY)
    assert stored(world.storage) == set()
    assert lasting(world.redis) == set()
    assert world.redis.get(LOAD) is None
    if kind == "local":
        assert on_disk(world.storage) == set()
        assert list((world.storage._root / "videos").iterdir()) == []
