"""Videos as objects of one S3 bucket; boto3 brings the retries, the parts and the checksums."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from worker.settings import Settings
from worker.storage.interface import (
    CHUNK,
    Fragment,
    ObjectNotFound,
    StorageUnavailable,
    Stored,
    checked_key,
    checked_life,
    disposition,
    is_key,
    primed,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

PART = 8 << 20
TRANSFER = TransferConfig(
    multipart_threshold=PART,
    multipart_chunksize=PART,
    max_concurrency=4,
    preferred_transfer_client="classic",  # the other one has timeouts and retries of its own
)
CONNECT_SECONDS = 5.0


class S3Storage:
    """Objects of one bucket; `links` signs for the address that clients see, where it is another."""

    shared = True

    def __init__(self, client: "S3Client", bucket: str, links: "S3Client | None" = None) -> None:
        self._s3 = client
        self._bucket = bucket
        self._links = links or client

    def put(self, key: str, source: Path, content_type: str) -> None:
        """In parts when large; the server checks the SHA-256 of each and shows the object when it has all."""
        told = {
            "ContentType": content_type,
            "ContentDisposition": disposition(key),
            "ChecksumAlgorithm": "SHA256",
        }
        with source.open("rb") as file, self._failures(key):
            self._s3.upload_fileobj(file, self._bucket, key, ExtraArgs=told, Config=TRANSFER)

    def copy(self, source: str, target: str) -> None:
        """By the server, without a byte through here."""
        origin: CopySourceTypeDef = {"Bucket": self._bucket, "Key": checked_key(source)}
        kind = self.content_type(source)
        with self._failures(source):
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=checked_key(target),
                CopySource=origin,
                MetadataDirective="REPLACE",
                ContentType=kind,
                ContentDisposition=disposition(target),
            )

    def size(self, key: str) -> int:
        """See Storage."""
        with self._failures(key):
            return self._s3.head_object(Bucket=self._bucket, Key=checked_key(key))["ContentLength"]

    def content_type(self, key: str) -> str:
        """See Storage."""
        with self._failures(key):
            return self._s3.head_object(Bucket=self._bucket, Key=checked_key(key))["ContentType"]

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        if stop is not None and stop <= start:  # S3 has no words for an empty range
            self.size(key)
            return iter(())
        span = f"bytes={start}-{'' if stop is None else stop - 1}"
        with self._failures(key):
            try:
                body = self._s3.get_object(Bucket=self._bucket, Key=checked_key(key), Range=span)["Body"]
            except ClientError as error:
                if _code(error) == "InvalidRange":
                    return iter(())
                raise
        return primed(self._chunks(key, body))

    def _chunks(self, key: str, body: StreamingBody) -> Iterator[bytes]:
        with closing(body), self._failures(key):
            yield b""
            yield from body.iter_chunks(CHUNK)

    def delete(self, key: str) -> None:
        """See Storage."""
        with self._failures(key):
            self._s3.delete_object(Bucket=self._bucket, Key=checked_key(key))

    def list(self, folder: str) -> Iterator[Stored]:
        """A thousand at a time."""
        pages = self._s3.get_paginator("list_objects_v2")
        with self._failures(folder):
            for page in pages.paginate(Bucket=self._bucket, Prefix=f"{checked_key(folder)}/"):
                for each in page.get("Contents", ()):
                    if is_key(each["Key"]):
                        yield Stored(each["Key"], each["Size"], each["LastModified"].timestamp())

    def fragments(self, folder: str) -> Iterator[Fragment]:
        """Uploads in parts that were neither ended nor given up; their time is that of their beginning."""
        pages = self._s3.get_paginator("list_multipart_uploads")
        with self._failures(folder):
            for page in pages.paginate(Bucket=self._bucket, Prefix=f"{checked_key(folder)}/"):
                for each in page.get("Uploads", ()):
                    key, upload = each["Key"], each["UploadId"]
                    yield Fragment(key, self._uploaded(key, upload), each["Initiated"].timestamp(), upload)

    def _uploaded(self, key: str, upload: str) -> int:
        """The bytes of the parts that have arrived."""
        pages = self._s3.get_paginator("list_parts")
        try:
            told = list(pages.paginate(Bucket=self._bucket, Key=key, UploadId=upload))
        except self._s3.exceptions.NoSuchUpload:
            return 0
        return sum(part["Size"] for page in told for part in page.get("Parts", ()))

    def discard(self, fragment: Fragment) -> None:
        """S3 cannot tell whether a part has come since: who still writes is refused, and has to begin again."""
        with self._failures(fragment.key), suppress(self._s3.exceptions.NoSuchUpload):
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=fragment.key, UploadId=fragment.part)

    def signed_url(self, key: str, seconds: int) -> str:
        """See Storage; made here, without asking the server."""
        asked = {"Bucket": self._bucket, "Key": checked_key(key)}
        with self._failures(key):
            return self._links.generate_presigned_url("get_object", asked, checked_life(seconds))

    @contextmanager
    def _failures(self, key: str) -> Iterator[None]:
        """Botocore's errors as ours."""
        try:
            yield
        except ClientError as error:
            if _code(error) in {"404", "NoSuchKey"}:
                raise ObjectNotFound(f"no object {key!r}") from None
            raise StorageUnavailable(f"{self._place} refused {key!r}: {_reason(error)}") from error
        except BotoCoreError as error:
            raise StorageUnavailable(f"{self._place} failed on {key!r}: {type(error).__name__}") from error

    @property
    def _place(self) -> str:
        return f"bucket {self._bucket!r} at {self._s3.meta.endpoint_url}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _reason(error: ClientError) -> str:
    """What S3 calls the error; where it sent no words, the status and its phrase."""
    code = _code(error)
    return f"{code} {error.response['Error']['Message']}" if code.isdigit() else code


def open_bucket(settings: Settings, bucket: str) -> S3Storage:
    """The bucket with its timeouts and retries; nothing is connected until the first request."""
    client = _client(settings, settings.s3_endpoint_url)
    links = _client(settings, settings.s3_public_url) if settings.s3_public_url else None
    return S3Storage(client, bucket, links)


def _client(settings: Settings, endpoint_url: str | None) -> "S3Client":
    """Links are signed by version 4, which boto3 would not choose for every region by itself."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=min(CONNECT_SECONDS, settings.s3_timeout_seconds),
        read_timeout=settings.s3_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": settings.s3_attempts},
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    return boto3.Session().client("s3", endpoint_url=endpoint_url, config=config)
