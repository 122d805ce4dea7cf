"""The Celery task: claim, render, and never let one job take the worker down."""

import logging
from contextlib import suppress
from functools import cache
from typing import Any

from celery.signals import worker_process_init

from worker.app import RENDER, app
from worker.jobs import JobNotFound, JobOver, JobStore, LeaseHeld, LeaseLost, connect
from worker.settings import Settings
from worker.storage import Storage, open_storage
from worker.warmth import COLD, LOADED, note

log = logging.getLogger(__name__)


@cache
def _bench() -> tuple[Settings, JobStore, Storage]:
    """What one worker process works with, made at its first job."""
    settings = Settings()
    jobs = JobStore(
        connect(settings.redis_url),
        settings.lease_seconds,
        settings.max_attempts,
        video_seconds=settings.video_seconds,
    )
    return settings, jobs, open_storage(settings)


@worker_process_init.connect
def warm_up(**_: object) -> None:
    """Load what a video is made with before the first one is asked for; without it this worker is of no use."""
    from worker.render import load

    said = COLD
    try:
        settings = Settings()
        load(settings.checkpoints, settings.device)  # Celery logs what this raises
        said = LOADED
    finally:
        note(said)


@app.task(name=RENDER, bind=True, max_retries=None)
def render_video(task: Any, job_id: str) -> None:
    """Make one video, or come back when the lease of a worker that may be dead has run out."""
    from worker.render import failure, render  # torch stays out of the parent process

    settings, jobs, storage = _bench()
    try:
        job = jobs.claim(job_id)
    except LeaseHeld as held:
        raise task.retry(countdown=held.remaining + 1) from None
    except (JobNotFound, JobOver) as nothing:
        return log.info("nothing to do: %s", nothing)
    try:
        render(job, jobs, storage, settings.checkpoints, settings.device)
    except LeaseLost as lost:
        log.warning("walked away: %s", lost)
    except Exception as error:
        log.exception("video %s failed", job_id)
        with suppress(LeaseLost):  # cancelled meanwhile: its end has been told
            jobs.fail(job, *failure(error, settings.checkpoints))
