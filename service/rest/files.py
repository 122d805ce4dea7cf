"""The REST door to files, as the OpenAI clients call it."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

from service.access.access import Caller
from service.media.files import DeletedFile, FileFields, FileList, FileObject, FilePage, Files
from service.rest.answers import CONDITIONS, RANGES, of_bytes, of_head, refusals
from service.rest.bodies import body_of
from service.rest.delivery import delivered
from service.rest.intake import Body
from worker.media import SUFFIXES

UPLOAD = body_of(FileFields, ("multipart/form-data",), file={"type": "string", "format": "binary"})


def add_files(app: FastAPI, files: Files) -> None:
    """Upload, list, tell, read and delete."""
    body = Body(files={"file"}, file_bytes=files.intake.upload_bytes)
    in_turn = CapacityLimiter(files.intake.at_once)  # who waits for a look inside waits in no thread

    @app.post("/v1/files", openapi_extra=UPLOAD, responses=refusals(400, 413, 415, 503))
    async def upload(caller: Caller, given: Annotated[Mapping[str, Any], Depends(body)]) -> FileObject:
        """Keep a picture or a clip, to be referred to by its id."""
        return await to_thread.run_sync(partial(files.upload, caller, given), limiter=in_turn)

    @app.get("/v1/files", responses=refusals(400, 503))
    def list_files(caller: Caller, page: Annotated[FilePage, Query()]) -> FileList:
        """Files by time of creation, a page at a time."""
        return files.list(caller, page)

    @app.get("/v1/files/{file_id}", responses=refusals(404, 503))
    def get_file(caller: Caller, file_id: str) -> FileObject:
        """What is known of a file."""
        return files.get(caller, file_id)

    @app.delete("/v1/files/{file_id}", responses=refusals(404, 503))
    def delete_file(caller: Caller, file_id: str) -> DeletedFile:
        """Remove a file; videos that were asked for with it are none the worse."""
        return files.delete(caller, file_id)

    @app.head(
        "/v1/files/{file_id}/content",
        openapi_extra=CONDITIONS,
        response_class=Response,
        responses=refusals(404, 503) | of_head(),
    )
    @app.get(
        "/v1/files/{file_id}/content",
        openapi_extra=RANGES,
        response_class=StreamingResponse,
        responses=refusals(404, 416, 503) | of_bytes(kinds=SUFFIXES),
    )
    def file_content(caller: Caller, request: Request, file_id: str) -> Response:
        """The picture or clip as it is kept: upright, and without what it said of itself."""
        return delivered(request, files.content(caller, file_id))
