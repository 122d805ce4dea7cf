"""What is particular to videos in a bucket."""

import os
import random
import signal
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.worker.storage import seaweedfs
from worker.settings import Settings
from worker.storage import ObjectNotFound, StorageUnavailable, open_storage
from worker.storage.s3 import PART

KEY = "videos/video_1f/1.mp4"
LARGE = random.Random(3).randbytes(2 * PART + 5)


@pytest.fixture
def client(s3):
    return s3._s3


@pytest.mark.slow
@pytest.mark.parametrize(("content", "pieces"), [(b"x", 1), (LARGE, 3)], ids=["small", "in-parts"])
def test_an_object_is_stored_with_its_type_its_name_and_its_checksum(s3, client, source, content, pieces):
    s3.put(KEY, source(content), "video/mp4")

    head = client.head_object(Bucket=seaweedfs.BUCKET, Key=KEY, ChecksumMode="ENABLED")
    assert head["ContentType"] == "video/mp4"
    assert head["ContentDisposition"] == 'inline; filename="video_1f.mp4"'
    assert head["ChecksumSHA256"].partition("-")[2] == ("" if pieces == 1 else str(pieces))


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["PutObject", "UploadPart"])
def test_bytes_that_changed_on_their_way_are_refused_and_leave_nothing(s3, client, source, operation):
    content = b"x" * 1000 if operation == "PutObject" else LARGE

    def corrupt(request, **_):
        request.headers.replace_header("x-amz-checksum-sha256", "A" * 43 + "=")

    client.meta.events.register(f"before-sign.s3.{operation}", corrupt)
    with pytest.raises(StorageUnavailable, match=r"refused 'videos/corrupt': BadDigest$"):
        s3.put("videos/corrupt", source(content), "video/mp4")

    with pytest.raises(ObjectNotFound):
        s3.size("videos/corrupt")
    assert "Uploads" not in client.list_multipart_uploads(Bucket=seaweedfs.BUCKET)


@pytest.mark.slow
def test_a_link_needs_no_credentials_and_brings_type_name_and_ranges(s3, source):
    s3.put(KEY, source(LARGE), "video/mp4")

    link = s3.signed_url(KEY, 60)
    whole, part = httpx2.get(link), httpx2.get(link, headers={"range": "bytes=5-9"})

    assert whole.content == LARGE
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["content-disposition"] == 'inline; filename="video_1f.mp4"'
    assert (part.status_code, part.content) == (206, LARGE[5:10])


@pytest.mark.slow
def test_a_link_that_was_tampered_with_or_has_expired_is_refused(s3, source):
    for key in (KEY, "videos/other.mp4"):
        s3.put(key, source(b"x"), "video/mp4")
    link = s3.signed_url(KEY, 1)

    assert httpx2.get(link.replace(KEY, "videos/other.mp4")).status_code == 403
    assert httpx2.get(link.replace("X-Amz-Expires=1", "X-Amz-Expires=9")).status_code == 403
    assert httpx2.get(link[:-1] + ("1" if link[-1] == "0" else "0")).status_code == 403
    time.sleep(2.1)
    assert httpx2.get(link).status_code == 403


def test_a_link_is_signed_here_by_version_4_for_the_address_that_clients_see(bucket):
    away = bucket("http://127.0.0.1:9", s3_public_url="https://videos.example")

    link = urlsplit(away.signed_url(KEY, 60))

    assert f"{link.scheme}://{link.netloc}{link.path}" == f"https://videos.example/{seaweedfs.BUCKET}/{KEY}"
    assert parse_qs(link.query)["X-Amz-Expires"] == ["60"]
    assert parse_qs(link.query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert seaweedfs.SECRET not in link.query


USES = {
    "put": lambda storage, source: storage.put(KEY, source(b"x"), "video/mp4"),
    "put in parts": lambda storage, source: storage.put(KEY, source(LARGE), "video/mp4"),
    "size": lambda storage, source: storage.size(KEY),
    "content_type": lambda storage, source: storage.content_type(KEY),
    "read": lambda storage, source: storage.read(KEY),
    "delete": lambda storage, source: storage.delete(KEY),
}
EVERY_USE = pytest.mark.parametrize("use", USES.values(), ids=USES)


@pytest.mark.slow
@EVERY_USE
@pytest.mark.parametrize(
    ("name", "reason"),
    [("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")],
)
def test_wrong_credentials_are_told_and_not_shown(s3_server, bucket, source, monkeypatch, use, name, reason):
    bucket(s3_server.url)
    monkeypatch.setenv(name, "WRONGWRONGWRONG")
    shut = open_storage(Settings(s3_bucket=seaweedfs.BUCKET, s3_endpoint_url=s3_server.url))

    with pytest.raises(StorageUnavailable) as told:
        use(shut, source)

    place = f"bucket 'videos' at {s3_server.url} refused '{KEY}'"
    assert str(told.value) in (
        f"{place}: {reason}",
        f"{place}: 403 Forbidden",
    )  # a HEAD's answer has no words
    assert "WRONG" not in str(told.value) + str(told.value.__cause__)
    assert seaweedfs.SECRET not in str(told.value) + str(told.value.__cause__)


def test_no_credentials_at_all_are_told(monkeypatch, source, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    shut = open_storage(Settings(s3_bucket="videos", s3_endpoint_url="http://127.0.0.1:9"))

    for use in (lambda: shut.put(KEY, source(b"x"), "video/mp4"), lambda: shut.signed_url(KEY, 60)):
        with pytest.raises(StorageUnavailable, match=f"failed on '{KEY}': NoCredentialsError"):
            use()


@EVERY_USE
def test_a_server_that_is_away_is_named(bucket, source, use):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    away = bucket(f"http://127.0.0.1:{port}", s3_attempts=1)

    with pytest.raises(StorageUnavailable) as told:
        use(away, source)

    assert str(told.value) == (
        f"bucket 'videos' at http://127.0.0.1:{port} failed on '{KEY}': EndpointConnectionError"
    )


@EVERY_USE
def test_a_silent_server_is_given_up_in_the_time_that_was_set(bucket, source, use):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        mute = bucket(f"http://127.0.0.1:{listener.getsockname()[1]}", s3_timeout_seconds=0.3, s3_attempts=2)
        began = time.monotonic()

        with pytest.raises(StorageUnavailable, match=f"failed on '{KEY}': ReadTimeoutError"):
            use(mute, source)

        assert 0.6 <= time.monotonic() - began < 5


class Stub(ThreadingHTTPServer):
    """Gives every request the same answer, and counts them."""

    def __init__(self, status, body):
        class Answer(BaseHTTPRequestHandler):
            def handle_one_request(self):
                self.rfile.readline(65537)
                self.server.asked += 1
                self.wfile.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
                self.close_connection = True

        self.asked = 0
        super().__init__(("127.0.0.1", 0), Answer)


@pytest.fixture
def answering():
    servers = []

    def start(status, body):
        servers.append(Stub(status, body))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,)).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_busy_server_is_asked_as_often_as_was_set(bucket, answering):
    server = answering(503, b"<Error><Code>SlowDown</Code></Error>")
    busy = bucket(f"http://127.0.0.1:{server.server_port}", s3_attempts=3)

    with pytest.raises(StorageUnavailable, match=f"refused '{KEY}': SlowDown"):
        busy.read(KEY)

    assert server.asked == 3


def test_a_bucket_that_is_not_there_is_told(bucket, answering, source):
    server = answering(404, b"<Error><Code>NoSuchBucket</Code></Error>")
    lost = bucket(f"http://127.0.0.1:{server.server_port}")

    for use in (lambda: lost.put(KEY, source(b"x"), "video/mp4"), lambda: lost.read(KEY)):
        with pytest.raises(StorageUnavailable, match=f"refused '{KEY}': NoSuchBucket"):
            use()


def test_a_server_that_is_no_s3_is_told(bucket, answering, source):
    server = answering(200, b"<html>It works!")
    other = bucket(f"http://127.0.0.1:{server.server_port}")

    with pytest.raises(StorageUnavailable, match=f"refused '{KEY}': 500 Internal Server Error"):
        other.put(KEY, source(LARGE), "video/mp4")


def test_an_empty_range_is_empty_also_where_the_server_ignores_what_it_cannot_read(bucket, answering):
    server = answering(200, b"all of it")
    storage = bucket(f"http://127.0.0.1:{server.server_port}")

    assert list(storage.read(KEY, 5, 5)) == []


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [0, 1])
def test_a_read_that_is_closed_gives_up_its_connection(s3, source, chunks):
    s3.put(KEY, source(LARGE), "video/mp4")
    reading = s3.read(KEY)
    body = reading.gi_frame.f_locals["body"]
    for _ in range(chunks):
        next(reading)

    reading.close()

    assert body._raw_stream.closed


@pytest.fixture
def mortal(tmp_path):
    """A server of one test's own."""
    with seaweedfs.running(tmp_path) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "falls-silent"])
def test_a_server_that_is_lost_during_an_upload_is_told_in_bounded_time(mortal, bucket, source, number):
    storage = bucket(mortal.url, s3_timeout_seconds=0.5, s3_attempts=3)
    parts = []

    def lose_at_second(**_):
        parts.append(time.monotonic())
        if len(parts) == 2:
            os.kill(mortal.pid, number)

    storage._s3.meta.events.register("before-send.s3.UploadPart", lose_at_second)
    try:
        with pytest.raises(StorageUnavailable, match=f"at {mortal.url} failed on '{KEY}'"):
            storage.put(KEY, source(LARGE), "video/mp4")
    finally:
        with suppress(ProcessLookupError):
            os.kill(mortal.pid, signal.SIGCONT)

    upload_and_abort = 2 * (3 * 0.5 + 1 + 2)  # the tries of each, and the pauses between them
    assert time.monotonic() - parts[1] < upload_and_abort + 3


@pytest.mark.slow
def test_a_server_that_dies_during_a_download_is_told(mortal, bucket, source):
    storage = bucket(mortal.url)
    storage.put(KEY, source(LARGE * 3), "video/mp4")
    reading = storage.read(KEY)
    next(reading)

    os.kill(mortal.pid, signal.SIGKILL)

    with pytest.raises(StorageUnavailable, match=f"at {mortal.url} failed on '{KEY}'"):
        b"".join(reading)


@pytest.mark.slow
def test_a_list_is_longer_than_one_answer_of_the_server(s3, client):
    for number in range(1005):
        client.put_object(Bucket=seaweedfs.BUCKET, Key=f"many/v{number}/1.mp4", Body=b"x")

    assert {each.key for each in s3.list("many")} == {f"many/v{number}/1.mp4" for number in range(1005)}


@pytest.mark.slow
def test_an_upload_that_never_ended_is_a_fragment_that_can_be_discarded(s3, client):
    began = time.time()
    upload = client.create_multipart_upload(Bucket=seaweedfs.BUCKET, Key=KEY)["UploadId"]
    part = {"Bucket": seaweedfs.BUCKET, "Key": KEY, "UploadId": upload}
    client.upload_part(**part, PartNumber=1, Body=b"x" * 1000)

    (fragment,) = s3.fragments("videos")

    assert (fragment.key, fragment.size) == (KEY, 1000)
    assert began - 2 < fragment.modified < time.time() + 2
    s3.discard(fragment)
    s3.discard(fragment)
    assert list(s3.fragments("videos")) == []
