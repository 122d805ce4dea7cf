"""What is kept, and until when."""

import pytest

from worker.media import Medium
from worker.record import Status
from worker.retention import Keep, Terms, attempt_of, kind_of
from worker.variants import Variant, every_key, input_key, preview_key, video_key

ID = "video_1f"
MEDIUM = Medium(content_type="image/png", bytes=1, sha256="", width=1, height=1, frames=1, fps=None)
INPUT = input_key(ID, "input_reference", MEDIUM)
NEVER = float("inf")
TERMS = Terms(record_seconds=1000, event_seconds=10)


def resume_key(token):
    return f"videos/{ID}/{token}.resume.safetensors"


def keep(status, token=2, **fields):
    known = {
        "completed_at": 100.0,
        "expires_at": NEVER,
        "video_key": None,
        "preview_key": None,
        "resume_key": None,
    }
    return Keep(ID, "default", status, token, **(known | {"inputs": frozenset({INPUT})} | fields))


EVERYTHING = [INPUT, *(resume_key(token) for token in (1, 2, 3)), *every_key(ID, 3)]


def named(kept, now=50.0):
    return {key for key in EVERYTHING if kept.names(key, now)}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.IN_PROGRESS])
def test_of_an_unfinished_job_all_stays_that_can_still_be_written_or_read(status):
    old = {preview_key(ID, 1, 1), resume_key(1)}
    running = keep(status, preview_key=preview_key(ID, 1, 1), resume_key=resume_key(1))

    later = {key for key in EVERYTHING if attempt_of(key) >= 2}
    assert named(running) == {INPUT} | later | old
    assert named(keep(status)) == {INPUT} | later


def test_of_a_completed_job_the_video_and_its_pictures_stay_until_they_expire():
    kept = {variant.beside(video_key(ID, 2)) for variant in Variant}
    done = keep(
        Status.COMPLETED, video_key=video_key(ID, 2), expires_at=200.0, preview_key=preview_key(ID, 2, 1)
    )

    assert named(done, 199.9) == kept
    assert named(done, 200.0) == set()
    assert named(done._replace(expires_at=NEVER), 1e12) == kept


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_of_a_job_without_a_video_the_last_preview_stays(status):
    ended = keep(status, preview_key=preview_key(ID, 1, 0), resume_key=resume_key(2))

    assert named(ended) == {preview_key(ID, 1, 0)}


def test_a_record_outlives_what_can_be_downloaded():
    video = keep(Status.COMPLETED, expires_at=200.0)

    assert keep(Status.FAILED).record_ends(TERMS) == keep(Status.CANCELLED).record_ends(TERMS) == 1100
    assert video.record_ends(TERMS) == 1200
    assert video._replace(expires_at=NEVER).record_ends(TERMS) == NEVER
    assert keep(Status.IN_PROGRESS).record_ends(TERMS) == NEVER
    assert keep(Status.FAILED).record_ends(TERMS._replace(record_seconds=0)) == NEVER


def test_a_log_is_whole_for_a_while_behind_the_end():
    assert keep(Status.COMPLETED).log_ends(TERMS) == 110
    assert keep(Status.QUEUED).log_ends(TERMS) == NEVER


@pytest.mark.parametrize(
    "told",
    [
        ["default", "sleeping", "1", "1", None, None, None, None, None],
        ["default", None, "1", "1", None, None, None, None, None],
        ["default", "completed", "x", "1", None, None, None, None, None],
        ["default", "failed", "1", "1", None, None, None, None, "{"],
        ["default", "failed", "1", "1", None, None, None, None, '{"a": {"later": 1}}'],
    ],
)
def test_of_a_record_that_cannot_be_read_everything_stays(told):
    unread = Keep.of(ID, told)

    assert not unread.readable
    assert named(unread, 1e12) == set(EVERYTHING)
    assert unread.record_ends(TERMS) == unread.log_ends(TERMS) == NEVER


def test_what_an_object_is_is_told_by_its_key():
    assert kind_of(INPUT) == "input"
    assert kind_of("files/file_1f/content.png") == "file"
    assert kind_of(resume_key(3)) == "resume point"
    assert kind_of(preview_key(ID, 1, 2)) == "preview"
    assert {kind_of(variant.beside(video_key(ID, 12))) for variant in Variant} == {"video"}
