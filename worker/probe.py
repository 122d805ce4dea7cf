"""Looks into one foreign picture or clip, in a process that can open nothing, and writes a clean copy of it.

A program of its own, `probe.py ARGUMENTS`, of which nothing is imported: standard input is the upload, the descriptor
named in the arguments an empty file for the copy. On standard output it says that it is ready, then what it found.
"""

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

CODECS = {"h264": "H.264", "vp9": "VP9", "av1": "AV1"}


class Arguments(NamedTuple):
    """What to look for, where to write, and what is too much."""

    form: str  # PNG, JPEG, WEBP, MP4 or WEBM
    target: int
    image_pixels: int
    video_pixels: int
    frames: int
    seconds: float
    cpu_seconds: int
    memory_bytes: int
    target_bytes: int


class Refused(ValueError):
    """The medium is beyond a limit, or of a kind we do not take."""


def main(given: str) -> None:
    """Load the decoder, give everything up, then read."""
    asked = Arguments(**json.loads(given))
    look = _image if asked.form in ("PNG", "JPEG", "WEBP") else _video
    read = look(asked)
    confine(asked)
    print("ready", flush=True)
    with open(0, "rb", closefd=False) as source, open(asked.target, "r+b", closefd=False) as target:
        source.seek(0)
        try:
            found = read(source, target)
        except Refused as refused:
            found = {"refused": str(refused)}
    print(json.dumps(found), flush=True)


def confine(asked: Arguments) -> None:
    """From here on no file, socket or pipe can be opened, and time, memory and what is written are bounded."""
    os.nice(10)
    for limit, value in (
        (resource.RLIMIT_CPU, asked.cpu_seconds),
        (resource.RLIMIT_AS, asked.memory_bytes),
        (resource.RLIMIT_FSIZE, asked.target_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (value, value))


Look = Callable[[BinaryIO, BinaryIO], dict[str, Any]]


def _image(asked: Arguments) -> Look:
    """The pixels, turned upright, as a PNG that has nothing else in it."""
    from PIL import Image, ImageOps

    Image.preinit()
    for late in ("TiffImagePlugin", "WebPImagePlugin"):  # nothing can be imported later on; Exif is in a TIFF
        importlib.import_module(f"PIL.{late}")
    Image.MAX_IMAGE_PIXELS = None  # counted below, before anything is decoded

    def read(source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
        with Image.open(source, formats=[asked.form]) as picture:
            _check_pixels(*picture.size, asked.image_pixels)
            if (pictures := getattr(picture, "n_frames", 1)) > 1:
                raise Refused(f"an animation of {pictures} pictures; send a still, or a video")
            upright = ImageOps.exif_transpose(picture)
        see_through = upright.has_transparency_data
        clean = upright.convert("RGBA" if see_through else "RGB")
        clean.info.clear()
        clean.save(target, "PNG", compress_level=1)
        width, height = clean.size
        return {"content_type": "image/png", "width": width, "height": height, "frames": 1, "fps": None}

    return read


def _video(asked: Arguments) -> Look:
    """Every frame is decoded and counted; the copy holds the first video stream, and no name, place or sound."""
    import av

    importlib.import_module("av.subtitles.stream")  # or it would be, too late

    form, demuxer = asked.form.lower(), {"MP4": "mov", "WEBM": "matroska"}[asked.form]

    def read(source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
        with av.open(source, "r", format=demuxer) as original, av.open(target, "w", format=form) as copy:
            if not original.streams.video:
                raise Refused("there is no video in it")
            stream = original.streams.video[0]
            codec = stream.codec_context.codec.canonical_name
            if codec not in CODECS:
                raise Refused(f"its codec is {codec}; send {', '.join(CODECS.values())}")
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(asked.video_pixels)}
            _check_pixels(stream.width, stream.height, asked.video_pixels)
            written = copy.add_stream_from_template(stream, opaque=True)
            shown = _Shown(asked)
            for packet in original.demux(stream):
                if packet.is_corrupt:
                    raise Refused("it is cut short")
                for frame in packet.decode():
                    shown.count(frame)
                if packet.dts is not None:
                    shown.until(packet)
                    packet.stream = written
                    copy.mux(packet)
            shown.check_whole(_promised(original, stream))
            return shown.told(f"video/{form}", float(stream.average_rate or 0))

    return read


def _promised(container: Any, stream: Any) -> float | None:
    """The seconds of video that the header speaks of, where it does."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration and len(container.streams) == 1 else None


class _Shown:
    """The frames so far, refused as soon as they are too many, too long or too large."""

    def __init__(self, asked: Arguments) -> None:
        self._asked = asked
        self._frames = 0
        self._size = (0, 0)
        self._first = self._last = self._end = 0.0

    def count(self, frame: Any) -> None:
        """One frame more."""
        _check_pixels(frame.width, frame.height, self._asked.video_pixels)
        if frame.is_corrupt:
            raise Refused("a frame of it is damaged")
        if self._frames == self._asked.frames:
            raise Refused(f"more than {self._asked.frames} frames")
        if self._frames == 0:
            turned = frame.rotation % 180 != 0
            self._size = (frame.height, frame.width) if turned else (frame.width, frame.height)
            self._first = frame.time or 0.0
        self._frames += 1
        self._last = max(self._last, frame.time or 0.0)
        if self._last - self._first > self._asked.seconds:
            raise Refused(f"longer than {self._asked.seconds:g} seconds")

    def until(self, packet: Any) -> None:
        """The moment at which what is in this packet has been shown."""
        self._end = max(self._end, float(((packet.pts or 0) + (packet.duration or 0)) * packet.time_base))

    def check_whole(self, promised: float | None) -> None:
        """Refuse what has no frame, and what ends long before it should."""
        if self._frames == 0:
            raise Refused("there is no frame in it")
        lasted = self._end - self._first
        if promised is not None and lasted < 0.95 * promised - 0.1:
            raise Refused(f"it is cut short: {lasted:.2f} of {promised:.2f} seconds")

    def told(self, content_type: str, rate: float) -> dict[str, Any]:
        """What has been counted, and the rate of the header where the moments of the frames agree with it."""
        span = self._last - self._first
        seen = (self._frames - 1) / span if span > 0 else rate
        width, height = self._size
        return {
            "content_type": content_type,
            "width": width,
            "height": height,
            "frames": self._frames,
            "fps": round(rate if abs(seen - rate) < 0.01 * rate else seen, 3) or None,
        }


def _check_pixels(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise Refused(f"{width}x{height} is more than {most} pixels")


if __name__ == "__main__":
    main(sys.argv[1])
