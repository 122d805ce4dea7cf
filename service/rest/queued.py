"""How a video that was just asked for is told over HTTP."""

from collections.abc import Callable
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Response

from service.videos.idempotency import REPLAYED
from service.videos.video import Video
from service.videos.videos import UNFINISHED, Accepted

POLL_AFTER_MS = "500"


async def queued(
    response: Response, in_turn: CapacityLimiter | None, make: Callable[..., Accepted], *given: Any
) -> Video:
    """Ask for it, in a thread that is one of a few where media must be looked into."""
    video, replayed = await to_thread.run_sync(partial(make, *given), limiter=in_turn)
    if replayed:
        response.headers[REPLAYED] = "true"
    return polled(video, response)


def polled(video: Video, response: Response) -> Video:
    """Tell a waiting client how often to come back."""
    if video.status in UNFINISHED:
        response.headers["openai-poll-after-ms"] = POLL_AFTER_MS
    return video
