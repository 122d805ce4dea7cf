"""What happens to a video as server-sent events: no thread a stream, and nothing kept for a client that is slow."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.types import Send

from service.errors import InvalidKey
from service.videos.following import PATIENCE_SECONDS, Following, VideoEvent
from worker.events import Event, Told
from worker.jobs import StoreUnavailable

RETRY_MS = 1000
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}  # the second is for nginx, which would hold it back


class EventStream(StreamingResponse):
    """An answer that lasts until the video or this process ends, or the client hangs up."""

    media_type = "text/event-stream"

    def __init__(self, following: Following, first: Told) -> None:
        self._lines = lines(following, first)
        super().__init__(self._lines, headers=HEADERS)

    async def stream_response(self, send: Send) -> None:
        """Send it all; however that ends, the follower is forgotten at once."""
        async with aclosing(self._lines):
            await super().stream_response(send)


async def lines(following: Following, first: Told) -> AsyncGenerator[bytes, None]:
    """The events from `first` on, and a comment when there is nothing to tell for long.

    A key that was revoked ends them without a word: who comes back with it is told.
    """
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is gone, and so is the client
            loop.call_soon_threadsafe(changed.set)

    with following.feed.following(following.video_id, wake):
        yield format_sse_event(retry=RETRY_MS)
        told = first
        for event in told.events:
            yield line(following.video_id, event)
        while not (told.over or following.feed.over):
            changed.clear()
            told = await _read(following)
            for event in told.events:
                yield line(following.video_id, event)
            if not (told.events or told.over) and not await _set(changed):
                yield format_sse_event(comment="still here")


async def _set(changed: asyncio.Event) -> bool:
    """Whether it was set in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await changed.wait()
    return False


async def _read(following: Following) -> Told:
    """What has happened; while the store does not answer, nothing has: the feed wakes everybody when it does again."""
    try:
        return await run_in_threadpool(following.read)
    except StoreUnavailable:
        return Told([], over=False)
    except InvalidKey:
        return Told([], over=True)


def line(video_id: str, event: Event) -> bytes:
    """One event on the wire."""
    told = VideoEvent.of(video_id, event).model_dump_json(exclude_none=True)
    return format_sse_event(id=event.id, event=event.kind, data_str=told)
