"""A job is a frozen record in Redis; each change is one atomic write, and a stale worker can make none."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Literal, NamedTuple, cast

import redis
from pydantic import BaseModel, ConfigDict, Json

from model.spec import VideoSpec
from worker.admission import Refused, refusal
from worker.limits import DEFAULTS, QUEUE_COST, Limits
from worker.material import Material, new_id
from worker.media import Medium
from worker.scripts import CANCEL, CLAIM, CREATE, DELETE, LIST, UPDATE
from worker.tenants import DEFAULT_TENANT, index, place, remembered

PENDING = "ciotat:pending"  # queued jobs by time of creation: the outbox, and the queue as seen from outside
LEASES = "ciotat:leases"  # jobs in progress by the end of their lease
PLACE_SECONDS = 3600  # how long the place of a deleted job serves as a cursor


class Status(StrEnum):
    """The public words of the video protocol."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(BaseModel):
    """A video from the moment it was accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    tenant: str = DEFAULT_TENANT
    spec: Json[VideoSpec]
    status: Status = Status.QUEUED
    progress: int = 0
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    attempts: int = 0
    token: int = 0
    video_key: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    remixed_from: str | None = None
    inputs: Json[dict[str, Medium]] = {}

    @property
    def as_created(self) -> "Job":
        """The job as it was when it was accepted."""
        return Job.model_construct(
            id=self.id,
            tenant=self.tenant,
            spec=self.spec,
            created_at=self.created_at,
            remixed_from=self.remixed_from,
        )


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

    def create(self, spec: VideoSpec, tenant: str = DEFAULT_TENANT, material: Material | None = None) -> Job:
        """Save a queued job, its place in the index and the promise to dispatch it, in one write."""
        return self._save(spec, tenant, Request("", "", ""), material).job

    def create_once(
        self, spec: VideoSpec, tenant: str, request: Request, material: Material | None = None
    ) -> Created:
        """The same, and in the same write the key of the request; the job it stands for, when it is known."""
        return self._save(spec, tenant, request, material)

    def _save(self, spec: VideoSpec, tenant: str, request: Request, material: Material | None) -> Created:
        job_id = material.job_id if material else new_id()
        record = {"spec": spec.model_dump_json(), "status": Status.QUEUED.value}
        record |= {"progress": "0", "attempts": "0", "token": "0"}
        record |= material.record() if material else {}
        fields = [part for field in record.items() for part in field]
        with store_errors():
            payload, known, saved, *detail = self._create(
                keys=[
                    key(job_id),
                    index(tenant),
                    PENDING,
                    remembered(tenant, request.route, request.key),
                ],
                args=[
                    job_id,
                    request.payload,
                    self._request_seconds,
                    key(""),
                    tenant,
                    spec.cost,
                    *self._bounds,
                    *fields,
                ],
            )
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

    def complete(self, job: Job, video_key: str) -> None:
        """The one commit of a finished video."""
        self._write(job, {"status": Status.COMPLETED, "progress": 100, "video_key": video_key})

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


def connect(url: str) -> "redis.Redis":
    """A client that speaks text, checks idle connections and never waits for ever."""
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=30, socket_connect_timeout=5, health_check_interval=25
    )
