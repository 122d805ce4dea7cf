"""What is particular to videos in a folder."""

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from worker.settings import Settings
from worker.storage import LINKS, LinkRefused, LocalStorage, ObjectNotFound, StorageUnavailable, open_storage
from worker.storage.signing import shared_secret

KEY = "videos/video_1f/1.mp4"


def test_without_a_bucket_videos_lie_in_the_data_folder(tmp_path, source):
    open_storage(Settings(data=tmp_path)).put(KEY, source(b"x"), "video/mp4")

    assert (tmp_path / "videos" / KEY).read_bytes() == b"x"


def test_who_reads_while_an_object_is_replaced_or_deleted_gets_the_old_one_whole(local, source):
    local.put(KEY, source(b"a" * 1_000_000), "video/mp4")
    unread, begun = local.read(KEY), local.read(KEY)
    seen = next(begun)

    local.put(KEY, source(b"b" * 1_000_000), "video/mp4")
    local.delete(KEY)

    assert b"".join(unread) == seen + b"".join(begun) == b"a" * 1_000_000


def test_the_folder_of_a_video_goes_with_the_last_of_it(local, source, tmp_path):
    for key in (KEY, "videos/video_1f/1.thumbnail.webp"):
        local.put(key, source(b"x"), "video/mp4")
    folder = tmp_path / "store" / "videos" / "video_1f"

    local.delete(KEY)
    assert {path.name for path in folder.iterdir()} == {"1.thumbnail.webp", ".1.thumbnail.webp.type"}

    local.delete("videos/video_1f/1.thumbnail.webp")
    assert not folder.exists()


WRITER = """
import sys, worker.storage.folder as folder
from pathlib import Path
folder.shutil.copyfileobj = lambda read, write, size: (write.write(b"half"), write.flush(), print(), sys.stdin.read())
folder.LocalStorage(Path(sys.argv[1])).put(sys.argv[2], Path(sys.argv[3]), "video/mp4")
"""


def killed_while_putting(local_root, key, source):
    command = [sys.executable, "-c", WRITER, local_root, key, source]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        writer.kill()


def test_a_writer_that_was_killed_leaves_no_object_and_nothing_that_delete_does_not_remove(
    local, source, tmp_path
):
    folder = tmp_path / "store" / "videos" / "video_1f"
    killed_while_putting(tmp_path / "store", KEY, source(b"whole"))

    with pytest.raises(ObjectNotFound):
        local.size(KEY)
    assert len(list(folder.iterdir())) == 2
    local.delete(KEY)
    assert not folder.exists()


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/place")


@pytest.mark.parametrize("call", ["os.open", "os.fsync", "shutil.copyfileobj"])
def test_a_full_disk_is_told_leaves_the_old_object_and_nothing_else(
    local, source, tmp_path, monkeypatch, call
):
    local.put("videos/d", source(b"old"), "video/mp4")
    before = sorted(tmp_path.rglob("*"))
    new = source(b"new")

    with monkeypatch.context() as patch:
        patch.setattr(call, no_space)
        with pytest.raises(StorageUnavailable) as told:
            local.put("videos/d", new, "video/mp4")

    assert str(told.value) == "the folder of videos failed on 'videos/d': No space left on device"
    assert told.value.__cause__.errno == errno.ENOSPC
    assert b"".join(local.read("videos/d")) == b"old"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_fills_up_while_writing_is_told_too(local, source, tmp_path):
    local.put("videos/d", source(b"old"), "video/mp4")
    large = source(bytes(1_000_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(StorageUnavailable, match="'videos/d': File too large"):
            local.put("videos/d", large, "video/mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert b"".join(local.read("videos/d")) == b"old"
    assert {path.name for path in (tmp_path / "store" / "videos").iterdir()} == {"d", ".d.type"}


def test_a_file_and_its_new_folders_are_on_disk_before_the_put_returns(local, source, tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), sync(fd)))

    local.put(KEY, source(b"x"), "video/mp4")

    target = tmp_path / "store" / KEY
    assert {str(folder) for folder in target.parents if folder.is_relative_to(tmp_path)} <= set(synced)
    assert any(path.startswith(f"{target.parent}/.1.mp4.") for path in synced)
    assert synced[-1] == str(target.parent)


def test_a_disk_that_fails_while_reading_is_told(local, source, monkeypatch):
    local.put(KEY, source(b"x"), "video/mp4")
    reading = local.read(KEY, -5)  # a seek before the beginning stands for any error of the disk

    with pytest.raises(StorageUnavailable, match=r"failed on 'videos/video_1f/1\.mp4': Invalid argument"):
        next(reading)


def test_a_file_from_before_content_types_were_kept_is_just_bytes(local, source, tmp_path):
    local.put(KEY, source(b"x"), "video/mp4")
    (tmp_path / "store" / "videos" / "video_1f" / ".1.mp4.type").unlink()

    assert local.content_type(KEY) == "application/octet-stream"


def parts(url):
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    assert path.startswith(f"{LINKS}/")
    return path.removeprefix(f"{LINKS}/"), query["expires"][0], query["signature"][0]


def test_a_link_is_good_for_its_object_and_its_time(local, monkeypatch):
    now = time.time()
    key, expires, signature = parts(local.signed_url(KEY, 60))

    local.verify(key, expires, signature)

    assert key == KEY
    assert now + 59 <= int(expires) <= time.time() + 60
    monkeypatch.setattr("time.time", lambda: float(expires) - 0.01)
    local.verify(key, expires, signature)
    monkeypatch.setattr("time.time", lambda: float(expires))
    with pytest.raises(LinkRefused, match="expired"):
        local.verify(key, expires, signature)


def test_a_link_that_was_tampered_with_is_refused(local):
    key, expires, signature = parts(local.signed_url(KEY, 60))
    turned = ("1" if signature[0] == "0" else "0") + signature[1:]
    tampered = [
        ("videos/video_1f/2.mp4", expires, signature),
        ("../signing.key", expires, signature),
        (key, str(int(expires) + 1), signature),
        (key, f"{expires}.0", signature),
        (key, f"0{expires}", signature),
        (key, "never", signature),
        (key, "", signature),
        (key, expires, turned),
        (key, expires, signature.upper()),
        (key, expires, signature[:-1]),
        (key, expires, ""),
        (key, expires, "ä"),
        ("\udcff", expires, signature),
        (key, expires, "\udcff"),
        (f"{expires}\n{key}", "", signature),
    ]

    for link in tampered:
        with pytest.raises(LinkRefused, match="signature is wrong"):
            local.verify(*link)


def test_an_expired_link_cannot_be_told_from_a_forged_one_by_who_forges_it(local, monkeypatch):
    key, expires, _ = parts(local.signed_url(KEY, 1))
    monkeypatch.setattr("time.time", lambda: float(expires) + 10)

    with pytest.raises(LinkRefused, match="signature is wrong"):
        local.verify(key, expires, "0" * 64)


def test_replicas_and_later_runs_honour_each_others_links(tmp_path):
    links, replicas = [], [LocalStorage(tmp_path / "videos") for _ in range(16)]
    ready = threading.Barrier(len(replicas))

    def sign(replica):
        ready.wait()
        links.append(parts(replica.signed_url(KEY, 60)))

    threads = [threading.Thread(target=sign, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for link in links:
        LocalStorage(tmp_path / "videos").verify(*link)
    assert len(links) == len(replicas)
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600


def test_the_first_secret_to_be_there_is_everybodys(tmp_path, monkeypatch):
    def late(number):
        (tmp_path / "signing.key").write_bytes(b"1" * number)
        return b"2" * number

    monkeypatch.setattr("secrets.token_bytes", late)

    assert shared_secret(tmp_path / "signing.key") == b"1" * 32


def test_another_data_folder_has_another_secret(tmp_path):
    link = parts(LocalStorage(tmp_path / "a" / "videos").signed_url(KEY, 60))

    with pytest.raises(LinkRefused):
        LocalStorage(tmp_path / "b" / "videos").verify(*link)


def test_a_secret_that_is_none_signs_nothing(local, tmp_path):
    (tmp_path / "signing.key").touch()

    with pytest.raises(StorageUnavailable, match="signing key is too short"):
        local.signed_url(KEY, 60)
    with pytest.raises(StorageUnavailable, match="signing key is too short"):
        local.verify(KEY, "9999999999", "0" * 64)


def test_what_a_killed_writer_left_is_told_as_fragments_and_can_be_discarded(local, source, tmp_path):
    killed_while_putting(tmp_path / "store", KEY, source(b"whole"))
    local.put("videos/video_2f/1.mp4", source(b"x"), "video/mp4")
    (tmp_path / "store" / "videos" / "video_3f").mkdir()

    found = list(local.fragments("videos"))

    assert sorted((each.key, each.size) for each in found) == [
        (KEY, 4),
        (KEY, 9),
        ("videos/video_3f", 0),
    ]
    assert [each.key for each in local.list("videos")] == ["videos/video_2f/1.mp4"]
    for fragment in found:
        local.discard(fragment)
        local.discard(fragment)
    assert list(local.fragments("videos")) == []
    assert {path.name for path in (tmp_path / "store" / "videos").iterdir()} == {"video_2f"}


def test_hidden_files_of_others_are_nothing_of_ours(local, source, tmp_path):
    local.put(KEY, source(b"x"), "video/mp4")
    folder = tmp_path / "store" / "videos" / "video_1f"
    for name in (".DS_Store", ".nfs0001", "not a key"):
        (folder / name).write_bytes(b"x")

    assert list(local.fragments("videos")) == []
    assert [each.key for each in local.list("videos")] == [KEY]


def test_a_fragment_that_has_grown_since_it_was_told_is_left_alone(local, tmp_path):
    part = tmp_path / "store" / "videos" / ".a.0123abcd.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x")
    (fragment,) = local.fragments("videos")
    os.utime(part, (time.time() + 5, time.time() + 5))

    local.discard(fragment)

    assert part.exists()


def test_a_writer_whose_folder_is_removed_behind_its_back_makes_it_again(
    local, source, tmp_path, monkeypatch
):
    folder = tmp_path / "store" / "videos" / "video_1f"
    made, removals = os.open, iter(range(2))

    def remove_first(path, flags, mode=0o777):
        if str(path).endswith(".part") and next(removals, None) is not None:
            folder.rmdir()
        return made(path, flags, mode)

    monkeypatch.setattr("os.open", remove_first)
    local.put(KEY, source(b"x"), "video/mp4")

    assert (folder / "1.mp4").read_bytes() == b"x"
    assert next(removals, None) is None


def test_a_folder_that_another_writer_made_and_the_sweeper_removed_is_made_again(local, source, monkeypatch):
    make, raced = os.mkdir, iter([True])

    def lose_the_race(path, mode=0o777):
        if str(path).endswith("video_1f") and next(raced, None):
            raise FileExistsError
        make(path, mode)

    monkeypatch.setattr("os.mkdir", lose_the_race)
    local.put(KEY, source(b"x"), "video/mp4")

    assert local.size(KEY) == 1
