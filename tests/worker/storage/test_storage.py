"""What holds for every storage."""

import random
import time
from contextlib import suppress
from threading import Thread

import pytest

from worker.storage import LONGEST_LINK, ObjectNotFound
from worker.storage.interface import disposition

MP4 = "video/mp4"
CONTENT = random.Random(1).randbytes(1 << 20)
LARGE = random.Random(2).randbytes((17 << 20) + 5)


@pytest.mark.parametrize("content", [CONTENT, LARGE, b""], ids=["small", "in-parts", "empty"])
def test_what_was_put_is_read_back(storage, source, content):
    storage.put("videos/a/1.mp4", source(content), MP4)

    assert storage.size("videos/a/1.mp4") == len(content)
    assert b"".join(storage.read("videos/a/1.mp4")) == content


@pytest.mark.parametrize(
    "span",
    [(0, 1), (1000, 300_001), (len(CONTENT) - 1, None), (5, 5), (7, 3), (10, 1 << 30), (1 << 30, None)],
)
def test_a_range_is_that_slice(storage, source, span):
    storage.put("videos/r.mp4", source(CONTENT), MP4)

    assert b"".join(storage.read("videos/r.mp4", *span)) == CONTENT[slice(*span)]


def test_a_copy_is_an_object_of_its_own(storage, source):
    storage.put("files/a/content.mp4", source(LARGE), MP4)
    storage.put("videos/c/video.mp4", source(b"before"), "text/plain")

    storage.copy("files/a/content.mp4", "videos/c/video.mp4")
    storage.delete("files/a/content.mp4")

    assert b"".join(storage.read("videos/c/video.mp4")) == LARGE
    assert storage.content_type("videos/c/video.mp4") == MP4
    with pytest.raises(ObjectNotFound):
        storage.copy("files/a/content.mp4", "videos/c/other.mp4")
    with pytest.raises(ObjectNotFound):
        storage.size("videos/c/other.mp4")


def test_a_second_put_replaces_the_first(storage, source):
    storage.put("videos/b", source(b"first, and longer"), "text/plain")
    storage.put("videos/b", source(b"second"), MP4)

    assert b"".join(storage.read("videos/b")) == b"second"
    assert storage.content_type("videos/b") == MP4


def test_the_content_type_is_what_was_told_whatever_the_name(storage, source):
    storage.put("videos/t.txt", source(b"x"), MP4)

    assert storage.content_type("videos/t.txt") == MP4


def test_what_was_deleted_is_gone_and_deleting_nothing_is_no_error(storage, source):
    storage.put("videos/c", source(b"x"), MP4)

    storage.delete("videos/c")
    storage.delete("videos/c")

    for use in (storage.size, storage.content_type, storage.read, lambda key: storage.read(key, 3, 9)):
        with pytest.raises(ObjectNotFound, match="videos/c"):
            use("videos/c")


def test_a_folder_of_objects_is_no_object(storage, source):
    storage.put("videos/f/1.mp4", source(b"x"), MP4)

    for use in (storage.size, storage.content_type, storage.read):
        with pytest.raises(ObjectNotFound):
            use("videos/f")


def test_who_reads_while_an_object_is_replaced_sees_one_of_the_two_whole(storage, source, tmp_path):
    old, new = b"a" * 3_000_000, b"b" * 3_000_000
    storage.put("videos/e", source(old), MP4)
    (tmp_path / "new").write_bytes(new)
    replacing = Thread(target=storage.put, args=("videos/e", tmp_path / "new", MP4))

    replacing.start()
    seen = [b"".join(storage.read("videos/e")) for _ in range(10)]
    replacing.join()

    assert set(seen) <= {old, new}
    assert b"".join(storage.read("videos/e")) == new


def test_a_file_that_is_not_there_cannot_be_put(storage, tmp_path):
    with pytest.raises(FileNotFoundError):
        storage.put("videos/g", tmp_path / "nothing", MP4)

    with pytest.raises(ObjectNotFound):
        storage.size("videos/g")


def test_a_read_that_is_dropped_lets_go_of_its_source(storage, source):
    storage.put("videos/h", source(LARGE), MP4)

    for _ in range(30):
        storage.read("videos/h")  # more than a pool of connections has
        next(storage.read("videos/h"))

    assert storage.size("videos/h") == len(LARGE)


NO_KEYS = [
    "../secret",
    "/etc/passwd",
    "a/../../b",
    "",
    "a//b",
    "a/./b",
    "a/",
    ".a",
    "a/.b",
    "a\\b",
    "a b",
    "a\n",
    "a\0",
    "ä",
    "%2e%2e/a",
    'a"b',
    "a" * 201,
]


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_is_refused_by_everything(storage, source, tmp_path, key):
    before = sorted(tmp_path.rglob("*"))
    uses = [
        lambda: storage.put(key, source(b"x"), MP4),
        lambda: storage.size(key),
        lambda: storage.content_type(key),
        lambda: storage.read(key),
        lambda: storage.read(key, 5, 5),
        lambda: storage.delete(key),
        lambda: storage.signed_url(key, 60),
    ]

    for use in uses:
        with pytest.raises(ValueError, match="not a storage key"):
            use()

    with suppress(FileNotFoundError):
        (tmp_path / "source").unlink()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_LINK + 1])
def test_a_link_without_a_sensible_end_is_refused(storage, seconds):
    with pytest.raises(ValueError, match="a link lives"):
        storage.signed_url("videos/a/1.mp4", seconds)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("videos/video_1f/3.mp4", "video_1f.mp4"),
        ("videos/video_1f/3.thumbnail.webp", "video_1f.thumbnail.webp"),
        ("videos/made.mp4", "made.mp4"),
        ("a", "a"),
    ],
)
def test_a_video_is_saved_under_its_id(key, name):
    assert disposition(key) == f'inline; filename="{name}"'


def test_a_list_tells_every_object_below_a_folder_and_nothing_else(storage, source):
    began = time.time()
    sizes = {f"listed/v{number}/1.mp4": number for number in range(3)}
    for key, size in sizes.items():
        storage.put(key, source(b"x" * size), MP4)
    storage.put("listedtoo/v/1.mp4", source(b"x"), MP4)
    storage.put("listed/gone", source(b"x"), MP4)
    storage.delete("listed/gone")

    found = list(storage.list("listed"))

    assert {each.key: each.size for each in found} == sizes
    assert len(found) == len(sizes)
    assert all(began - 2 < each.modified < time.time() + 2 for each in found)
    assert list(storage.list("nowhere")) == list(storage.fragments("listed")) == []


def test_what_a_list_is_taken_of_may_change_meanwhile(storage, source):
    for number in range(20):
        storage.put(f"fleeting/v{number}/1.mp4", source(b"x"), MP4)
    listing = storage.list("fleeting")
    seen = {next(listing).key}

    for number in range(20):
        storage.delete(f"fleeting/v{number}/1.mp4")
    seen |= {each.key for each in listing}

    assert seen <= {f"fleeting/v{number}/1.mp4" for number in range(20)}
    assert list(storage.list("fleeting")) == []
