"""Downloads from a bucket: the API shows the way, the bucket serves."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import openai
import pytest

from tests.e2e.conftest import running
from tests.e2e.test_stack import SMALL, completed
from tests.worker.storage import seaweedfs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with seaweedfs.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def place(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.SECRET)
    public = bucket.url.replace("127.0.0.1", "localhost")
    return {"S3_BUCKET": seaweedfs.BUCKET, "S3_ENDPOINT_URL": bucket.url, "S3_PUBLIC_URL": public}


def test_a_download_is_redirected_to_a_link_that_lives_as_long_as_it_may(checkpoints, tmp_path, place):
    with running(checkpoints, tmp_path / "a", **place, CIOTAT_VIDEO_SECONDS="10") as stack:
        with httpx2.Client(base_url=stack.address) as http:
            made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
            path = f"/v1/videos/{made['id']}/content"
            shown, head = http.get(path), http.head(path)
            link = shown.headers["location"]
            whole, part = (
                httpx2.get(link),
                http.get(path, headers={"range": "bytes=5-9"}, follow_redirects=True),
            )
            unchanged = http.get(path, headers={"if-none-match": head.headers["etag"]})
        with openai.OpenAI(base_url=f"{stack.address}/v1", api_key="secret") as client:
            downloaded = client.videos.download_content(made["id"])

    assert (shown.status_code, shown.headers["cache-control"], shown.content) == (302, "private", b"")
    assert urlsplit(link).hostname == "localhost"
    assert 0 < int(parse_qs(urlsplit(link).query)["X-Amz-Expires"][0]) <= 10
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(whole.content))
    assert whole.headers["content-disposition"] == f'inline; filename="{made["id"]}.mp4"'
    assert (part.status_code, part.content) == (206, whole.content[5:10])
    assert unchanged.status_code == 304
    assert downloaded.content == whole.content
    assert downloaded.response.url.host == "localhost"
    assert "authorization" not in downloaded.response.request.headers
    assert httpx2.get(link).status_code == 200  # no server of ours is needed any more
    assert httpx2.get(link.replace(made["id"], "video_x")).status_code == 403
    time.sleep(max(0, made["expires_at"] + 1.5 - time.time()))
    assert httpx2.get(link).status_code == 403


def test_the_bytes_are_passed_on_where_links_are_not_wanted(checkpoints, tmp_path, place):
    with (
        running(checkpoints, tmp_path, **place, CIOTAT_LINK_SECONDS="0") as stack,
        httpx2.Client(base_url=stack.address) as http,
    ):
        made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
        reply = http.get(f"/v1/videos/{made['id']}/content", headers={"range": "bytes=4-7"})

    assert (reply.status_code, reply.content) == (206, b"ftyp")
