import time

import av
import numpy as np
import pytest
from PIL import Image

from model.catalog import TaskNotAvailable, UnknownStyle
from model.spec import VideoSpec
from model.tasks import Task
from tests import clips
from tests.claims import claim
from worker.given import InvalidInput
from worker.jobs import JobStore, LeaseLost, Status
from worker.material import Material, new_id
from worker.media import Medium
from worker.storage import LocalStorage, StorageUnavailable
from worker.variants import Variant, input_key, video_key

SPEC = VideoSpec(prompt="a paper boat", size="128x128", seconds=1, steps=3, seed=7)


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
    job = claim(jobs, jobs.create(SPEC).id)

    render(job, jobs)

    done = jobs.get(job.id)
    assert (done.status, done.video_key) == (Status.COMPLETED, f"videos/{job.id}/1.mp4")
    assert jobs.told == [33, 66, 99]
    with av.open(str(tmp_path / done.video_key)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 16
    for variant, form in ((Variant.THUMBNAIL, "WEBP"), (Variant.SPRITESHEET, "JPEG")):
        with Image.open(tmp_path / variant.beside(done.video_key)) as picture:
            assert picture.format == form


def test_a_task_that_the_checkpoint_does_not_do_is_not_done_as_another(render, redis, checkpoints):
    (checkpoints / "wordy").mkdir(exist_ok=True)
    (checkpoints / "wordy" / "model_index.json").write_text('{"tasks": ["text_to_video"]}')
    jobs = JobStore(redis)
    asked = {"task": Task.IMAGE_TO_VIDEO, "model": "wordy"}
    job = claim(jobs, jobs.create(SPEC.model_copy(update=asked)).id)

    with pytest.raises(TaskNotAvailable, match="image_to_video"):
        render(job, jobs)


@pytest.fixture
def photographed(redis, tmp_path):
    """A claimed job that begins with a picture, and the picture."""
    jobs, job_id, pixels = JobStore(redis), new_id(), np.zeros((128, 128, 3), np.uint8)
    pixels[:64], pixels[:, 64:, 2] = (200, 40, 40), 160
    told = {"sha256": "x", "width": 128, "height": 128, "frames": 1, "fps": None}
    medium = Medium(content_type="image/png", bytes=1, **told)
    (tmp_path / "sent").write_bytes(clips.saved(Image.fromarray(pixels), "PNG"))
    LocalStorage(tmp_path).put(input_key(job_id, "input_reference", medium), tmp_path / "sent", "image/png")
    spec = SPEC.model_copy(update={"task": Task.IMAGE_TO_VIDEO})
    return claim(jobs, jobs.create(spec, material=Material(job_id, {"input_reference": medium})).id), pixels


def test_a_video_begins_with_the_picture_that_it_was_given(render, redis, photographed, tmp_path):
    job, pixels = photographed

    render(job, JobStore(redis))

    with av.open(str(tmp_path / video_key(job.id, 1))) as video:
        first, *_, last = (frame.to_ndarray(format="rgb24") for frame in video.decode(video=0))
    inside = np.s_[8:56, 8:56]  # away from edges, where H.264 has half the colour
    assert np.abs(first[inside].astype(int) - pixels[inside]).max() < 8
    assert np.abs(last[inside].astype(int) - pixels[inside]).mean() > 8


def test_a_video_whose_input_is_broken_says_so(render, redis, photographed, tmp_path):
    job, _ = photographed
    (tmp_path / input_key(job.id, "input_reference", job.inputs["input_reference"])).write_bytes(b"\x89PNG")

    with pytest.raises(InvalidInput, match="input_reference: cannot be decoded"):
        render(job, JobStore(redis))


def test_a_video_is_made_in_the_style_that_was_asked_for(render, redis, tmp_path):
    jobs, made = JobStore(redis), []
    for asked in (
        {},
        {"style": "flat", "style_alpha": 1.0},
        {"task": Task.STYLIZE, "style": "flat", "style_alpha": 1.0},
    ):
        job = claim(jobs, jobs.create(SPEC.model_copy(update=asked)).id)
        render(job, jobs)
        made.append((tmp_path / jobs.get(job.id).video_key).read_bytes())

    plain, styled, stylised = made
    assert plain != styled
    assert styled == stylised

    job = claim(jobs, jobs.create(SPEC.model_copy(update={"style": "oil"})).id)
    with pytest.raises(UnknownStyle, match="no style 'oil'; it has flat"):
        render(job, jobs)


def test_a_worker_stops_at_the_step_at_which_its_lease_is_lost(render, redis, tmp_path):
    jobs = Recorded(redis, lease_seconds=60)
    job = claim(jobs, jobs.create(SPEC).id)
    redis.hincrby(f"ciotat:job:{job.id}", "token", 1)

    with pytest.raises(LeaseLost):
        render(job, jobs)

    assert jobs.told == []
    assert list(tmp_path.iterdir()) == []


class Interrupted(JobStore):
    """The real store, and an owner who acts at a worker's first step or at its commit."""

    def __init__(self, client, act, at):
        super().__init__(client)
        self.told = []
        self._act, self._at = act, at

    def progress(self, job, percent):
        super().progress(job, percent)
        self.told.append(percent)
        if self._at == "step":
            getattr(self, self._act)(job.id)

    def complete(self, job, video_key, timings):
        if self._at == "commit":
            getattr(self, self._act)(job.id)
        super().complete(job, video_key, timings)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_worker_stops_within_a_step_of_the_cancellation(render, redis, tmp_path, act):
    jobs = Interrupted(redis, act, at="step")
    job = claim(jobs, jobs.create(SPEC).id)

    with pytest.raises(LeaseLost):
        render(job, jobs)

    assert jobs.told == [33]
    assert files(tmp_path) == []


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_worker_whose_commit_is_refused_removes_what_it_stored(render, redis, tmp_path, act):
    jobs = Interrupted(redis, act, at="commit")
    job = claim(jobs, jobs.create(SPEC).id)

    with pytest.raises(LeaseLost):
        render(job, jobs)

    assert jobs.told == [33, 66, 99]
    assert files(tmp_path) == []
    assert redis.exists(f"ciotat:job:{job.id}") == (act == "cancel")


def test_a_refused_commit_leaves_the_objects_of_the_next_attempt(render, redis, tmp_path):
    jobs = JobStore(redis, lease_seconds=0.01)
    stale = claim(jobs, jobs.create(SPEC).id)
    time.sleep(0.02)
    jobs_of_next = JobStore(redis)
    render(claim(jobs_of_next, stale.id), jobs_of_next)
    kept = files(tmp_path)

    with pytest.raises(LeaseLost):
        _render_past_the_heartbeats(render, stale, redis)

    assert files(tmp_path) == kept != []


def _render_past_the_heartbeats(render, job, redis):
    class Deaf(JobStore):
        def progress(self, job, percent):
            pass

    render(job, Deaf(redis))


def test_a_video_that_cannot_be_stored_is_not_completed(render, redis):
    class Full(LocalStorage):
        def put(self, key, source, content_type):
            raise StorageUnavailable("the object store refused: full")

    jobs = JobStore(redis)
    job = claim(jobs, jobs.create(SPEC).id)

    with pytest.raises(StorageUnavailable):
        render(job, jobs, Full(None))

    assert jobs.get(job.id).status == Status.IN_PROGRESS


def test_what_an_owner_learns_of_a_failure_has_a_code_and_none_of_our_paths(tmp_path):
    from model.weights import InvalidCheckpoint
    from worker.render import failure

    broken = failure(InvalidCheckpoint(f"{tmp_path}/ciotat-1/config.json is missing"), tmp_path)
    unforeseen = failure(KeyError(f"{tmp_path}/secret"), tmp_path)
    unstyled = failure(UnknownStyle("ciotat-1", "oil", ["flat"]), tmp_path)

    assert broken == ("invalid_checkpoint", "ciotat-1/config.json is missing")
    assert unstyled == ("style_not_found", "style: model 'ciotat-1' has no style 'oil'; it has flat")
    assert unforeseen == ("internal_error", "the worker failed on this video (KeyError)")
