"""Resume points: what an attempt leaves, what the next one makes of it, what they cost, and that none stays."""

import logging
import threading
import time
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model.sampling import State
from model.spec import VideoSpec
from model.steps import Point, Step
from model.tasks import Task
from tests.claims import claim
from worker import render as rendering
from worker.events import START, EventLog
from worker.hold import Hold
from worker.jobs import JobStore, LeaseLost, Status
from worker.previews import Previews
from worker.resume import FIRST_RATE, SHARE, Points, Price, mark
from worker.storage import LocalStorage, StorageUnavailable
from worker.tidy import tidy
from worker.variants import Variant, every_key, resume_key

SPEC = VideoSpec(
    prompt="a paper boat", size="256x256", seconds=1, steps=4, seed=7
)  # four steps, and one of ssr
PERCENTS = [23, 47, 70, 94, 99]  # behind each of them
OF = mark(SPEC, "sha", torch.float32)


@pytest.fixture
def jobs(redis):
    return JobStore(redis)


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """A point after each step, whatever it costs."""
    free = Price()
    monkeypatch.setattr(free, "due", lambda *asked: True)
    monkeypatch.setattr(rendering, "price", lambda: free)


def objects(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".type"
    }


def some_file(folder):
    file = folder / "some"
    file.write_bytes(b"bytes")
    return file


def finished(jobs, job):
    key = jobs.get(job.id).video_key
    return {variant.beside(key) for variant in Variant}


class Killed(BaseException):
    """The end of a process: nothing behind it is done."""


class Dying(JobStore):
    """The real store, until a worker that has stored so many points dies at its next beat."""

    def __init__(self, client, points):
        super().__init__(client)
        self.left = points
        self.percents, self.beats = [], []

    def point(self, job, key, percent):
        super().point(job, key, percent)
        self.percents.append(percent)
        self.left -= 1

    def progress(self, job, percent):
        super().progress(job, percent)
        self.beats.append(percent)
        if self.left <= 0:
            raise Killed


@pytest.fixture
def prompt(monkeypatch):
    """Each point is stored and told before the next step, so that a test can say at which one a worker dies."""
    begin = Points._begin

    def settled(self, step, seconds):
        begin(self, step, seconds)
        while self._upload is not None:
            self._upload.wait(1)
            self.collect()

    monkeypatch.setattr(Points, "_begin", settled)


def lost(redis, job):
    """The lease of a worker that died has run out."""
    redis.zadd("ciotat:leases", {job.id: 0})


@pytest.fixture
def whole(render, jobs, tmp_path):
    """The bytes of the video that no worker has died at."""
    job = claim(jobs, jobs.create(SPEC).id)
    render(job, jobs)
    return (tmp_path / jobs.get(job.id).video_key).read_bytes()


@pytest.mark.parametrize("points", [1, 4])  # in the middle of the base pass; at the boundary of the stages
def test_a_killed_job_goes_on_where_it_was_and_makes_the_same_bytes(
    render, redis, jobs, tmp_path, whole, prompt, points
):
    dying = Dying(redis, points)
    first = claim(dying, dying.create(SPEC).id)
    with pytest.raises(Killed):
        render(first, dying)
    left = jobs.get(first.id)
    assert left.resume_key == resume_key(first.id, 1)
    lost(redis, first)

    second = jobs.claim_next()
    assert (second.id, second.progress) == (first.id, dying.percents[-1])
    after = Dying(redis, 99)
    render(second, after)
    tidy(Hold(second, jobs), LocalStorage(tmp_path))

    assert (tmp_path / jobs.get(first.id).video_key).read_bytes() == whole
    assert after.beats == PERCENTS[points:]
    here = {key for key in objects(tmp_path) if first.id in key}
    assert here == finished(jobs, first)


def test_a_point_tells_what_it_is_of(render, redis, tmp_path, prompt):
    dying = Dying(redis, 5)
    job = claim(dying, dying.create(SPEC).id)
    seen = []

    class Looking(LocalStorage):
        def put(self, key, source, content_type):
            super().put(key, source, content_type)
            if key == resume_key(job.id, 1):
                with safe_open(tmp_path / key, "pt") as held:
                    seen.append((held.metadata(), sorted(held.keys())))

    render(job, dying, Looking(tmp_path))

    assert [(told["stage"], told["done"]) for told, _ in seen] == [
        *(("base", str(k)) for k in (1, 2, 3, 4)),
        ("ssr", "1"),
    ]
    told, names = seen[-1]
    assert names == ["estimate", "low", "x"]
    assert (told["format"], told["part"]) == ("ciotat-resume/2", "0")
    assert len(told["spec"]) == len(told["checkpoint"]) == 64
    assert told["dtype"] in ("torch.float32", "torch.bfloat16")


def test_a_completed_job_leaves_no_point(render, jobs, tmp_path, prompt):
    job = claim(jobs, jobs.create(SPEC).id)

    render(job, jobs)
    assert resume_key(job.id, 1) in objects(tmp_path)
    tidy(Hold(job, jobs), LocalStorage(tmp_path))

    assert objects(tmp_path) == finished(jobs, job)


@pytest.mark.parametrize("end", ["cancel", "fail", "delete"])
def test_nor_does_one_that_ended_in_any_other_way(render, redis, jobs, tmp_path, prompt, end):
    job = claim(jobs, jobs.create(SPEC).id)
    LocalStorage(tmp_path).put(resume_key(job.id, 1), some_file(tmp_path), "text/plain")

    if end == "fail":
        jobs.fail(job, "internal_error", "broken")
    else:
        getattr(jobs, end)(job.id)
    tidy(Hold(job, jobs), LocalStorage(tmp_path))

    assert not [key for key in objects(tmp_path) if key.startswith("videos/")]


def test_a_job_that_another_goes_on_with_keeps_its_point(redis, jobs, tmp_path):
    job = claim(jobs, jobs.create(SPEC).id)
    storage = LocalStorage(tmp_path)
    storage.put(resume_key(job.id, 1), some_file(tmp_path), "text/plain")
    lost(redis, job)
    assert jobs.claim_next().token == 2

    tidy(Hold(job, jobs), storage)

    assert storage.size(resume_key(job.id, 1)) == 5


def test_points_are_among_the_keys_of_a_video():
    assert {resume_key("video_x", 1), resume_key("video_x", 2)} < set(every_key("video_x", 2))


@given(st.lists(st.tuples(st.floats(1e5, 1e9), st.floats(1e-3, 1e3)), max_size=5), st.floats(1e5, 1e9))
def test_a_save_is_priced_by_all_bytes_and_seconds_of_those_before(saves, nbytes):
    price = Price()
    for made, seconds in saves:
        price.learn(int(made), seconds)

    total, seconds = FIRST_RATE + sum(int(made) for made, _ in saves), 1 + sum(took for _, took in saves)
    assert price.of(int(nbytes)) == pytest.approx(int(nbytes) * seconds / total)


def test_a_save_is_due_when_the_whole_attempt_pays_for_it_and_not_sooner_than_it_takes():
    price = Price(rate=1e6)  # a second for a million bytes

    assert price.due(1_000_000, since=1.0, spent=2.0, elapsed=3.01 / SHARE)
    assert not price.due(1_000_000, since=1.0, spent=2.0, elapsed=2.99 / SHARE)
    assert not price.due(1_000_000, since=0.9, spent=2.0, elapsed=3.01 / SHARE)


@given(
    st.lists(st.tuples(st.floats(0.01, 60), st.floats(1e5, 1e9)), min_size=1, max_size=80),
    st.floats(1e6, 1e9),
)
def test_so_saves_take_no_more_than_their_share_of_the_time_of_a_job(steps, rate):
    """Where the disk is as fast as it was."""
    price, now, last, spent = Price(rate), 0.0, 0.0, 0.0
    for seconds, nbytes in steps:
        now += seconds
        if price.due(int(nbytes), now - last, spent, now):
            last, cost = now, int(nbytes) / rate
            price.learn(int(nbytes), cost)
            spent += cost
        assert spent <= SHARE * now + 1e-6


def test_what_small_points_leave_of_the_share_pays_for_a_large_one():
    """The job of ADR 18: twenty steps of 14 s with points of 30 MiB, then four of 20 s with points of 495 MiB."""
    price, now, last, spent, kept = Price(), 0.0, 0.0, 0.0, []
    for seconds, nbytes in [(14.0, 30 << 20)] * 20 + [(20.0, 495 << 20)] * 4:
        now += seconds
        cost = nbytes / 300e6
        kept.append(price.due(nbytes, now - last, spent, now))
        if kept[-1]:
            last = now
            price.learn(nbytes, cost)
            spent += cost

    assert sum(kept[:20]) >= 18
    assert sum(kept[20:]) >= 2


def step(stage="base", done=1, seed=0, part=0):
    def clip():
        return torch.randn(1, 3, 4, 8, 8, generator=torch.Generator().manual_seed(seed))

    low = clip() if stage == "ssr" or part else None
    return Step(Point(stage, State(done, clip(), clip()), low, part), 4, 0.5)


class Waiting(LocalStorage):
    """A folder that stores nothing until it is let go."""

    def __init__(self, root):
        super().__init__(root)
        self.go, self.asked = threading.Event(), 0

    def put(self, key, source, content_type):
        self.asked += 1
        assert self.go.wait(30)
        super().put(key, source, content_type)


def always():
    price = Price()
    price.due = lambda *asked: True
    return price


@pytest.fixture
def job(jobs):
    return claim(jobs, jobs.create(SPEC).id)


def saved(jobs, job, storage, what, of=OF):
    with Points(Hold(job, jobs), storage, of, always()) as points:
        points.save(what, {"base": 2.5}, until=lambda: False)


def resumed(redis, jobs, job):
    lost(redis, job)
    return jobs.claim_next()


@pytest.mark.parametrize(("stage", "part"), [("base", 0), ("base", 3), ("ssr", 0)])
def test_what_was_saved_comes_back_with_the_seconds_that_it_took(redis, jobs, job, tmp_path, stage, part):
    storage, what = LocalStorage(tmp_path), step(stage, 2, part=part)
    saved(jobs, job, storage, what)

    with Points(Hold(resumed(redis, jobs, job), jobs), storage, OF, always()) as points:
        made = points.load(0)

    assert (made.point.stage, made.point.part, made.point.state.done) == (stage, part, 2)
    assert made.seconds == {"base": 2.5}
    assert made.point.tensors().keys() == what.point.tensors().keys()
    for name, tensor in what.point.tensors().items():
        assert torch.equal(made.point.tensors()[name], tensor)


def damaged(path, how):
    match how:
        case "missing":
            path.unlink()
        case "cut short":
            path.write_bytes(path.read_bytes()[:-1])
        case "cut in its head":
            path.write_bytes(path.read_bytes()[:20])
        case "empty":
            path.write_bytes(b"")
        case "without its clip":
            tensors = load_file(path)
            del tensors["x"]
            save_file(tensors, path, {**OF, "stage": "base", "part": "0", "done": "1", "seconds": "{}"})
        case "of no stage":
            save_file(
                load_file(path), path, {**OF, "stage": "third", "part": "0", "done": "1", "seconds": "{}"}
            )


OTHERS = {
    "spec": mark(SPEC.model_copy(update={"seed": 8}), "sha", torch.float32),
    "checkpoint": mark(SPEC, "sha of another", torch.float32),
    "dtype": mark(SPEC, "sha", torch.bfloat16),
    "format": OF | {"format": "ciotat-resume/0"},
}
DAMAGES = ["missing", "cut short", "cut in its head", "empty", "without its clip", "of no stage"]


@pytest.mark.parametrize("how", [*DAMAGES, *OTHERS])
def test_a_point_that_is_damaged_or_another_videos_is_ignored_with_a_line_in_the_log(
    redis, jobs, job, tmp_path, caplog, how
):
    storage = LocalStorage(tmp_path)
    saved(jobs, job, storage, step(), OTHERS.get(how, OF))
    damaged(tmp_path / resume_key(job.id, 1), how)

    with Points(Hold(resumed(redis, jobs, job), jobs), storage, OF, always()) as points:
        made = points.load(0)

    assert made.point is None
    assert made.seconds == {}
    assert "starts anew" in caplog.text
    assert how not in OTHERS or f"another {how}" in caplog.text


def test_no_two_videos_have_points_of_the_same_mark():
    others = {"prompt": "b", "negative_prompt": "b", "task": Task.EXTEND, "model": "b", "seed": 8}
    others |= {"size": "512x512", "steps": 9, "guidance_scale": 9.0, "strength": 0.5, "loop": True}
    others |= {"style": "flat", "seconds": 2, "style_alpha": 0.5}
    specs = [SPEC, *(SPEC.model_copy(update={name: value}) for name, value in others.items())]

    marks = {mark(spec, "sha", torch.float32)["spec"] for spec in specs}

    assert others.keys() == VideoSpec.model_fields.keys()
    assert len(marks) == len(specs)


def test_a_newer_point_takes_the_place_of_the_one_before_it_which_is_removed_last(redis, jobs, job, tmp_path):
    storage = LocalStorage(tmp_path)
    saved(jobs, job, storage, step())
    second = resumed(redis, jobs, job)
    seen = []

    class Telling(JobStore):
        def point(self, job, key, percent):
            seen.append((key, objects(tmp_path)))
            super().point(job, key, percent)

    saved(Telling(redis), second, storage, step(done=2))

    old, new = resume_key(job.id, 1), resume_key(job.id, 2)
    assert seen == [(new, {old, new})]
    assert objects(tmp_path) == {new}
    assert jobs.get(job.id).resume_key == new


def test_a_storage_that_hangs_delays_no_step_and_is_given_one_point_at_a_time(jobs, job, tmp_path):
    storage = Waiting(tmp_path)

    with Points(Hold(job, jobs), storage, OF, always()) as points:
        for done in (1, 2, 3):
            points.offer(step(done=done), {})
        assert (storage.asked, jobs.get(job.id).resume_key) == (1, None)
        storage.go.set()
        assert points._upload.wait(30)
        points.collect()

    assert jobs.get(job.id).resume_key == resume_key(job.id, 1)
    assert load_file(tmp_path / resume_key(job.id, 1)).keys() == {"x", "estimate"}


def test_no_tensor_waits_for_the_storage(jobs, job, tmp_path):
    storage, what = Waiting(tmp_path), step()
    tensor = weakref.ref(what.point.state.x)

    with Points(Hold(job, jobs), storage, OF, always()) as points:
        points.offer(what, {})
        del what
        assert tensor() is None
        storage.go.set()


def test_a_storage_that_refuses_points_keeps_no_video(render, jobs, tmp_path, caplog):
    class Refusing(LocalStorage):
        def put(self, key, source, content_type):
            if "resume" in key:
                raise StorageUnavailable("the object store refused: full")
            super().put(key, source, content_type)

    job = claim(jobs, jobs.create(SPEC).id)
    with caplog.at_level(logging.WARNING):
        render(job, jobs, Refusing(tmp_path))

    assert jobs.get(job.id).status is Status.COMPLETED
    assert "goes on without a new resume point" in caplog.text


def test_a_job_that_is_cancelled_meanwhile_gets_no_point(jobs, job, tmp_path):
    with Points(Hold(job, jobs), LocalStorage(tmp_path), OF, always()) as points:
        points.offer(step(), {})
        jobs.cancel(job.id)
        with pytest.raises(LeaseLost):
            points.save(step(), {}, until=lambda: False)
    tidy(Hold(job, jobs), LocalStorage(tmp_path))

    assert objects(tmp_path) == {"some"} & objects(tmp_path)


def test_numbers_of_previews_and_seconds_go_on_where_they_were(
    render, redis, jobs, tmp_path, prompt, monkeypatch
):
    monkeypatch.setattr("worker.previews.SHARE", 1e9)
    dying = Dying(redis, 3)
    first = claim(dying, dying.create(SPEC).id)
    with pytest.raises(Killed):
        render(first, dying)
    before, kept = jobs.get(first.id), Points(Hold(first, jobs), LocalStorage(tmp_path), {}, Price())
    kept._hold.job = before
    with kept:
        spent = kept.load(0).seconds
    lost(redis, first)

    second = jobs.claim_next()
    render(second, jobs)

    assert before.previews == 3
    assert jobs.get(first.id).previews == 5
    told = jobs.get(first.id).timings
    assert spent.keys() == {"load", "base", "previews"}
    assert all(told[part] >= seconds for part, seconds in spent.items())
    assert told["load"] > spent["load"]
    kinds = [event.kind for event in EventLog(redis).after(first.id, START).events]
    assert kinds.count("done") == 1


@pytest.mark.parametrize("at", [0, 3])
def test_a_worker_that_has_to_end_too_soon_hands_the_job_back_with_a_point(
    render, redis, jobs, tmp_path, whole, monkeypatch, at
):
    """Whatever the point costs: it is not due for a long time."""
    told = []
    monkeypatch.setattr(rendering, "price", lambda: Price(1e-9))
    monkeypatch.setattr("worker.drain.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(rendering, "drain_deadline", lambda: time.time() + 10 if len(told) > at else None)
    monkeypatch.setattr("worker.pulse.Rest.seconds", lambda self, fraction: 1e3)
    monkeypatch.setattr(Previews, "offer", lambda self, step: told.append(step.done))
    job = claim(jobs, jobs.create(SPEC).id)

    render(job, jobs)

    back = jobs.get(job.id)
    assert (back.status, back.attempts, back.resume_key) == (Status.QUEUED, 0, resume_key(job.id, 1))
    assert back.resume_progress == PERCENTS[at]
    tidy(Hold(job, jobs), LocalStorage(tmp_path))
    monkeypatch.undo()
    again = jobs.claim_next()
    assert (again.id, again.token) == (job.id, 2)
    render(again, jobs)
    assert (tmp_path / jobs.get(job.id).video_key).read_bytes() == whole


def test_a_cancelled_job_ends_before_its_next_window(render, redis, monkeypatch):
    jobs, told = JobStore(redis), []
    job = claim(jobs, jobs.create(SPEC).id)

    def offer(self, step):
        told.append((step.stage, step.done))
        if len(told) == 4:
            jobs.cancel(job.id)

    monkeypatch.setattr(Previews, "offer", offer)
    monkeypatch.setattr("worker.hold.RENEW_SECONDS", 0.0)
    monkeypatch.setattr(rendering, "price", lambda: Price(1e-9))  # a point would notice it too
    with pytest.raises(LeaseLost) as lost_at:
        render(job, jobs)

    assert told[-1] == ("base", 4)
    assert "in look" in str(lost_at.value.__notes__)
