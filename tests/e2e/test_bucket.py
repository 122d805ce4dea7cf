import boto3
import httpx2
import pytest

from tests.e2e.conftest import running
from tests.e2e.test_stack import SMALL, completed
from tests.worker.storage import seaweedfs
from worker.settings import Settings
from worker.storage import open_storage

pytestmark = pytest.mark.slow


def test_a_stack_with_a_bucket_keeps_nothing_on_its_own_disk(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.SECRET)
    (tmp_path / "s3").mkdir()
    with seaweedfs.running(tmp_path / "s3") as server:
        settings = Settings(data=tmp_path / "data", s3_bucket=seaweedfs.BUCKET, s3_endpoint_url=server.url)
        place = {"S3_BUCKET": seaweedfs.BUCKET, "S3_ENDPOINT_URL": server.url}
        with (
            running(checkpoints, settings.data, **place) as stack,
            httpx2.Client(base_url=stack.address) as http,
        ):
            made = completed(http, http.post("/v1/videos", json=SMALL).json()["id"])
            content = http.get(f"/v1/videos/{made['id']}/content", follow_redirects=True).content
            link = open_storage(settings).signed_url(f"videos/{made['id']}/1.mp4", 60)

            assert httpx2.get(link).content == content
            assert not (settings.data / "videos").exists()
            http.delete(f"/v1/videos/{made['id']}").raise_for_status()
            assert httpx2.get(link).status_code == 404

        listed = boto3.client("s3", endpoint_url=server.url).list_objects_v2(Bucket=seaweedfs.BUCKET)
        assert [found["Key"] for found in listed["Contents"]] == ["probe"]
