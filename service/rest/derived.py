"""The REST door to videos that are made from videos, as the OpenAI clients call it, and to characters."""

from collections.abc import Mapping
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Response

from model.catalog import TaskNotAvailable
from service.access.access import Caller
from service.media.inputs import DATA_URL_CHARACTERS
from service.rest.answers import headed, refusals
from service.rest.bodies import REFERENCE, body_of
from service.rest.intake import Body, fields
from service.rest.queued import queued
from service.videos.asked import MASK
from service.videos.derived import Derived, Edit, Extension, Remix
from service.videos.idempotency import REPLAYED, IdempotencyKey
from service.videos.video import Video

VIDEO = {
    "anyOf": [
        {"type": "string", "format": "binary"},
        {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        {"type": "object", "properties": {"file_id": {"type": "string"}}, "required": ["file_id"]},
    ]
}
ANSWERS = refusals(400, 404, 409, 413, 415, 422, 501, 503) | {200: headed("openai-poll-after-ms", REPLAYED)}


NO_CHARACTERS = TaskNotAvailable("characters", "no model of this service knows characters")


def add_derived(app: FastAPI, derived: Derived, upload_bytes: int, in_turn: CapacityLimiter) -> None:
    """Remix, edit, extend; characters."""
    with_video = Body(files={"video"}, file_bytes=upload_bytes)
    with_mask = Body({"video", MASK}, upload_bytes, DATA_URL_CHARACTERS)

    @app.post("/v1/videos/{video_id}/remix", openapi_extra=body_of(Remix), responses=ANSWERS)
    async def remix(
        caller: Caller,
        video_id: str,
        given: Annotated[Mapping[str, Any], Depends(fields)],
        response: Response,
        key: IdempotencyKey = None,
    ) -> Video:
        """Make a finished video anew, to other words."""
        return await queued(response, in_turn, derived.remix, caller, video_id, given, key)

    @app.post("/v1/videos/edits", openapi_extra=body_of(Edit, video=VIDEO, mask=REFERENCE), responses=ANSWERS)
    async def edit(
        caller: Caller,
        given: Annotated[Mapping[str, Any], Depends(with_mask)],
        response: Response,
        key: IdempotencyKey = None,
    ) -> Video:
        """Change a video by words; with a mask, what is white in it."""
        return await queued(response, in_turn, derived.edit, caller, given, key)

    @app.post("/v1/videos/extensions", openapi_extra=body_of(Extension, video=VIDEO), responses=ANSWERS)
    async def extend(
        caller: Caller,
        given: Annotated[Mapping[str, Any], Depends(with_video)],
        response: Response,
        key: IdempotencyKey = None,
    ) -> Video:
        """Let a video go on."""
        return await queued(response, in_turn, derived.extend, caller, given, key)

    @app.post("/v1/videos/characters", responses=refusals(501))
    def create_character(caller: Caller) -> None:
        """No model here knows characters."""
        raise NO_CHARACTERS

    @app.get("/v1/videos/characters/{character_id}", responses=refusals(501))
    def get_character(caller: Caller, character_id: str) -> None:
        """No model here knows characters."""
        raise NO_CHARACTERS
