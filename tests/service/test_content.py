"""What goes with a content: its name, how long it is kept, who may keep a copy."""

import time

import pytest

from service.media.inputs import Inputs
from service.videos.videos import Videos
from tests.claims import claim
from tests.service.conftest import CONTENT
from worker.jobs import JobStore
from worker.storage import LocalStorage


@pytest.mark.parametrize(
    ("variant", "suffix"),
    [("video", ".mp4"), ("thumbnail", ".thumbnail.webp"), ("spritesheet", ".spritesheet.jpg")],
)
def test_a_content_is_saved_under_the_id_of_its_video_and_kept_by_nobody_else(
    http, finished, variant, suffix
):
    for method in ("GET", "HEAD"):
        reply = http.request(method, f"/v1/videos/{finished}/content?variant={variant}")

        assert reply.headers["content-disposition"] == f'inline; filename="{finished}{suffix}"'
        assert reply.headers["cache-control"] == "private"


def test_a_finished_video_is_told_with_its_end_of_life_from_the_write_that_finished_it(
    http, redis, finish, jobs
):
    video_id = http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"]
    assert http.get(f"/v1/videos/{video_id}").json()["expires_at"] is None
    job = claim(jobs, video_id)

    JobStore(redis, video_seconds=3600).complete(job, f"videos/{video_id}/1.mp4")

    done = jobs.get(video_id)
    assert done.expires_at == pytest.approx(done.completed_at + 3600, abs=1e-3)
    assert http.get(f"/v1/videos/{video_id}").json()["expires_at"] == int(done.expires_at)


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_only_what_was_finished_has_an_end_of_life(redis, http, end):
    store = JobStore(redis, video_seconds=3600)
    job = claim(store, http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"])

    store.fail(job, "internal_error", "x") if end == "fail" else store.cancel(job.id)

    assert store.get(job.id).expires_at is None


def test_a_video_is_served_until_it_expires_and_its_record_after(http, redis, finished):
    redis.hset(f"ciotat:job:{finished}", "expires_at", str(time.time() + 60))
    before = http.get(f"/v1/videos/{finished}/content")
    redis.hset(f"ciotat:job:{finished}", "expires_at", str(time.time() - 1))
    after = http.get(f"/v1/videos/{finished}/content")

    assert before.content == CONTENT["video"]
    assert (after.status_code, after.json()["error"]["code"]) == (404, "video_expired")
    assert http.get(f"/v1/videos/{finished}").json()["status"] == "completed"


class Elsewhere(LocalStorage):
    """A storage with links to a server of its own."""

    shared = True
    server = "https://bucket.example"

    def signed_url(self, key, seconds):
        return f"{self.server}/{key}?seconds={seconds}"


@pytest.fixture
def linking(opened, jobs, queue, storage, checkpoints, files, tmp_path):
    """Opens a service whose storage has links to this server."""

    def open_service(server):
        elsewhere = Elsewhere(tmp_path / "videos")
        elsewhere.server = server
        videos = Videos(
            jobs, queue.append, elsewhere, checkpoints, Inputs(files, elsewhere, None), link_seconds=100
        )
        return opened(videos)[0]

    return open_service


@pytest.mark.parametrize(("left", "life"), [(None, 100), (1000, 100), (50, 49)])
def test_a_link_lives_no_longer_than_was_set_and_no_longer_than_the_video(
    linking, redis, finished, left, life
):
    if left is not None:
        redis.hset(f"ciotat:job:{finished}", "expires_at", str(time.time() + left))

    reply = linking("https://bucket.example").get(f"/v1/videos/{finished}/content", follow_redirects=False)

    assert reply.status_code == 302
    assert reply.headers["location"].startswith("https://bucket.example/videos/")
    assert abs(int(reply.headers["location"].rpartition("=")[2]) - life) <= 1


def test_nobody_is_redirected_to_where_they_are(linking, finished):
    here = linking("https://bucket.example")
    same = linking(str(here.base_url))

    reply = same.get(f"/v1/videos/{finished}/content", follow_redirects=False)

    assert (reply.status_code, reply.content) == (200, CONTENT["video"])


@pytest.mark.parametrize("variant", ["video", "thumbnail", "spritesheet", "preview"])
def test_who_may_not_follow_a_link_has_the_bytes_from_here(linking, finished, variant):
    http = linking("https://bucket.example")
    path = f"/v1/videos/{finished}/content?variant={variant}"

    told = http.get(f"{path}&link=true", follow_redirects=False)
    from_here = http.get(f"{path}&link=false", follow_redirects=False)

    assert told.status_code == 302
    assert (from_here.status_code, from_here.content) == (200, CONTENT[variant])


def test_whether_to_be_led_elsewhere_is_yes_or_no(http, finished):
    reply = http.get(f"/v1/videos/{finished}/content?link=perhaps")

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "link")
