"""A job is a frozen record in Redis; each change is one atomic write, and a stale worker can make none."""

import json
import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

import redis
from pydantic import ValidationError

from model.spec import Notice, VideoSpec
from worker.admission import ASK, Refused, refusal
from worker.connection import StoreUnavailable, connect, store_errors
from worker.leasing import CLAIM, RETURN, UPDATE
from worker.limits import DEFAULTS, QUEUE_COST, Limits
from worker.material import Material, new_id
from worker.pace import pace
from worker.record import Job, Status
from worker.scripts import CANCEL, CREATE, DELETE, LIST
from worker.tenants import DEFAULT_TENANT, index, place, remembered

__all__ = ["Job", "Status", "StoreUnavailable", "connect", "store_errors"]  # and all that is defined here

PENDING = "ciotat:pending"  # queued jobs by time of creation: the outbox, and the queue as seen from outside
LEASES = "ciotat:leases"  # jobs in progress by the end of their lease
Given = Material | None
Pairs = Mapping[str, str]
Changes = dict[str, str | int]
NO_PAIRS: Pairs = MappingProxyType({})
PLACE_SECONDS = 3600  # how long the place of a deleted job serves as a cursor
log = logging.getLogger(__name__)


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


class JobOver(RuntimeError):
    """The job has reached its end; there is nothing to cancel."""


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
        self._ask = client.register_script(ASK)
        self._create = client.register_script(CREATE)
        self._claim = client.register_script(CLAIM)
        self._update = client.register_script(UPDATE)
        self._return = client.register_script(RETURN)
        self._cancel = client.register_script(CANCEL)
        self._delete = client.register_script(DELETE)
        self._list = client.register_script(LIST)

    def check_room(self, spec: VideoSpec, tenant: str, request: Request | None) -> None:
        """Raise LimitReached where `create` would; for those who have something to do before it."""
        known = remembered(tenant, *request[:2]) if request else ""
        with store_errors():
            refused = self._ask(keys=[known], args=[tenant, spec.cost, *self._bounds])
        if refused:
            raise refusal(tenant, spec.cost, Refused(*refused[1:]))

    def create(
        self,
        spec: VideoSpec,
        tenant: str = DEFAULT_TENANT,
        material: Given = None,
        metadata: Pairs = NO_PAIRS,
        settled: Iterable[str] = (),
    ) -> Job:
        """Save a queued job, its place in the index and the promise to dispatch it, in one write."""
        return self.create_once(spec, tenant, Request("", "", ""), material, metadata, settled).job

    def create_once(
        self,
        spec: VideoSpec,
        tenant: str,
        request: Request,
        material: Given = None,
        metadata: Pairs = NO_PAIRS,
        settled: Iterable[str] = (),
    ) -> Created:
        """The same, and in the same write the key of the request; the job it stands for, when it is known."""
        job_id = material.job_id if material else new_id()
        record = {"spec": spec.model_dump_json(), "status": Status.QUEUED.value, "pace": pace(spec)}
        record |= {"progress": "0", "attempts": "0", "token": "0", "metadata": json.dumps(dict(metadata))}
        record |= (material.record() if material else {}) | {"settled": json.dumps(sorted(settled))}
        with store_errors():
            keys = [key(job_id), index(tenant), PENDING, remembered(tenant, request.route, request.key)]
            args: list[str | int | float] = [job_id, request.payload, self._request_seconds, key(""), tenant]
            args += [spec.cost, *self._bounds, *(part for field in record.items() for part in field)]
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
        if not self.forget(job_id, self.get(job_id).tenant):  # whose it is never changes
            raise JobNotFound(f"video {job_id!r} does not exist")

    def forget(self, job_id: str, tenant: str) -> bool:
        """The same of a job whose tenant is known; whether there was one."""
        with store_errors():
            keys = [key(job_id), index(tenant), PENDING, LEASES, place(tenant, job_id)]
            return bool(self._delete(keys=keys, args=[job_id, PLACE_SECONDS]))

    def unfinished(self) -> list[str]:
        """The ids of all jobs that are queued or in progress."""
        with store_errors(), self._redis.pipeline(transaction=True) as read:
            read.zrange(PENDING, 0, -1)
            read.zrange(LEASES, 0, -1)
            pending, leased = read.execute()
        return [*leased, *pending]

    def claim_next(self, asked_as: str = "") -> Job | None:
        """Take the job whose lease ran out first, else the oldest that waits: a new token, one more attempt.

        None where there is nothing to do. Who heard no answer asks again under the same name. A job that this version
        cannot read is failed.
        """
        while True:
            with store_errors():
                flat = self._claim(
                    keys=[PENDING, LEASES, f"ciotat:claim:{asked_as}"],
                    args=[key(""), self._lease, self._max_attempts, asked_as],
                )
            if not flat:
                return None
            try:
                return _job(flat)
            except ValidationError as unread:
                self._fail_unread(dict(zip(flat[::2], flat[1::2], strict=True)), unread)

    def _fail_unread(self, record: dict[str, str], unread: ValidationError) -> None:
        """What is in the record, a prompt for one, is not for the log."""
        fields = sorted({str(error["loc"][0]) for error in unread.errors()})
        log.error("video %s cannot be read: %s", record["id"], ", ".join(fields))
        message = "the record of this video cannot be read by the worker's version"
        self._change(record["id"], record["token"], _failed("internal_error", message))

    def renew(self, job: Job) -> None:
        """The heartbeat of a worker that has nothing new to tell."""
        self._write(job, {})

    def progress(self, job: Job, percent: int) -> None:
        """How far the work is, and the lease anew. What is less than was told is not told."""
        self._write(job, {"progress": percent})

    def preview(self, job: Job, preview_key: str, number: int) -> None:
        """There is a newer preview, and it lies there."""
        self._write(job, {"preview_key": preview_key, "previews": number})

    def warn(self, job: Job, notices: Iterable[Notice]) -> None:
        """All that the owner of the video should know of it."""
        self._write(job, {"warnings": json.dumps([notice.model_dump() for notice in notices])})

    def point(self, job: Job, resume_key: str, percent: int) -> None:
        """From now on an attempt begins there, with so much done."""
        self._write(job, {"resume_key": resume_key, "resume_progress": percent})

    def complete(self, job: Job, video_key: str, timings: Mapping[str, float] = MappingProxyType({})) -> None:
        """The one commit of a finished video, with the seconds that its parts have taken."""
        done = {"status": Status.COMPLETED.value, "video_key": video_key}
        self._write(job, {"progress": 100, **done, "timings": json.dumps(dict(timings))})

    def fail(self, job: Job, code: str, message: str) -> None:
        """End the job with a reason its owner can read."""
        self._write(job, _failed(code, message))

    def release(self, job: Job) -> None:
        """Hand the job back, to its old place in the queue; this attempt does not count."""
        self._hand_back(job, "", "")

    def give_up(self, job: Job, code: str, message: str) -> None:
        """The same with a reason that may pass, and the attempt counts: at the last one it is the job's end."""
        self._hand_back(job, code, message)

    def _hand_back(self, job: Job, code: str, message: str) -> None:
        with store_errors():
            keys = [key(job.id), PENDING, LEASES]
            done = self._return(keys=keys, args=[job.id, job.token, self._max_attempts, code, message])
        if not done:
            raise _lost(job.id, job.token)

    def _write(self, job: Job, changes: Changes) -> None:
        self._change(job.id, job.token, changes)

    def _change(self, job_id: str, token: int | str, changes: Changes) -> None:
        fields = [part for change in changes.items() for part in change]
        args = [job_id, token, self._lease, str(changes.get("status", "")), self._video_seconds, *fields]
        with store_errors():
            done = self._update(keys=[key(job_id), LEASES], args=args)
        if not done:
            raise _lost(job_id, token)

    def ping(self) -> None:
        """Raise unless the store answers."""
        with store_errors():
            self._redis.ping()


def _failed(code: str, message: str) -> Changes:
    return {"status": Status.FAILED.value, "error_code": code, "error_message": message}


def _lost(job_id: str, token: int | str) -> LeaseLost:
    return LeaseLost(f"video {job_id!r} is no longer this worker's (token {token})")


def _job(flat: list[str]) -> Job:
    """A job from a script's list of alternating names and values."""
    return Job.model_validate(dict(zip(flat[::2], flat[1::2], strict=True)))
