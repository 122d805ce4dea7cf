import json
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from worker.settings import Settings
from worker.storage import LocalStorage, ObjectNotFound, S3Storage, StorageUnavailable, open_storage


@pytest.fixture
def local(tmp_path):
    return LocalStorage(tmp_path / "store")


@pytest.fixture(scope="session")
def s3_client(tmp_path_factory):
    """A real S3 server: SeaweedFS."""
    root = tmp_path_factory.mktemp("s3")
    ports = [_free_port() for _ in range(6)]
    identity = {
        "name": "ciotat",
        "credentials": [{"accessKey": "AKIATEST", "secretKey": "secretsecret1234"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (root / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (root / "data").mkdir()
    flags = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={root / 'data'}", f"-s3.config={root / 's3.json'}"]
    flags += [
        f"-{name}.port={port}"
        for name, port in zip(("s3", "master", "volume", "filer", "admin"), ports, strict=False)
    ]
    flags += ["-bucket=videos", "-master.telemetry=false", "-admin.ui=false", "-webdav=false"]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    weed = Path(sys.executable).with_name("weed")
    with (root / "log").open("wb") as log:
        server = subprocess.Popen([weed, "-logtostderr=true", "mini", *flags], stdout=log, stderr=log)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{ports[0]}",
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secretsecret1234",
        region_name="us-east-1",
    )
    try:
        _await_bucket(client)
        yield client
    finally:
        server.terminate()
        server.wait(30)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_bucket(client):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            client.put_object(Bucket="videos", Key="probe", Body=b"1")
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError("SeaweedFS did not start")


@pytest.fixture
def s3(s3_client):
    return S3Storage(s3_client, "videos")


BOTH = pytest.mark.parametrize("name", ["local", pytest.param("s3", marks=pytest.mark.slow)])


@pytest.fixture
def storage(name, request):
    return request.getfixturevalue(name)


@BOTH
def test_what_was_put_is_read_back(storage, tmp_path):
    content = bytes(range(256)) * 4096
    (tmp_path / "source").write_bytes(content)

    storage.put("videos/a/1.mp4", tmp_path / "source", "video/mp4")

    assert storage.exists("videos/a/1.mp4")
    assert storage.size("videos/a/1.mp4") == len(content)
    assert b"".join(storage.read("videos/a/1.mp4")) == content
    assert b"".join(storage.read("videos/a/1.mp4", 1000, 300_001)) == content[1000:300_001]
    assert b"".join(storage.read("videos/a/1.mp4", len(content) - 1)) == content[-1:]


@BOTH
def test_a_second_put_replaces_the_first(storage, tmp_path):
    for content in (b"first, and longer", b"second"):
        (tmp_path / "source").write_bytes(content)
        storage.put("videos/b", tmp_path / "source", "video/mp4")

    assert b"".join(storage.read("videos/b")) == b"second"


@BOTH
def test_what_was_deleted_is_gone_and_deleting_nothing_is_no_error(storage, tmp_path):
    (tmp_path / "source").write_bytes(b"x")
    storage.put("videos/c", tmp_path / "source", "video/mp4")

    storage.delete("videos/c")
    storage.delete("videos/c")

    assert not storage.exists("videos/c")
    for use in (storage.size, storage.read):
        with pytest.raises(ObjectNotFound, match="videos/c"):
            use("videos/c")


def test_who_reads_while_an_object_is_replaced_gets_the_old_one_whole(local, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"a" * 1_000_000)
    local.put("videos/e", source, "video/mp4")
    reading = local.read("videos/e")
    seen = next(reading)
    source.write_bytes(b"b" * 1_000_000)

    local.put("videos/e", source, "video/mp4")

    assert seen + b"".join(reading) == b"a" * 1_000_000


def test_a_put_that_runs_out_of_disk_leaves_the_old_object_and_nothing_else(local, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"old")
    local.put("videos/d", source, "video/mp4")
    source.write_bytes(bytes(1_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            local.put("videos/d", source, "video/mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert b"".join(local.read("videos/d")) == b"old"
    assert [path.name for path in (tmp_path / "store" / "videos").iterdir()] == ["d"]


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a/../../b", "", "a//b", "a/./b"])
def test_a_key_cannot_leave_the_folder(local, key):
    with pytest.raises(ValueError, match="storage key"):
        local.size(key)


def test_an_object_store_that_is_away_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    settings = Settings(s3_bucket="videos", s3_endpoint_url=f"http://127.0.0.1:{_free_port()}")
    away = open_storage(settings)

    with pytest.raises(StorageUnavailable):
        away.size("videos/a")


def test_without_a_bucket_videos_lie_in_the_data_folder(tmp_path):
    assert isinstance(open_storage(Settings(data=tmp_path)), LocalStorage)
