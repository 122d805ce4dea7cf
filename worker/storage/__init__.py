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
from worker.storage.signing import LinkRefused

__all__ = [
    "LINKS",
    "LONGEST_LINK",
    "Fragment",
    "LinkRefused",
    "LocalStorage",
    "ObjectNotFound",
    "Storage",
    "StorageUnavailable",
    "Stored",
    "open_storage",
]


def open_storage(settings: Settings) -> Storage:
    """The bucket when one is named, else the folder `videos` of the data folder."""
    if settings.s3_bucket is None:
        return LocalStorage(settings.data / "videos")
    from worker.storage.s3 import open_bucket  # boto3 is slow to load, and not needed for a folder

    return open_bucket(settings, settings.s3_bucket)
