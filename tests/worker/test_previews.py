import logging
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model.sampling import State
from model.spec import VideoSpec
from model.steps import Point, Step
from tests.claims import claim
from worker import previews as module
from worker.events import START, EventLog, Kind
from worker.hold import Hold
from worker.jobs import JobStore, LeaseLost, Status
from worker.previews import FIRST_SECONDS, SHARE, Previews
from worker.storage import LocalStorage, StorageUnavailable
from worker.variants import Variant, every_key, preview_key

SPEC = VideoSpec(prompt="a paper boat", size="128x128", seconds=1, steps=5, seed=7)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def step(frames=16, height=128, width=128):
    """A step whose clip moves: a ramp that wanders through the frames."""
    ramp = torch.linspace(-1, 1, width)
    clip = torch.stack(
        [ramp.roll(width // 16 * frame).expand(3, height, width) for frame in range(frames)], dim=1
    )
    return Step(Point("base", State(1, clip[None], clip[None])), 2, 0.5)


def animation(path):
    """The frames of an animated WebP, its size, and how many milliseconds it lasts."""
    with Image.open(path) as image:
        frames, lasts = [], 0
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")))
            lasts += image.info["duration"]
        return frames, image.size, lasts


@pytest.mark.parametrize(
    ("frames", "made", "shown", "asked", "size"),
    [
        (16, (128, 128), 16, "128x128", (128, 128)),
        (80, (128, 128), 40, "128x128", (128, 128)),
        (48, (512, 512), 24, "512x512", (128, 128)),
        (16, (96, 160), 16, "1280x720", (128, 72)),
        (16, (1280, 768), 16, "720x1280", (72, 128)),
    ],
)
def test_a_preview_is_the_whole_clip_in_small(redis, tmp_path, frames, made, shown, asked, size):
    jobs, clock = JobStore(redis), iter([0.0, *[1e3] * 9])
    spec = SPEC.model_copy(update={"seconds": frames // 16, "size": asked})
    job = claim(jobs, jobs.create(spec).id)

    Previews(Hold(job, jobs), LocalStorage(tmp_path), lambda: next(clock)).offer(step(frames, *made))

    pictures, drawn, lasts = animation(tmp_path / jobs.get(job.id).preview_key)
    assert (len(pictures), drawn) == (shown, size)
    assert abs(lasts - 1000 * spec.seconds) <= shown
    assert all(picture.std() > 30 for picture in pictures)
    assert all((a != b).any() for a, b in pairwise(pictures))
    assert EventLog(redis).after(job.id, START).events[-1].kind is Kind.PREVIEW


class Costly(LocalStorage):
    """A storage whose every upload takes its time by a clock of the test's own."""

    def __init__(self, cost):
        self.now, self.cost, self.puts = 0.0, cost, 0

    def put(self, key, source, content_type):
        self.now += self.cost
        self.puts += 1


class Quiet:
    """A store to which nothing has to be told."""

    def preview(self, job, key, number):
        pass


@given(st.floats(0.001, FIRST_SECONDS), st.lists(st.floats(0.01, 30.0), min_size=1, max_size=60))
def test_previews_never_take_more_than_their_share_of_the_time_that_has_passed(cost, steps):
    storage = Costly(cost)
    job = type("Job", (), {"id": "video_x", "token": 1, "progress": 0, "previews": 0, "spec": SPEC})
    previews = Previews(Hold(job, Quiet()), storage, lambda: storage.now)
    small = step(2, 16)
    for seconds in steps:
        storage.now += seconds
        before = storage.puts
        previews.offer(small)

        assert previews.spent <= SHARE * storage.now
        if before == storage.puts:  # it was not offered what it could have paid for
            assert (
                previews.spent + max(cost, FIRST_SECONDS if not storage.puts else cost)
                > SHARE * storage.now - 1e-9
            )


class Failing(LocalStorage):
    """A folder that takes videos and no previews on the way."""

    def __init__(self, folder):
        super().__init__(folder)
        self.tries = 0

    def put(self, key, source, content_type):
        if "preview-" in key:
            self.tries += 1
            raise StorageUnavailable("the object store refused: full")
        super().put(key, source, content_type)


@pytest.fixture
def unlimited(monkeypatch):
    """A budget that pays for a preview at each step."""
    monkeypatch.setattr(module, "SHARE", 1e9)


def test_a_preview_that_cannot_be_stored_is_logged_and_the_video_made(
    render, redis, tmp_path, unlimited, caplog
):
    jobs, storage = JobStore(redis), Failing(tmp_path)
    job = claim(jobs, jobs.create(SPEC).id)

    with caplog.at_level(logging.WARNING):
        render(job, jobs, storage)

    assert jobs.get(job.id).status is Status.COMPLETED
    assert storage.tries == 1
    assert "goes on without previews" in caplog.text


def test_each_step_of_a_job_shows_the_clip_until_the_finished_one_replaces_it(
    render, redis, tmp_path, unlimited
):
    shown = []

    class Shown(JobStore):
        def preview(self, job, key, number):
            super().preview(job, key, number)
            shown.append((number, key, animation(tmp_path / key)[0]))

    jobs = Shown(redis)
    job = claim(jobs, jobs.create(SPEC).id)
    render(job, jobs)

    assert [(number, key) for number, key, _ in shown] == [
        (n, preview_key(job.id, 1, n)) for n in range(1, 6)
    ]
    assert all(len(frames) == 16 and np.std(frames) > 5 for _, _, frames in shown)
    assert (np.asarray(shown[0][2]) != np.asarray(shown[-1][2])).any()
    stored = {str(path.relative_to(tmp_path)) for path in files(tmp_path) if path.suffix != ".type"}
    assert stored == {variant.beside(jobs.get(job.id).video_key) for variant in Variant}
    kinds = [event.kind for event in EventLog(redis).after(job.id, START).events]
    assert kinds == ["queued", "progress", *["progress", "preview"] * 5, "done"]


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_preview_that_comes_too_late_is_not_left_behind(redis, tmp_path, unlimited, act):
    class Late(LocalStorage):
        def put(self, key, source, content_type):
            getattr(jobs, act)(job.id)
            super().put(key, source, content_type)

    jobs = JobStore(redis)
    job = claim(jobs, jobs.create(SPEC).id)

    with pytest.raises(LeaseLost):
        Previews(Hold(job, jobs), Late(tmp_path)).offer(step())

    assert files(tmp_path) == []


def test_the_previews_of_every_attempt_are_among_the_keys_of_a_video():
    keys = every_key("video_x", 2)

    assert {preview_key("video_x", token, number) for token in (1, 2) for number in range(9)} <= set(keys)
    assert len(set(keys)) == len(keys) == 2 * (len(Variant) + 3)


def test_a_video_tells_how_long_its_parts_took_and_what_was_cut(render, redis):
    jobs = JobStore(redis)
    spec = SPEC.model_copy(update={"prompt": "a very small boat " * 40, "negative_prompt": "fog " * 200})
    job = claim(jobs, jobs.create(spec).id)

    render(job, jobs)

    done = jobs.get(job.id)
    assert set(done.timings) == {"load", "base", "previews", "encode", "upload"}
    assert all(seconds >= 0 for seconds in done.timings.values())
    assert done.timings["base"] > 0
    assert sum(done.timings.values()) <= done.completed_at - done.started_at + 0.1
    assert [notice.code for notice in done.warnings] == ["prompt_truncated", "negative_prompt_truncated"]
    assert "of which the first 64 are read" in done.warnings[0].message
