"""The REST door: the OpenAI video protocol over `Videos`, and nothing that decides anything itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.access.access import Access, Caller, Stays
from service.media.inputs import DATA_URL_CHARACTERS
from service.rest.answers import (
    CONDITIONS,
    RANGES,
    Documented,
    headed,
    of_bytes,
    of_events,
    of_head,
    of_link,
    refusals,
)
from service.rest.bodies import REFERENCE, body_of
from service.rest.delivery import Fetched, delivered
from service.rest.derived import add_derived
from service.rest.envelope import install_errors
from service.rest.event_stream import EventStream
from service.rest.files import add_files
from service.rest.intake import Body, BodyLimit
from service.rest.objects import Objects
from service.rest.playground import add_playground
from service.rest.queued import polled, queued
from service.rest.request_id import RequestId
from service.videos.asked import INPUTS, VideoRequest
from service.videos.derived import Derived
from service.videos.following import LAST_EVENT_ID
from service.videos.idempotency import REPLAYED, IdempotencyKey
from service.videos.models import Model, ModelList
from service.videos.video import Video
from service.videos.videos import DeletedVideo, Page, VideoList, Videos
from worker.storage import LINKS

LastEventId = Annotated[
    str | None,
    Header(
        alias=LAST_EVENT_ID,
        description="the id of the last event received: the stream goes on behind it",
        json_schema_extra={"pattern": "^[0-9]{1,18}-[0-9]{1,18}$"},  # told here, checked where gRPC's is too
    ),
]


def create_app(
    videos: Videos,
    check_ready: Callable[[], None],
    access: Access,
    max_body_bytes: int = 1 << 20,
    objects: Objects | None = None,
) -> FastAPI:
    """The HTTP application over its collaborators; `check_ready` raises while the service is not."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(videos.feed.close)

    app = Documented(
        title="ciotat",
        summary="Video generation on an open Lumiere",
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # to where the Host header says
    )
    app.state.access = access
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_middleware(RequestId)
    install_errors(app)
    _add_videos(app, videos)
    _add_events(app, videos)
    add_files(app, videos.files)
    _add_content(app, videos)
    if objects is not None:
        _add_objects(app, objects)
    _add_probes(app, videos, check_ready)
    add_playground(app)
    return app


def _add_videos(app: FastAPI, videos: Videos) -> None:
    files = videos.files.intake
    in_turn = CapacityLimiter(files.at_once)  # who waits for a look inside waits in no thread
    body = Body(set(INPUTS), files.upload_bytes, DATA_URL_CHARACTERS)
    add_derived(app, Derived(videos), files.upload_bytes, in_turn)

    @app.post(
        "/v1/videos",
        openapi_extra=body_of(VideoRequest, input_reference=REFERENCE, mask=REFERENCE, last_frame=REFERENCE),
        responses=refusals(400, 404, 413, 415, 422, 501, 503)
        | {200: headed("openai-poll-after-ms", REPLAYED)},
    )
    async def create(
        caller: Caller,
        given: Annotated[Mapping[str, Any], Depends(body)],
        response: Response,
        key: IdempotencyKey = None,
    ) -> Video:
        """Queue a video; with a key that has queued one before, tell that one again."""
        turn = in_turn if given.keys() & set(INPUTS) else None
        return await queued(response, turn, videos.create, caller, given, key)

    @app.get("/v1/videos/{video_id}", responses=refusals(404, 503) | {200: headed("openai-poll-after-ms")})
    def get(caller: Caller, video_id: str, response: Response) -> Video:
        """Where a video stands; a failed one is told with 200 too."""
        return polled(videos.get(caller, video_id), response)

    @app.get("/v1/videos", responses=refusals(400, 503))
    def list_videos(caller: Caller, page: Annotated[Page, Query()]) -> VideoList:
        """Videos by time of creation, a page at a time."""
        return videos.list(caller, page)

    @app.post("/v1/videos/{video_id}/cancel", responses=refusals(404, 409, 503))
    def cancel(caller: Caller, video_id: str) -> Video:
        """End a queued or running video; cancelling it again changes nothing."""
        return videos.cancel(caller, video_id)

    @app.delete("/v1/videos/{video_id}", responses=refusals(404, 503))
    def delete(caller: Caller, video_id: str) -> DeletedVideo:
        """Remove a video and all that is stored of it, cancelling it first if it is unfinished."""
        return videos.delete(caller, video_id)


def _add_events(app: FastAPI, videos: Videos) -> None:
    @app.get(
        "/v1/videos/{video_id}/events",
        response_class=StreamingResponse,
        responses=refusals(400, 404, 503) | of_events(),
    )
    def events(caller: Caller, stays: Stays, video_id: str, after: LastEventId = None) -> Response:
        """What happens to a video, from its first event or behind a known one, until its end."""
        following = videos.follow(caller, video_id, after, stays)
        first = following.read()
        if first.over and not first.events:
            return Response(None, 204)
        return EventStream(following, first)


def _add_content(app: FastAPI, videos: Videos) -> None:
    @app.head(
        "/v1/videos/{video_id}/content",
        openapi_extra=CONDITIONS,
        response_class=Response,
        responses=refusals(400, 404, 409, 503) | of_head("content-disposition"),
    )
    @app.get(
        "/v1/videos/{video_id}/content",
        openapi_extra=RANGES,
        response_class=StreamingResponse,
        responses=refusals(400, 404, 409, 416, 503) | of_bytes("content-disposition") | of_link(),
    )
    def content(
        caller: Caller, request: Request, video_id: str, fetched: Annotated[Fetched, Query()]
    ) -> Response:
        """The finished MP4 or a picture of it, whole or one range of its bytes."""
        return delivered(request, videos.content(caller, video_id, fetched), fetched.link)


def _add_objects(app: FastAPI, objects: Objects) -> None:
    @app.head(
        LINKS + "/{key:path}",
        openapi_extra=CONDITIONS,
        response_class=Response,
        responses=refusals(400, 403, 404, 503) | of_head("content-disposition"),
    )
    @app.get(
        LINKS + "/{key:path}",
        openapi_extra=RANGES,
        response_class=StreamingResponse,
        responses=refusals(400, 403, 404, 416, 503) | of_bytes("content-disposition"),
    )
    def stored(request: Request, key: str, expires: str, signature: str) -> Response:
        """The file that a signed link leads to, whole or one range of its bytes."""
        found = objects.content(key, expires, signature)
        return delivered(request, found)


def _add_probes(app: FastAPI, videos: Videos, check_ready: Callable[[], None]) -> None:
    @app.get("/v1/models", responses=refusals())
    def models(caller: Caller) -> ModelList:
        """The installed checkpoints."""
        return videos.models.list()

    @app.get("/v1/models/{model}", responses=refusals(404))
    def one_model(caller: Caller, model: str) -> Model:
        """One of them."""
        return videos.models.get(model)

    @app.get("/livez", responses=refusals())
    async def livez() -> JSONResponse:
        """This process answers; nothing is asked, not even for a thread."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", responses=refusals(503))
    def readyz() -> JSONResponse:
        """The job store and a worker answer too."""
        check_ready()
        return JSONResponse({"status": "ok"})
