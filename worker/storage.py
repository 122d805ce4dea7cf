"""Where finished videos lie: a folder or an S3 bucket, behind one small interface."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from worker.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1 << 18


class ObjectNotFound(LookupError):
    """The stored object is gone."""


class StorageUnavailable(RuntimeError):
    """The object store does not answer."""


class Storage(Protocol):
    """Objects under slash-separated keys; an object appears whole or not at all."""

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Store a file, replacing what was there."""

    def size(self, key: str) -> int:
        """The object's length in bytes."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from start up to stop; a missing object is noticed here, not while iterating."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def delete(self, key: str) -> None:
        """Remove the object; removing nothing is no error."""


class LocalStorage:
    """Files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, key: str) -> Path:
        if not all(part.strip(".") for part in key.split("/")):
            raise ValueError(f"not a storage key: {key!r}")
        return self._root / key

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Copy beside the target, sync, then rename: a reader sees all or nothing, also after a crash."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with source.open("rb") as read, partial.open("xb") as write:
                while chunk := read.read(CHUNK):
                    write.write(chunk)
                write.flush()
                os.fsync(write.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def size(self, key: str) -> int:
        """See Storage."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            raise ObjectNotFound(f"no object {key!r}") from None

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        end = self.size(key) if stop is None else stop
        return self._chunks(self._path(key), start, end)

    @staticmethod
    def _chunks(path: Path, start: int, stop: int) -> Iterator[bytes]:
        with path.open("rb") as source:
            source.seek(start)
            while start < stop and (chunk := source.read(min(CHUNK, stop - start))):
                start += len(chunk)
                yield chunk

    def exists(self, key: str) -> bool:
        """See Storage."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """See Storage."""
        self._path(key).unlink(missing_ok=True)


class S3Storage:
    """Objects of one bucket; boto3 brings the retries, the multipart uploads and the checksums."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def put(self, key: str, source: Path, content_type: str) -> None:
        """See Storage."""
        with _s3_errors(key):
            self._s3.upload_file(str(source), self._bucket, key, ExtraArgs={"ContentType": content_type})

    def size(self, key: str) -> int:
        """See Storage."""
        with _s3_errors(key):
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        span = f"bytes={start}-{'' if stop is None else stop - 1}"
        with _s3_errors(key):
            body = self._s3.get_object(Bucket=self._bucket, Key=key, Range=span)["Body"]
        return body.iter_chunks(CHUNK)

    def exists(self, key: str) -> bool:
        """See Storage."""
        try:
            self.size(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """See Storage."""
        with _s3_errors(key):
            self._s3.delete_object(Bucket=self._bucket, Key=key)


@contextmanager
def _s3_errors(key: str) -> Iterator[None]:
    """Turn botocore's errors into ours."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            raise ObjectNotFound(f"no object {key!r}") from error
        raise StorageUnavailable(f"the object store refused: {error}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise StorageUnavailable(f"the object store does not answer: {error}") from error


def open_storage(settings: Settings) -> Storage:
    """The bucket when one is named, else the folder `videos` of the data folder."""
    if settings.s3_bucket is None:
        return LocalStorage(settings.data / "videos")
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 5},
        s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
    )
    client = boto3.client("s3", endpoint_url=settings.s3_endpoint_url, config=config)
    return S3Storage(client, settings.s3_bucket)
