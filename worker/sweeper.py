"""The sweeper: what is over goes, and what nobody needs any more; what remains is accounted for.

A pass is a few steps, each of many short turns, between which it can be ended. It may be killed at any moment and may
run twice at once: everything that it removes is nobody's for ever (worker/retention.py says why), and to remove it a
second time is nothing. Records go before objects. A record leads nobody to what it no longer names, so an object that
is still there then does no harm, and the next pass finds it in the list of the storage. The other way round a video
would be there to be asked for, and its bytes would not.
"""

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import redis

from worker.audit import Audit
from worker.events import log as events_of
from worker.files import FileStore, file_key
from worker.jobs import JobStore, key, store_errors
from worker.ownership import Ownership
from worker.retention import (
    DEFAULT_TERMS,
    FOLDERS,
    FRAGMENT_SECONDS,
    KEEP_FIELDS,
    ORPHAN_SECONDS,
    Keep,
    Terms,
    kind_of,
)
from worker.storage import Storage, StorageUnavailable
from worker.tally import Tally
from worker.turns import TURN, turns

LOCK = "ciotat:sweep"  # who sweeps at this moment
SWEPT = "ciotat:swept"  # that a sweep has begun within the last interval
LOCK_SECONDS = 60  # within which a turn ends; if not, another pass may begin, which does no harm
JOB, FILE = "job record", "file record"
LOOK_SECONDS = 60.0  # how often a replica looks whether it is time
_OWNED = re.compile(r"(?:videos|files)/((?:video|file)_[0-9a-f]+)/[^/]+")
log = logging.getLogger(__name__)

# Who holds the lock, or finds that nobody does, has it for as long again; at 0 it is let go.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1
"""


class SweepRuns(RuntimeError):
    """Another sweep runs at this moment."""


class Sweeper:
    """Sweeps one Redis and the storage that its records name, `every` so many seconds; `clock` is that of the world."""

    def __init__(
        self,
        client: "redis.Redis",
        storage: Storage,
        terms: Terms = DEFAULT_TERMS,
        clock: Callable[[], float] = time.time,
        every: float = 3600.0,
    ) -> None:
        self._over = threading.Event()
        self._every = every
        self._redis = client
        self._storage = storage
        self._terms = terms
        self._clock = clock
        self._lock = client.register_script(_HOLD)

    @property
    def look_seconds(self) -> float:
        """How often a replica looks whether it is time."""
        return min(LOOK_SECONDS, self._every)

    def turn(self) -> None:
        """Sweep, if no replica has within the last interval. Raises StoreUnavailable."""
        with store_errors():
            due = self._redis.set(SWEPT, "", nx=True, px=max(1, int(1000 * self._every)))
        if not due:
            return
        try:
            told = self.sweep()
            log.info("swept: %d things went, %d are unaccounted for", told.removed, told.unaccounted)
        except (redis.RedisError, StorageUnavailable, SweepRuns) as failed:
            log.warning("the sweep ended early: %s", failed)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """A sweep that is under way at the end of this block ends at its next turn."""
        try:
            yield
        finally:
            self._over.set()

    def sweep(self, dry: bool = False) -> Tally:
        """One pass now; with `dry` nothing is changed, and what would be is told. Raises SweepRuns."""
        me = secrets.token_hex(8)
        tally = Tally()
        with store_errors():
            try:
                for _ in _Pass(self._redis, self._storage, self._terms, self._clock, dry, tally).turns():
                    if self._over.is_set():
                        return tally
                    if not self._lock(keys=[LOCK], args=[me, LOCK_SECONDS]):
                        raise SweepRuns("another sweep runs at this moment")
            finally:
                self._lock(keys=[LOCK], args=[me, 0])
        tally.whole = True
        return tally

    def adopt(self) -> None:
        """From now on the storage is this Redis', whatever is written in it."""
        with store_errors():
            Ownership(self._redis, self._storage).adopt()


class _Pass:
    """One pass, which counts as it goes."""

    def __init__(
        self,
        client: "redis.Redis",
        storage: Storage,
        terms: Terms,
        clock: Callable[[], float],
        dry: bool,
        tally: Tally,
    ) -> None:
        self._redis = client
        self._jobs = JobStore(client)
        self._files = FileStore(client)
        self._storage = storage
        self._terms = terms
        self._clock = clock
        self._dry = dry
        self._tally = tally

    def turns(self) -> Iterator[None]:
        """All of it; before each turn, and so before the first, whoever asks for it may end it."""
        yield
        yield from self._records()
        yield from self._filed()
        if self._ours():
            yield from self._objects()
            yield from self._fragments()
        yield from Audit(self._redis, self._tally, self._clock, self._dry).turns()

    def _ours(self) -> bool:
        records = any(kind in self._tally.rows for kind in (JOB, FILE))
        empty = all(next(self._storage.list(folder), None) is None for folder in FOLDERS)
        return Ownership(self._redis, self._storage).holds(records, empty, self._tally, self._dry)

    def _records(self) -> Iterator[None]:
        """Records of jobs that have been over for long enough go, with all that is theirs; logs are cut to the end."""
        for ids in self._ids(key("")):
            now = self._clock()
            told: list[str] = []
            for keep in self._kept(ids).values():
                ends = keep.record_ends(self._terms) <= now
                if ends and not self._dry:
                    self._jobs.forget(keep.id, keep.tenant)
                if not ends and keep.log_ends(self._terms) <= now:
                    told.append(keep.id)
                if not keep.readable:
                    self._tally.cannot_account_for(f"the record of {keep.id}, which cannot be read")
                self._tally.count(JOB, ends)
            self._cut(told)
            yield

    def _cut(self, ids: list[str]) -> None:
        """Of the logs of jobs that are over their end remains, the last entry: nothing happens after it."""
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.xlen(events_of(job_id))
            long = [job_id for job_id, length in zip(ids, pipe.execute(), strict=True) if length > 1]
            for job_id in long:
                self._tally.count("event log", removed=True)
                if not self._dry:
                    pipe.xtrim(events_of(job_id), maxlen=1, approximate=False)
            pipe.execute()

    def _filed(self) -> Iterator[None]:
        """Records of files that have expired go, with their places; nobody could read them any more."""
        for ids in self._ids(file_key("")):
            now = self._clock()
            for file_id, (tenant, expires) in self._files_told(ids).items():
                ends = expires <= now
                if ends and not self._dry:
                    self._files.forget(file_id, tenant)
                self._tally.count(FILE, ends)
            yield

    def _objects(self) -> Iterator[None]:
        """Objects that no record names go, once they are old enough not to be waiting for theirs.

        The list is taken first and the records are read behind it: what a record has come to name by then is kept.
        """
        for folder in FOLDERS:
            for listed in turns(self._storage.list(folder)):
                now = self._clock()
                names = self._naming(folder, {_owner(each.key) for each in listed}, now)
                for each in listed:
                    goes = each.modified <= now - ORPHAN_SECONDS and not names(each.key)
                    if goes and not self._dry:
                        self._storage.delete(each.key)
                    self._tally.count(kind_of(each.key), goes, each.size)
                yield

    def _naming(self, folder: str, owners: set[str], now: float) -> Callable[[str], bool]:
        """Whether a record names an object. What does not lie as we store things is not ours to remove."""
        if folder == "files":
            told = self._files_told(owners)
            living = {file_id for file_id, (_, expires) in told.items() if now < expires}
        else:
            kept = self._kept(owners)
            living = {job_id for job_id, keep in kept.items() if now < keep.record_ends(self._terms)}

        def names(stored_key: str) -> bool:
            owner = _owner(stored_key)
            if not owner:
                self._tally.cannot_account_for(f"the object {stored_key}")
                return True
            return owner in living and (folder == "files" or kept[owner].names(stored_key, now))

        return names

    def _fragments(self) -> Iterator[None]:
        """What writes have left that began long ago and never ended."""
        for folder in FOLDERS:
            for listed in turns(self._storage.fragments(folder)):
                for each in listed:
                    goes = each.modified <= self._clock() - FRAGMENT_SECONDS
                    if goes and not self._dry:
                        self._storage.discard(each)
                    self._tally.count("broken write", goes, each.size)
                yield

    def _ids(self, prefix: str) -> Iterator[list[str]]:
        """The ids of all records of a kind; one that comes or goes meanwhile is told or not."""
        found = self._redis.scan_iter(match=f"{prefix}*", count=TURN)
        return turns(each.removeprefix(prefix) for each in found)

    def _kept(self, ids: Iterable[str]) -> dict[str, Keep]:
        """What the records of these jobs say, of those that have one."""
        asked = list(ids)
        with self._redis.pipeline(transaction=False) as read:
            for job_id in asked:
                read.hmget(key(job_id), *KEEP_FIELDS)
            told = zip(asked, read.execute(), strict=True)
        return {job_id: Keep.of(job_id, values) for job_id, values in told if any(values)}

    def _files_told(self, ids: Iterable[str]) -> dict[str, tuple[str, float]]:
        """Whose these files are, and when they end; one whose record does not say so does not end."""
        asked = list(ids)
        with self._redis.pipeline(transaction=False) as read:
            for file_id in asked:
                read.hmget(file_key(file_id), "tenant", "expires_at")
            told = zip(asked, read.execute(), strict=True)
        return {file_id: (tenant, float(expires or "inf")) for file_id, (tenant, expires) in told if tenant}


def _owner(stored_key: str) -> str:
    """The id of the job or file to which an object belongs, by its key; nothing where it says none."""
    found = _OWNED.fullmatch(stored_key)
    return found[1] if found else ""
