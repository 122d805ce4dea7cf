"""What the attempts at a job have left in the storage and nobody needs, once the job is over."""

import logging

from worker.hold import Hold
from worker.jobs import StoreUnavailable
from worker.record import Status
from worker.storage import Storage, StorageUnavailable
from worker.variants import Variant, every_key, resume_key, video_key

log = logging.getLogger(__name__)


def tidy(hold: Hold, storage: Storage) -> None:
    """Remove it, as far as that can be done now; the sweeper finds the rest. Of a job that goes on all is kept."""
    try:
        keys = leftovers(hold)
        for key in keys:
            storage.delete(key)
    except (StoreUnavailable, StorageUnavailable) as failed:
        log.warning("something of video %s stays until a sweep: %s", hold.job.id, failed)


def leftovers(hold: Hold) -> list[str]:
    """The keys of all that attempts up to this one can have left, but for what the video at its end shows."""
    job, status = hold.job, hold.ended()
    tokens = range(1, job.token + 1)
    points = [resume_key(job.id, token) for token in tokens]
    match status:
        case "deleted":
            return every_key(job.id, job.token)
        case Status.COMPLETED:  # by this attempt or a later one
            return [*points, *every_key(job.id, job.token - 1)]
        case Status.FAILED | Status.CANCELLED:  # its last preview stays
            return [
                *points,
                *(variant.beside(video_key(job.id, token)) for token in tokens for variant in Variant),
            ]
    return []
