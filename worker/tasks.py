"""The Celery task: claim what is next, render it, and never let one job take the worker down."""

import logging
import os
import signal
from contextlib import suppress
from functools import cache

from celery.signals import worker_process_init, worker_process_shutdown

from worker.app import RENDER, app
from worker.hold import Hold
from worker.jobs import JobStore, LeaseLost, StoreUnavailable, connect
from worker.notes import COLD, FAILED, LOADED, at_work, drain_deadline, note
from worker.settings import Settings
from worker.storage import Storage, StorageUnavailable, open_storage
from worker.tidy import tidy

ANSWER_SECONDS = 3.0  # how long a step waits for the job store, before it goes on without
log = logging.getLogger(__name__)


@cache
def _bench() -> tuple[Settings, JobStore, Storage]:
    """What one worker process works with, made at its first job."""
    settings = Settings()
    jobs = JobStore(
        connect(settings.redis_url, ANSWER_SECONDS),
        settings.lease_seconds,
        settings.max_attempts,
        video_seconds=settings.video_seconds,
    )
    return settings, jobs, open_storage(settings)


@worker_process_init.connect
def warm_up(**_: object) -> None:
    """Load what a video is made with before the first one is asked for; without it this worker is of no use."""
    os.environ.setdefault(
        "THP_MEM_ALLOC_ENABLE", "1"
    )  # pages of 2 MiB: a fifth less time on CPUs; before torch
    from worker.render import UNUSABLE, load

    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told to a whole group, it is meant for the parent
    settings = Settings()
    said, why = FAILED, "loading failed"
    try:
        load(settings)  # Celery logs what else this raises
        said, why = LOADED, ""
    except UNUSABLE as unusable:
        said, why = COLD, str(unusable)
    finally:
        note(said, why)


@worker_process_shutdown.connect
def leave(exitcode: int, **_: object) -> None:
    """At once: its pool would have it sleep for a second, in which nobody waits for anything but its end."""
    os._exit(exitcode)


@app.task(name=RENDER)
@at_work()
def render_video(job_id: str) -> None:
    """A bell: there is work, not which. The id is that of the job for which it was rung."""
    from worker.render import failure, render  # torch stays out of the parent process

    if drain_deadline() is not None:
        log.info("nothing is begun any more")
        return
    settings, jobs, storage = _bench()
    hold = Hold.next(jobs, settings.patience_seconds)
    if hold is None:
        log.info("nothing to do: rung for video %s", job_id)
        return
    try:
        render(hold, storage, settings)
    except (LeaseLost, StoreUnavailable) as lost:
        log.warning("walked away: %s", lost)
    except StorageUnavailable as error:
        log.exception("video %s was given up", hold.job.id)
        with suppress(LeaseLost):
            hold.give_up(*failure(error, settings.checkpoints))
    except Exception as error:
        log.exception("video %s failed", hold.job.id)
        with suppress(LeaseLost):  # cancelled meanwhile: its end has been told
            hold.fail(*failure(error, settings.checkpoints))
    tidy(hold, storage)
