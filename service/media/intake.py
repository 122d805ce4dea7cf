"""The one place where foreign pictures and clips come in: told by their bytes, measured, and copied clean."""

import hashlib
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import worker
from service.errors import InvalidMedia
from worker.decoding import TookTooLong, run_apart
from worker.media import Medium
from worker.settings import Settings

PROBE = Path(worker.__path__[0]) / "probe.py"  # run, never imported: it loads the decoders
HEAD = 64
PICTURES = {"PNG", "JPEG", "WEBP"}
PICTURE_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


class Checked(NamedTuple):
    """A clean copy of what was sent, for as long as it is needed, and what it holds."""

    path: Path
    medium: Medium


def form_of(source: BinaryIO) -> str | None:
    """PNG, JPEG, WEBP, MP4 or WEBM by the first bytes; names and content types are hearsay."""
    head = source.read(HEAD)
    source.seek(0)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] not in PICTURE_BRANDS:
        return "MP4"
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"\x42\x82\x84webm" in head:
        return "WEBM"
    return None


class Intake:
    """Looks into uploads, a few at a time, each in a process of its own that has nothing to lose."""

    def __init__(self, settings: Settings) -> None:
        self.upload_bytes = settings.max_upload_bytes
        self.at_once = settings.media_processes
        self._limits = {
            "image_pixels": settings.max_image_pixels,
            "video_pixels": settings.max_video_pixels,
            "frames": settings.max_video_frames,
            "seconds": settings.max_video_seconds,
            "cpu_seconds": settings.media_cpu_seconds,
            "memory_bytes": settings.media_memory_bytes,
            "target_bytes": max(4 * settings.max_image_pixels, settings.max_upload_bytes) + (1 << 20),
        }
        self._turn = threading.BoundedSemaphore(settings.media_processes)

    def kind(self, field: str, source: BinaryIO) -> str:
        """PNG, JPEG, WEBP, MP4 or WEBM; all else is refused without a look inside."""
        form = form_of(source)
        if form is None:
            raise InvalidMedia(field, "not a PNG, JPEG or WebP image, nor an MP4 or WebM video")
        return form

    @contextmanager
    def checked(self, field: str, source: BinaryIO) -> Iterator[Checked]:
        """The clean copy of an upload that holds what it should; `source` is a real file."""
        form = self.kind(field, source)
        source.flush()
        with tempfile.TemporaryDirectory(prefix="ciotat-media-") as folder:
            copy = Path(folder) / "copy"
            with copy.open("w+b") as target, self._turn:
                found = self._probed(field, form, source, target)
                target.seek(0)
                digest = hashlib.file_digest(target, "sha256").hexdigest()
            yield Checked(copy, Medium(bytes=copy.stat().st_size, sha256=digest, **found))

    def _probed(self, field: str, form: str, source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
        seconds = self._limits["cpu_seconds"]
        try:
            status, report = run_apart(PROBE, {"form": form, **self._limits}, source, target, seconds)
        except TookTooLong:
            raise InvalidMedia(field, f"takes more than {seconds} seconds to decode") from None
        if status != 0:
            raise InvalidMedia(
                field, f"cannot be decoded as {form}: malformed, cut short, or too large inside"
            )
        found: dict[str, Any] = json.loads(report)
        if "refused" in found:
            raise InvalidMedia(field, found["refused"])
        return found
