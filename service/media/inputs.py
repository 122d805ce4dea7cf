"""What a video is made from beside words: a file, an id, a data URL or an address, first looked at, later kept."""

import binascii
import hashlib
import io
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

from model.spec import FPS
from model.tasks import CLIP, PICTURE
from service.errors import InvalidField
from service.media.files import Files, Upload
from service.media.intake import HEAD, PICTURES
from service.media.sources import Source
from service.outbound import Outbound, OutboundError
from worker.files import File
from worker.jobs import Job, StoreUnavailable
from worker.limits import TooManyRequests
from worker.material import Material, new_id
from worker.media import Medium
from worker.storage import Storage
from worker.variants import input_key

DATA_URL_CHARACTERS = 20_971_520  # as in the OpenAI protocol
FETCH_SECONDS = 30.0
RETRY_SECONDS = 5.0
MOST_FETCHES = 8  # each holds one of the process's threads for as long as a stranger's server likes


class Inputs:
    """Finds inputs and keeps them for jobs; `outbound` is None where no address is fetched."""

    def __init__(self, files: Files, storage: Storage, outbound: Outbound | None) -> None:
        self.files = files
        self._storage = storage
        self._outbound = outbound
        self._fetches = threading.BoundedSemaphore(MOST_FETCHES)

    def reference(self, tenant: str, field: str, given: object) -> Source | None:
        """What was given as a file, as `{"file_id": ...}` or as `{"image_url": ...}`; exactly one of them."""
        match given:
            case None:
                return None
            case Upload(file=file):
                return self._sent(field, file)
            case {"file_id": str(file_id), **more} if not more:
                return self._filed(field, self.files.find(tenant, file_id))
            case {"image_url": str(url), **more} if not more:
                return self._at(field, url)
        raise InvalidField(field, "a file, or an object with one of image_url and file_id")

    def made(self, field: str, job: Job) -> Source:
        """A finished video."""
        return Source(field, CLIP, job.id, partial(self._copy_made, field, job))

    @contextmanager
    def kept(
        self,
        sources: Iterable[Source],
        check: Callable[[Mapping[str, Medium]], None],
        remixed_from: str | None,
    ) -> Iterator[Material]:
        """Copies under the keys of a job to be, which `check` has accepted; all go again unless the job is made.

        Where nobody can know whether it was, they stay: a job without its input would be worse than an input
        without its job.
        """
        job_id = new_id()
        media: dict[str, Medium] = {}
        material = Material(job_id, media, remixed_from)
        stays = False
        try:
            for source in sources:
                media[source.field] = source.keep(job_id)
            check(media)
            yield material
            stays = True
        except StoreUnavailable:
            stays = True
            raise
        finally:
            if not stays:
                self.drop(material)

    def drop(self, material: Material) -> None:
        """Remove the copies for a job that was not made."""
        for field, medium in material.inputs.items():
            self._storage.delete(input_key(material.job_id, field, medium))

    def _sent(self, field: str, file: BinaryIO) -> Source:
        kind = PICTURE if self.files.intake.kind(field, file) in PICTURES else CLIP
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        file.seek(0)
        return Source(field, kind, digest.hexdigest(), partial(self._store, field, file))

    def _filed(self, field: str, file: File) -> Source:
        def keep(job_id: str) -> Medium:
            self._storage.copy(file.key, input_key(job_id, field, file.medium))
            return file.medium

        return Source(field, CLIP if file.medium.is_video else PICTURE, file.id, keep)

    def _at(self, field: str, url: str) -> Source:
        digest = hashlib.sha256(url.encode()).hexdigest()
        if url[:5].lower() == "data:":
            content = _decoded(field, url)
            self._check_picture(field, io.BytesIO(content[:HEAD]))
            return Source(field, PICTURE, digest, partial(self._store_picture, field, content))
        if self._outbound is None:
            raise InvalidField(
                field, "image_url must be a data URL: addresses are not fetched by this service"
            )
        try:
            self._outbound.check(url)
        except OutboundError as refused:
            raise InvalidField(field, f"image_url: {refused}") from None
        return Source(field, PICTURE, digest, partial(self._fetch, field, url, self._outbound))

    def _fetch(self, field: str, url: str, outbound: Outbound, job_id: str) -> Medium:
        most = min(self.files.intake.upload_bytes, DATA_URL_CHARACTERS)
        if not self._fetches.acquire(blocking=False):
            raise TooManyRequests(
                f"image_url: {MOST_FETCHES} addresses are being fetched already", RETRY_SECONDS
            )
        try:
            fetched = outbound.fetch(url, most, FETCH_SECONDS)
        except OutboundError as failed:
            raise InvalidField(field, f"image_url: {failed}") from None
        finally:
            self._fetches.release()
        return self._store_picture(field, fetched.content, job_id)

    def _store_picture(self, field: str, content: bytes, job_id: str) -> Medium:
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            self._check_picture(field, file)
            return self._store(field, file, job_id)

    def _check_picture(self, field: str, file: BinaryIO) -> None:
        if self.files.intake.kind(field, file) not in PICTURES:
            raise InvalidField(field, "image_url must lead to a picture; send a video as a file")

    def _store(self, field: str, file: BinaryIO, job_id: str) -> Medium:
        with self.files.intake.checked(field, file) as (path, medium):
            self._storage.put(input_key(job_id, field, medium), path, medium.content_type)
            return medium

    def _copy_made(self, field: str, job: Job, job_id: str) -> Medium:
        """A copy of what a worker of ours has made, which nobody needs to look into."""
        assert job.video_key is not None
        digest, size = hashlib.sha256(), 0
        for chunk in self._storage.read(job.video_key):
            digest.update(chunk)
            size += len(chunk)
        medium = Medium(
            content_type="video/mp4",
            bytes=size,
            sha256=digest.hexdigest(),
            width=job.spec.width,
            height=job.spec.height,
            frames=job.spec.frames,
            fps=FPS,
        )
        self._storage.copy(job.video_key, input_key(job_id, field, medium))
        return medium


def _decoded(field: str, url: str) -> bytes:
    """The bytes in a data URL; what it says they are is not asked."""
    if len(url) > DATA_URL_CHARACTERS:
        raise InvalidField(field, f"image_url: a data URL has at most {DATA_URL_CHARACTERS} characters")
    head, comma, text = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise InvalidField(field, "image_url: a data URL must be data:...;base64,...")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise InvalidField(field, "image_url: the data URL is not base64") from None
