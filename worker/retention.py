"""What is kept, and until when. An object is kept because a record names it; a record, until nothing needs it any more.

What a record does not name now it will never name again: tokens only grow, a final state stays, an end of life is not
put off, and a point to resume from is never an older attempt's than the one before. So what was found to be nobody's
can be removed at any later moment, whatever happens to its job meanwhile. The one exception is what is stored before
its record: uploads, and the inputs of a job to be. For these there is ORPHAN_SECONDS.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from pydantic import TypeAdapter

from worker.media import Medium
from worker.record import Status
from worker.tenants import DEFAULT_TENANT
from worker.variants import Variant, input_key

ORPHAN_SECONDS = 3600.0  # an object of this age that no record names is nobody's
FRAGMENT_SECONDS = 24 * 3600.0  # a write that has not ended in this time never will
FOLDERS = ("videos", "files")  # all that the service stores is below these
_ATTEMPT = re.compile(r"(\d+)\..+")
_INPUTS = TypeAdapter(dict[str, Medium])
_KINDS = ((".resume", "resume point"), (".preview-", "preview"))


class Terms(NamedTuple):
    """How long what is over is kept, in seconds; a record for ever at 0."""

    record_seconds: int = 90 * 24 * 3600
    event_seconds: int = 24 * 3600


DEFAULT_TERMS = Terms()
KEEP_FIELDS = (
    "tenant",
    "status",
    "token",
    "completed_at",
    "expires_at",
    "video_key",
    "preview_key",
    "resume_key",
    "inputs",
)


class Keep(NamedTuple):
    """What the record of a job says about what is to be kept."""

    id: str
    tenant: str
    status: Status
    token: int
    completed_at: float
    expires_at: float  # infinite where a video is kept for ever
    video_key: str | None
    preview_key: str | None  # the latest of each, whichever attempt's it is
    resume_key: str | None
    inputs: frozenset[str]

    readable: bool = True

    @classmethod
    def of(cls, job_id: str, told: Sequence[str | None]) -> Self:
        """From the values of KEEP_FIELDS. Of a record that this version cannot read all that may be its own is kept."""
        tenant, status, token, completed, expires, video_key, preview_key, resume_key, inputs = told
        try:
            media = _INPUTS.validate_json(inputs or "{}")
            return cls(
                job_id,
                tenant or DEFAULT_TENANT,
                Status(status or ""),
                int(token or 0),
                float(completed or "inf"),
                float(expires or "inf"),
                video_key,
                preview_key,
                resume_key,
                frozenset(input_key(job_id, field, medium) for field, medium in media.items()),
            )
        except ValueError:
            nothing: frozenset[str] = frozenset()
            forever = float("inf")
            return cls(
                job_id, "", Status.QUEUED, 0, forever, forever, None, None, None, nothing, readable=False
            )

    @property
    def over(self) -> bool:
        """Whether the job has reached its end."""
        return self.status not in (Status.QUEUED, Status.IN_PROGRESS)

    def names(self, key: str, now: float) -> bool:
        """Whether this object is to be kept.

        Of an unfinished job: its inputs, the newest preview and resume point, and all of the attempt that runs or of a
        later one, which may be written at this moment. Of a completed one the video and its pictures, until it expires.
        Of one that ended without a video, its last preview.
        """
        if not self.over:
            passing = (self.preview_key, self.resume_key)
            return key in self.inputs or key in passing or attempt_of(key) >= self.token
        if self.status is not Status.COMPLETED:
            return key == self.preview_key
        return now < self.expires_at and self.video_key is not None and key in _variants(self.video_key)

    def record_ends(self, terms: Terms) -> float:
        """When there has been nothing to download for so long that the record may go too; a video kept for ever
        keeps its record."""
        if not self.over or not terms.record_seconds:
            return float("inf")
        since = self.expires_at if self.status is Status.COMPLETED else self.completed_at
        return since + terms.record_seconds

    def log_ends(self, terms: Terms) -> float:
        """When the events that led to the end are no longer told."""
        return self.completed_at + terms.event_seconds if self.over else float("inf")


def attempt_of(key: str) -> int:
    """The token in the key of what an attempt has stored; 0 where there is none."""
    found = _ATTEMPT.fullmatch(key.rpartition("/")[2])
    return int(found[1]) if found else 0


def kind_of(key: str) -> str:
    """What an object is, by its key."""
    if key.startswith("files/"):
        return "file"
    if not attempt_of(key):
        return "input"
    return next((kind for part, kind in _KINDS if part in key), "video")


def _variants(video_key: str) -> list[str]:
    return [variant.beside(video_key) for variant in Variant]
