"""Which Redis a storage belongs to: both hold the same mark, and where they do not, nobody's objects are touched.

To a sweeper with an empty Redis every object is nobody's. A Redis that has lost its data, an address that leads to
another one, or a bucket that two services share would otherwise cost all videos.
"""

import secrets
import tempfile
from pathlib import Path

import redis

from worker.storage import ObjectNotFound, Storage
from worker.tally import Tally

MARK = "ciotat:storage"  # what is written in the storage that belongs to this Redis
WRITTEN = "ciotat-owner"  # where it is written
ANOTHERS = "the storage, which is marked as another Redis' (if it is this one's: ciotat sweep --adopt)"
UNMARKED = "the storage, which has objects while this Redis has no records (likewise: ciotat sweep --adopt)"


class Ownership:
    """The mark of one storage and that of one Redis."""

    def __init__(self, client: "redis.Redis", storage: Storage) -> None:
        self._redis = client
        self._storage = storage

    def holds(self, records: bool, empty: bool, tally: Tally, dry: bool) -> bool:
        """Whether what no record names may go. A storage without a mark gets one, where it has nothing to lose or
        Redis has records."""
        written, told = self._written(), self._redis.get(MARK)
        if written is None and (records or empty):
            if not dry:
                self._mark(str(told or secrets.token_hex(16)))
            return True
        if written is None or written != told:
            tally.cannot_account_for(UNMARKED if written is None else ANOTHERS)
            return False
        return True

    def adopt(self) -> None:
        """From now on the storage belongs to this Redis, whatever was written in it."""
        self._mark(self._written() or secrets.token_hex(16))

    def _mark(self, mark: str) -> None:
        """First in Redis: what is interrupted here is done at the next sweep."""
        self._redis.set(MARK, mark)
        with tempfile.TemporaryDirectory(prefix="ciotat-") as scratch:
            file = Path(scratch) / "mark"
            file.write_text(mark)
            self._storage.put(WRITTEN, file, "text/plain")

    def _written(self) -> str | None:
        try:
            return b"".join(self._storage.read(WRITTEN)).decode()
        except ObjectNotFound:
            return None
