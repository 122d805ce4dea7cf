"""The composition root of the API tier: settings -> collaborators -> doors."""

from functools import partial

from fastapi import FastAPI

from service.errors import NotReady
from service.rest import create_app
from service.videos import Videos
from worker.app import answering, submit
from worker.app import create_app as create_queue
from worker.jobs import JobStore, connect
from worker.settings import Settings
from worker.storage import open_storage


def build(settings: Settings) -> FastAPI:
    """The REST application of these settings."""
    jobs = JobStore(connect(settings.redis_url), settings.lease_seconds, settings.max_attempts)
    queue = create_queue(settings)
    videos = Videos(jobs, partial(submit, queue), open_storage(settings), settings.checkpoints)

    def check_ready() -> None:
        jobs.ping()
        if not answering(queue):
            raise NotReady("no worker answers")

    return create_app(videos, check_ready, settings.max_body_bytes)


def app() -> FastAPI:
    """For `uvicorn --factory service.main:app`."""
    return build(Settings())
