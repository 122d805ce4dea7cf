import av
import pytest

from model.spec import VideoSpec
from worker.jobs import JobStore, LeaseLost, Status
from worker.storage import LocalStorage, StorageUnavailable

SPEC = VideoSpec(prompt="a paper boat", size="128x128", seconds=1, steps=3, seed=7)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    from tests.tiny import write_checkpoint

    root = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(root / "ciotat-1")
    return root


@pytest.fixture
def render(checkpoints, tmp_path):
    from worker.render import render

    storage = LocalStorage(tmp_path)
    return lambda job, jobs, storage=storage: render(job, jobs, storage, checkpoints, "cpu")


class Recorded(JobStore):
    """The real store, which remembers the progress it was told."""

    def __init__(self, client, **options):
        super().__init__(client, **options)
        self.told = []

    def progress(self, job, percent):
        super().progress(job, percent)
        self.told.append(percent)


def test_a_claimed_job_becomes_a_stored_video(render, redis, tmp_path):
    jobs = Recorded(redis)
    job = jobs.claim(jobs.create(SPEC).id)

    render(job, jobs)

    done = jobs.get(job.id)
    assert (done.status, done.video_key) == (Status.COMPLETED, f"videos/{job.id}/1.mp4")
    assert jobs.told == [33, 66, 99]
    with av.open(str(tmp_path / done.video_key)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 16


def test_a_worker_stops_at_the_step_at_which_its_lease_is_lost(render, redis, tmp_path):
    jobs = Recorded(redis, lease_seconds=60)
    job = jobs.claim(jobs.create(SPEC).id)
    redis.hincrby(f"ciotat:job:{job.id}", "token", 1)

    with pytest.raises(LeaseLost):
        render(job, jobs)

    assert jobs.told == []
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_stored_is_not_completed(render, redis):
    class Full(LocalStorage):
        def put(self, key, source, content_type):
            raise StorageUnavailable("the object store refused: full")

    jobs = JobStore(redis)
    job = jobs.claim(jobs.create(SPEC).id)

    with pytest.raises(StorageUnavailable):
        render(job, jobs, Full(None))

    assert jobs.get(job.id).status == Status.IN_PROGRESS


def test_what_an_owner_learns_of_a_failure_has_a_code_and_none_of_our_paths(tmp_path):
    from model.weights import InvalidCheckpoint
    from worker.render import failure

    broken = failure(InvalidCheckpoint(f"{tmp_path}/ciotat-1/config.json is missing"), tmp_path)
    unforeseen = failure(KeyError(f"{tmp_path}/secret"), tmp_path)

    assert broken == ("invalid_checkpoint", "ciotat-1/config.json is missing")
    assert unforeseen == ("internal_error", "the worker failed on this video (KeyError)")
