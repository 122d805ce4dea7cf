"""The most telling cells of `make chaos`, and a short `make soak`, on one set of processes."""

import random

import pytest

from tests.chaos.audit import audited
from tests.chaos.cell import Run
from tests.chaos.checkpoints import VIDEO, written
from tests.chaos.faults import FAULTS
from tests.chaos.lane import lane, wait_for
from tests.chaos.matrix import reference_of
from tests.chaos.points import Point
from tests.chaos.soak import SETTINGS, Soak

pytestmark = pytest.mark.slow

LEASE_SECONDS = 4.0
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two API processes, two workers, a Valkey, a deliverer."""
    folder = tmp_path_factory.mktemp("chaos")
    settings = SETTINGS | {"CIOTAT_LEASE_SECONDS": str(LEASE_SECONDS)}
    with lane(folder / "lane", written(folder / "checkpoints"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def reference(made):
    """What an undisturbed run makes."""
    return reference_of(made)


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("kill -9 API", Point.CLAIM),
        ("kill -9 worker child", Point.SSR),
        ("Redis kill -9 + restart", Point.COMMIT),
        ("lease jumps", Point.UPLOAD),
    ],
)
def test_a_video_comes_to_its_one_end_whatever_fails_on_the_way(made, reference, fault, point):
    cell = Run(made, BY_NAME[fault], point, reference, LEASE_SECONDS).run()

    assert cell.problems == []


@pytest.mark.parametrize("point", [Point.SSR, Point.COMMIT])
def test_a_video_cancelled_on_the_way_stays_so_and_leaves_its_last_preview_alone(made, point):
    made.await_ready()
    made.control.hold(point)
    video_id = made.create(VIDEO, f"cancelled {point}")
    made.control.at(point)

    made.cancel(video_id)
    made.control.go(point)

    wait_for(lambda: made.events(video_id), 30, "no webhook arrived")
    shown = {made.record(video_id).get("preview_key")}
    wait_for(lambda: set(made.objects(video_id)) <= shown, 30, "its objects stay")
    assert list(audited(made, video_id, "cancelled")) == []
    assert {made.video(video_id, api)["status"] for api in (0, 1)} == {"cancelled"}


def test_no_video_is_lost_or_made_twice_while_something_is_killed_every_few_seconds(made):
    soak = Soak(made, jobs=40, every=(2.0, 4.0), chance=random.Random(4))
    soak.run()
    report = soak.report()

    assert report["problems"] == []
    assert report["completed"] == 40
