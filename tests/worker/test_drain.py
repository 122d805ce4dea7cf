"""A worker that was told to end: what it still finishes, and what it hands back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.spec import VideoSpec
from worker.drain import ENDING_SECONDS, LOOK_SECONDS, MARGIN_SECONDS, Drain, Rest
from worker.notes import NOTES, Notes, drain_deadline

SPEC = VideoSpec(prompt="a paper boat", size="128x128", seconds=1, seed=7)


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


def test_a_worker_that_was_not_told_to_end_may_take_as_long_as_it_likes():
    drain = Drain(lambda: None)

    assert not drain.comes_before(1e9)
    assert not drain.comes_before(None)


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_video_is_finished_if_it_is_done_a_little_before_the_deadline(left, rest):
    drain = Drain(lambda: 1000.0 + left, Clock())

    assert drain.comes_before(rest) == (rest > left - MARGIN_SECONDS)
    assert drain.comes_before(None)


def test_the_note_is_looked_at_now_and_then_and_not_at_each_window():
    clock, looks = Clock(), []

    def note():
        looks.append(clock.now)
        return 1010.0 if clock.now >= 1000 + LOOK_SECONDS / 2 else None

    drain = Drain(note, clock)
    assert drain.left() is None
    clock.now += LOOK_SECONDS * 0.9
    assert drain.left() is None
    clock.now += LOOK_SECONDS * 0.2
    assert drain.left() == pytest.approx(1010 - MARGIN_SECONDS - clock.now)
    clock.now -= 500  # a clock that was put back
    assert drain.left() is None
    assert len(looks) == 3


def test_the_note_is_that_of_the_parent(tmp_path, monkeypatch):
    monkeypatch.setenv(NOTES, str(tmp_path))
    drain = Drain(drain_deadline)
    monkeypatch.setattr("worker.drain.LOOK_SECONDS", 0.0)
    assert not drain.comes_before(None)

    Notes.here().drain(time.time() + 100)

    assert not drain.comes_before(90)
    assert drain.comes_before(100)


def test_what_is_left_takes_as_long_in_proportion_as_what_this_attempt_has_done():
    clock = Clock()
    rest = Rest(SPEC, 0.5, clock)
    assert rest.seconds(0.5) is None  # nothing to judge by

    clock.now += 10
    ending = rest.seconds(1.0)
    assert rest.seconds(0.75) == pytest.approx(10 + ending)
    assert rest.seconds(0.6) == pytest.approx(40 + ending)
    assert ENDING_SECONDS < ending < 1


def test_a_larger_video_takes_longer_to_encode_and_to_store():
    large = Rest(SPEC.model_copy(update={"size": "1024x1024", "seconds": 5}), 0.0, lambda: 0.0)

    wide = Rest(SPEC.model_copy(update={"size": "1280x720", "seconds": 5}), 0.0, lambda: 0.0)

    assert wide.seconds(1.0) / large.seconds(1.0) == pytest.approx(1280 * 720 / 1024**2, abs=0.01)
    assert large.seconds(1.0) > 20 * Rest(SPEC, 0.0, lambda: 0.0).seconds(1.0)
