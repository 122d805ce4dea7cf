import time

import pytest

from service.main import build
from tests.service.conftest import CONTENT
from worker.settings import Settings


@pytest.fixture
def key(jobs, finished):
    return jobs.get(finished).video_key


@pytest.fixture
def link(storage, key):
    return storage.signed_url(key, 60)


def refusal(reply, status):
    assert (reply.status_code, reply.headers["x-request-id"][:4]) == (status, "req_")
    return reply.json()["error"]


def test_a_link_leads_to_its_file(http, finished, link):
    reply = http.get(link)

    assert (reply.status_code, reply.content) == (200, CONTENT["video"])
    assert reply.headers["content-type"] == "video/mp4"
    assert reply.headers["content-disposition"] == f'inline; filename="{finished}.mp4"'
    assert (reply.headers["content-length"], reply.headers["accept-ranges"]) == ("1000", "bytes")


@pytest.mark.parametrize(("variant", "kind"), [("thumbnail", "image/webp"), ("spritesheet", "image/jpeg")])
def test_each_picture_has_a_link_and_an_etag_of_its_own(http, storage, key, link, variant, kind):
    picture = (
        key.removesuffix(".mp4")
        + {"thumbnail": ".thumbnail.webp", "spritesheet": ".spritesheet.jpg"}[variant]
    )

    reply = http.get(storage.signed_url(picture, 60))

    assert (reply.content, reply.headers["content-type"]) == (CONTENT[variant], kind)
    assert reply.headers["etag"] != http.get(link).headers["etag"]


def test_a_link_serves_ranges_as_content_does(http, finished, link):
    part = http.get(link, headers={"range": "bytes=900-"})
    outside = http.get(link, headers={"range": "bytes=1000-"})

    assert (part.status_code, part.content) == (206, CONTENT["video"][900:])
    assert part.headers["content-range"] == "bytes 900-999/1000"
    assert refusal(outside, 416)["code"] == "range_not_satisfiable"
    assert outside.headers["content-range"] == "bytes */1000"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.mp4", "1.thumbnail.webp"),
        ("expires=", "expires=9"),
        ("signature=", "signature=a"),
        ("1.mp4", "..%2F..%2F..%2Fsigning.key"),
    ],
)
def test_an_altered_link_is_refused(http, link, old, new):
    error = refusal(http.get(link.replace(old, new)), 403)

    assert (error["code"], error["message"]) == ("link_refused", "the link's signature is wrong")


def test_an_expired_link_is_refused(http, link, monkeypatch):
    after = time.time() + 61
    monkeypatch.setattr("time.time", lambda: after)

    assert refusal(http.get(link), 403)["message"] == "the link has expired"


def test_what_has_no_signature_is_no_link(http, key):
    assert refusal(http.get(f"/objects/{key}"), 400)["param"] == "expires"


def test_a_link_to_a_deleted_video_leads_nowhere(http, finished, link):
    http.delete(f"/v1/videos/{finished}")

    assert refusal(http.get(link), 404)["code"] == "content_not_found"


def test_only_a_folder_of_videos_has_its_links_served_here(tmp_path, redis_url, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    folder, bucket = (
        build(Settings(data=tmp_path, redis_url=redis_url, s3_bucket=name)) for name in (None, "videos")
    )

    assert "/objects/{key}" in folder.rest.openapi()["paths"]
    assert "/objects/{key}" not in bucket.rest.openapi()["paths"]
