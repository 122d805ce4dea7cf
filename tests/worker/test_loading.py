import time

from worker.jobs import LeaseLost
from worker.loading import beating


def test_what_takes_long_to_load_lives_and_what_takes_too_long_falls_silent():
    beats = []

    with beating(lambda: beats.append(time.monotonic()), every=0.02, at_most=0.5):
        began = time.monotonic()
        time.sleep(1.0)

    assert len(beats) > 3
    assert beats[-1] - began < 0.75


def test_nothing_beats_after_the_block():
    beats = []
    with beating(lambda: beats.append(1), every=0.02):
        time.sleep(0.1)
    loaded = len(beats)

    time.sleep(0.1)

    assert len(beats) == loaded > 0


def test_a_job_that_is_lost_while_it_loads_is_met_by_who_loads():
    beats = []

    def lost():
        beats.append(1)
        raise LeaseLost

    with beating(lost, every=0.02):
        time.sleep(0.2)

    assert beats == [1]
