"""What the processes of a worker leave each other, and how long one has been silent."""

import os
import time

import pytest

from worker.notes import COLD, LOADED, NOTES, Notes, alive, at_work, drain_deadline, note
from worker.silence import ABSENT, Silence

ME = os.getpid()


@pytest.fixture
def notes(tmp_path, monkeypatch):
    monkeypatch.setenv(NOTES, str(tmp_path))
    return Notes.here()


def test_what_is_no_process_of_a_worker_notes_nothing(monkeypatch):
    monkeypatch.delenv(NOTES, raising=False)

    note(LOADED)
    with at_work():
        alive()

    assert drain_deadline() is None


def test_a_process_says_what_it_has_loaded_or_why_not(notes):
    assert notes.said([ME]) == []

    note(LOADED)
    assert notes.said([ME, 1]) == [(LOADED, "")]

    note(COLD, "it is\nbroken")
    assert notes.said([ME]) == [(COLD, "it is\nbroken")]


def test_a_process_at_work_renews_its_mark_and_another_has_none(notes):
    alive()
    assert notes.mark(ME) is None

    with at_work():
        marks = [notes.mark(ME)]
        for _ in range(2):
            time.sleep(0.02)
            alive()
            marks.append(notes.mark(ME))
        assert notes.at_work([ME])
        assert not notes.at_work([1])

    assert marks == sorted(set(marks))
    assert notes.mark(ME) is None


def test_the_number_of_a_process_that_is_gone_says_nothing_of_the_next(notes):
    note(LOADED)
    with at_work():
        notes.forget(ME)

        assert notes.said([ME]) == []
        assert not notes.at_work([ME])


def test_a_worker_is_told_by_when_it_has_to_be_gone(notes):
    assert drain_deadline() is None

    notes.drain(1234.5)

    assert drain_deadline() == 1234.5


def test_what_shows_the_same_mark_is_silent_and_any_other_ends_that():
    clock = iter(range(100))
    silence = Silence(lambda: float(next(clock)))

    assert [silence.of("one", mark) for mark in (5, 5, 5, 4, 4, None, 4)] == [0, 1, 2, 0, 1, 0, 0]


def test_the_time_in_which_nobody_looked_is_nobodys_silence():
    clock = iter([0.0, 1.0, 1000.0, 1001.0])
    silence = Silence(lambda: next(clock))

    assert [silence.of("one", 5) for _ in range(4)] == [0, 1, 1 + ABSENT, 2 + ABSENT]
