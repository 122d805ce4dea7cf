"""The media intake: what it takes, what it keeps of it, and what it survives."""

import io
import resource
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from service.errors import InvalidMedia
from service.media.intake import PROBE, Intake
from tests import clips
from worker.settings import Settings

LIMITS = {
    "max_image_pixels": 1 << 20,
    "max_video_pixels": 640 * 480,
    "max_video_frames": 40,
    "max_video_seconds": 3.0,
}


@pytest.fixture
def intake():
    return Intake(Settings(**LIMITS))


@pytest.fixture
def look(intake, tmp_path):
    """Takes an upload in; its clean copy and what is known of it."""

    def look(content, intake=intake):
        (tmp_path / "upload").write_bytes(content)
        with (tmp_path / "upload").open("r+b") as source, intake.checked("file", source) as checked:
            return checked.path.read_bytes(), checked.medium

    return look


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "CMYK", "I;16", "1"])
def test_every_kind_of_picture_is_kept_as_a_png_of_its_pixels(look, form, mode):
    writable = {"PNG": {"CMYK"}, "JPEG": {"P", "RGBA", "LA", "I;16"}, "WEBP": {"CMYK", "I;16", "1"}}
    if mode in writable[form]:
        pytest.skip(f"{form} has no {mode}")

    kept, medium = look(clips.picture(form, mode=mode))

    with Image.open(io.BytesIO(kept)) as picture:
        assert (picture.format, picture.size) == ("PNG", (40, 30))
        assert picture.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")
    assert (medium.content_type, medium.width, medium.height) == ("image/png", 40, 30)
    assert (medium.frames, medium.fps, medium.is_video, medium.bytes) == (1, None, False, len(kept))


def test_pixels_are_kept_exactly(look):
    sent = clips.picture()

    kept, _ = look(sent)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(kept))), np.asarray(Image.open(io.BytesIO(sent))))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_and_forgets_where_it_was_taken(look, orientation):
    sent = clips.photograph(orientation)
    assert b"SECRETMAKER" in sent

    kept, medium = look(sent)

    with Image.open(io.BytesIO(sent)) as original, Image.open(io.BytesIO(kept)) as picture:
        turned = (30, 40) if orientation > 4 else (40, 30)
        assert picture.size == (medium.width, medium.height) == turned
        assert dict(picture.getexif()) == picture.info == {}
        assert picture.getpixel((0, 0)) == original.getpixel(
            [(0, 0), (39, 0), (39, 29), (0, 29), (0, 0), (0, 29), (39, 29), (39, 0)][orientation - 1]
        )
    assert b"SECRET" not in kept


@pytest.mark.parametrize(
    ("codec", "form"),
    [("libx264", "mp4"), ("libsvtav1", "mp4"), ("libvpx-vp9", "webm"), ("libsvtav1", "webm")],
)
def test_every_kind_of_clip_is_counted_and_kept_without_what_it_says_of_itself(look, codec, form):
    told = {"title": "SECRETTITLE", "location": "+43.17+005.60/"}

    kept, medium = look(clips.clip(codec, form, frames=24, rate=12, metadata=told))

    assert (medium.content_type, medium.width, medium.height) == (f"video/{form}", 64, 48)
    assert (medium.frames, medium.fps, medium.is_video) == (24, 12.0, True)
    with av.open(io.BytesIO(kept)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 24
    assert b"SECRET" not in kept
    assert b"+43.17" not in kept


def test_a_clip_filmed_upright_is_told_as_it_is_shown(look):
    kept, medium = look(clips.rotated(clips.clip()))

    assert (medium.width, medium.height) == (48, 64)
    with av.open(io.BytesIO(kept)) as container:
        assert next(container.decode(video=0)).rotation == -90


def test_what_is_hidden_behind_or_inside_a_picture_is_not_kept(look):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("payload.html", "<script>SECRET</script>")
    hidden = clips.chunk(b"tEXt", b"Comment\0<?php SECRET ?>")
    png = clips.picture()

    for polyglot in (
        png + archive.getvalue(),
        png[:33] + hidden + png[33:],
        clips.picture("JPEG") + b"<script>SECRET</script>",
    ):
        kept, medium = look(polyglot)

        assert (medium.width, medium.height) == (40, 30)
        assert b"SECRET" not in kept
        assert b"PK\3\4" not in kept


def cut(data, share):
    return data[: int(len(data) * share)]


def lying_webp():
    """A WebP whose header says 16384 x 16384."""
    real = clips.picture("WEBP", lossless=True)
    at = real.index(b"VP8L") + 9
    return real[:at] + struct.pack("<I", 16383 | 16383 << 14) + real[at + 4 :]


def damaged():
    """An MP4 of noise, with noise of another kind over two kilobytes of it."""
    made = clips.clip(size=(320, 240), noise=True)
    middle = len(made) // 2
    return made[:middle] + bytes(range(256)) * 8 + made[middle + 2048 :]


HOSTILE = {
    "nothing": (lambda: b"", "not a PNG"),
    "one byte": (lambda: b"\x89", "not a PNG"),
    "zeros": (lambda: bytes(10_000), "not a PNG"),
    "text": (lambda: b"#!/bin/sh\nrm -rf /\n", "not a PNG"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "not a"),
    "html": (lambda: b"<!doctype html><script>alert(1)</script>", "not a PNG"),
    "pdf": (lambda: b"%PDF-1.7\n", "not a PNG"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a PNG"),
    "gif": (lambda: clips.animation("GIF"), "not a PNG"),
    "tiff": (lambda: clips.picture("TIFF"), "not a PNG"),
    "bmp": (lambda: clips.picture("BMP"), "not a PNG"),
    "avif": (lambda: clips.picture("AVIF"), "not a PNG"),
    "playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a PNG"),
    "concat script": (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "not a PNG"),
    "matroska": (lambda: clips.clip(form="matroska"), "not a PNG"),
    "avi": (lambda: clips.clip("mpeg4", "avi"), "not a PNG"),
    "signature of a png alone": (lambda: b"\x89PNG\r\n\x1a\n", "cannot be decoded as PNG"),
    "playlist that begins like a png": (
        lambda: b"\x89PNG\r\n\x1a\n#EXTM3U\nfile:///etc/passwd",
        "cannot be decoded as PNG",
    ),
    "playlist that begins like an mp4": (
        lambda: b"\0\0\0\x18ftypisom#EXTM3U\nfile:///etc/passwd",
        "cannot be decoded as MP4",
    ),
    "gif that says it is a webp": (lambda: b"RIFF\xff\0\0\0WEBP" + clips.animation("GIF"), "cannot be decoded"),
    "png cut short": (lambda: cut(clips.picture(size=(300, 300)), 0.5), "cannot be decoded as PNG"),
    "jpeg cut short": (lambda: cut(clips.picture("JPEG", (300, 300)), 0.5), "cannot be decoded as JPEG"),
    "webp cut short": (lambda: cut(clips.picture("WEBP", (300, 300)), 0.5), "cannot be decoded as WEBP"),
    "jpeg of noise": (lambda: b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40, "cannot be decoded as JPEG"),
    "animated png": (clips.animation, "an animation of 3 pictures"),
    "animated webp": (lambda: clips.animation("WEBP"), "an animation of 3 pictures"),
    "png beyond the limit": (lambda: clips.picture(size=(1025, 1024)), "1025x1024 is more than 1048576 pixels"),
    "png of 10^5 x 10^5": (lambda: clips.bomb(10**5, 10**5), "more than 1048576 pixels"),
    "png of 2^31 x 2^31": (lambda: clips.bomb(2**31 - 1, 2**31 - 1), "1048576 pixels"),
    "png without rows": (lambda: clips.bomb(1000, 1000), "cannot be decoded as PNG"),
    "png of no size": (lambda: clips.bomb(0, 10), "cannot be decoded as PNG"),
    "png with half a gigabyte of text": (clips.text_bomb, "cannot be decoded as PNG"),
    "webp that says 16384 x 16384": (lying_webp, "cannot be decoded as WEBP"),
    "mp4 without an index": (lambda: cut(clips.clip(), 0.5), "cannot be decoded as MP4"),
    "mp4 cut short": (lambda: cut(clips.faststart(clips.clip(frames=32)), 0.8), "it is cut short"),
    "webm cut short": (lambda: cut(clips.clip("libvpx-vp9", "webm", 32), 0.6), "it is cut short"),
    "mp4 that is only sound": (clips.sound, "no video in it"),
    "mp4 of hevc": (lambda: clips.clip("libx265"), "its codec is hevc; send H.264, VP9, AV1"),
    "webm of vp8": (lambda: clips.clip("libvpx", "webm"), "its codec is vp8"),
    "mp4 too large": (lambda: clips.clip(size=(642, 480), frames=2), "642x480 is more than 307200 pixels"),
    "mp4 of too many frames": (lambda: clips.clip(frames=41), "more than 40 frames"),
    "mp4 too long": (lambda: clips.clip(frames=8, rate=2), "longer than 3 seconds"),
    "webm too long": (lambda: clips.clip("libvpx-vp9", "webm", frames=8, rate=2), "longer than 3 seconds"),
    "mp4 with a damaged middle": (damaged, "cannot be decoded as MP4|damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_or_broken_is_refused_by_field_and_limit(look, name):
    make, words = HOSTILE[name]

    with pytest.raises(InvalidMedia, match=f"^file: .*({words})") as refused:
        look(make())

    assert refused.value.field == "file"


def test_a_frame_that_is_larger_than_the_header_says_is_refused(look):
    small, large = clips.clip(size=(64, 48)), clips.clip(size=(1280, 720))
    lying = large.replace(struct.pack(">HH", 1280, 720), struct.pack(">HH", 64, 48))
    assert lying != large
    assert look(small)

    with pytest.raises(InvalidMedia, match="file: "):
        look(lying)


def test_a_png_bomb_costs_little_memory_and_time(look):
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidMedia, match="more than 1048576 pixels"):
        look(clips.bomb(30_000, 30_000, rows=2000))

    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_what_takes_too_long_to_decode_is_given_up(look):
    intake = Intake(Settings(media_cpu_seconds=1, media_memory_bytes=1 << 32, max_image_pixels=1 << 28))

    with pytest.raises(InvalidMedia, match="more than 1 seconds to decode"):
        look(clips.bomb(14_000, 14_000, rows=14_000), intake)


def test_a_picture_that_takes_too_much_memory_is_given_up(look):
    intake = Intake(Settings(media_memory_bytes=1 << 28, max_image_pixels=1 << 28))

    with pytest.raises(InvalidMedia, match="too large inside"):
        look(clips.bomb(12_000, 12_000, rows=12_000), intake)


@pytest.mark.slow
def test_the_largest_picture_of_each_kind_is_within_the_memory_it_may_take(look):
    intake = Intake(Settings())
    side = 5792  # squared, the default limit of pixels

    for form in ("PNG", "JPEG", "WEBP"):
        exif = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"}
        _, medium = look(clips.picture(form, (side, side), **exif), intake)
        assert medium.width * medium.height == side * side


CONFINED = """
import importlib.util, socket, subprocess, sys
spec = importlib.util.spec_from_file_location("probe", sys.argv[1])
probe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probe)
probe.confine(probe.Arguments("PNG", 1, 1, 1, 1, 1.0, 1, 1 << 29, 1000))
print("confined", flush=True)
{attempt}
print("done")
"""


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("pass", 0),
        ("open('/etc/passwd')", 1),
        ("socket.socket()", 1),
        ("subprocess.run(['true'])", 1),
        ("bytearray(1 << 30)", 1),
        ("[open(1, 'wb', closefd=False).write(bytes(5000)) for _ in range(9)]", 1),
        ("while True: pass", -9),
    ],
)
def test_the_process_that_looks_can_open_nothing_and_is_bounded(tmp_path, attempt, outcome):
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, "-I", "-c", CONFINED.replace("{attempt}", attempt), str(PROBE)]
        done = subprocess.run(command, check=False, stdout=out, stderr=subprocess.PIPE, text=True)

    said = (tmp_path / "out").read_bytes()
    assert done.returncode == outcome or (attempt.startswith("[") and done.returncode == -25)
    assert said.startswith(b"confined\n")
    assert said.endswith(b"done\n") == (outcome == 0)


def test_the_process_that_looks_is_told_no_secret(look, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    seen = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *given, **more: seen.append(more) or run(*given, **more))

    look(clips.picture())

    assert seen[0]["env"] == {}


def test_nothing_is_left_of_what_was_looked_into(look, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()

    look(clips.picture())
    with pytest.raises(InvalidMedia):
        look(clips.animation())

    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_probe_that_cannot_start_is_our_fault(look, monkeypatch):
    monkeypatch.setattr("service.media.intake.PROBE", Path("/nowhere/probe.py"))

    with pytest.raises(RuntimeError, match=r"probe\.py did not start"):
        look(clips.picture())
