"""Requests for content by who has some of it already, alike on both of its routes."""

import pytest

from service.rest.conditions import known, unchanged
from tests.service.conftest import CONTENT


@pytest.fixture(params=["content", "link"])
def url(request, finished, jobs, storage):
    if request.param == "content":
        return f"/v1/videos/{finished}/content"
    return storage.signed_url(jobs.get(finished).video_key, 60)


@pytest.fixture
def etag(http, url):
    return http.get(url).headers["etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(http, url, etag, method, form):
    headers = {"if-none-match": form.format(etag), "range": "bytes=5000-"}

    reply = http.request(method, url, headers=headers)

    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["etag"] == etag
    assert not {"content-length", "content-type"} & reply.headers.keys()


def test_a_tag_on_a_line_of_its_own_counts_too(http, url, etag):
    lines = [("if-none-match", '"another"'), ("if-none-match", etag)]

    assert http.get(url, headers=lines).status_code == 304


def test_what_the_client_does_not_have_is_sent(http, url):
    reply = http.get(url, headers={"if-none-match": '"another", W/"one"'})

    assert (reply.status_code, reply.content) == (200, CONTENT["video"])


def test_a_range_continues_only_what_is_unchanged(http, url, etag):
    same = http.get(url, headers={"range": "bytes=900-", "if-range": etag})
    others = [
        http.get(url, headers={"range": asked, "if-range": tag})
        for tag in ('"another"', f"W/{etag}", "Sun, 22 Nov 2026 20:00:00 GMT")
        for asked in ("bytes=900-", "bytes=5000-")
    ]

    assert (same.status_code, same.content) == (206, CONTENT["video"][900:])
    assert [(reply.status_code, reply.content) for reply in others] == [(200, CONTENT["video"])] * 6


def test_head_tells_the_headers_of_the_whole_without_its_bytes(http, url):
    whole = http.get(url)
    head = http.head(url, headers={"range": "bytes=900-"})

    assert (head.status_code, head.content) == (200, b"")
    ours = {name: value for name, value in head.headers.items() if name != "x-request-id"}
    assert ours == {name: value for name, value in whole.headers.items() if name != "x-request-id"}


def test_head_refuses_as_get_does(http):
    video_id = http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"]

    assert http.head(f"/v1/videos/{video_id}/content").status_code == 409
    assert http.head("/v1/videos/video_x/content").status_code == 404
    assert http.head("/objects/videos/x.mp4?expires=1&signature=a").status_code == 403


def test_a_tag_is_compared_whole():
    assert not known('"ab"', '"a"')
    assert not known("", '"a"')
    assert not unchanged("", '"a"')
