import pytest
import torch

from model.spec import VideoSpec
from worker import tasks
from worker.jobs import JobStore, Status
from worker.settings import Settings
from worker.storage import LocalStorage, StorageUnavailable

SPEC = VideoSpec(prompt="a paper boat", size="128x128", seconds=1, steps=1, seed=7)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    from tests.tiny import write_checkpoint

    root = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(root / "ciotat-1")
    return root


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


@pytest.fixture
def work(jobs, checkpoints, tmp_path, monkeypatch):
    """The task as a worker calls it, on this store, with the given storage."""

    def work(job_id, storage):
        settings = Settings(checkpoints=checkpoints, device="cpu", patience_seconds=0)
        monkeypatch.setattr(tasks, "_bench", lambda: (settings, jobs, storage))
        tasks.render_video(job_id)

    return work


class Failing(LocalStorage):
    """A storage that fails, after something else has happened."""

    def __init__(self, root, meanwhile):
        super().__init__(root)
        self._meanwhile = meanwhile

    def put(self, key, source, content_type):
        self._meanwhile()
        raise StorageUnavailable("the object store refused: full")


def test_a_job_whose_video_cannot_be_stored_is_tried_again_and_at_last_says_why(jobs, work, tmp_path):
    job = jobs.create(SPEC)

    for _ in range(2):
        work(job.id, Failing(tmp_path, meanwhile=lambda: None))
        assert (jobs.get(job.id).status, jobs.get(job.id).error_code) == (Status.QUEUED, None)
    work(job.id, Failing(tmp_path, meanwhile=lambda: None))

    assert (jobs.get(job.id).status, jobs.get(job.id).error_code) == (Status.FAILED, "storage_unavailable")


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_job_that_was_ended_by_its_owner_is_not_failed_as_well(jobs, work, redis, tmp_path, act):
    job = jobs.create(SPEC)

    work(job.id, Failing(tmp_path, meanwhile=lambda: getattr(jobs, act)(job.id)))

    assert redis.hget(f"ciotat:job:{job.id}", "status") == (Status.CANCELLED if act == "cancel" else None)


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_bell_that_rings_too_late_starts_nothing(jobs, work, tmp_path, act):
    job = jobs.create(SPEC)
    getattr(jobs, act)(job.id)

    work(job.id, LocalStorage(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_a_job_that_memory_does_not_do_for_fails_and_the_next_one_is_made(
    jobs, work, tmp_path, checkpoints, monkeypatch
):
    from worker import render as rendering
    from worker import resume

    monkeypatch.setattr(resume.Price, "due", lambda self, *asked: True)  # points, which must not stay

    def refuse(module, inputs):
        if inputs[0].shape[-1] >= 256:  # the larger clip, not the smaller one
            raise torch.OutOfMemoryError("CUDA out of memory, and who else is on this GPU (said by a test)")

    large, small = jobs.create(SPEC.model_copy(update={"size": "256x256"})), jobs.create(SPEC)
    network = rendering._loaded(checkpoints / "ciotat-1", "cpu").pipeline.ssr
    with network.register_forward_pre_hook(refuse):
        work(large.id, LocalStorage(tmp_path))
        work(small.id, LocalStorage(tmp_path))

    failed = jobs.get(large.id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "out_of_memory")
    assert "GPU" not in failed.error_message
    assert jobs.get(small.id).status is Status.COMPLETED
    assert not [path for path in tmp_path.rglob("*") if large.id in str(path) and "preview-" not in path.name]
    assert not list(tmp_path.rglob("*resume*"))
