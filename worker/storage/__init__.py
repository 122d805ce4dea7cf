"""Where finished videos lie: a folder or an S3 bucket, behind one small interface."""

from worker.settings import Settings
from worker.storage.folder import LINKS, LocalStorage
from worker.storage.interface import (
    LONGEST_LINK,
    Fragment,
    ObjectNotFound,
    Storage,
    StorageUnavailable,
    Stored,
)
from worker.storage.s3 import S3Storage, open_bucket
from worker.storage.signing import LinkRefused

__all__ = [
    "LINKS",
    "LONGEST_LINK",
    "Fragment",
    "LinkRefused",
    "LocalStorage",
    "ObjectNotFound",
    "S3Storage",
    "Storage",
    "StorageUnavailable",
    "Stored",
    "open_storage",
]


def open_storage(settings: Settings) -> Storage:
    """The bucket when one is named, else the folder `videos` of the data folder."""
    if settings.s3_bucket is None:
        return LocalStorage(settings.data / "videos")
    return open_bucket(settings, settings.s3_bucket)
