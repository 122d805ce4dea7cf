"""Makes of a stored picture or clip the frames that a video needs, in a process that can open nothing.

A program of its own, `fitting.py ARGUMENTS`, of which nothing is imported: standard input is what was stored, the
descriptor named in the arguments an empty file for the frames: bytes, one frame after the other. What was stored was
looked into before, by probe.py, and is foreign still. On standard output it says that it is ready, then how many
frames there are.
"""

import importlib
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

FPS = 16
DEMUXERS = {"video/mp4": "mov", "video/webm": "matroska"}


class Arguments(NamedTuple):
    """What it is, what it is to become, and what is too much."""

    content_type: str
    target: int
    width: int
    height: int
    frames: int  # at most
    mask: bool  # of one channel, and nothing between its values; else RGB
    cpu_seconds: int
    memory_bytes: int
    target_bytes: int


def main(given: str) -> None:
    """Load the decoder, give everything up, then read."""
    asked = Arguments(**json.loads(given))
    confine = runpy.run_path(str(Path(__file__).with_name("probe.py")))["confine"]
    read = _clip(asked) if asked.content_type in DEMUXERS else _picture(asked)
    confine(asked)
    print("ready", flush=True)
    written = 0
    with open(0, "rb", closefd=False) as source, open(asked.target, "r+b", closefd=False) as target:
        source.seek(0)
        for frame in read(source):
            target.write(frame)
            written += 1
    print(json.dumps({"frames": written}), flush=True)


Read = Callable[[BinaryIO], Iterator[bytes]]


def _fit(asked: Arguments) -> Callable[[Any], bytes]:
    """A picture's middle, of the shape of the video, at its size; what is that already stays as it is."""
    from PIL import Image, ImageOps

    Image.preinit()
    Image.MAX_IMAGE_PIXELS = None  # counted by probe.py
    mode, ground = ("L", "black") if asked.mask else ("RGB", "white")  # what cannot be seen of a mask is kept
    method = Image.Resampling.NEAREST if asked.mask else Image.Resampling.LANCZOS

    def fit(picture: Any) -> bytes:
        fitted = ImageOps.fit(picture, (asked.width, asked.height), method)
        if fitted.has_transparency_data:
            below = Image.new("RGBA", fitted.size, ground)
            fitted = Image.alpha_composite(below, fitted.convert("RGBA"))
        return fitted.convert(mode).tobytes()

    return fit


def _picture(asked: Arguments) -> Read:
    from PIL import Image

    fit = _fit(asked)

    def read(source: BinaryIO) -> Iterator[bytes]:
        with Image.open(source, formats=["PNG"]) as picture:
            yield fit(picture)

    return read


def _clip(asked: Arguments) -> Read:
    """At each sixteenth of a second the frame that is then shown, for as long as there is one."""
    import av
    import numpy as np
    from PIL import Image

    importlib.import_module("av.subtitles.stream")  # or it would be, too late
    fit = _fit(asked)

    def upright(frame: Any) -> Any:
        pixels = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)  # counterclockwise, both
        return Image.fromarray(np.ascontiguousarray(pixels))

    def read(source: BinaryIO) -> Iterator[bytes]:
        written = 0
        with av.open(source, "r", format=DEMUXERS[asked.content_type]) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame, until in _shown(container.decode(stream)):
                fitted = b""
                while written < asked.frames and (written + 0.02) / FPS < until:
                    fitted = fitted or fit(upright(frame))
                    yield fitted
                    written += 1
                if written == asked.frames:
                    return

    return read


def _shown(frames: Iterator[Any]) -> Iterator[tuple[Any, float]]:
    """Each frame, and until when it is shown, in seconds from the first one on; the last one as long as others are."""
    before, first, last, number = None, 0.0, 0.0, 0
    for frame in frames:
        if before is None:
            first = frame.time or 0.0
        else:
            last = (frame.time or 0.0) - first
            yield before, last
        before, number = frame, number + 1
    if before is not None:
        yield before, last + (last / (number - 1) if number > 1 else 1 / FPS)


if __name__ == "__main__":
    main(sys.argv[1])
