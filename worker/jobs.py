"""A job is a frozen record in Redis; each change is one atomic write, and a stale worker can make none."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

import redis

from model.spec import Notice, VideoSpec
from worker.admission import Refused, refusal
from worker.limits import DEFAULTS, QUEUE_COST, Limits
from worker.material import Material, new_id
from worker.pace import pace
from worker.record import Job, Status
from worker.scripts import CANCEL, CLAIM, CREATE, DELETE, LIST, UPDATE
from worker.tenants import DEFAULT_TENANT, index, place, remembered

__all__ = ["Job", "Status"]  # and all that is defined here

PENDING = "ciotat:pending"  # queued jobs by time of creation: the outbox, and the queue as seen from outside
LEASES = "ciotat:leases"  # jobs in progress by the end of their lease
Given = Material | None
Pairs = Mapping[str, str]
NO_PAIRS: Pairs = MappingProxyType({})
PLACE_SECONDS = 3600  # how long the place of a deleted job serves as a cursor


class Request(NamedTuple):
    """By what a creation that is repeated is known: its route, the client's key, and a digest of what was asked."""

    route: str
    key: str
    payload: str


class Created(NamedTuple):
    """A job as it is now, and whether an earlier request has made it."""

    job: Job
    before: bool


class Page(NamedTuple):
    """Some jobs in the order of the index."""

    jobs: list[Job]
    has_more: bool


class JobNotFound(LookupError):
    """There is no such video."""


class UnknownCursor(LookupError):
    """The job after which a page should begin was never there."""


class KeyReused(ValueError):
    """The key of a request stands for another one."""


class LeaseLost(RuntimeError):
    """Another worker has claimed this job, or it has ended; nothing more may be written to it."""


class LeaseHeld(RuntimeError):
    """Another worker is making this video."""

    def __init__(self, remaining: float) -> None:
        super().__init__(f"the lease of another worker runs for {remaining:.1f} s more")
        self.remaining = remaining


class JobOver(RuntimeError):
    """The job has reached its end; there is nothing to claim, and nothing to cancel."""


class StoreUnavailable(RuntimeError):
    """The job store does not answer."""

    retry_after = 1.0


def key(job_id: str) -> str:
    """The Redis key of one job's record."""
    return f"ciotat:job:{job_id}"


class JobStore:
    """Jobs in one Redis or Valkey, by whose clock alone leases run."""

    def __init__(
        self,
        client: "redis.Redis",
        lease_seconds: float = 120.0,
        max_attempts: int = 3,
        request_seconds: int = 24 * 3600,
        limits: Limits = DEFAULTS,
        queue_cost: int = QUEUE_COST,
        video_seconds: int = 0,
    ) -> None:
        self._video_seconds = video_seconds
        self.client = self._redis = client
        self._request_seconds = request_seconds
        self._bounds = (limits.jobs, limits.cost_a_day, queue_cost)
        self._lease = lease_seconds
        self._max_attempts = max_attempts
        self._create = client.register_script(CREATE)
        self._claim = client.register_script(CLAIM)
        self._update = client.register_script(UPDATE)
        self._cancel = client.register_script(CANCEL)
        self._delete = client.register_script(DELETE)
        self._list = client.register_script(LIST)

    def create(
        self,
        spec: VideoSpec,
        tenant: str = DEFAULT_TENANT,
        material: Given = None,
        metadata: Pairs = NO_PAIRS,
    ) -> Job:
        """Save a queued job, its place in the index and the promise to dispatch it, in one write."""
        return self.create_once(spec, tenant, Request("", "", ""), material, metadata).job

    def create_once(
        self,
        spec: VideoSpec,
        tenant: str,
        request: Request,
        material: Given = None,
        metadata: Pairs = NO_PAIRS,
    ) -> Created:
        """The same, and in the same write the key of the request; the job it stands for, when it is known."""
        job_id = material.job_id if material else new_id()
        record = {"spec": spec.model_dump_json(), "status": Status.QUEUED.value, "pace": pace(spec)}
        record |= {"progress": "0", "attempts": "0", "token": "0", "metadata": json.dumps(dict(metadata))}
        record |= material.record() if material else {}
        fields = [part for field in record.items() for part in field]
        with store_errors():
            keys = [key(job_id), index(tenant), PENDING, remembered(tenant, request.route, request.key)]
            args: list[str | int | float] = [job_id, request.payload, self._request_seconds, key(""), tenant]
            args += [spec.cost, *self._bounds, *fields]
            payload, known, saved, *detail = self._create(keys=keys, args=args)
        if payload is None:
            raise refusal(tenant, spec.cost, Refused(known, saved, *detail))
        if payload != request.payload:
            raise KeyReused("Idempotency-Key: this key (in gRPC: request_id) stands for another video")
        if not saved:
            raise JobNotFound(f"video {known!r} does not exist")
        return Created(_job(saved), known != job_id)

    def get(self, job_id: str) -> Job:
        """The job as it is now."""
        with store_errors():
            record = cast("dict[str, str]", self._redis.hgetall(key(job_id)))
        if not record:
            raise JobNotFound(f"video {job_id!r} does not exist")
        return Job.model_validate(record)

    def page(
        self, after: str | None, limit: int, order: Literal["asc", "desc"], tenant: str = DEFAULT_TENANT
    ) -> Page:
        """Up to `limit` jobs of a tenant by time of creation, beginning behind the one named by `after`."""
        with store_errors():
            keys = [index(tenant), place(tenant, after or "")]
            found = self._list(keys=keys, args=[after or "", limit, order, key("")])
        if not found:
            raise UnknownCursor(f"after: video {after!r} does not exist")
        more, records = found
        return Page([_job(record) for record in records], bool(more))

    def cancel(self, job_id: str) -> Job:
        """End an unfinished job; its worker is refused at its next heartbeat. Cancelling twice is no error."""
        with store_errors():
            status = self._cancel(keys=[key(job_id), PENDING, LEASES], args=[job_id])
        if status in (Status.COMPLETED, Status.FAILED):
            raise JobOver(f"video {job_id!r} is {status}")
        return self.get(job_id)

    def delete(self, job_id: str) -> None:
        """Forget a job in all its places; no later write of a worker brings it back."""
        tenant = self.get(job_id).tenant  # which never changes
        with store_errors():
            keys = [key(job_id), index(tenant), PENDING, LEASES, place(tenant, job_id)]
            forgotten = self._delete(keys=keys, args=[job_id, PLACE_SECONDS])
        if not forgotten:
            raise JobNotFound(f"video {job_id!r} does not exist")

    def unfinished(self) -> list[str]:
        """The ids of all jobs that are queued or in progress."""
        with self._redis.pipeline(transaction=True) as read:
            read.zrange(PENDING, 0, -1)
            read.zrange(LEASES, 0, -1)
            pending, leased = read.execute()
        return [*leased, *pending]

    def claim(self, job_id: str) -> Job:
        """Take a queued job, or one whose lease ran out: a new token, one more attempt."""
        outcome, detail = self._claim(
            keys=[key(job_id), PENDING, LEASES], args=[job_id, self._lease, self._max_attempts]
        )
        match outcome:
            case "claimed":
                return self.get(job_id)
            case "held":
                raise LeaseHeld(float(detail))
            case "unknown":
                raise JobNotFound(f"video {job_id!r} does not exist")
        raise JobOver(f"video {job_id!r} is {detail}")

    def progress(self, job: Job, percent: int) -> None:
        """The heartbeat: how far the work is, and the lease anew."""
        self._write(job, {"progress": percent})

    def preview(self, job: Job, preview_key: str, number: int) -> None:
        """There is a newer preview, and it lies there."""
        self._write(job, {"preview_key": preview_key, "previews": number})

    def warn(self, job: Job, notices: Iterable[Notice]) -> None:
        """All that the owner of the video should know of it."""
        self._write(job, {"warnings": json.dumps([notice.model_dump() for notice in notices])})

    def complete(self, job: Job, video_key: str, timings: Mapping[str, float] = MappingProxyType({})) -> None:
        """The one commit of a finished video, with the seconds that its parts have taken."""
        done = {"status": Status.COMPLETED.value, "video_key": video_key}
        self._write(job, {"progress": 100, **done, "timings": json.dumps(dict(timings))})

    def fail(self, job: Job, code: str, message: str) -> None:
        """End the job with a reason its owner can read."""
        self._write(job, {"status": Status.FAILED, "error_code": code, "error_message": message})

    def _write(self, job: Job, changes: dict[str, str | int]) -> None:
        fields = [part for change in changes.items() for part in change]
        args = [job.id, job.token, self._lease, str(changes.get("status", "")), self._video_seconds, *fields]
        if not self._update(keys=[key(job.id), LEASES], args=args):
            raise LeaseLost(f"video {job.id!r} is no longer this worker's (token {job.token})")

    def ping(self) -> None:
        """Raise unless the store answers."""
        with store_errors():
            self._redis.ping()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the client's broken connections into ours."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as down:
        raise StoreUnavailable("the job store does not answer") from down


def _job(flat: list[str]) -> Job:
    """A job from a script's list of alternating names and values."""
    return Job.model_validate(dict(zip(flat[::2], flat[1::2], strict=True)))


def connect(url: str, patience: float = 30.0) -> "redis.Redis":
    """A client that speaks text, checks idle connections and waits for so many seconds at most."""
    waits = {"socket_timeout": patience, "socket_connect_timeout": min(5.0, patience)}
    return redis.Redis.from_url(url, decode_responses=True, health_check_interval=25, **waits)
