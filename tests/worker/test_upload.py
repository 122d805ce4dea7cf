"""A storage that fails for a while keeps no video; one that hangs keeps nobody from beating."""

import threading
import time

import pytest

from worker.jobs import LeaseLost
from worker.storage import LocalStorage, StorageUnavailable
from worker.upload import Upload, put_patiently


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "source"
    file.write_bytes(b"bytes")
    return file


class Down(LocalStorage):
    """A folder that refuses so many times."""

    def __init__(self, root, times):
        super().__init__(root)
        self.times, self.tries = times, 0

    def put(self, key, source, content_type):
        self.tries += 1
        if self.tries <= self.times:
            raise StorageUnavailable("the object store refused: down")
        super().put(key, source, content_type)


class Hanging(LocalStorage):
    """A folder that says nothing until it is let go."""

    def __init__(self, root):
        super().__init__(root)
        self.go, self.asked = threading.Event(), threading.Event()

    def put(self, key, source, content_type):
        self.asked.set()
        assert self.go.wait(30)
        super().put(key, source, content_type)


def test_a_storage_that_comes_back_gets_what_it_had_refused(tmp_path, source):
    storage, beats = Down(tmp_path / "store", times=3), []

    put_patiently(storage, "a/b", source, "text/plain", lambda: beats.append(1), 30)

    assert b"".join(storage.read("a/b")) == b"bytes"
    assert storage.tries == 4
    assert len(beats) >= 4


def test_patience_has_an_end(tmp_path, source):
    storage, began = Down(tmp_path / "store", times=10**9), time.monotonic()

    with pytest.raises(StorageUnavailable, match="down"):
        put_patiently(storage, "a/b", source, "text/plain", lambda: None, 1.0)

    assert 1 < storage.tries < 20
    assert time.monotonic() - began < 10


def test_a_job_that_is_cancelled_while_its_storage_is_down_ends_there(tmp_path, source):
    storage = Down(tmp_path / "store", times=10**9)

    def beat():
        if storage.tries == 2:
            raise LeaseLost("cancelled")

    with pytest.raises(LeaseLost):
        put_patiently(storage, "a/b", source, "text/plain", beat, 300)

    assert storage.tries == 2


def test_so_it_does_while_an_upload_hangs_and_what_was_on_its_way_is_there_to_be_removed(tmp_path, source):
    storage = Hanging(tmp_path / "store")

    def beat():
        if storage.asked.is_set():
            storage.go.set()
            raise LeaseLost("cancelled")

    with pytest.raises(LeaseLost):
        put_patiently(storage, "a/b", source, "text/plain", beat, 300)

    assert storage.size("a/b") == 5


def test_an_upload_ends_by_itself_and_says_how(tmp_path, source):
    storage = Hanging(tmp_path / "store")
    upload = Upload(storage, "a/b", source, "text/plain")

    assert not upload.wait(0)
    storage.go.set()
    assert upload.wait(30)
    assert upload.result() <= time.monotonic()
    failed = Upload(Down(tmp_path / "store", 1), "a/c", source, "text/plain")
    assert failed.wait(30)
    with pytest.raises(StorageUnavailable):
        failed.result()
