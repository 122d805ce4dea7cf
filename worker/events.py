"""What has happened to a job, in order: a Redis stream beside its record, written by the scripts that change it."""

import re
from enum import StrEnum
from typing import Literal, NamedTuple

import redis
from pydantic import BaseModel, ConfigDict

from worker.jobs import Status, key, store_errors

TOLD = "ciotat:told"  # the channel on which the id of each job is said at which something has happened
EVERYBODY = "*"  # said there instead of an id: who follows anything asks whether it still may
START = "0-0"
PAGE = 100
_ID = re.compile(r"\d{1,18}-\d{1,18}", re.ASCII)


class Kind(StrEnum):
    """What can happen: a place in the queue, a step, a preview, the end."""

    QUEUED = "queued"
    PROGRESS = "progress"
    PREVIEW = "preview"
    DONE = "done"


class Event(BaseModel):
    """One thing that has happened; later ones have higher ids."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str
    kind: Kind
    queue_position: int | None = None
    progress: int | None = None
    status: Status | Literal["deleted"] | None = None
    error_code: str | None = None
    error_message: str | None = None


class Told(NamedTuple):
    """What has happened since, and whether nothing more will."""

    events: list[Event]
    over: bool


class EventLog:
    """The logs of all jobs; each goes with its job."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def after(self, job_id: str, event_id: str) -> Told:
        """The next events behind that one, a page of them at most."""
        with store_errors(), self._redis.pipeline(transaction=True) as read:
            read.xrange(log(job_id), f"({event_id}", "+", PAGE)
            read.hget(key(job_id), "status")
            entries, status = read.execute()
        events = [Event(id=entry_id, **entry) for entry_id, entry in entries]
        return Told(events, status not in (Status.QUEUED, Status.IN_PROGRESS) and len(events) < PAGE)

    def last(self, job_id: str) -> str:
        """The id of the latest event."""
        with store_errors():
            entries = self._redis.xrevrange(log(job_id), count=1)
        return str(entries[0][0]) if entries else START


def log(job_id: str) -> str:
    """The Redis key of one job's log."""
    return f"ciotat:events:{job_id}"


def is_event_id(text: str) -> bool:
    """Whether this looks like an id that Redis has given to an event."""
    return bool(_ID.fullmatch(text))
