"""The composition root of the API tier: settings -> collaborators -> doors."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from service.access.access import Access
from service.access.keys import Keys
from service.errors import NotReady
from service.media.files import Files
from service.media.inputs import Inputs
from service.media.intake import Intake
from service.outbound import Outbound, Rules
from service.processes.leaving import Leaving
from service.processes.metrics import Measured, Metrics
from service.rest.app import create_app
from service.rest.objects import Objects
from service.rest.stopping import before_stopping
from service.videos.videos import Videos
from service.webhooks.administration import Webhooks
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoints
from service.webhooks.routes import add_webhooks
from worker.app import create_app as create_queue
from worker.app import submit
from worker.files import FileStore
from worker.jobs import JobStore, connect
from worker.logs import WithoutQuery, configure
from worker.reaper import TURN_SECONDS, Reaper
from worker.rounds import rounds
from worker.settings import Settings
from worker.storage import LocalStorage, open_storage
from worker.sweeper import Sweeper
from worker.warmth import Warmth

PROBE_SECONDS = 1.0  # a probe does not wait for a store that hangs
REAP_SECONDS = 5.0  # nor does the end of this process


@dataclass(frozen=True)
class Service:
    """What the doors stand on, and the REST door itself; `service.processes.doors` opens both."""

    videos: Videos
    access: Access
    rest: FastAPI
    check_ready: Callable[[], None]
    leaving: Leaving
    metrics: Metrics
    reaper: Reaper
    sweeper: Sweeper

    @contextmanager
    def upkeep(self) -> Iterator[None]:
        """As long as this block lasts: what each replica sees to beside its doors."""
        with (
            rounds("reaper", self.reaper.turn, TURN_SECONDS),
            rounds("sweeper", self.sweeper.turn, self.sweeper.look_seconds),
            self.sweeper.ending(),
        ):
            yield


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
    ring = partial(submit, create_queue(settings))
    storage = open_storage(settings)
    files = Files(FileStore(client), storage, Intake(settings), settings.file_seconds)
    inputs = Inputs(files, storage, Outbound(Rules.of(settings)) if settings.image_urls else None)
    videos = Videos(jobs, ring, storage, settings.checkpoints, inputs, settings.link_seconds)
    objects = Objects(storage) if isinstance(storage, LocalStorage) else None

    warmth = Warmth(connect(settings.redis_url, patience=PROBE_SECONDS), settings.queue)
    leaving = Leaving(videos.feed.stop)

    def check_ready() -> None:
        if leaving.announced:
            raise NotReady("this server is shutting down")
        if not warmth.workers():
            raise NotReady("no warm worker takes jobs")

    app = create_app(videos, check_ready, access, settings.max_body_bytes, objects)
    outbound = Outbound(Rules.of(settings))
    add_webhooks(app, Webhooks(Endpoints(client), Deliveries(client), outbound, settings.webhook_seconds))
    metrics = Metrics()
    app.add_middleware(Measured, metrics=metrics)
    reaper = Reaper(connect(settings.redis_url, REAP_SECONDS), settings.queue, ring, settings.max_attempts)
    sweeper = Sweeper(connect(settings.redis_url), storage, settings.terms, every=settings.sweep_seconds)
    return Service(videos, access, app, check_ready, leaving, metrics, reaper, sweeper)


def app() -> FastAPI:
    """For `uvicorn --factory service.main:app`: streams hear of that server's end by its signals, and end with it."""
    settings = Settings()
    configure(settings.log_level)
    logging.getLogger("uvicorn.access").addFilter(WithoutQuery())
    service = build(settings)
    router = service.rest.router
    inner = router.lifespan_context

    @asynccontextmanager
    async def lifespan(rest: FastAPI) -> AsyncIterator[None]:
        with before_stopping(service.videos.feed.stop):
            async with inner(rest):
                yield

    router.lifespan_context = lifespan
    return service.rest
