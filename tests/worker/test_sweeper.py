"""What may not go, whatever happens meanwhile; and one sweep at a time."""

import threading
import time
from contextlib import ExitStack

import pytest

from tests.worker.swept import DAY, PICTURE, World, input_of, lived, resume_of, variants
from worker.files import stored_at
from worker.jobs import StoreUnavailable, connect, key
from worker.material import new_id
from worker.ownership import MARK, WRITTEN
from worker.retention import FOLDERS, Terms
from worker.rounds import rounds
from worker.storage import LocalStorage, ObjectNotFound, StorageUnavailable
from worker.sweeper import LOCK, SWEPT, Sweeper, SweepRuns
from worker.variants import preview_key, video_key

HOUR = 3600.0


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "videos")


@pytest.fixture
def world(hurried, storage, tmp_path):
    def source(content):
        (tmp_path / "source").write_bytes(content)
        return tmp_path / "source"

    return World(hurried, storage, source)


@pytest.fixture
def sweep(world):
    def now(after=0.0, storage=None, **options):
        sweeper = Sweeper(world.redis, storage or world.storage, clock=lambda: time.time() + after)
        return sweeper.sweep(**options)

    return now


def stored(storage):
    return {each.key for folder in FOLDERS for each in storage.list(folder)}


def has_ended(world, tenant="default"):
    job = world.claimed(tenant)
    world.put(*variants(job))
    world.jobs.complete(job, video_key(job.id, job.token))
    return world.jobs.get(job.id)


def test_what_has_no_record_yet_waits_an_hour_for_it(world, sweep):
    world.claimed()  # this Redis has records
    early = world.put(input_of(new_id()), stored_at("file_1f", PICTURE))

    assert sweep(HOUR - 60).removed == 0
    assert early < stored(world.storage)
    assert sweep(HOUR + 60).removed == 2
    assert not early & stored(world.storage)


def test_nothing_of_an_attempt_that_may_still_write_goes_however_old(world, sweep):
    job = world.claimed()
    written = world.put(*variants(job), resume_of(job), preview_key(job.id, job.token, 1))
    later = world.put(video_key(job.id, job.token + 1))

    sweep(50 * DAY)

    assert stored(world.storage) == written | later | {input_of(job.id)}
    world.jobs.complete(job, video_key(job.id, job.token))
    sweep(HOUR + 60)
    assert stored(world.storage) == variants(job)


class Listed(LocalStorage):
    """Does something once, between the list of the objects and the reading of the records."""

    def __init__(self, storage, meanwhile):
        super().__init__(storage._root)
        self._meanwhile = meanwhile

    def list(self, folder):
        yield from super().list(folder)
        if folder == "videos":
            self._meanwhile()


def test_what_is_committed_after_the_list_was_taken_stays(world, sweep):
    first = world.claimed()
    video = world.put(*variants(first))

    sweep(HOUR + 60, Listed(world.storage, lambda: world.jobs.complete(first, video_key(first.id, 1))))

    assert stored(world.storage) == video


def test_a_job_that_is_claimed_after_the_list_was_taken_keeps_the_point_it_goes_on_from(world, sweep):
    first = world.claimed()
    world.pointed(first)
    stale = world.put(video_key(first.id, 1))

    sweep(HOUR + 60, Listed(world.storage, lambda: world.lost(first)))

    assert stored(world.storage) == {input_of(first.id), resume_of(first)}
    assert not stale & stored(world.storage)


class Racing(LocalStorage):
    """Does something just before each deletion."""

    def __init__(self, storage, meanwhile):
        super().__init__(storage._root)
        self._meanwhile = meanwhile

    def delete(self, key):
        self._meanwhile(key)
        super().delete(key)


def test_whatever_becomes_of_a_job_while_it_is_swept_it_misses_nothing(world, sweep):
    """All that can happen happens between the reading of the record and the deletion."""
    first = world.claimed()
    world.previewed(first)
    world.pointed(first)
    job = world.lost(first)
    world.pointed(job)
    steps = iter(
        [
            lambda: world.put(*variants(job)),
            lambda: world.jobs.complete(job, video_key(job.id, job.token)),
        ]
    )
    world.put(*variants(first))

    sweep(HOUR + 60, Racing(world.storage, lambda _: next(steps, int)()))

    assert variants(job) <= stored(world.storage)
    assert not variants(first) & stored(world.storage)
    assert world.jobs.get(job.id).video_key == video_key(job.id, job.token)


def test_who_writes_while_the_last_leftover_beside_it_goes_is_not_disturbed(world, sweep):
    """The folder of a job goes with the last object in it."""
    first = world.claimed()
    world.storage.delete(input_of(first.id))
    world.put(video_key(first.id, 1))
    job = world.lost(first)

    over, failed = threading.Event(), []

    def write():
        while not over.is_set():
            world.put(video_key(job.id, job.token))
            world.storage.delete(video_key(job.id, job.token))

    def guarded():
        try:
            write()
        except StorageUnavailable as error:
            failed.append(error)

    writer = threading.Thread(target=guarded)
    writer.start()
    for _ in range(20):
        world.storage.put(video_key(first.id, 1), world._tiny, "video/mp4")
        sweep(HOUR + 60)
    over.set()
    writer.join()

    assert failed == []


def test_a_record_goes_before_what_it_led_to(world, sweep):
    job = has_ended(world)
    seen = []

    sweep(100 * DAY, Racing(world.storage, lambda each: seen.append(world.redis.exists(key(job.id)))))

    assert seen == [0] * 5
    assert stored(world.storage) == set()


class Died(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.mark.parametrize("after", [2 * HOUR, 2 * DAY, 100 * DAY])
def test_a_sweep_that_is_killed_at_any_deletion_is_ended_by_the_next_one(world, sweep, after, redis):
    stories = lived(world, 20)
    deletions = 0

    def die(_):
        nonlocal deletions
        deletions += 1
        raise Died

    while True:
        before = deletions
        try:
            sweep(after, Dying(world.storage, die))
        except Died:
            redis.delete(LOCK)  # which ends by itself within a minute
        if deletions == before:
            break

    left = set().union(*(each.objects for each in stories if after < DAY or each.unfinished))
    assert deletions > 20
    assert left <= stored(world.storage)
    if after == 100 * DAY:
        assert stored(world.storage) == left


class Dying(LocalStorage):
    """Dies behind each deletion."""

    def __init__(self, storage, die):
        super().__init__(storage._root)
        self._die = die

    def delete(self, key):
        super().delete(key)
        self._die(key)


def test_two_sweeps_at_once_do_no_harm(world, sweep, redis):
    """The lock of the first has run out in the middle of its work."""
    stories = lived(world, 20)
    inner = []

    def second(_):
        if not inner:
            inner.append(True)
            redis.delete(LOCK)
            inner.append(sweep(2 * HOUR))

    with pytest.raises(SweepRuns):
        sweep(2 * HOUR, Racing(world.storage, lambda each: (second(each), redis.set(LOCK, "another"))))

    assert inner[1].whole
    assert stored(world.storage) == set().union(*(each.objects for each in stories))


def test_while_one_sweeps_no_other_begins(world, sweep, redis):
    world.claimed()
    world.put(input_of(new_id()))
    redis.set(LOCK, "another", ex=60)

    with pytest.raises(SweepRuns, match="another sweep runs"):
        sweep(2 * HOUR)

    assert len(stored(world.storage)) == 2
    assert redis.get(LOCK) == "another"


def test_the_lock_is_let_go_at_the_end_and_taken_anew_when_it_ran_out(world, sweep, redis):
    lived(world, 20)

    tally = sweep(2 * HOUR, Racing(world.storage, lambda _: redis.delete(LOCK)))

    assert tally.whole
    assert not redis.exists(LOCK)


def test_of_all_replicas_one_sweeps_in_an_interval(world, redis):
    world.claimed()
    sweeps = []

    class Counted(Sweeper):
        def sweep(self, dry=False):
            sweeps.append(time.monotonic())
            return super().sweep(dry)

    with ExitStack() as replicas:
        for _ in range(4):
            sweeper = Counted(redis, world.storage, every=0.3)
            replicas.enter_context(rounds("sweeper", sweeper.turn, 0.02))
        deadline = time.monotonic() + 20
        while len(sweeps) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert len(sweeps) >= 3
    assert sweeps[2] - sweeps[0] >= 0.55
    assert redis.pttl(SWEPT) <= 300


def test_a_sweep_ends_when_its_process_does(world, redis):
    lived(world, 20)
    sweeper = Sweeper(redis, world.storage, clock=lambda: time.time() + 2 * HOUR)
    before = stored(world.storage)

    with sweeper.ending():
        pass
    tally = sweeper.sweep()

    assert not tally.whole
    assert stored(world.storage) == before
    assert not redis.exists(LOCK)


def test_a_store_that_does_not_answer_is_told(tmp_path, storage):
    away = Sweeper(connect(f"unix://{tmp_path / 'nothing.sock'}"), storage)

    for ask in (away.sweep, away.turn):
        with pytest.raises(StoreUnavailable):
            ask()


def test_a_storage_that_fails_ends_one_sweep_and_not_all(world, redis, caplog):
    stories = lived(world, 20)

    def fail(key):
        raise StorageUnavailable("the folder of videos failed")

    later = {"clock": lambda: time.time() + 2 * HOUR, "every": 0.001}
    Sweeper(redis, Racing(world.storage, fail), **later).turn()
    assert "the sweep ended early: the folder of videos failed" in caplog.text

    time.sleep(0.01)
    Sweeper(redis, world.storage, **later).turn()
    assert not redis.exists(LOCK)
    assert stored(world.storage) == set().union(*(each.objects for each in stories))


def test_a_dry_run_tells_the_same_and_changes_nothing(world, sweep, redis):
    has_ended(world)
    lived(world, 40)
    before = {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1}
    objects = stored(world.storage)

    dry = sweep(100 * DAY, dry=True)

    assert {each: redis.dump(each) for each in redis.scan_iter() if redis.ttl(each) == -1} == before
    assert stored(world.storage) == objects
    done = sweep(100 * DAY)
    assert dry.rows == done.rows
    assert done.removed > 40


def test_of_an_old_log_the_end_remains(world, sweep, redis):
    job, young = has_ended(world), world.claimed()
    redis.hset(key(job.id), "completed_at", time.time() - DAY - 10)
    length = redis.xlen(f"ciotat:events:{young.id}")

    assert sweep().rows["event log"].removed == 1

    ((_, end),) = redis.xrange(f"ciotat:events:{job.id}")
    assert (end["kind"], end["status"]) == ("done", "completed")
    assert redis.xlen(f"ciotat:events:{young.id}") == length > 1


def test_a_video_that_is_kept_for_ever_keeps_its_record(world, sweep, redis):
    job = has_ended(world)
    redis.hdel(key(job.id), "expires_at")

    sweep(10_000 * DAY)

    assert world.jobs.get(job.id) == job.model_copy(update={"expires_at": None})
    assert stored(world.storage) == variants(job)


def test_records_are_kept_for_ever_where_that_is_said(world, redis):
    job = has_ended(world)
    late = Sweeper(redis, world.storage, Terms(record_seconds=0), lambda: time.time() + 10_000 * DAY)

    late.sweep()

    assert world.jobs.get(job.id) == job
    assert stored(world.storage) == set()


def test_a_record_that_cannot_be_read_keeps_its_objects_and_is_told(world, sweep, redis):
    job = has_ended(world)
    redis.hset(key(job.id), "status", "sleeping")

    tally = sweep(1000 * DAY)

    assert tally.named == [f"the record of {job.id}, which cannot be read"]
    assert stored(world.storage) == variants(job) | {input_of(job.id)}


def test_what_does_not_lie_as_we_store_things_is_told_and_left(world, sweep):
    world.claimed()
    odd = world.put("videos/notes", "videos/holiday/1.mp4", "files/file_1f/a/b")

    tally = sweep(1000 * DAY)

    assert odd < stored(world.storage)
    assert sorted(tally.named) == [f"the object {each}" for each in sorted(odd)]


def mark_of(storage):
    try:
        return b"".join(storage.read(WRITTEN)).decode()
    except ObjectNotFound:
        return None


def test_a_redis_that_has_lost_its_data_removes_nothing_until_the_storage_is_adopted(world, sweep, redis):
    has_ended(world)
    sweep()
    redis.flushall()
    before = stored(world.storage)

    tally = sweep(100 * DAY)

    assert "ciotat sweep --adopt" in tally.named[0]
    assert stored(world.storage) == before
    Sweeper(redis, world.storage).adopt()
    assert sweep(100 * DAY).unaccounted == 0
    assert stored(world.storage) == set()


def test_a_storage_without_a_mark_is_not_that_of_an_empty_redis(world, sweep, redis):
    job = has_ended(world)
    redis.flushall()

    assert "no records" in sweep(100 * DAY).named[0]
    assert stored(world.storage) >= variants(job)
    assert mark_of(world.storage) is None


def test_a_storage_that_is_another_redis_is_left_alone(world, sweep, redis):
    job = has_ended(world)
    sweep()
    mine = redis.get(MARK)
    redis.set(MARK, "another")

    assert "another Redis" in sweep(100 * DAY).named[0]
    assert stored(world.storage) >= variants(job)
    assert mark_of(world.storage) == mine


def test_a_new_service_marks_its_storage(sweep, storage, redis):
    assert sweep(dry=True).unaccounted == 0
    assert mark_of(storage) is None

    sweep()

    assert mark_of(storage) == redis.get(MARK) is not None


def test_a_mark_that_was_interrupted_is_written_by_the_next_sweep(world, sweep, redis):
    world.claimed()
    redis.set(MARK, "said")

    assert sweep().unaccounted == 0
    assert mark_of(world.storage) == "said"
