"""What the links of a folder of videos lead to; a bucket serves its own."""

from functools import partial

from service.videos.content import Content
from worker.storage import LocalStorage
from worker.storage.interface import disposition


class Objects:
    """Stored files, for whoever holds a link that is still good."""

    def __init__(self, storage: LocalStorage) -> None:
        self._storage = storage

    def content(self, key: str, expires: str, signature: str) -> Content:
        """The object behind a link; its key names one attempt at one video, and so its bytes."""
        storage = self._storage
        storage.verify(key, expires, signature)
        size, kind = storage.size(key), storage.content_type(key)
        read = partial(storage.read, key)
        return Content(kind, size, f'"{key}"', read, disposition(key))
