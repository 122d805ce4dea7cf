"""What the service does, in plain Python; both doors call this and nothing behind it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from model.catalog import Defaults, check_style, check_task, defaults, limits, locate
from model.spec import VideoSpec
from service.errors import (
    PreviewNotReady,
    ShuttingDown,
    VideoCancelled,
    VideoExpired,
    VideoFailed,
    VideoNotReady,
)
from service.media.inputs import Inputs
from service.media.sources import Sources
from service.videos.asked import INPUTS, VideoRequest, check_length, check_media, check_terms, of_task, set_in
from service.videos.content import Content
from service.videos.feed import Feed
from service.videos.fields import parsed
from service.videos.following import Call, Following
from service.videos.idempotency import known_by
from service.videos.models import Models
from service.videos.video import Video
from worker.events import EventLog, Kind
from worker.jobs import NO_PAIRS, Created, Job, JobNotFound, JobOver, JobStore, Status, StoreUnavailable
from worker.outlook import Outlook, Prospect
from worker.storage import Storage
from worker.storage.interface import disposition
from worker.variants import Variant, every_key, input_key

log = logging.getLogger(__name__)
UNFINISHED = (Status.QUEUED, Status.IN_PROGRESS)


class Page(BaseModel):
    """Which part of the list is asked for."""

    after: str | None = Field(None, description="the id behind which the page begins")
    limit: int = Field(20, ge=1, le=100, description="the most videos to answer with")
    order: Literal["asc", "desc"] = Field("desc", description="by time of creation: oldest or newest first")


class VideoList(BaseModel):
    """One page of videos."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedVideo(BaseModel):
    """What is left to say about a deleted video."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class Download(BaseModel):
    """What of a video is to be downloaded."""

    variant: Variant = Field(
        Variant.VIDEO,
        description="the MP4, its middle frame, a grid of its frames, or a small animation, there early",
    )


class Accepted(NamedTuple):
    """The video as it was queued, and whether this answer is one that was given before."""

    video: Video
    replayed: bool


class Seen(NamedTuple):
    """A video at one moment, the latest event that it is told for, and what that was; none at the beginning."""

    video: Video
    event_id: str
    kind: Kind | None


class Videos:
    """Create, get, list, watch, cancel, delete and download, each for one tenant; every collaborator is given."""

    def __init__(
        self,
        jobs: JobStore,
        submit: Callable[[str], None],
        storage: Storage,
        checkpoints: Path,
        inputs: Inputs,
        link_seconds: int = 0,
    ) -> None:
        self._link_seconds = link_seconds
        self.files = inputs.files
        self.inputs = inputs
        self._jobs = jobs
        self._submit = submit
        self._storage = storage
        self._checkpoints = checkpoints
        self.models = Models(checkpoints)
        self._log = EventLog(jobs.client)
        self._outlook = Outlook(jobs.client)
        self.feed = Feed(jobs.client)

    def create(self, tenant: str, fields: Mapping[str, object], key: str | None = None) -> Accepted:
        """Check what was asked, save it as a job, and ring for a worker; under one key, once."""
        given = dict(fields)
        inputs = {field: given.pop(field, None) for field in INPUTS}
        spec: VideoSpec = parsed(VideoRequest, given)
        locate(self._checkpoints, spec.model)
        sources = Sources(*(self.inputs.reference(tenant, field, each) for field, each in inputs.items()))
        spec = of_task(spec, sources)
        check_terms(spec, set_in(given))
        says = "task" if "task" in given or not sources.given else sources.given[-1].field
        self.check_able(spec, says)
        return self.accept(tenant, "create", key, spec, given.get("seed") is not None, sources)

    def check_able(self, spec: VideoSpec, field: str) -> None:
        """Raise unless the model does this task in this style and this length; nothing has been stored yet."""
        check_task(self._checkpoints, spec.model, spec.task, field)
        if spec.style is not None:
            check_style(self._checkpoints, spec.model, spec.style)
        check_length(spec, limits(locate(self._checkpoints, spec.model)))

    def accept(
        self,
        tenant: str,
        route: str,
        key: str | None,
        spec: VideoSpec,
        seeded: bool,
        sources: Sources,
        remixed_from: str | None = None,
    ) -> Accepted:
        """Save a job and ring for a worker; under one key of a route, once.

        The key is saved with the job, so no request finds another in flight. A bell that cannot be rung is no
        reason to refuse what is saved: the reaper rings.
        """
        request = None if key is None else known_by(route, key, spec, seeded, sources.known_as)
        asked, spec = spec.model_fields_set, self._filled(spec)
        settled = Defaults.model_fields.keys() - asked
        made, metadata = (spec.spec, spec.metadata) if isinstance(spec, VideoRequest) else (spec, NO_PAIRS)
        given = sources.given
        if given:
            self._jobs.check_room(made, tenant, request)
        with ExitStack() as stack:
            check = partial(check_media, spec, sources)
            material = stack.enter_context(self.inputs.kept(given, check, remixed_from)) if given else None
            if request is None:
                created = Created(self._jobs.create(made, tenant, material, metadata, settled), before=False)
            else:
                created = self._jobs.create_once(made, tenant, request, material, metadata, settled)
        if not created.before:
            self._ring(created.job.id)
        elif material:
            self.inputs.drop(material)
        (now,) = self._outlook.of([created.job])
        then = Prospect(created.job.place, now.eta_seconds)
        return Accepted(Video.of(created.job.as_created, then), created.before)

    def _filled(self, spec: VideoSpec) -> VideoSpec:
        """The spec with its checkpoint's own defaults, wherever the request does not say."""
        own = defaults(locate(self._checkpoints, spec.model)).model_dump()
        return spec.model_copy(update={name: own[name] for name in own.keys() - spec.model_fields_set})

    def _ring(self, job_id: str) -> None:
        try:
            self._submit(job_id)
        except StoreUnavailable as down:
            log.warning("video %s is queued and not rung for yet: %s", job_id, down)

    def finished(self, tenant: str, video_id: str) -> Job:
        """The job of a video that is completed and has not expired."""
        job = self._own(tenant, video_id)
        if job.video_key is None:
            raise _contentless(job)
        if job.expires_at is not None and job.expires_at <= time.time():
            raise VideoExpired(
                f"video {job.id!r} has expired; its content was kept until {int(job.expires_at)}"
            )
        return job

    def get(self, tenant: str, video_id: str) -> Video:
        """The video as it is now."""
        return self._told(self._own(tenant, video_id))

    def _told(self, job: Job) -> Video:
        return Video.of(job, *self._outlook.of([job]))

    def _own(self, tenant: str, video_id: str) -> Job:
        """The job, where it is this tenant's; whose it is never changes, and of another's nothing is told."""
        job = self._jobs.get(video_id)
        if job.tenant != tenant:
            raise JobNotFound(f"video {video_id!r} does not exist")
        return job

    def list(self, tenant: str, page: Page) -> VideoList:
        """Videos by time of creation, a page at a time."""
        jobs, has_more = self._jobs.page(page.after, page.limit, page.order, tenant)
        data = list(map(Video.of, jobs, self._outlook.of(jobs)))
        first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
        return VideoList(data=data, first_id=first_id, last_id=last_id, has_more=has_more)

    def follow(self, tenant: str, video_id: str, after: str | None, check: Callable[[], None]) -> Following:
        """The events of a video, all or those behind the one with that id, until `check` raises."""
        self._own(tenant, video_id)
        return Following(self._log, self.feed, video_id, after, check)

    def watch(
        self, tenant: str, video_id: str, after: str | None, call: Call, check: Callable[[], None]
    ) -> Iterator[Seen]:
        """The video as it is now, unless it is watched on behind an event, then at each event, until its end."""
        following = self.follow(tenant, video_id, after, check)
        with self.feed.following(video_id, call.wake):
            if after is None:
                latest = (
                    following.skip()
                )  # before the video is read: a change between the two is told twice, not never
                yield Seen(self.get(tenant, video_id), latest, None)
            while not call.over:
                if self.feed.over:
                    raise ShuttingDown("the service is stopping: watch on behind the last event")
                told = following.read()
                if told.events:
                    video = self.get(tenant, video_id)
                    yield from (Seen(video, event.id, event.kind) for event in told.events)
                elif told.over:
                    return
                else:
                    call.wait()

    def cancel(self, tenant: str, video_id: str) -> Video:
        """End an unfinished video; its worker stops within a step."""
        self._own(tenant, video_id)
        return self._told(self._jobs.cancel(video_id))

    def delete(self, tenant: str, video_id: str) -> DeletedVideo:
        """Cancel it if need be, then remove its objects, then its record: what fails on the way can be repeated."""
        self._own(tenant, video_id)
        with suppress(JobOver):
            self._jobs.cancel(video_id)
        job = self._jobs.get(video_id)
        inputs = [input_key(job.id, field, medium) for field, medium in job.inputs.items()]
        for key in [*inputs, *every_key(job.id, job.token)]:
            self._storage.delete(key)
        self._jobs.delete(video_id)
        return DeletedVideo(id=video_id)

    def content(self, tenant: str, video_id: str, download: Download) -> Content:
        """The finished MP4, or a picture of it; of one that is not finished, the preview."""
        job = self._own(tenant, video_id)
        if job.video_key is None and download.variant is Variant.PREVIEW:
            return self._latest_preview(job)
        job = self.finished(tenant, video_id)
        left = self._link_seconds if job.expires_at is None else job.expires_at - time.time()
        variant = download.variant
        key = variant.beside(str(job.video_key))
        size = self._storage.size(key)
        etag = f'"{job.id}-{job.token}"' if variant is Variant.VIDEO else f'"{job.id}-{job.token}-{variant}"'
        life = min(self._link_seconds, int(left))
        link = partial(self._storage.signed_url, key, life) if self._storage.shared and life > 0 else None
        read = partial(self._storage.read, key)
        return Content(variant.content_type, size, etag, read, disposition(key), link)

    def _latest_preview(self, job: Job) -> Content:
        """The clip as it looked when the worker last had time to show it."""
        key, etag = job.preview_key, f'"{job.id}-preview-{job.previews}"'
        if key is None and job.status in UNFINISHED:
            raise PreviewNotReady(f"video {job.id!r} is {job.status}, {job.progress} % done: no preview yet")
        if key is None:
            raise _contentless(job)
        size = self._storage.size(key)
        return Content(
            Variant.PREVIEW.content_type, size, etag, lambda start, stop: self._storage.read(key, start, stop)
        )


def _contentless(job: Job) -> Exception:
    """Why there is nothing to download."""
    if job.status in UNFINISHED:
        return VideoNotReady(f"video {job.id!r} is {job.status}, {job.progress} % done")
    if job.status is Status.CANCELLED:
        return VideoCancelled(f"video {job.id!r} was cancelled")
    return VideoFailed(f"video {job.id!r} {job.status}: {job.error_message or 'no content'}")
