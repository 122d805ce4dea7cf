import boto3
import httpx2
import pytest

from tests.browser.chromium import chromium
from tests.e2e.test_stack import SMALL, completed
from tests.worker.storage import seaweedfs
from worker.storage import open_storage

pytestmark = pytest.mark.slow


def test_a_stack_with_a_bucket_keeps_nothing_on_its_own_disk(bucketed, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.SECRET)
    settings = bucketed.settings
    with httpx2.Client(base_url=bucketed.address) as http:
        made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
        content = http.get(f"/v1/videos/{made['id']}/content", follow_redirects=True).content
        link = open_storage(settings).signed_url(f"videos/{made['id']}/1.mp4", 60)

        assert httpx2.get(link).content == content
        assert not (settings.data / "videos").exists()
        http.delete(f"/v1/videos/{made['id']}").raise_for_status()
        assert httpx2.get(link).status_code == 404

    client = boto3.client("s3", endpoint_url=settings.s3_endpoint_url)
    listed = client.list_objects_v2(Bucket=seaweedfs.BUCKET)["Contents"]
    assert [found["Key"] for found in listed if made["id"] in found["Key"]] == []
    assert "probe" in [found["Key"] for found in listed]


def test_a_page_may_not_follow_to_a_bucket_and_shows_its_videos_all_the_same(bucketed):
    with httpx2.Client(base_url=bucketed.address) as http:
        made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
        assert http.get(f"/v1/videos/{made['id']}/content").status_code == 302
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{bucketed.address}/#{made['id']}")
        page.wait_for_selector("#download")
        page.wait_for_function("() => document.querySelector('video').videoWidth === 128")
        led = "fetch(`/v1/videos/${id}/content`).then(() => 'there', () => 'refused')"
        assert page.evaluate(f"(id) => {led}", made["id"]) == "refused"
