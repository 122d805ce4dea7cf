"""The composition root of the API tier: settings -> collaborators -> doors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from service.access import Access
from service.errors import NotReady
from service.files import Files
from service.inputs import Inputs
from service.keys import Keys
from service.leaving import Leaving
from service.media import Intake
from service.objects import Objects
from service.outbound import Outbound, Rules
from service.rest import create_app
from service.videos import Videos
from service.webhooks.administration import Webhooks
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from service.webhooks.routes import add_webhooks
from worker.app import answering, submit
from worker.app import create_app as create_queue
from worker.files import FileStore
from worker.jobs import JobStore, connect
from worker.settings import Settings
from worker.storage import LocalStorage, open_storage


@dataclass(frozen=True)
class Service:
    """What the doors stand on, and the REST door itself; `service.doors` opens both."""

    videos: Videos
    access: Access
    rest: FastAPI
    check_ready: Callable[[], None]
    leaving: Leaving


def build(settings: Settings) -> Service:
    """The service of these settings; nothing is connected until the first request."""
    client = connect(settings.redis_url)
    access = Access(Keys(client, settings.limits))
    jobs = JobStore(
        client,
        settings.lease_seconds,
        settings.max_attempts,
        settings.request_seconds,
        settings.limits,
        settings.queue_cost,
    )
    queue = create_queue(settings)
    storage = open_storage(settings)
    files = Files(FileStore(client), storage, Intake(settings), settings.file_seconds)
    inputs = Inputs(files, storage, Outbound(Rules.of(settings)) if settings.image_urls else None)
    videos = Videos(
        jobs, partial(submit, queue), storage, settings.checkpoints, inputs, settings.link_seconds
    )
    objects = Objects(storage) if isinstance(storage, LocalStorage) else None

    leaving = Leaving(videos.feed.stop)

    def check_ready() -> None:
        if leaving.announced:
            raise NotReady("this server is shutting down")
        jobs.ping()
        if not answering(queue):
            raise NotReady("no worker answers")

    app = create_app(videos, check_ready, access, settings.max_body_bytes, objects)
    outbound = Outbound(Rules.of(settings))
    add_webhooks(app, Webhooks(Endpoints(client), Deliveries(client), outbound, settings.webhook_seconds))
    return Service(videos, access, app, check_ready, leaving)


def app() -> FastAPI:
    """For `uvicorn --factory service.main:app`."""
    return build(Settings()).rest
